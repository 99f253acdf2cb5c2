"""Runs within Blender: an extension's life, from a repository over HTTP to its removal, with a scene open.

life.py FOLDER: FOLDER/life.json says where the repository is; FOLDER/result.json receives what happened. The second
release appears in the repository when FOLDER/next is written, which whoever serves it answers by removing it.
"""

import importlib
import json
import sys
import time
from pathlib import Path

import bpy

FOLDER = Path(sys.argv[-1])
ORDER = json.loads((FOLDER / "life.json").read_text("utf8"))
MODULE = "bl_ext.heads.gaussian_heads"
SCENE = str(FOLDER / "baked.blend")


def main():
    here = str(Path(__file__).resolve().parent)
    sys.path.insert(0, here)
    from isolation import forget_checkout

    forget_checkout([*ORDER["hidden"], here])
    result = {"blender": bpy.app.version_string, "python": ".".join(map(str, sys.version_info[:2]))}
    index = add_repository()
    started = time.perf_counter()
    bpy.ops.extensions.repo_sync(repo_index=index)
    bpy.ops.extensions.package_install(
        repo_index=index, pkg_id="gaussian_heads", enable_on_install=True
    )
    result["install_sec"] = time.perf_counter() - started
    result["installed"] = state()
    bake()
    result["baked"] = face()
    switch_off_and_on()
    result["after_enabling"] = face()
    start_next_release()
    started = time.perf_counter()
    bpy.ops.extensions.repo_sync(repo_index=index)
    bpy.ops.extensions.package_upgrade_all()
    result["upgrade_sec"] = time.perf_counter() - started
    result["upgraded"] = state()
    # The scene is still open: nothing was read again.
    result["after_upgrade"] = face()
    bpy.ops.wm.save_as_mainfile(filepath=SCENE)
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="gaussian_heads")
    result["uninstalled"] = state()
    result["without"] = file_without_the_add_on()
    bpy.ops.extensions.package_install(
        repo_index=index, pkg_id="gaussian_heads", enable_on_install=True
    )
    bpy.ops.wm.open_mainfile(filepath=SCENE)
    result["back"] = face()
    (FOLDER / "result.json").write_text(json.dumps(result), "utf8")


def add_repository():
    preferences = bpy.context.preferences
    preferences.system.use_online_access = True
    repositories = preferences.extensions.repos
    for repository in list(repositories):
        if repository.use_remote_url:
            repositories.remove(repository)
    repository = repositories.new(name="Heads", module="heads", remote_url=ORDER["url"])
    return list(repositories).index(repository)


def state():
    """What is installed and registered now."""
    folder = Path(bpy.utils.user_resource("EXTENSIONS"))
    wheels = sorted(path.name for path in folder.glob(".local/lib/*/site-packages/*.dist-info"))
    assets = sys.modules.get(f"{MODULE}.core.assets")
    return {
        "enabled": MODULE in bpy.context.preferences.addons,
        "registered": hasattr(bpy.types.Object, "gaussian_head"),
        "wheels": wheels,
        "files": sum(path.is_file() for path in (folder / "heads" / "gaussian_heads").rglob("*")),
        "marker": getattr(assets, "RELEASE_MARKER", ""),
        "extension_modules": sum(name.startswith(MODULE) for name in sys.modules),
    }


def bake():
    """A head of the library that speaks the sample, drawn small by our engine."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assets = importlib.import_module(f"{MODULE}.core.assets")
    bpy.ops.gaussian_heads.import_avatar(builtin="ada")
    bpy.ops.gaussian_heads.add_speech(filepath=str(assets.SAMPLE_SENTENCE), bake_now=True)
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.location, camera.rotation_euler = (0.0, -0.7, 0.0), (1.5707963, 0.0, 0.0)
    scene.render.engine = "GAUSSIAN_HEADS"
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.render.image_settings.file_format = "PNG"
    scene.render.dither_intensity = 0.0
    bpy.ops.wm.save_as_mainfile(filepath=SCENE)


def face():
    """The open scene's head at frame 30: its keys, its evaluated code, its picture."""
    import hashlib

    scene = bpy.context.scene
    scene.frame_set(30)
    head = next(obj for obj in scene.objects if obj.name.startswith(("Ada", "ada")))
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    curves = [
        curve
        for layer in head.animation_data.action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    ]
    scene.render.filepath = str(FOLDER / "face.png")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = list(image.pixels)
    bpy.data.images.remove(image)
    return {
        "avatar": head.gaussian_head.avatar,
        "curves": len(curves),
        "keys": sum(len(curve.keyframe_points) for curve in curves),
        "code": [round(value, 6) for value in evaluated["expr_code"]],
        "brightness": sum(pixels) / len(pixels),
        "picture": hashlib.sha256(repr(pixels).encode()).hexdigest(),
    }


def switch_off_and_on():
    import addon_utils

    for _ in range(2):
        addon_utils.disable(MODULE, default_set=True)
        assert not hasattr(bpy.types.Object, "gaussian_head")
        addon_utils.enable(MODULE, default_set=True)


def start_next_release():
    (FOLDER / "next").write_text("", "utf8")
    deadline = time.monotonic() + 120
    while (FOLDER / "next").exists():
        assert time.monotonic() < deadline, "the second release did not appear"
        time.sleep(0.05)


def file_without_the_add_on():
    """The scene read and saved by a Blender that knows nothing of it: keys and properties stay."""
    bpy.ops.wm.open_mainfile(filepath=SCENE)
    head = next(obj for obj in bpy.context.scene.objects if obj.name.startswith(("Ada", "ada")))
    bpy.ops.wm.save_as_mainfile(filepath=SCENE)
    return {"code": "expr_code" in head, "action": head.animation_data.action is not None}


main()
