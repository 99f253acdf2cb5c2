"""The rendered viewport: its camera, its picture, and what a turn of the view may cost."""

from contextlib import contextmanager
from types import SimpleNamespace

import bpy
import gpu
import numpy as np
import pytest
from gaussian_heads.blender import decoding, viewport
from gaussian_heads.blender.avatars import forget_avatars, object_avatar
from gaussian_heads.blender.colors import srgb_to_linear
from gaussian_heads.blender.drawing import screen, shaders
from gaussian_heads.blender.drawing.device import kept_state, pixels
from gaussian_heads.blender.drawing.targets import Target
from gaussian_heads.blender.drawing.view import region_view
from gaussian_heads.blender.viewport import (
    MAX_PIXELS,
    MAX_PIXELS_PLAYING,
    ViewportPicture,
    picture_size,
)
from gaussian_heads.blender.world import make_world
from gaussian_heads.core.errors import BackendUnavailable
from mathutils import Matrix, Vector

from .graphics_awake import wake_graphics
from .overlay_drawing import face_view as view_of_face

VIEW = Matrix.LocRotScale(Vector((0.4, -2.0, 0.3)), Matrix.Rotation(1.4, 3, "X"), None).inverted()
POINTS = np.array([(0.05, 0.1, -0.03), (-0.08, -0.05, 0.06), (0.2, 0.3, -0.11)])
PERSPECTIVE = Matrix(((1.9, 0, 0.2, 0), (0, 2.8, -0.1, 0), (0, 0, -1.01, -0.2), (0, 0, -1, 0)))
ORTHOGRAPHIC = Matrix(((1.9, 0, 0, 0.3), (0, 2.8, 0, -0.2), (0, 0, -0.01, 0), (0, 0, 0, 1)))
SIZE = (300, 200)


def face_view(turn_rad=0.0, distance_m=0.6):
    return view_of_face(turn_rad, distance_m, SIZE)


def clip(projection, point):
    """Normalised device coordinates of a world point by the viewport's own matrices."""
    homogeneous = projection @ VIEW @ Vector((*point, 1.0))
    return np.array(homogeneous.xyz) / homogeneous.w


@pytest.mark.parametrize(
    "projection, offset_m", [(PERSPECTIVE, 0.0), (ORTHOGRAPHIC, 0.0), (ORTHOGRAPHIC, 500.0)]
)
def test_view_sees_points_where_blender_does(projection, offset_m):
    """Also an orthographic view whose plane lies in front of or behind everything."""
    moved = Matrix.Translation((0, 0, offset_m)) @ VIEW if offset_m else VIEW
    view = SimpleNamespace(window_matrix=projection, view_matrix=moved)
    seen = region_view(view, SIZE, POINTS)
    camera = seen.camera
    assert camera.is_orthographic is (projection is ORTHOGRAPHIC)
    for point in POINTS:
        local = camera.viewmat @ np.array([*point, 1.0])
        assert local[2] >= 0.01
        depth = 1.0 if camera.is_orthographic else local[2]
        pixel = camera.K[:2, :2] @ (local[:2] / depth) + camera.K[:2, 2]
        expected = clip(projection, point)
        np.testing.assert_allclose(pixel / SIZE * [2, -2] + [-1, 1], expected[:2], atol=1e-4)
        there = seen.clip @ local
        homogeneous = projection @ moved @ Vector((*point, 1.0))
        np.testing.assert_allclose(there, np.array(homogeneous), atol=2e-4)


@pytest.mark.parametrize("region", [(640, 480), (1920, 1080), (3840, 2160), (1, 1)])
@pytest.mark.parametrize("most", [MAX_PIXELS, MAX_PIXELS_PLAYING])
def test_picture_is_bounded_and_keeps_its_shape(region, most):
    width, height = picture_size(*region, most)
    assert 1 <= width * height <= most * 1.01
    assert width / height == pytest.approx(region[0] / region[1], rel=0.01)
    if region[0] * region[1] <= most:
        assert (width, height) == region


def test_engine_draws_viewports():
    engine = bpy.types.RenderEngine.bl_rna_get_subclass_py("GAUSSIAN_HEADS")
    assert callable(engine.view_draw) and engine.bl_use_eevee_viewport


@contextmanager
def pixel_space():
    """Blender's matrices while it draws a region: one unit is a pixel, from the bottom left."""
    with gpu.matrix.push_pop(), gpu.matrix.push_pop_projection():
        gpu.matrix.load_identity()
        scale = Matrix.Diagonal((2 / SIZE[0], 2 / SIZE[1], 1, 1))
        gpu.matrix.load_projection_matrix(Matrix.Translation((-1, -1, 0)) @ scale)
        yield


