"""Pinhole cameras in OpenCV axes."""

import numpy as np
import pytest
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.errors import RenderError


def project(camera, point):
    x, y, z = (camera.viewmat @ [*point, 1])[:3]
    return (camera.K @ [x / z, y / z, 1])[:2]


def test_looked_at_point_is_in_the_middle_and_up_is_up():
    viewmat = look_at(np.array([0, 0, 2.0]), np.zeros(3), np.array([0, 1.0, 0]))
    camera = Camera(viewmat, intrinsics(500.0, 640, 480), 640, 480)
    np.testing.assert_allclose(project(camera, (0, 0, 0)), (320, 240))
    # +Y is up, so towards row 0; +X is to the right when one faces a face that looks along +Z
    np.testing.assert_allclose(project(camera, (0, 0.2, 0)), (320, 190))
    np.testing.assert_allclose(project(camera, (0.2, 0, 0)), (370, 240))
    assert np.linalg.det(viewmat[:3, :3]) == pytest.approx(1)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (99999, 5)])
def test_absurd_sizes_are_refused(width, height):
    with pytest.raises(RenderError, match="pixels"):
        Camera(np.eye(4), intrinsics(1.0, 5, 5), width, height)


def test_a_camera_that_is_not_finite_is_refused():
    with pytest.raises(RenderError, match="camera"):
        Camera(np.full((4, 4), np.nan), intrinsics(1.0, 5, 5), 5, 5)
    with pytest.raises(RenderError, match="camera"):
        Camera(np.eye(4), intrinsics(-1.0, 5, 5), 5, 5)
