"""Pixels of our cameras against Blender's own projection."""

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from gaussian_heads.blender.camera import finer_rows, render_window, scene_camera
from gaussian_heads.core.errors import RenderError
from mathutils import Vector

POINTS = [(0.05, 0.1, -0.03), (-0.08, -0.05, 0.06), (0.02, 0.3, -0.11), (0.0, 0.0, 0.0)]


def seen(scene):
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = depsgraph.scene_eval
    return scene_camera(evaluated.camera, depsgraph, evaluated.render)


def ours(camera, point):
    local = camera.viewmat @ np.array([*point, 1.0])
    pixel = camera.K @ (*local[:2], 1.0 if camera.is_orthographic else local[2])
    return pixel[:2] / pixel[2]


def blenders(scene, point):
    """Pixels from the top left of the full image, by Blender."""
    x, y, _ = world_to_camera_view(scene, scene.camera, Vector(point))
    window = render_window(scene.render)
    return np.array([x * window.full_width, (1 - y) * window.full_height])


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("size", [(320, 180), (180, 320), (200, 200)])
@pytest.mark.parametrize("aspect", [(1.0, 1.0), (1.0, 1.5), (2.0, 1.0)])
def test_projection_is_blenders(scene, camera, kind, fit, size, aspect):
    lens = camera.data
    lens.type, lens.ortho_scale = kind, 0.7
    lens.sensor_fit, lens.lens, lens.shift_x, lens.shift_y = fit, 42.0, 0.13, -0.21
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 150
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = aspect
    camera.rotation_euler = (1.4, 0.1, 0.2)
    bpy.context.view_layer.update()
    view = seen(scene)
    assert (view.width, view.height) == (size[0] * 3 // 2, size[1] * 3 // 2)
    assert view.is_orthographic == (kind == "ORTHO")
    for point in POINTS:
        np.testing.assert_allclose(ours(view, point), blenders(scene, point), atol=2e-2)


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_border_shifts_the_pixels(scene, camera, kind):
    camera.data.type, camera.data.ortho_scale = kind, 0.7
    scene.render.resolution_x, scene.render.resolution_y = 101, 67
    scene.render.use_border = True
    scene.render.border_min_x, scene.render.border_max_x = 0.3, 0.81
    scene.render.border_min_y, scene.render.border_max_y = 0.2, 0.9
    bpy.context.view_layer.update()
    view = seen(scene)
    # 30.3 to 81.81 and 13.4 to 60.3 from the bottom, fractions dropped.
    assert (view.width, view.height) == (81 - 30, 60 - 13)
    for point in POINTS:
        expected = blenders(scene, point) - (30, 67 - 60)
        np.testing.assert_allclose(ours(view, point), expected, atol=2e-3)


def test_a_parents_scale_does_not_zoom(scene, camera):
    bpy.context.view_layer.update()
    before = seen(scene)
    camera.scale = (3.0, 3.0, 3.0)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(seen(scene).viewmat, before.viewmat, atol=1e-6)


def test_a_panorama_is_refused(scene, camera):
    camera.data.type = "PANO"
    with pytest.raises(RenderError, match="perspective and orthographic"):
        seen(scene)


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_rows_of_a_finer_picture_show_the_same_points(scene, camera, kind):
    camera.data.type, camera.data.shift_y = kind, 0.1
    bpy.context.view_layer.update()
    view = seen(scene)
    part = finer_rows(view, 3, slice(5, 12))
    assert (part.width, part.height) == (32 * 3, 7 * 3)
    for point in POINTS:
        expected = 3 * (ours(view, point) - (0, 5))
        np.testing.assert_allclose(ours(part, point), expected, atol=1e-9)


def test_an_object_that_is_no_camera_is_refused(scene):
    scene.camera = bpy.data.objects.new("Lamp", None)
    scene.collection.objects.link(scene.camera)
    bpy.context.view_layer.update()
    with pytest.raises(RenderError, match="'Lamp' is no camera object"):
        seen(scene)


def test_an_empty_border_is_refused(scene, camera):
    scene.render.use_border = True
    scene.render.border_min_x, scene.render.border_max_x = 0.5, 0.505
    bpy.context.view_layer.update()
    with pytest.raises(RenderError, match="border is empty"):
        seen(scene)
