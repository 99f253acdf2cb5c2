"""Parts of the personal fit: the head pose in torch, splitting on the surface, Pixel-GS' rule, hair from mattes."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (the training environment)")
pytest.importorskip("scipy", reason="needs scipy (the training environment)")

from gaussian_heads.core.avatar.pose import pose_gaussians, pose_points  # noqa: E402
from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.core.gaussians import Gaussians  # noqa: E402
from gaussian_heads.training.dataset.layout import Topology  # noqa: E402
from gaussian_heads.training.fit_head import view_colors  # noqa: E402
from gaussian_heads.training.networks.prior import UniversalParts  # noqa: E402
from gaussian_heads.training.personalization import posing  # noqa: E402
from gaussian_heads.training.personalization.anchor_density import AnchorDensity  # noqa: E402
from gaussian_heads.training.personalization.anchor_growth import replace_rows, thinned  # noqa: E402
from gaussian_heads.training.personalization.fit_settings import (  # noqa: E402
    FitSettings,
    GrowthSettings,
    HairSettings,
)
from gaussian_heads.training.personalization.frame_windows import Windows, whole  # noqa: E402
from gaussian_heads.training.personalization.hair import HairGaussians, shell_colors  # noqa: E402
from gaussian_heads.training.personalization.hair_density import HairDensity  # noqa: E402
from gaussian_heads.training.personalization.hair_shell import Shell, hair_shell  # noqa: E402
from gaussian_heads.training.personalization.personal_anchors import (  # noqa: E402
    PART_REACH,
    PersonalAnchors,
    Surface,
)
from gaussian_heads.training.personalization.shape_handles import ShapeHandles  # noqa: E402
from gaussian_heads.training.personalization.silhouettes import Silhouettes, unit  # noqa: E402
from gaussian_heads.training.personalization.subject import SubjectFrame  # noqa: E402
from gaussian_heads.training.prior_anchors import UniversalAnchors  # noqa: E402
from gaussian_heads.training.splat_statistics import SplatStatistics  # noqa: E402

POSE = np.array([0.1, -0.35, 0.05, 0.004, -0.002, 0.006])
PIVOT = np.array([0.0, -0.1, -0.09], np.float32)
EYE = np.array([0.1, 0.05, 0.9], np.float32)
SKULL_M, HAIR_M = 0.09, 0.014


def ball(radius_m, rows=28, columns=56):
    """Vertices and triangles of a ball about the middle of a head, facing outwards."""
    polar, turn = np.meshgrid(
        np.linspace(0.05, np.pi - 0.05, rows), np.arange(columns) / columns * 2 * np.pi,
        indexing="ij",
    )  # fmt: skip
    ray = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], -1)
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b = number[:-1], number[1:]
    c, d = np.roll(b, -1, 1), np.roll(a, -1, 1)
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    return radius_m * ray.reshape(-1, 3) + [0.0, 0.0, -SKULL_M], triangles


def ball_parts():
    """A prior's parts for a head that is a ball of skin."""
    vertices, triangles = ball(SKULL_M)
    count = len(triangles)
    topology = Topology(
        triangles.astype(np.int32), np.zeros((count, 3, 2), np.float32), np.zeros(count, np.int8),
        ("face",), np.zeros(0, np.int32), np.ones(len(vertices), np.float32),
    )  # fmt: skip
    anchors = UniversalAnchors(
        triangle=np.arange(0, count, 7), barycentric=np.full((len(range(0, count, 7)), 3), 1 / 3),
        spacing=np.full(len(range(0, count, 7)), 0.008), wanted=np.full(count, 0.008),
        inset=np.zeros(len(vertices)),
    )  # fmt: skip
    return UniversalParts(
        topology, vertices.astype(np.float32), anchors, np.arange(4), np.zeros((1, 12))
    )