@pytest.fixture
def shown(scene, head):
    """Draw a viewport of 300 x 200 pixels without a window; linear RGBA, top row first."""
    wake_graphics()
    scene.world = make_world("World", (0.02, 0.3, 0.1))
    forget_avatars()
    picture = ViewportPicture()

    def draw(view, *, is_playing=False):
        context = SimpleNamespace(
            region=SimpleNamespace(width=SIZE[0], height=SIZE[1]),
            region_data=view,
            screen=SimpleNamespace(is_animation_playing=is_playing),
        )
        target = Target(SIZE, {"color": "RGBA32F"}, True)
        with kept_state(), target.bind(), pixel_space():
            target.clear()
            picture.draw(context, bpy.context.evaluated_depsgraph_get())
        return pixels(target.textures["color"], 4)[::-1]

    draw.picture = picture
    return draw


@pytest.mark.parametrize("backend", ["gpu", "cpu", "auto"])
def test_head_stands_before_the_world(shown, scene, backend):
    scene.gaussian_heads.backend = backend
    drawn = shown(face_view())
    np.testing.assert_allclose(drawn[2, 2, :3], scene.world.color, atol=1e-3)
    assert (drawn[..., 3] == 1).all()
    face = drawn[90, 150, :3]
    assert face[0] > face[1] > 0.05 and face[0] > 0.3
    assert "600 Gaussians" in shown.picture.sentence
    is_software = gpu.platform.device_type_get() == "SOFTWARE"
    assert ("software graphics driver" in shown.picture.sentence) is (
        backend == "auto" and is_software
    )


@pytest.mark.parametrize("backend", ["gpu", "cpu"])
def test_viewport_equals_the_final_picture(shown, scene, camera, backend, picture):
    """The same camera, the same meshes: what F12 saves is what the viewport showed."""
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    bpy.ops.mesh.primitive_cube_add(size=0.08, location=(0.05, -0.15, 0.0), rotation=(0.3, 0.2, 0))
    scene.gaussian_heads.backend = backend
    final = picture()
    projection = camera.calc_matrix_camera(
        bpy.context.evaluated_depsgraph_get(), x=SIZE[0], y=SIZE[1]
    )
    view = SimpleNamespace(
        window_matrix=projection, view_matrix=camera.matrix_world.normalized().inverted()
    )
    drawn = shown(view)
    difference = np.abs(drawn[..., :3] - final[..., :3]).max(axis=2)
    assert (difference > 0.02).mean() < 0.01
    assert np.mean(difference) < 2e-3


def test_meshes_hide_the_head_and_are_hidden(shown, scene):
    scene.gaussian_heads.backend = "gpu"
    before = shown(face_view())
    bpy.ops.mesh.primitive_plane_add(
        size=0.1, location=(0, -0.2, -0.02), rotation=(np.pi / 2, 0, 0)
    )
    front = bpy.context.object
    shown.picture.forget_scene()
    hidden = shown(face_view())
    assert np.abs(hidden[100, 150] - before[100, 150]).max() > 0.05
    plane = hidden[100, 150, :3]
    assert np.ptp(plane) < 0.02, "the plane is grey"
    front.location.y = 0.3
    shown.picture.forget_scene()
    behind = shown(face_view())[100, 150, :3]
    assert behind[0] > 1.4 * behind[1], "skin, with a little of the plane that shines through"
    for choice in ("IGNORE", "HOLDOUT"):
        front.location.y = -0.2
        scene.gaussian_heads.meshes = choice
        shown.picture.forget_scene()
        expected = before[100, 150, :3] if choice == "IGNORE" else scene.world.color
        np.testing.assert_allclose(shown(face_view())[100, 150, :3], expected, atol=3e-3)


def test_turning_the_view_never_decodes(shown, scene, head, monkeypatch):
    """A turn sorts, a new frame decodes once, an old one comes from the cache."""
    decodes = []
    avatar = type(object_avatar(head).avatar)
    real = avatar.decode
    monkeypatch.setattr(avatar, "decode", lambda *args: decodes.append(1) or real(*args))
    gathers = []
    gather = viewport.gather_heads
    monkeypatch.setattr(
        viewport, "gather_heads", lambda *words: gathers.append(1) or gather(*words)
    )
    scene.gaussian_heads.backend = "gpu"
    pictures = [shown(face_view(turn)) for turn in (0.0, 0.3, 0.6, -1.0)]
    assert len(decodes) == 1 and len(gathers) == 1
    assert all(np.abs(p - pictures[0]).max() > 0.05 for p in pictures[1:])
    head.gaussian_head.arkit.jawOpen = 1.0
    shown.picture.forget_scene()
    opened = shown(face_view())
    assert len(decodes) == 2 and np.abs(opened - pictures[0]).max() > 0.05
    head.gaussian_head.arkit.jawOpen = 0.0
    shown.picture.forget_scene()
    np.testing.assert_array_equal(shown(face_view()), pictures[0])
    assert len(decodes) == 2 and len(gathers) == 3
    assert decoding._frames.num_bytes == 2 * 600 * 14 * 4


