"""The GPU's pictures beside the float64 reference, meshes beside the C z-buffer, state left as it was."""

import bpy
import gpu
import numpy as np
import pytest
from gaussian_heads.blender.colors import combined_pass
from gaussian_heads.blender.drawing import heads as heads_module
from gaussian_heads.blender.drawing import offscreen, shaders
from gaussian_heads.blender.drawing import splats as splats_module
from gaussian_heads.blender.drawing.device import kept_state, pixels, texture
from gaussian_heads.blender.drawing.heads import HeadPicture, Heads
from gaussian_heads.blender.drawing.screen import show_overlay, show_scene
from gaussian_heads.blender.drawing.splats import Splats, no_limits
from gaussian_heads.blender.drawing.surfaces import COLORED, Surfaces
from gaussian_heads.blender.drawing.targets import Target
from gaussian_heads.blender.drawing.view import View
from gaussian_heads.blender.occluders import gather_meshes, placed_shapes
from gaussian_heads.blender.shading import shade
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.errors import BackendUnavailable
from gaussian_heads.core.gaussians import Gaussians
from gaussian_heads.core.render import render
from gaussian_heads.core.render.mesh import draw_mesh

from .graphics_awake import wake_graphics


@pytest.fixture(autouse=True, scope="module")
def graphics(registered):
    wake_graphics()


def shell(count, seed=0):
    """Flat splats on a head-sized ellipsoid with a cloud of hair around it."""
    random = np.random.default_rng(seed)
    directions = random.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    means = directions * [0.075, 0.11, 0.09] * random.uniform(0.97, 1.06, (count, 1))
    return Gaussians(
        means=means.astype(np.float32),
        quats=random.normal(size=(count, 4)).astype(np.float32),
        scales=np.exp(random.uniform(-8.0, -5.0, (count, 3))).astype(np.float32),
        opacities=random.uniform(0.02, 1.0, count).astype(np.float32),
        colors=(0.5 + 0.5 * directions).astype(np.float32),
    )