def ball_frame(turn_deg, name="f"):
    """A frontal picture of a head with hair all over, which is turned by its pose."""
    side = 160
    target = np.array([0.0, 0.0, -SKULL_M])
    camera = Camera(
        look_at(np.array([0.0, 0.0, 1.0]), target, np.array([0.0, 1.0, 0.0])),
        intrinsics(3.4 * side, side, side), side, side,
    )  # fmt: skip
    y, x = np.mgrid[:side, :side] + 0.5 - side / 2
    distance = 1.0 + SKULL_M
    radius = SKULL_M + HAIR_M
    limit_px = 3.4 * side * radius / np.sqrt(distance**2 - radius**2)
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[np.hypot(x, y) < limit_px] = (90, 60, 30, 255)
    pose = np.array([0.0, np.radians(turn_deg), 0.0, 0, 0, 0], np.float32)
    return SubjectFrame(name, 0.0, rgba, camera, np.zeros(2, np.float32), pose, 1.0)


@pytest.fixture(scope="module")
def parts():
    return ball_parts()


@pytest.fixture(scope="module")
def outlines():
    frames = [ball_frame(turn, f"f{turn}") for turn in (-25, -10, 0, 10, 25)]
    return Silhouettes(frames, np.array([0.0, 0.0, -SKULL_M]))


