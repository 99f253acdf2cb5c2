"""Runs inside a Blender with a window: sets up a scene, walks through views, photographs each."""

import importlib
import json
import os
import subprocess
import sys
import time
import traceback

import bpy
import gpu
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Euler, Vector

FOLDER = os.environ["GAUSSIAN_HEADS_GUI"]
REPORT = {"points": {}, "states": [], "errors": [], "decodes": {}}
# Points in the world, in metres: skin that stays free, and the cube that stands before the other cheek.
POINTS = {
    "cheek": (-0.035, -0.015, -0.045),
    "mouth": (0.0, -0.01, -0.072),
    "cube": (0.07, -0.17, -0.03),
    "empty": (-0.35, 0.0, 0.05),
}


# Before the window shows it, over everything.
bpy.context.preferences.view.show_splash = False


def state():
    """The GPU state that a draw handler must leave as it was."""
    return [gpu.state.blend_get(), gpu.state.depth_test_get(), gpu.state.depth_mask_get()]


bpy.types.SpaceView3D.draw_handler_add(
    lambda: REPORT["states"].append([state()]), (), "WINDOW", "POST_VIEW"
)
sys.path.insert(0, os.path.join(FOLDER, "site"))
add_on = importlib.import_module("gaussian_heads")
add_on.register()
bpy.types.SpaceView3D.draw_handler_add(
    lambda: REPORT["states"][-1].append(state()), (), "WINDOW", "POST_VIEW"
)


def place():
    """The window's 3D view: window, area, its main region."""
    window = bpy.context.window_manager.windows[0]
    area = next(a for a in window.screen.areas if a.type == "VIEW_3D")
    region = next(r for r in area.regions if r.type == "WINDOW")
    return {"window": window, "screen": window.screen, "area": area, "region": region}


def space():
    return place()["area"].spaces[0]


def photograph(name):
    """A picture of the screen, and where the points are in it (pixels from the top left)."""
    where = place()
    region = where["region"]
    found = {}
    for key, point in POINTS.items():
        at = location_3d_to_region_2d(region, space().region_3d, Vector(point))
        found[key] = [region.x + at.x, where["window"].height - (region.y + at.y)]
    REPORT["points"][name] = found
    subprocess.run(["import", "-window", "root", f"{FOLDER}/{name}.png"], check=True)


def look(perspective="PERSP", turn=0.0):
    view = space().region_3d
    view.view_perspective = perspective
    view.view_location, view.view_distance = (0.0, 0.0, -0.06), 0.75
    view.view_rotation = Euler((1.5, 0.0, turn)).to_quaternion()


def scene_settings():
    return bpy.context.scene.gaussian_heads


def start():
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    with bpy.context.temp_override(**place()):
        bpy.ops.gaussian_heads.import_avatar("INVOKE_DEFAULT", True, builtin="ada")
        bpy.ops.mesh.primitive_cube_add(size=0.1, location=(0.07, -0.16, -0.03))
        bpy.ops.mesh.primitive_uv_sphere_add(radius=0.12, location=(-0.16, 0.3, 0.08))
        bpy.ops.gaussian_heads.setup_render("INVOKE_DEFAULT", True)
        bpy.ops.object.select_all(action="DESELECT")
    cube = bpy.data.objects["Cube"]
    cube.rotation_euler = (0.3, 0.4, 0.5)
    material = bpy.data.materials.new("Red")
    material.diffuse_color = (0.8, 0.1, 0.05, 1.0)
    if material.node_tree is not None:
        shader = material.node_tree.nodes["Principled BSDF"]
        shader.inputs["Base Color"].default_value = (0.8, 0.1, 0.05, 1.0)
    cube.data.materials.append(material)
    space().clip_start = 0.01
    space().overlay.show_cursor = space().overlay.show_floor = False
    space().overlay.show_axis_x = space().overlay.show_axis_y = False
    scene_settings().backend = "gpu"
    REPORT["backend"] = gpu.platform.backend_type_get()
    REPORT["version"] = bpy.app.version_string
    count_decodes()
    look()


def count_decodes():
    """Counts what decoding costs: every call of the avatar's decoder."""
    avatar = importlib.import_module("gaussian_heads.core.avatar").Avatar
    real = avatar.decode
    REPORT["decodes"]["all"] = 0

    def decode(*args):
        REPORT["decodes"]["all"] += 1
        return real(*args)

    avatar.decode = decode


def solid():
    bpy.context.scene.camera.hide_set(True)
    space().shading.type = "SOLID"


def without_overlay():
    scene_settings().show_overlay = False


def turned(name, turn):
    def step():
        scene_settings().show_overlay = True
        look(turn=turn)
        REPORT["decodes"][name] = REPORT["decodes"]["all"]

    return step