def camera_at(eye, width, height, focal_px, **options):
    viewmat = look_at(np.array(eye), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    K = options.pop("K", intrinsics(focal_px, width, height))
    return Camera(viewmat, K, width, height, **options)


def psnr(one, other):
    return -10 * np.log10(np.mean((one - other) ** 2) + 1e-20)


CAMERAS = {
    "perspective": camera_at((0.1, 0.05, 0.6), 256, 192, 500.0),
    "wide, very near": camera_at((0.0, 0.02, 0.13), 256, 192, 120.0),
    "inside the head": camera_at((0.0, 0.02, 0.03), 200, 200, 120.0),
    "shifted lens": camera_at(
        (0.1, 0.05, 0.6), 256, 192, 1.0, K=np.array([[500.0, 0, 300], [0, 450, -20], [0, 0, 1]])
    ),
    "orthographic": camera_at((0.4, 0.3, 0.6), 256, 192, 900.0, is_orthographic=True),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_picture_equals_the_reference(name):
    gaussians, camera = shell(4000), CAMERAS[name]
    drawn = render(gaussians, camera, backend="gpu")
    expected = render(gaussians, camera, backend="reference")
    assert expected.alphas.max() > 0.5
    assert psnr(drawn.colors, expected.colors) > 75
    assert psnr(drawn.alphas, expected.alphas) > 70
    solid = expected.alphas > 0.1
    assert np.abs(drawn.depths - expected.depths)[solid].max() < 2e-3
    assert (drawn.depths[expected.alphas == 0] == 0).mean() > 0.999


@pytest.mark.parametrize("count, size", [(60_000, 512), (200_000, 512)])
def test_large_heads(count, size):
    gaussians = shell(count)
    camera = camera_at((0.1, 0.05, 0.6), size, size, 1000.0)
    drawn = render(gaussians, camera, backend="gpu")
    expected = render(gaussians, camera, backend="reference" if count < 100_000 else "cpu")
    assert psnr(drawn.colors, expected.colors) > 70
    assert psnr(drawn.alphas, expected.alphas) > 70


def test_surface_hides_what_is_behind_it_and_background_fills():
    gaussians, camera = shell(4000), CAMERAS["perspective"]
    limits = np.full((camera.height, camera.width), np.inf, np.float32)
    limits[:80, :100] = 0.6
    limits[100:, 120:] = 0.0
    background = np.array([0.2, 0.4, 0.9])
    drawn, expected = (
        render(gaussians, camera, backend=b, background=background, depth_limits=limits)
        for b in ("gpu", "reference")
    )
    assert psnr(drawn.colors, expected.colors) > 75
    assert psnr(drawn.alphas, expected.alphas) > 70
    assert (drawn.alphas[100:, 120:] == 0).all() and drawn.alphas[:80, :100].max() > 0.3
    np.testing.assert_allclose(drawn.colors[-1, -1], background, atol=1e-6)


def test_nothing_to_draw_is_an_empty_picture():
    camera = CAMERAS["perspective"]
    drawn = render(shell(0), camera, backend="gpu")
    assert not drawn.alphas.any() and not drawn.colors.any() and not drawn.depths.any()


def test_state_is_left_as_it_was():
    gpu.state.blend_set("ADDITIVE")
    gpu.state.depth_test_set("GREATER")
    gpu.state.depth_mask_set(True)
    viewport = gpu.state.viewport_get()
    render(shell(100), CAMERAS["perspective"], backend="gpu")
    with pytest.raises(ZeroDivisionError), kept_state():
        gpu.state.blend_set("NONE")
        raise ZeroDivisionError
    assert gpu.state.blend_get() == "ADDITIVE" and gpu.state.depth_test_get() == "GREATER"
    assert gpu.state.depth_mask_get() and gpu.state.viewport_get() == viewport
    gpu.state.blend_set("NONE")
    gpu.state.depth_test_set("NONE")


def test_software_driver_is_not_taken_by_itself():
    is_software = gpu.platform.device_type_get() == "SOFTWARE"
    assert offscreen.is_automatic() is not is_software


def test_engine_draws_with_it(scene, head, camera, picture):
    scene.render.resolution_x, scene.render.resolution_y = 96, 72
    pictures = {}
    for backend in ("cpu", "gpu"):
        scene.gaussian_heads.backend = backend
        pictures[backend] = picture()
    assert psnr(pictures["gpu"], pictures["cpu"]) > 60
    assert pictures["gpu"][..., 3].max() > 0.9


def test_refused_shader_becomes_a_sentence(monkeypatch):

    def refuse(info):
        raise Exception("Shader Compile Error")

    with monkeypatch.context() as patch:
        patch.setattr(gpu.shader, "create_from_info", refuse)
        patch.setattr(splats_module, "splat_shader", shaders.splat_shader.__wrapped__)
        with pytest.raises(Exception, match="Shader Compile Error"):
            render(shell(10), CAMERAS["perspective"], backend="gpu")
    with pytest.raises(BackendUnavailable, match="refused a shader"):
        render(shell(10), CAMERAS["perspective"], backend="gpu")
    assert not offscreen.is_automatic()
    shaders._failed.clear()
    assert render(shell(1000), CAMERAS["perspective"], backend="gpu").alphas.any()


def view_of(camera, near=0.01, far=100.0):
    """A view with the clip space that Blender's viewport would have."""
    fx, fy, cx, cy = camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]
    clip = np.zeros((4, 4))
    clip[0, 0], clip[0, 2] = 2 * fx / camera.width, 2 * cx / camera.width - 1
    clip[1, 1], clip[1, 2] = -2 * fy / camera.height, 1 - 2 * cy / camera.height
    clip[2, 2], clip[2, 3] = (far + near) / (far - near), -2 * far * near / (far - near)
    clip[3, 2] = 1.0
    return View(camera, clip)


def rgba(output):
    return np.dstack([output.colors, output.alphas])


@pytest.mark.parametrize("backend", ["gpu", "cpu"])
def test_live_picture_is_close_and_made_once(backend, monkeypatch):
    gaussians, view = shell(10_000), view_of(camera_at((0.1, 0.05, 0.6), 256, 256, 500.0))
    made = []
    name = {"gpu": "_draw_splats", "cpu": "_take_picture"}[backend]
    real = getattr(HeadPicture, name)
    monkeypatch.setattr(HeadPicture, name, lambda *args: made.append(1) or real(*args))
    heads, shown = Heads(), HeadPicture()
    heads.update(gaussians, 1.0)
    for _ in range(3):
        heads.update(gaussians, 1.0)
        shown.draw(heads, view, None, key=0, backend=backend)
    assert made == [1] and shown.drawn_by == backend
    expected = render(gaussians, view.camera, backend="reference")
    drawn = pixels(shown.color, 4)[::-1]
    # Software drivers cut half floats off instead of rounding them, once a splat.
    assert psnr(drawn, rgba(expected)) > 55
    weighted = pixels(shown.depth, 2)[::-1]
    solid = expected.alphas > 0.2
    depths = weighted[solid][:, 0] / weighted[solid][:, 1]
    np.testing.assert_allclose(depths, expected.depths[solid], atol=5e-4)
    heads.update(gaussians, 0.5)
    shown.draw(heads, view, None, key=0, backend=backend)
    assert made == [1, 1] and heads.gaussians.num_gaussians == 5000


def test_only_turning_sorts_again_and_only_a_new_frame_uploads(monkeypatch):
    uploads = []
    real = heads_module.Splats
    monkeypatch.setattr(heads_module, "Splats", lambda g: uploads.append(1) or real(g))
    heads = Heads()
    heads.update(shell(2000), 1.0)
    first = heads.sorted_splats(view_of(camera_at((0.1, 0.05, 0.6), 64, 64, 100.0)))
    order = first._order
    moved = camera_at((0.1, 0.05, 0.6), 64, 64, 150.0)
    moved.viewmat[:3, 3] += [0.1, 0.2, 0.5]
    assert heads.sorted_splats(view_of(moved))._order is order
    turned = heads.sorted_splats(view_of(camera_at((0.5, 0.05, 0.6), 64, 64, 100.0)))
    assert turned is first and turned._order is not order
    assert uploads == [1]
    heads.update(shell(2000, seed=1), 1.0)
    heads.sorted_splats(view_of(moved))
    assert uploads == [1, 1]


def test_colours_that_depend_on_the_view_follow_it():
    from dataclasses import replace

    random = np.random.default_rng(3)
    gaussians = shell(3000)
    sh = random.uniform(-0.3, 0.3, (3000, 3, 3)).astype(np.float32)
    gaussians = replace(gaussians, sh=sh)
    heads, shown = Heads(), HeadPicture()
    heads.update(gaussians, 1.0)
    for eye in ((0.1, 0.05, 0.6), (-0.5, 0.05, 0.3)):
        view = view_of(camera_at(eye, 128, 128, 250.0))
        shown.draw(heads, view, None, key=0, backend="gpu")
        expected = render(gaussians, view.camera, backend="reference")
        assert psnr(pixels(shown.color, 4)[::-1], rgba(expected)) > 60


@pytest.fixture
def meshes(scene):
    """A turned, squashed, smooth sphere and a red cube that cuts it."""
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.1, rotation=(0.3, 0.5, 0.1), scale=(1, 0.5, 1.4))
    bpy.ops.object.shade_smooth()
    bpy.ops.mesh.primitive_cube_add(size=0.1, location=(0.06, 0.05, 0.0))
    material = bpy.data.materials.new("Red")
    material.diffuse_color = (0.7, 0.05, 0.02, 1.0)
    bpy.context.object.data.materials.append(material)
    return bpy.context.evaluated_depsgraph_get()