def test_the_pose_in_torch_is_the_one_that_packages_are_posed_with():
    rng = np.random.default_rng(0)
    count = 40
    quats = rng.standard_normal((count, 4)).astype(np.float32)
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    weights = np.repeat([0.0, 0.3, 0.8, 1.0], count // 4).astype(np.float32)
    gaussians = Gaussians(
        rng.normal(0, 0.1, (count, 3)).astype(np.float32), quats,
        np.full((count, 3), 0.01, np.float32), np.full(count, 0.5, np.float32),
        np.full((count, 3), 0.5, np.float32), rng.normal(0, 0.1, (count, 3, 3)).astype(np.float32),
    )  # fmt: skip
    wanted = pose_gaussians(gaussians, POSE, PIVOT, weights)
    groups = posing.NeckGroups.of(weights)
    pose, pivot = torch.tensor(POSE, dtype=torch.float32), torch.from_numpy(PIVOT)
    ours = posing.pose_rows(
        torch.from_numpy(gaussians.means), torch.from_numpy(quats), pose, pivot, groups,
        eye=torch.from_numpy(EYE),
    )  # fmt: skip
    np.testing.assert_allclose(ours.means, wanted.means, atol=1e-6)
    np.testing.assert_allclose(ours.quats, wanted.quats, atol=1e-6)
    seen = 0.5 + view_colors(torch.from_numpy(gaussians.sh), ours.directions)
    np.testing.assert_allclose(seen.clamp(min=0), wanted.seen_from(EYE).colors, atol=1e-5)
    marks = posing.pose_points(torch.from_numpy(gaussians.means), pose, pivot)
    np.testing.assert_allclose(marks, pose_points(gaussians.means, POSE, PIVOT), atol=1e-6)


def test_no_turn_has_finite_gradients():
    pose = torch.zeros(6, requires_grad=True)
    groups = posing.NeckGroups.of(np.array([0.0, 0.5, 1.0]))
    posed = posing.pose_rows(
        torch.rand(3, 3), torch.rand(3, 4), pose, torch.zeros(3), groups, eye=torch.ones(3)
    )
    (posed.means.sum() + posed.quats.sum()).backward()
    assert torch.isfinite(pose.grad).all() and pose.grad.abs().sum() > 0


def test_halves_of_an_anchor_stay_on_the_surface_beside_it(parts):
    surface = Surface(parts)
    chosen = np.array([3, 50, 111])
    made, origin = surface.split(parts.anchors, chosen, np.random.default_rng(0))
    count = len(parts.anchors)
    assert len(made) == count + 3
    np.testing.assert_array_equal(origin[count:], chosen)
    before, after = surface.positions(parts.anchors), surface.positions(made)
    both = np.concatenate([after[chosen], after[count:]])
    apart = np.linalg.norm(both - np.tile(before[chosen], (2, 1)), axis=1)
    assert (apart > 0.2 * PART_REACH * 0.008).all() and (apart < 1.2 * PART_REACH * 0.008).all()
    from_center = np.linalg.norm(both - [0, 0, -SKULL_M], axis=1)
    np.testing.assert_allclose(from_center, SKULL_M, atol=1e-3)
    others = np.setdiff1d(np.arange(count), chosen)
    np.testing.assert_allclose(after[others], before[others], atol=2e-4)
    np.testing.assert_allclose(made.spacing[chosen] / 0.008, 0.5**0.5)


def test_thinning_leaves_an_even_subset(parts):
    surface = Surface(parts)
    count = len(parts.anchors)
    shares = np.where(np.arange(count) < 40, 1.0, 0.4)
    order = np.random.default_rng(0).permutation(count)
    taken, rows, nearest = surface.thin(parts.anchors, shares, order)
    assert (rows[:40] == np.arange(40)).all()
    assert 0.25 < (len(rows) - 40) / (count - 40) < 0.6
    assert (nearest[rows] == np.arange(len(rows))).all()
    covered = (taken.spacing**2).sum() / (parts.anchors.spacing**2).sum()
    assert covered == pytest.approx(1.0, rel=1e-6)
    own = np.bincount(nearest, minlength=len(rows))
    np.testing.assert_allclose(taken.spacing[own == 1], 0.008)


def test_more_anchors_stay_where_colours_differ(parts):
    surface, anchors = Surface(parts), _anchors(parts)
    is_left = surface.positions(parts.anchors)[:, 0] > 0.01
    with torch.no_grad():
        noise = torch.rand(len(anchors), 3) * torch.from_numpy(is_left)[:, None]
        anchors.base_colors.copy_(0.5 + 0.5 * noise)
    shares = {}
    for evenly in (True, False):
        rng = np.random.default_rng(0)
        taken = thinned(anchors, surface, 0.6, rng, evenly=evenly)
        assert len(taken) == pytest.approx(0.6 * len(anchors), rel=0.25)
        kept = surface.positions(taken.places)[:, 0] > 0.01
        shares[evenly] = kept.mean() / is_left.mean()
    assert shares[True] == pytest.approx(1.0, abs=0.1)
    assert shares[False] > 1.25


def _anchors(parts):
    count = len(parts.anchors)
    values = {
        "base_colors": torch.rand(count, 3), "reflections": torch.rand(count, 3),
        "log_scales": torch.rand(count, 2), "lifts": torch.rand(count, 1),
        "logits": torch.rand(count), "sh": torch.rand(count, 3, 3), "light": torch.rand(4, count),
        "gains": torch.zeros(count, 3), "hidden": torch.zeros(count, 1),
        "scales_m": torch.rand(count, 3), "opacities": torch.rand(count),
    }  # fmt: skip
    return PersonalAnchors(parts.anchors, values)


def test_adam_remembers_the_anchors_that_stay(parts):
    anchors = _anchors(parts)
    count = len(anchors)
    groups = [
        {"params": [getattr(anchors, n)], "name": f"anchors.{n}", "lr": 0.1}
        for n in ("logits", "light")
    ]
    optimizer = torch.optim.Adam(groups)
    weights = torch.arange(float(count))
    (anchors.logits @ weights + (anchors.light @ weights).sum()).backward()
    optimizer.step()
    rows = torch.cat([torch.arange(5, count), torch.tensor([9, 12])])
    places, _ = Surface(parts).split(parts.anchors, np.zeros(0, int), np.random.default_rng(0))
    made = anchors.taken(
        dataclasses.replace(
            places, triangle=places.triangle[rows], barycentric=places.barycentric[rows],
            spacing=places.spacing[rows],
        ),
        rows,
    )  # fmt: skip
    replace_rows(optimizer, made, rows, count - 5)
    moment = optimizer.state[made.logits]["exp_avg"]
    np.testing.assert_allclose(moment[:3], 0.1 * weights[5:8], rtol=1e-5)
    assert (moment[-2:] == 0).all()
    moment = optimizer.state[made.light]["exp_avg"]
    np.testing.assert_allclose(moment[2, :3], 0.1 * weights[5:8], rtol=1e-5)
    assert (moment[:, -2:] == 0).all()


def statistics(norms, num_pixels):
    gradients = torch.tensor(norms)[:, None] * torch.tensor([0.6, 0.8])
    return SplatStatistics(gradients, torch.tensor(num_pixels, dtype=torch.int32))


def test_an_anchor_grows_by_the_pixels_that_ask_for_it():
    """One picture shows the first anchor large and wrong, nine show a corner of it, right."""
    pictures = [statistics([1e-3, 1e-3], [900, 1])] + 9 * [statistics([1e-7, 3e-4], [5, 10])]
    chosen = {}
    for rule in ("pixel", "mean"):
        density = AnchorDensity(GrowthSettings(rule=rule, threshold=3.5e-4, most_at_once=1.0), 2)
        for picture in pictures:
            density.look_at(picture, 1.0)
        chosen[rule] = density.grown(np.random.default_rng(0), np.ones(2, bool)).tolist()
    assert chosen == {"pixel": [0], "mean": [1]}
    density = AnchorDensity(GrowthSettings(threshold=0.0, max_anchors=2), 2)
    density.look_at(pictures[0], 1.0)
    assert not len(density.grown(np.random.default_rng(0), np.ones(2, bool)))


def test_handles_at_rest_change_nothing_and_move_what_is_near(parts):
    follows = parts.mean_vertices[:, 1] > -0.06
    handles = ShapeHandles(parts.mean_vertices, np.zeros((0, 3)), follows.astype(np.float32))
    rows = torch.arange(len(parts.mean_vertices))
    assert not handles(rows).any() and handles.roughness_mm().item() == 0
    with torch.no_grad():
        handles.moves[:] = torch.tensor([0.0, 0.001, 0.0])
    moved = handles(rows).detach().numpy()[:, 1]
    high, low = parts.mean_vertices[:, 1] > 0.06, parts.mean_vertices[:, 1] < -0.085
    np.testing.assert_allclose(moved[high], 1e-3, rtol=0.02)
    assert moved[low].min() > 4e-3


def test_hair_is_as_thick_as_the_mattes_say(parts, outlines):
    vertices = parts.mean_vertices.astype(float)
    shell = hair_shell(parts, vertices, outlines, HairSettings(spacing_m=0.008))
    # The outer layer; the inner one lies deeper.
    height = np.linalg.norm(shell.points - [0, 0, -SKULL_M], axis=1) - SKULL_M
    outer = height > 0.8 * HAIR_M
    assert outer.sum() > 0.4 * len(shell.points)
    assert np.median(np.abs(height[outer] - HAIR_M)) < 0.002
    assert np.abs(height[outer] - HAIR_M).max() < 0.006
    colors = shell_colors(shell, outlines, np.zeros((0, 3, 3)))
    np.testing.assert_allclose(
        colors, np.tile(np.array([90, 60, 30]) / 255, (len(colors), 1)), atol=0.01
    )


def test_a_bare_head_grows_no_hair(parts):
    bare = dataclasses.replace(ball_frame(0))
    y, x = np.mgrid[:160, :160] + 0.5 - 80
    limit_px = 3.4 * 160 * SKULL_M / np.sqrt((1 + SKULL_M) ** 2 - SKULL_M**2)
    bare.rgba[np.hypot(x, y) > limit_px - 1] = 0
    outlines = Silhouettes([bare], np.array([0.0, 0.0, -SKULL_M]))
    vertices = parts.mean_vertices.astype(float)
    assert not len(hair_shell(parts, vertices, outlines, HairSettings(spacing_m=0.008)).points)


def test_floaters_go_and_unseen_hair_stays(outlines):
    normals = unit(np.array([[0.0, 0, 1], [0, 0, -1], [1, 0, 0], [0, 1, 0]]))
    points = (SKULL_M + 0.5 * HAIR_M) * normals + [0, 0, -SKULL_M]
    shell = Shell(points, normals, np.full(4, 0.005), np.zeros(4))
    hair = HairGaussians.on(shell, np.full((4, 3), 0.5), HairSettings())
    density = HairDensity(FitSettings(), hair)
    density.grow_and_prune(hair, torch.Generator().manual_seed(0))
    assert len(hair) == 4
    with torch.no_grad():
        hair.parameters["means"][2, 0] += 0.1
    assert density.drop_floaters(hair, outlines) == 1
    assert len(hair) == len(hair.home) == len(hair.first_colors) == 3


def test_hair_grows_where_pixels_ask_also_after_floaters_went(outlines):
    normals = unit(np.array([[0.0, 0, 1], [0, 0, -1], [1, 0, 0], [0, 1, 0]]))
    points = (SKULL_M + 0.5 * HAIR_M) * normals + [0, 0, -SKULL_M]
    shell = Shell(points, normals, np.full(4, 0.005), np.zeros(4))
    settings = HairSettings(most_at_once=0.5)
    hair = HairGaussians.on(shell, np.full((4, 3), 0.5), settings)
    density = HairDensity(FitSettings(hair=settings), hair)
    slopes = torch.tensor([9.0, 9.0, 0.1, 0.5, 0.4, 0.2])[:, None] * torch.tensor([0.6, 0.8])
    density.look_at(SplatStatistics(slopes, torch.full((6,), 5)), 2, 1.0)
    with torch.no_grad():
        hair.parameters["means"][2, 0] += 0.1
    assert density.drop_floaters(hair, outlines) == 1
    density.grow_and_prune(hair, torch.Generator().manual_seed(0))
    assert len(hair) == 4
    home = hair.home.detach().numpy()
    near = np.linalg.norm(home[:, None] - points[None], axis=2).argmin(1)
    assert sorted(near.tolist()) == [0, 1, 1, 3]


def test_a_window_is_a_part_of_its_picture():
    frame = ball_frame(0)
    windows = Windows([frame], FitSettings(window_px=64))
    window = windows.choose(frame, np.random.default_rng(0))
    assert window.rgba.shape == (64, 64, 4)
    point = np.array([0.005, 0.01, -0.002, 1.0])
    pixels = []
    for camera in (window.camera, whole(frame).camera):
        seen = camera.K @ (camera.viewmat @ point)[:3]
        pixels.append(seen[:2] / seen[2])
    shift = pixels[1] - pixels[0]
    left, top = np.round(shift).astype(int)
    np.testing.assert_allclose(shift, [left, top], atol=1e-6)
    np.testing.assert_array_equal(window.rgba, frame.rgba[top : top + 64, left : left + 64])


class FacedOutlines:
    """One picture that shows points by their x and y, those before z = 0 alone."""

    def __init__(self, rgba):
        self.frames = [SimpleNamespace(rgba=rgba)]

    def towards_eye(self, frame, points):
        return np.tile([0.0, 0.0, 1.0], (len(points), 1))

    def pixels(self, frame, points):
        row, column = (np.round(100 * (0.3 - points[:, axis])).astype(int) for axis in (1, 0))
        return row, column, points[:, 2] > 0

    def is_hidden(self, frame, points, skin):
        return np.zeros(len(points), bool)


def test_the_back_of_the_head_has_the_colour_of_most_hair_not_of_forehead_or_rim():
    across, up = (
        axis.ravel() for axis in np.meshgrid(np.linspace(-0.1, 0.1, 21), np.linspace(0, 0.2, 21))
    )
    front = np.stack([across, up, np.full(across.size, 0.05)], axis=1)
    back = front * (1, 1, -4)
    points = np.concatenate([front, back]).astype(np.float32)
    # The higher the farther within the hairline; the highest row is a rim that is lit from behind.
    rgba = np.full((61, 61, 4), 255, np.uint8)
    rgba[..., :3] = 200
    rgba[11:20, :, :3], rgba[:11, :, :3] = 60, 240
    shell = Shell(
        points,
        np.tile(np.array([0, 0, 1], np.float32), (len(points), 1)),
        np.full(len(points), 0.01, np.float32),
        np.concatenate([front[:, 1], back[:, 1]]).astype(np.float32) / 5,
    )
    colors = shell_colors(shell, FacedOutlines(rgba), np.zeros((0, 3, 3)))[len(front) :]
    assert np.abs(colors - 60 / 255).max() < 0.02
