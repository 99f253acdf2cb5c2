"""The decoder network of avatars built from geometry, and its export."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (the training environment)")
pytest.importorskip("scipy", reason="needs scipy (the training environment)")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")

from gaussian_heads.core.gaussians import quat_to_matrix  # noqa: E402
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES  # noqa: E402
from gaussian_heads.training.export import export_onnx  # noqa: E402
from gaussian_heads.training.head_assembly import assemble_head  # noqa: E402
from gaussian_heads.training.head_regions import Spacing  # noqa: E402
from gaussian_heads.training.head_settings import HeadSettings  # noqa: E402
from gaussian_heads.training.networks.mesh_head import (  # noqa: E402
    MeshHead,
    on_weight_grid,
    rest_frames,
)

from .head_fixtures import EYE_RADIUS_M, EYES, small_head  # noqa: E402

JAW_OPEN = ARKIT_BLENDSHAPES.index("jawOpen")
COARSE = Spacing(
    lips=4.0, eyelids=3.0, brows=4.0, nose=4.0, nostrils=4.0, ears=5.0, face=5.0, head=6.0, shoulders=6.0, teeth=3.0,
    mouth=3.0, eyes=3.0, irises=2.0, garment=15.0, collar=8.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def assembled():
    return assemble_head(small_head(), HeadSettings(spacing=COARSE, inset=0.0))


@pytest.fixture(scope="module")
def network(assembled):
    return MeshHead(assembled.parts)


def decode(network, **weights):
    code = torch.zeros(52)
    for name, weight in weights.items():
        code[ARKIT_BLENDSHAPES.index(name)] = weight
    with torch.no_grad():
        return [value.numpy() for value in network(code)]


def groups(assembled):
    """Slices of the surface, the left eye, the right eye, the bound and the still splats."""
    parts = assembled.parts
    sizes = [len(parts.surface.owner), *(len(eye.means) for eye in parts.eyes)]
    sizes += [len(parts.bound.owner), len(parts.still.means)]
    ends = np.cumsum(sizes)
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def test_shapes_agree_and_neutral_discs_lie_in_their_triangles(assembled, network):
    means, quats, scales, opacities, colors, landmarks = decode(network)
    count = len(assembled.neck_weights)
    assert means.shape == scales.shape == colors.shape == (count, 3)
    assert quats.shape == (count, 4) and opacities.shape == (count,) and landmarks.shape == (68, 3)
    surface = assembled.parts.surface
    corners = assembled.parts.rig.neutral[surface.triangles[surface.owner]]
    expected = np.einsum("nk,nkc->nc", on_weight_grid(surface.barycentric), corners)
    np.testing.assert_allclose(means[: len(expected)], expected, atol=1e-6)
    normals = quat_to_matrix(quats[: len(expected)].astype(float))[:, :, 2]
    np.testing.assert_allclose(np.abs(normals[:, 2]), 1.0, atol=1e-4)
    np.testing.assert_allclose(scales[: len(expected)], surface.look.scales, rtol=2e-3)


def test_stretch_of_a_triangle_widens_its_discs_along_the_stretch(assembled, network):
    surface = assembled.parts.surface
    jaw = assembled.parts.rig.basis[ARKIT_BLENDSHAPES.index("jawOpen")]
    corners = surface.triangles[surface.owner]
    drop = jaw[corners][..., 1]
    stretched = np.flatnonzero(np.ptp(drop, axis=1) > 0.01)
    assert len(stretched) > 0
    before, after = decode(network), decode(network, jawOpen=1.0)
    largest = after[2][stretched, 0] / before[2][stretched, 0]
    # A triangle 7.5 mm high is pulled 20 mm longer, which the decoder limits to three times.
    assert (largest > 2.5).all()
    axis = quat_to_matrix(after[1][stretched].astype(float))[:, :, 0]
    assert (np.abs(axis[:, 1]) > 0.9).all()


def test_gaze_turns_an_eyeball_about_its_centre_and_leaves_the_other(assembled, network):
    _, left, right, *_ = groups(assembled)
    before, after = decode(network), decode(network, eyeLookOutLeft=1.0)
    np.testing.assert_array_equal(after[0][right], before[0][right])
    radius_before = np.linalg.norm(before[0][left] - EYES[0], axis=1)
    radius_after = np.linalg.norm(after[0][left] - EYES[0], axis=1)
    np.testing.assert_allclose(radius_after, radius_before, atol=1e-6)
    # +X is the person's left, so looking out with the left eye moves the pupil to +X.
    pupil = np.argmax(before[0][left][:, 2])
    assert after[0][left][pupil, 0] - before[0][left][pupil, 0] > 0.5 * EYE_RADIUS_M


def test_blinking_skin_never_enters_the_eyeball(assembled, network):
    for blink in (0.3, 0.6, 1.0):
        vertices = network.rig(torch.eye(52)[ARKIT_BLENDSHAPES.index("eyeBlinkLeft")] * blink)[
            0
        ].numpy()
        lids = vertices[: network.rig.lid_split]
        assert len(lids) > 4
        assert np.linalg.norm(lids - EYES[0], axis=1).min() > EYE_RADIUS_M


def test_light_states_come_out_exactly_and_each_side_for_itself(assembled, network):
    surface = groups(assembled)[0]
    neutral, jaw = decode(network)[4][surface], decode(network, jawOpen=1.0)[4][surface]
    assert np.median(jaw / neutral) < 0.8
    blink = decode(network, eyeBlinkLeft=1.0)
    change = np.abs(blink[4][surface] - neutral).max(axis=1)
    x = blink[0][surface][:, 0]
    assert change[x > 0.02].min() > 0.01 and change[x < -0.02].max() == 0


def test_states_do_not_add_up_beyond_what_any_of_them_shows(assembled, network):
    surface = groups(assembled)[0]
    low, high = assembled.parts.surface.color_range
    both = decode(network, jawOpen=1.0, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)[4][surface]
    assert (both >= low - 1e-6).all() and (both <= high + 1e-6).all()


def test_lid_shadow_stays_when_the_eye_turns(assembled, network):
    left = groups(assembled)[1]
    eye = assembled.parts.eyes[0]
    before, after = decode(network), decode(network, eyeLookOutLeft=0.5)
    shade_before = before[4][left] / np.maximum(eye.look.colors, 1e-3)
    shade_after = after[4][left] / np.maximum(eye.look.colors, 1e-3)
    # The fixture's light grows with x: what turns to +X gets brighter, and where it ends up counts.
    fit = np.polyfit(before[0][left][:, 0], shade_before[:, 0], 3)
    assert np.mean(shade_after > shade_before) > 0.8
    inner = after[0][left][:, 0] < before[0][left][:, 0].max()
    expected = np.polyval(fit, after[0][left][inner, 0])
    assert np.corrcoef(expected, shade_after[inner, 0])[0, 1] > 0.9


def test_bound_strands_ride_on_their_roots_and_hair_stays(assembled, network):
    *_, bound, still = groups(assembled)
    before, after = decode(network), decode(network, jawOpen=1.0)
    np.testing.assert_array_equal(after[0][still], before[0][still])
    roots = assembled.parts.bound
    rest, jaw = (
        np.einsum("rk,rkc->rc", roots.root_barycentric, field[roots.triangles])
        for field in (assembled.parts.rig.neutral, assembled.parts.rig.basis[JAW_OPEN])
    )
    moved = np.linalg.norm(jaw, axis=1) > 1e-3
    assert moved.any() and not moved.all()
    np.testing.assert_allclose(before[0][bound], rest[roots.owner] + roots.offset_m, atol=1e-6)
    # Each keeps its distance from its root, and turns by the angle its root makes about the pivot.
    np.testing.assert_allclose(
        np.linalg.norm(after[0][bound] - (rest + jaw)[roots.owner], axis=1),
        np.linalg.norm(roots.offset_m, axis=1),
        atol=1e-6,
    )
    arms = [rest - roots.pivot, rest + jaw - roots.pivot]
    cosine = (arms[0] * arms[1]).sum(1) / np.prod([np.linalg.norm(a, axis=1) for a in arms], axis=0)
    between = np.abs((before[1][bound] * after[1][bound]).sum(axis=1))
    np.testing.assert_allclose(
        2 * np.arccos(np.clip(between, 0, 1)), np.arccos(cosine)[roots.owner], atol=2e-3
    )


def test_exported_model_equals_the_network_within_its_steps(network):
    data = export_onnx(network, 52)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    code = np.zeros(52, np.float32)
    code[[0, 5, 17, 23]] = (0.4, 0.3, 0.7, 0.5)
    with torch.no_grad():
        expected = [value.numpy() for value in network(torch.from_numpy(code))]
    found = session.run(None, {"code": code})
    for index, tolerance in {0: 5e-5, 2: 2e-4, 3: 3e-3, 4: 1e-2, 5: 5e-5}.items():
        assert found[index].shape == expected[index].shape
        np.testing.assert_allclose(found[index], expected[index], atol=tolerance)
    # The axes of a round disc are arbitrary, its covariance is not.
    np.testing.assert_allclose(
        covariances(found[1], found[2]), covariances(expected[1], expected[2]), atol=2e-7
    )


def covariances(quats, scales):
    axes = quat_to_matrix(quats.astype(float)) * scales[:, None, :]
    return axes @ axes.transpose(0, 2, 1)


def test_coarse_skin_lies_below_the_surface_and_brows_keep_their_place():
    head = small_head()
    flat, deep = (
        assemble_head(head, HeadSettings(spacing=COARSE, inset=share)) for share in (0.0, 0.3)
    )
    moved = flat.parts.rig.neutral - deep.parts.rig.neutral
    np.testing.assert_allclose(moved[:, :2], 0, atol=1e-9)
    assert moved[:, 2].max() == pytest.approx(0.3 * 5e-3, rel=0.2)
    tips = []
    for assembled in (flat, deep):
        bound = assembled.parts.bound
        corners = assembled.parts.rig.neutral[bound.triangles]
        root = np.einsum("rk,rkc->rc", bound.root_barycentric, corners)
        tips.append(root[bound.owner] + bound.offset_m)
    np.testing.assert_allclose(tips[0], tips[1], atol=1e-9)


def test_rounded_weights_still_sum_to_one():
    weights = np.random.default_rng(1).dirichlet(np.ones(3), 1000)
    rounded = on_weight_grid(weights)
    np.testing.assert_allclose(rounded.sum(axis=1), 1.0, atol=1e-12)
    assert np.abs(rounded - weights).max() < 1 / 240


def test_rest_frames_undo_the_rest_edges():
    rng = np.random.default_rng(3)
    neutral, triangles = rng.normal(size=(30, 3)), rng.permutation(30).reshape(10, 3)
    inverse, quats = rest_frames(neutral, triangles)
    frames = quat_to_matrix(quats)
    first = neutral[triangles[:, 1]] - neutral[triangles[:, 0]]
    second = neutral[triangles[:, 2]] - neutral[triangles[:, 0]]
    np.testing.assert_allclose(first * inverse[0][:, None], frames[:, :, 0], atol=1e-9)
    along_v = first * inverse[1][:, None] + second * inverse[2][:, None]
    np.testing.assert_allclose(along_v, frames[:, :, 1], atol=1e-9)