@pytest.mark.parametrize("holdout", [False, True])
def test_meshes_equal_the_final_frames(meshes, holdout):
    view = view_of(camera_at((0.3, 0.2, 0.7), 200, 150, 350.0))
    surfaces = Surfaces()
    surfaces.update(placed_shapes(meshes, holdout))
    target = Target((200, 150), COLORED, True)
    with kept_state():
        surfaces.draw(view, target)
    gathered = gather_meshes(meshes, holdout=holdout)
    expected = draw_mesh(gathered.triangles, view.camera)
    depths = pixels(target.textures["depth"], 1)[::-1, :, 0]
    same = np.isfinite(depths) == np.isfinite(expected.depths)
    assert same.mean() > 0.998 and np.isfinite(expected.depths).mean() > 0.1
    both = np.isfinite(depths) & np.isfinite(expected.depths)
    assert np.percentile(np.abs(depths[both] - expected.depths[both]), 99) < 1e-4
    colors = pixels(target.textures["color"], 4)[::-1]
    wanted, is_solid = shade(expected, gathered, view.camera)
    assert is_solid.any() is np.bool_(not holdout)
    agreeing = both & (is_solid == (colors[..., 3] > 0.5))
    assert agreeing.sum() > 0.99 * both.sum()
    assert np.percentile(np.abs(colors[..., :3] - wanted)[agreeing], 99) < 0.01


