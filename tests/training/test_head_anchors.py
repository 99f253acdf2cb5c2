"""Spreading anchors, colouring them from the atlas, cutting strands."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("fast_simplification", reason="needs the training environment")
pytest.importorskip("scipy", reason="needs scipy (the training environment)")

from gaussian_heads.core.gaussians import quat_to_matrix  # noqa: E402
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES  # noqa: E402
from gaussian_heads.training.anchors import sample_anchors  # noqa: E402
from gaussian_heads.training.guide_mesh import decimate, hair_shell, join  # noqa: E402
from gaussian_heads.training.head_folder import LightState  # noqa: E402
from gaussian_heads.training.head_light import (  # noqa: E402
    activate,
    anchor_colors,
    compress_light,
    light_activations,
    light_changes,
    sample_atlas,
)
from gaussian_heads.training.head_nostrils import nostril_shade  # noqa: E402
from gaussian_heads.training.head_strands import StrandSettings, cut_strands  # noqa: E402
from gaussian_heads.training.head_visibility import visible_triangles  # noqa: E402
from gaussian_heads.training.srgb import linear_to_srgb  # noqa: E402
from scipy.spatial import cKDTree  # noqa: E402

from .head_fixtures import cap, grid, small_mesh, small_strands  # noqa: E402


def test_anchors_are_even_and_as_dense_as_asked():
    vertices, triangles = grid(0.1, 0.1, 11, (0.0, 0.0, 0.0))
    spacing = np.where(vertices[triangles].mean(axis=1)[:, 0] < 0, 2e-3, 4e-3)
    anchors = sample_anchors(vertices, triangles, spacing, np.random.default_rng(0)).anchors
    points = anchors.positions(vertices, triangles)
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    for side, wanted in ((points[:, 0] < -0.005, 2e-3), (points[:, 0] > 0.005, 4e-3)):
        expected = 0.045 * 0.1 * 2 / np.sqrt(3) / wanted**2
        assert 0.85 < side.sum() / expected < 1.15
        # White noise would give a tenth percentile of a third of the mean distance.
        assert np.percentile(nearest[side], 10) > 0.55 * wanted
        assert 0.9 < np.median(anchors.spacing[side]) / wanted < 1.1


def test_triangles_without_spacing_get_no_anchor():
    vertices, triangles = grid(0.1, 0.1, 5, (0.0, 0.0, 0.0))
    spacing = np.full(len(triangles), np.inf)
    spacing[3] = 5e-3
    anchors = sample_anchors(vertices, triangles, spacing, np.random.default_rng(0)).anchors
    assert set(anchors.triangle) == {3}


def test_only_surfaces_that_a_camera_reaches_are_seen():
    ball, ball_faces = cap(np.zeros(3), 0.1, 179.9)
    inner, inner_faces = cap(np.zeros(3), 0.1, 179.9)
    vertices = np.concatenate([ball * 4, inner])
    triangles = np.concatenate([ball_faces, inner_faces + len(ball)])
    seen = visible_triangles([vertices], triangles, np.random.default_rng(0))
    assert seen[: len(ball_faces)].mean() > 0.9
    assert not seen[len(ball_faces) :].any()


def test_only_the_depth_of_a_nostril_is_dark():
    mesh = small_mesh()
    # A narrow pit of four walls on the flat skin; its landmarks stand at the rim.
    rim = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 2e-3 + [0, 0, 0.016]
    corners = np.concatenate([rim, rim - [0, 0, 0.01]])
    walls = [(i, (i + 1) % 4, 4 + i) for i in range(4)]
    walls += [((i + 1) % 4, 4 + (i + 1) % 4, 4 + i) for i in range(4)]
    start = len(mesh.vertices)
    flat = mesh.part != 0
    landmarks = mesh.landmarks.copy()
    landmarks[31:36] = start + np.array([0, 1, 2, 3, 0])
    pit = replace(
        mesh,
        vertices=np.concatenate([mesh.vertices, corners]),
        triangles=np.concatenate([mesh.triangles[flat], np.array(walls) + start]),
        part=np.concatenate([mesh.part[flat], np.zeros(len(walls), int)]),
        landmarks=landmarks,
    )
    points = np.array([[0, 0, 0.007], [0, 0.0035, 0.016], [0, 0.05, 0.016]])
    shade = nostril_shade(pit, points, np.tile([0, 0, 1.0], (3, 1)))
    assert shade[0] < 0.3 and shade[1] == 1.0 and shade[2] == 1.0


def test_atlas_is_read_with_v_upwards():
    image = np.zeros((8, 8, 1))
    image[0] = 1.0
    top, bottom = sample_atlas(image, np.array([[0.5, 0.99], [0.5, 0.01]]))[:, 0]
    assert top == 1.0 and bottom == 0.0


def test_blended_discs_show_the_atlas_sharper_than_plain_averages():
    mesh = small_mesh()
    stripes = np.repeat(0.5 + 0.4 * np.sin(np.arange(512) / 1.5)[None, :, None], 512, axis=0)
    states = (LightState("neutral", {}, np.repeat(stripes, 3, axis=2)),)
    spacing = np.where(mesh.part_mask("face"), 2e-3, np.inf)
    coverage = sample_anchors(mesh.vertices, mesh.triangles, spacing, np.random.default_rng(1))
    uv = np.einsum("nk,nkc->nc", coverage.anchors.barycentric, mesh.uvs[coverage.anchors.triangle])
    truth = linear_to_srgb(sample_atlas(states[0].radiance, uv))
    plain = anchor_colors(mesh, coverage, states, 0.62, rounds=0)[0]
    sharp = anchor_colors(mesh, coverage, states, 0.62, rounds=4)[0]
    assert plain.std() < 0.8 * truth.std() < sharp.std()
    assert np.corrcoef(sharp[:, 0], truth[:, 0])[0, 1] > 0.97


STATES = (
    {},
    {"jawOpen": 0.8},
    {"jawOpen": 0.8, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    {"noseSneerLeft": 1.0},
    {"mouthLeft": 1.0},
)


def light_states():
    return tuple(LightState(f"s{i}", c, np.zeros((1, 1, 3))) for i, c in enumerate(STATES))


def blend(columns, changes, controls):
    code = np.zeros(52)
    for name, weight in controls.items():
        code[ARKIT_BLENDSHAPES.index(name)] = weight
    return np.tensordot(activate(columns, code) @ columns.mix, changes, axes=1)


def test_every_baked_state_comes_out_exactly():
    rng = np.random.default_rng(5)
    colors, x = rng.random((len(STATES), 40, 3)), rng.normal(size=(40, 3)) * 0.01
    columns, entries = light_activations(light_states())
    assert [side for _, side in entries] == ["", "Left", "Right", "Left", "Right", "", ""]
    changes = light_changes(colors, light_states(), x)
    for index, controls in enumerate(STATES):
        np.testing.assert_allclose(
            blend(columns, changes, controls), colors[index] - colors[0], atol=1e-12
        )


def test_one_side_of_a_state_leaves_the_other_as_it_was():
    rng = np.random.default_rng(6)
    colors, x = rng.random((len(STATES), 3, 3)), np.array([[-0.03, 0, 0], [0, 0, 0], [0.03, 0, 0]])
    columns, _ = light_activations(light_states())
    changes = light_changes(colors, light_states(), x)
    left = blend(columns, changes, {"jawOpen": 0.8, "mouthSmileLeft": 1.0})
    np.testing.assert_allclose(left[2], colors[2, 2] - colors[0, 2], atol=1e-12)
    np.testing.assert_allclose(left[0], colors[1, 0] - colors[0, 0], atol=1e-12)


def test_low_rank_light_keeps_what_is_alike():
    rng = np.random.default_rng(7)
    base = rng.normal(size=(3, 50, 3))
    changes = np.tensordot(rng.normal(size=(7, 3)), base, axes=1)
    mix, light = compress_light(changes, 3)
    assert light.shape == (3, 50, 3) and mix.shape == (7, 3)
    np.testing.assert_allclose(np.tensordot(mix, light, axes=1), changes, atol=1e-9)


def test_pieces_follow_their_strand():
    strands = small_strands(small_mesh(), 5, np.array([0.0, 0.02, 0.0]))
    settings = StrandSettings(piece_mm=5.0, min_radius_mm=0.01, max_opacity=0.9)
    pieces = cut_strands(strands, settings, np.random.default_rng(0))
    assert len(pieces.means) == 5 * 4
    first = pieces.means[pieces.strand == 2]
    height = first[:, 1] - strands.points[2, 0, 1]
    assert 0 < height[0] and height[-1] < 0.02 and (np.diff(height, n=2) > 0).all()
    lengths = pieces.scales[pieces.strand == 2, 0] / settings.overlap
    np.testing.assert_allclose(lengths.sum(), 0.02, rtol=1e-6)
    axis = quat_to_matrix(pieces.quats)[:, :, 0]
    np.testing.assert_allclose(np.abs(axis[:, 1]), 1.0, atol=1e-6)
    assert (pieces.scales[:, 0] > 10 * pieces.scales[:, 1]).all()


def test_fewer_strands_cover_as_much():
    strands = small_strands(small_mesh(), 40, np.array([0.0, 0.02, 0.0]))
    rng = np.random.default_rng(0)
    every = cut_strands(strands, StrandSettings(5.0, 0.01, 0.99), rng)
    some = cut_strands(strands, StrandSettings(5.0, 0.01, 0.99, max_strands=10), rng)
    width_every = (every.opacities * np.hypot(every.scales[:, 1], 0.28e-3)).sum()
    width_some = (some.opacities * np.hypot(some.scales[:, 1], 0.28e-3)).sum()
    assert len(some.means) * 4 == len(every.means)
    np.testing.assert_allclose(width_some, width_every, rtol=0.01)


def test_a_hair_that_hangs_alone_stays_thin():
    strands = small_strands(small_mesh(), 40, np.array([0.0, 0.02, 0.0]))
    points = strands.points.copy()
    points[0] += np.array([0.2, 0.0, 0.0])
    strands = dataclasses.replace(strands, points=points)
    settings = StrandSettings(5.0, 0.001, 0.99, max_strands=12, widen_by_nearest=True)
    for seed in range(20):
        pieces = cut_strands(strands, settings, np.random.default_rng(seed))
        if 0 in pieces.strand:
            break
    alone = pieces.strand == 0
    own = 0.75 * strands.radius[0].max()
    assert (pieces.scales[alone, 1] <= own * 1.001).all()
    # The eleven others share the work of the thirty-nine.
    first = np.unique(pieces.strand, return_index=True)[1][1:]
    radius = pieces.scales[first, 1] / 0.75
    true = strands.radius[pieces.strand[first], 0]
    np.testing.assert_allclose((radius / true).sum(), 39, rtol=0.1)


def test_guide_mesh_is_small_and_keeps_its_extent():
    vertices, triangles = cap(np.zeros(3), 10, 170)
    fine, faces = decimate(vertices, triangles, 1000)
    coarse, coarse_faces = decimate(vertices, triangles, 60)
    assert len(faces) >= 0.8 * len(triangles) and 20 < len(coarse_faces) <= 60
    assert fine.dtype == np.float32 and coarse_faces.dtype == np.int32
    assert coarse_faces.max() == len(coarse) - 1
    np.testing.assert_allclose(np.ptp(coarse, axis=0), np.ptp(vertices, axis=0), rtol=0.2)


def test_hair_shell_lies_outside_and_leaves_the_face_free():
    rng = np.random.default_rng(0)
    ray = rng.normal(size=(60_000, 3))
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    ray = ray[ray[:, 2] < 0.2]
    center = np.array([0.01, -0.02, -0.06])
    points = center + ray * rng.uniform(0.09, 0.1, (len(ray), 1))
    vertices, triangles = hair_shell(points, center)
    radius = np.linalg.norm(vertices - center, axis=1)
    assert 0.095 < radius.min() and radius.max() < 0.1
    assert (vertices[:, 2] - center[2]).max() < 0.25 * 0.1 and len(triangles) > 2000
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    outwards = ((a - center) * np.cross(b - a, c - a)).sum(1)
    assert (outwards > 0).mean() > 0.99


def test_joined_meshes_keep_their_own_triangles():
    one = (np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))
    vertices, triangles = join(one, one)
    assert len(vertices) == 6
    np.testing.assert_array_equal(triangles, [[0, 1, 2], [3, 4, 5]])
