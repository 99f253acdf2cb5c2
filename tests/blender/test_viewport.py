"""The camera of the rendered viewport; drawing itself needs a window."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.viewport import (
    MAX_PIXELS,
    MAX_PIXELS_PLAYING,
    picture_size,
    view_camera,
)
from mathutils import Matrix, Vector

VIEW = Matrix.LocRotScale(Vector((0.4, -2.0, 0.3)), Matrix.Rotation(1.4, 3, "X"), None).inverted()
POINTS = [(0.05, 0.1, -0.03), (-0.08, -0.05, 0.06), (0.2, 0.3, -0.11)]


def clip(projection, point):
    """Normalised device coordinates of a world point by the viewport's own matrices."""
    homogeneous = projection @ VIEW @ Vector((*point, 1.0))
    return np.array(homogeneous.xy) / homogeneous.w


def seen(projection, point, size, centre=(0.0, 0.0, 0.0)):
    view = SimpleNamespace(window_matrix=projection, view_matrix=VIEW)
    camera = view_camera(view, size, np.array(centre))
    local = camera.viewmat @ np.array([*point, 1.0])
    pixel = (camera.K @ local[:3])[:2] / local[2]
    return pixel / size * [2, -2] + [-1, 1]


def test_perspective_view_with_a_shifted_lens():
    projection = Matrix(((1.9, 0, 0.2, 0), (0, 2.8, -0.1, 0), (0, 0, -1.01, -0.2), (0, 0, -1, 0)))
    for point in POINTS:
        np.testing.assert_allclose(
            seen(projection, point, (300, 200)), clip(projection, point), atol=1e-5
        )


def test_orthographic_view_is_a_long_lens():
    projection = Matrix(((1.9, 0, 0, 0.3), (0, 2.8, 0, -0.2), (0, 0, -0.01, 0), (0, 0, 0, 1)))
    for point in POINTS:
        np.testing.assert_allclose(
            seen(projection, point, (300, 200)), clip(projection, point), atol=6e-3
        )
    centre = POINTS[2]
    exact = seen(projection, centre, (300, 200), centre)
    np.testing.assert_allclose(exact, clip(projection, centre), atol=1e-5)


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