def mouth_open():
    avatar = next(o for o in bpy.data.objects if o.gaussian_head.avatar)
    avatar.gaussian_head.arkit.jawOpen = 1.0


def mouth_shut():
    avatar = next(o for o in bpy.data.objects if o.gaussian_head.avatar)
    avatar.gaussian_head.arkit.jawOpen = 0.0


def rendered(backend):
    def step():
        bpy.context.scene.render.engine = "GAUSSIAN_HEADS"
        scene_settings().backend = backend
        space().shading.type = "RENDERED"

    return step


def final_frame():
    """F12 in a window runs in a thread with a graphics context of its own, beside the viewport's."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 320, 240
    with bpy.context.temp_override(**place()):
        bpy.ops.render.render("INVOKE_DEFAULT")


def save_final_frame():
    image = bpy.data.images["Render Result"]
    bpy.context.scene.render.image_settings.file_format = "PNG"
    image.save_render(f"{FOLDER}/final_frame.png")
    for window in bpy.context.window_manager.windows[1:]:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()


def play():
    """A second and a half of a moving mouth, redrawn as fast as this computer can."""
    scene = bpy.context.scene
    avatar = next(o for o in bpy.data.objects if o.gaussian_head.avatar)
    for frame in range(1, 200, 4):
        avatar.gaussian_head.arkit.jawOpen = (frame % 8) / 8
        avatar.keyframe_insert("gaussian_head.arkit.jawOpen", frame=frame)
    scene.frame_start, scene.frame_end = 1, 250
    scene.frame_set(1)
    REPORT["sync_mode"] = scene.sync_mode
    # The same without a sound device, whose clock "Sync to Audio" follows.
    scene.sync_mode = "FRAME_DROP"
    REPORT["decodes"]["played from"] = REPORT["decodes"]["all"]
    with bpy.context.temp_override(**place()):
        bpy.ops.screen.animation_play()
    play.started = time.monotonic()


def stop_playing():
    seconds = time.monotonic() - play.started
    frames = bpy.context.scene.frame_current - 1
    REPORT["playback"] = {
        "seconds": seconds,
        "frames": frames,
        "decodes": REPORT["decodes"]["all"] - REPORT["decodes"]["played from"],
    }
    with bpy.context.temp_override(**place()):
        bpy.ops.screen.animation_cancel(restore_frame=False)
    bpy.context.scene.frame_set(1)


def camera():
    look("CAMERA")


def material():
    look()
    names = bpy.types.RenderSettings.bl_rna.properties["engine"].enum_items.keys()
    eevee = [n for n in ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT") if n in names]
    bpy.context.scene.render.engine = eevee[0] if eevee else "BLENDER_EEVEE"
    # What the view transform does to the scene it must not do to the heads.
    bpy.context.scene.view_settings.view_transform = "AgX"
    space().shading.type = "MATERIAL"


def another_file():
    bpy.ops.wm.read_homefile(use_factory_startup=True)


# Name of the picture (None for none), what comes before it, seconds until it is taken.
STEPS = (
    (None, start, 1.5),
    ("solid", solid, 4),
    ("solid_off", without_overlay, 2),
    ("turned", turned("before turning", 0.5), 3),
    ("turned_more", turned("while turning", -0.5), 3),
    ("solid_again", turned("after turning", 0.0), 3),
    ("mouth_open", mouth_open, 3),
    ("mouth_shut", mouth_shut, 3),
    ("rendered", rendered("gpu"), 5),
    (None, final_frame, 8),
    (None, save_final_frame, 2),
    ("rendered_again", look, 3),
    ("rendered_automatic", rendered("auto"), 4),
    (None, play, 4),
    (None, stop_playing, 1),
    ("orthographic", lambda: look("ORTHO"), 4),
    ("camera", camera, 4),
    ("material", material, float(os.environ.get("GAUSSIAN_HEADS_GUI_SHADERS_SEC", "60"))),
    ("another_file", another_file, 3),
)


def walk():
    """One step: photograph the last one, do the next; Blender calls again after the returned seconds."""
    index = walk.index
    walk.index += 1
    try:
        if index and STEPS[index - 1][0]:
            photograph(STEPS[index - 1][0])
        if index < len(STEPS):
            STEPS[index][1]()
            return STEPS[index][2]
    except Exception:
        REPORT["errors"].append(traceback.format_exc())
    REPORT["sentence"] = importlib.import_module(
        "gaussian_heads.blender.overlay"
    ).overlay_sentence()
    REPORT["states"] = sorted({json.dumps(pair) for pair in REPORT["states"]})
    with open(f"{FOLDER}/report.json", "w", encoding="utf8") as file:
        json.dump(REPORT, file, indent=1)
    add_on.unregister()
    bpy.ops.wm.quit_blender()
    return None


walk.index = 0
bpy.app.timers.register(walk, first_interval=2.0, persistent=True)
