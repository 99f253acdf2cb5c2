"""Atlas, strands, noise and shirt of the synthetic studio: what needs no source data."""

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the studio needs the training extra (scipy)")

from gaussian_heads.training.atlas_texels import iterate_texels, texel_map
from gaussian_heads.training.capture.atlas import TILES
from gaussian_heads.training.capture.garment import build_garment
from gaussian_heads.training.capture.image import extend, fill
from gaussian_heads.training.capture.mesh import PART
from gaussian_heads.training.capture.noise import solid_noise
from gaussian_heads.training.capture.scan import similarity
from gaussian_heads.training.capture.strands import clamped_barycentric
from gaussian_heads.training.capture.texels import Texels
from gaussian_heads.training.capture.texture_light import TEETH_GAIN, scatter_in_teeth
from gaussian_heads.training.srgb import linear_to_srgb, srgb_to_linear
from gaussian_heads.training.strands import triangle_frames


def test_tiles_stay_inside_the_atlas_and_apart():
    boxes = [(t.left, t.bottom, t.left + t.width, t.bottom + t.height) for t in TILES.values()]
    for left, bottom, right, top in boxes:
        assert 0.0 <= left < right <= 1.0 and 0.0 <= bottom < top <= 1.0
    for index, a in enumerate(boxes):
        for b in boxes[index + 1 :]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (a, b)


def test_texel_map_interpolates_uv_itself():
    uvs = np.array([[[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]])
    side = 32
    triangle, weights = texel_map(uvs, side)
    rows, columns = np.nonzero(triangle >= 0)
    own = np.einsum("nk,nkc->nc", weights[rows, columns], uvs[triangle[rows, columns]])
    np.testing.assert_allclose(own[:, 0], (columns + 0.5) / side, atol=1e-6)
    np.testing.assert_allclose(own[:, 1], 1.0 - (rows + 0.5) / side, atol=1e-6)
    assert len(rows) == pytest.approx((0.8 * side) ** 2, rel=0.08)


def test_a_triangle_without_area_covers_nothing():
    assert not list(iterate_texels(np.full((1, 3, 2), 0.5), 16))


def test_srgb_round_trip_and_known_value():
    values = np.linspace(0.0, 1.0, 65)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(values)), values, atol=1e-6)
    assert float(linear_to_srgb(np.array(0.214041))) == pytest.approx(0.5, abs=1e-4)


def test_fill_keeps_what_is_known_and_invents_between():
    image = np.zeros((40, 24, 1))
    known = np.zeros((40, 24))
    image[:, :4], known[:, :4] = 1.0, 1.0
    image[:, -4:], known[:, -4:] = 3.0, 1.0
    filled = fill(image, known)
    np.testing.assert_allclose(filled[known > 0], image[known > 0])
    assert 1.5 < filled[20, 12, 0] < 2.5
    assert filled.min() >= 1.0 - 1e-9 and filled.max() <= 3.0 + 1e-9


def test_extend_takes_the_nearest_known_texel():
    image = np.arange(9.0).reshape(3, 3, 1)
    known = np.zeros((3, 3), bool)
    known[0, 0] = known[2, 2] = True
    assert extend(image, known)[0, 1, 0] == 0.0
    assert extend(image, known)[2, 1, 0] == 8.0


def test_solid_noise_is_centred_smooth_and_repeatable():
    points = np.random.default_rng(0).uniform(0.0, 1.0, (20000, 3))
    values = solid_noise(points, 0.01, 5, octaves=2)
    assert abs(values.mean()) < 0.05 and 0.85 < values.std() < 1.15
    np.testing.assert_array_equal(values, solid_noise(points, 0.01, 5, octaves=2))
    near = solid_noise(points + 1e-5, 0.01, 5, octaves=2)
    assert np.abs(near - values).max() < 0.05


def test_similarity_recovers_scale_rotation_and_shift():
    points = np.random.default_rng(1).normal(size=(12, 3))
    angle = 0.4
    rotation = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    moved = 1.7 * points @ rotation.T + [0.1, -0.2, 0.3]
    scale, found, shift = similarity(points, moved)
    assert scale == pytest.approx(1.7)
    np.testing.assert_allclose(found, rotation, atol=1e-9)
    np.testing.assert_allclose(shift, [0.1, -0.2, 0.3], atol=1e-9)


def test_clamped_barycentric_projects_into_the_triangle():
    corners = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    inside = clamped_barycentric(corners, np.array([[0.25, 0.25, 0.7]]))
    np.testing.assert_allclose(inside, [[0.5, 0.25, 0.25]])
    outside = clamped_barycentric(corners, np.array([[-1.0, 0.5, 0.0]]))
    assert outside.min() >= 0.0 and outside.sum() == pytest.approx(1.0)


def test_triangle_frames_are_right_handed_rotations():
    corners = np.random.default_rng(2).normal(size=(30, 3, 3))
    frames = triangle_frames(corners)
    eye = np.broadcast_to(np.eye(3), frames.shape)
    np.testing.assert_allclose(frames.transpose(0, 2, 1) @ frames, eye, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(frames), 1.0)


def test_the_shirt_faces_outwards_and_clears_the_skin():
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    height = np.linspace(-19, -9, 30)
    turn, height = (grid.ravel() for grid in np.meshgrid(turn, height))
    normals = np.stack([np.sin(turn), np.zeros_like(turn), np.cos(turn)], axis=1)
    neck = 6.6 * normals + np.stack([0 * turn, height, 0 * turn - 0.8], axis=1)
    shirt = build_garment(neck, normals)
    corner = shirt.vertices[shirt.triangles]
    out = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    low = corner.mean(1)[:, 1] < -16.0
    away = corner.mean(1)[low] * [1.0, 0.0, 1.0]
    assert ((out[low] * away).sum(1) > 0).mean() > 0.95
    radius = np.hypot(shirt.vertices[:, 0], shirt.vertices[:, 2] + 0.8)
    assert radius.min() > 6.5


def test_light_in_teeth_spreads_from_tooth_to_tooth_and_stays_there():
    rng = np.random.default_rng(0)
    side = 48
    rows, columns = (index.ravel() for index in np.mgrid[0:side, 0:side])
    count = side * side
    part = np.where(columns < side // 2, PART["teeth"], PART["face"])
    positions = np.stack([columns * 2e-4, rows * 2e-4, np.zeros(count)], axis=1)
    normals = np.tile([0.0, 0.0, 1.0], (count, 1))
    texels = Texels(side, rows, columns, rows * 0, np.zeros((count, 3)), part, positions, normals)
    light = rng.uniform(0.0, 1.0, (side, side, 3)).astype(np.float32)
    spread = scatter_in_teeth(light, texels) / TEETH_GAIN
    teeth = texels.image((part == PART["teeth"])[:, None])[..., 0]
    np.testing.assert_allclose(spread[~teeth] * TEETH_GAIN, light[~teeth], rtol=1e-6)
    assert spread[teeth].std() < 0.35 * light[teeth].std()
    assert abs(spread[teeth].mean() - light[teeth].mean()) < 0.02