def test_nothing_is_drawn_twice_for_an_unchanged_view(shown, scene, monkeypatch):
    from gaussian_heads.blender.drawing.heads import HeadPicture
    from gaussian_heads.blender.drawing.surfaces import Surfaces

    calls = []
    for owner, name in ((HeadPicture, "_draw_splats"), (Surfaces, "draw")):
        real = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *args, real=real, name=name: calls.append(name) or real(*args)
        )
    scene.gaussian_heads.backend = "gpu"
    first = shown(face_view())
    np.testing.assert_array_equal(shown(face_view()), first)
    assert sorted(calls) == ["_draw_splats", "draw"]


def test_density_and_several_heads(shown, scene, head):
    scene.gaussian_heads.backend = "gpu"
    twin = head.copy()
    scene.collection.objects.link(twin)
    twin.location.x = 0.2
    shown(face_view())
    assert "1,200 Gaussians" in shown.picture.sentence
    scene.gaussian_heads.viewport_density = 0.25
    drawn = shown(face_view())
    assert "300 Gaussians" in shown.picture.sentence
    assert drawn[100, 150, 0] > 0.2


def test_transparent_film_shows_what_is_behind(shown, scene):
    scene.render.film_transparent = True
    scene.gaussian_heads.backend = "gpu"
    drawn = shown(face_view())
    assert (drawn[:5] == 0).all() and drawn[100, 150, 3] > 0.8
    scene.render.film_transparent = False
    opaque = shown(face_view())[100, 150]
    assert opaque[3] == 1 and np.abs(opaque[:3] - drawn[100, 150, :3]).max() < 0.15


def test_smaller_pictures_while_time_runs(shown, scene, monkeypatch):
    monkeypatch.setattr(viewport, "MAX_PIXELS_PLAYING", 15_000)
    scene.gaussian_heads.backend = "cpu"
    sharp = shown(face_view())
    fast = shown(face_view(), is_playing=True)
    assert shown.picture._picture.color.width == 150
    assert np.abs(fast - sharp).mean() < 0.02


def test_empty_and_broken_scenes_are_said(shown, scene, head):
    head.gaussian_head.avatar = "/nowhere/gone.uhap"
    drawn = shown(face_view())
    assert "gone.uhap" in shown.picture.sentence
    np.testing.assert_allclose(drawn[100, 150, :3], scene.world.color, atol=1e-3)
    bpy.data.objects.remove(head)
    shown.picture.forget_scene()
    shown(face_view())
    assert "no visible avatar" in shown.picture.sentence


def test_backend_that_cannot_gives_way(shown, scene, monkeypatch):
    from gaussian_heads.blender.drawing import heads

    def render(*args, backend, **options):
        if backend == "cuda":
            raise BackendUnavailable("No CUDA here.")
        return real(*args, backend=backend, **options)

    real = heads.render
    monkeypatch.setattr(heads, "render", render)
    scene.gaussian_heads.backend = "cuda"
    assert shown(face_view())[90, 150, 0] > 0.3
    assert "drawn by the CPU" in shown.picture.sentence
    assert heads.drawing_backend("reference") == heads.drawing_backend("auto")


def test_driver_that_refuses_our_shaders_gets_the_processors_picture(shown, scene, monkeypatch):
    scene.gaussian_heads.backend = "cpu"
    expected = shown(face_view())

    def refuse(info):
        raise Exception("Shader Compile Error")

    with monkeypatch.context() as patch:
        patch.setattr(gpu.shader, "create_from_info", refuse)
        patch.setattr(screen, "scene_shader", shaders.scene_shader.__wrapped__)
        with pytest.raises(Exception, match="Shader Compile Error"):
            shown(face_view(0.1))
    drawn = shown(face_view())
    assert "refused a shader" in shown.picture.sentence
    shaders._failed.clear()
    assert np.abs(drawn[..., :3] - expected[..., :3]).mean() < 5e-3
    assert shown(face_view()) is not None and "refused" not in shown.picture.sentence


def test_sentence_where_nothing_can_be_drawn(monkeypatch):
    from gaussian_heads.blender.drawing import device

    def asleep():
        raise RuntimeError("No active GPU context found")

    monkeypatch.setattr(gpu.state, "active_framebuffer_get", asleep)
    with pytest.raises(BackendUnavailable, match="choose the backend 'cpu'"):
        device.require_gpu()


def test_true_colours(shown, scene, head):
    """A splat's display-referred colour comes back as exactly its linear light."""
    scene.gaussian_heads.backend = "gpu"
    colors = object_avatar(head).avatar.decode(np.zeros(52, np.float32)).colors
    drawn = shown(face_view())[60:90, 130:170, :3].reshape(-1, 3)
    low, high = (srgb_to_linear(f(colors, axis=0)) for f in (np.min, np.max))
    assert (drawn >= low - 0.01).all() and (drawn <= high + 0.01).all()