def test_meshes_are_uploaded_once(meshes, monkeypatch):
    from gaussian_heads.blender.drawing import surfaces as module

    uploads = []
    real = module._batch
    monkeypatch.setattr(module, "_batch", lambda *args: uploads.append(1) or real(*args))
    surfaces = Surfaces()
    surfaces.update(placed_shapes(meshes, False))
    assert len(uploads) == 2 and not surfaces.is_empty
    bpy.context.object.location.x += 1.0
    depsgraph = bpy.context.evaluated_depsgraph_get()
    surfaces.update(placed_shapes(depsgraph, False))
    assert len(uploads) == 2
    bpy.context.object.data.vertices[0].co.x += 0.1
    bpy.context.object.data.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    surfaces.update(placed_shapes(depsgraph, False))
    assert len(uploads) == 3
    surfaces.update([])
    assert surfaces.is_empty


def test_screen_shows_linear_light():
    output = render(shell(3000), CAMERAS["perspective"], backend="cpu")
    size = (256, 192)
    head = texture(rgba(output)[::-1], "RGBA32F")
    surface = np.zeros((192, 256, 4), np.float32)
    surface[:60, :100] = (0.3, 0.6, 0.1, 1.0)
    for linear in (None, np.array([0.1, 0.02, 0.5])):
        target = Target(size, {"color": "RGBA32F"})
        behind = (0.0,) * 4
        if linear is not None:
            from gaussian_heads.blender.colors import linear_to_srgb

            behind = (*linear_to_srgb(linear), 1.0)
        with kept_state(), target.bind():
            target.clear()
            show_scene(head, texture(surface, "RGBA32F"), behind)
        shown = pixels(target.textures["color"], 4)
        expected = combined_pass(output.colors, output.alphas, linear)
        free = np.ones(expected.shape[:2], bool)
        free[:60, :100] = False
        np.testing.assert_allclose(shown[free], expected[free], atol=2e-4)
        assert shown[30, 50, 3] == 1.0


def test_overlay_is_tested_against_depth_and_leaves_it():
    view = view_of(CAMERAS["perspective"])
    size = view.size
    output = render(shell(8000), view.camera, backend="cpu")
    head = texture(rgba(output)[::-1], "RGBA32F")
    weighted = np.dstack([output.depths * output.alphas, output.alphas])
    depths = texture(weighted[::-1], "RG32F")
    nothing = np.full(size[::-1], np.inf, np.float32)

    def shown(scene_depth, proxies):
        """Alpha where the scene's depth is `scene_depth` (m) in the left half of the picture."""
        target = Target(size, {"color": "RGBA32F"}, True)
        z = view.clip[2, 2] * scene_depth + view.clip[2, 3]
        with kept_state(), target.bind():
            target.clear()
            target._framebuffer.clear(depth=0.5 * z / scene_depth + 0.5)
            show_overlay(view, head, depths, texture(proxies, "R32F"))
        return pixels(target.textures["color"], 4)[::-1, :, 3]

    np.testing.assert_allclose(shown(2.0, nothing), output.alphas, atol=5e-3)
    assert not shown(0.3, nothing).any()
    middle = float(np.median(output.depths[output.alphas > 0.9]))
    part = shown(middle, nothing)
    assert 0.2 < (part > 0).sum() / (output.alphas > 0).sum() < 0.8
    assert (output.depths[part > 0.5] <= middle + 1e-3).all()
    proxies = np.full(size[::-1], middle, np.float32)
    covered = shown(middle, proxies)
    assert (covered[output.alphas > 0.01] == 1.0).all()
    assert not shown(middle * 0.9, np.full(size[::-1], middle, np.float32))[
        output.depths > middle
    ].any()


def test_limits_of_one_texel_reach_every_pixel():
    gaussians, camera = shell(2000), CAMERAS["perspective"]
    splats = Splats(gaussians)
    splats.sort(camera.viewmat, is_exact=True)
    alphas = []
    for limits in (no_limits(), texture(np.zeros((1, 1), np.float32), "R32F")):
        target = Target((256, 192), {"color": "RGBA16F"})
        with kept_state(), target.bind():
            target.clear()
            splats.draw(camera, limits, with_depth=False)
        alphas.append(pixels(target.textures["color"], 4)[..., 3])
    assert alphas[0].max() > 0.5 and not alphas[1].any()
