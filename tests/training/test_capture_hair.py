"""Strand hair of random persons: styles, roots, colours, beards and their light."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the studio needs the training extra (scipy)")

from gaussian_heads.training import DATA_VARIABLE
from gaussian_heads.training.capture import ict
from gaussian_heads.training.capture.beard import KINDS, beard_look
from gaussian_heads.training.capture.grooming import groom, light_strands
from gaussian_heads.training.capture.hair import CENTER, resample, skull_hull
from gaussian_heads.training.capture.hair_colour import DYES, dye_of, grey_shares, melanin_albedo
from gaussian_heads.training.capture.hair_field import skin_cloud
from gaussian_heads.training.capture.hair_styles import STYLES, choose_style, haircut_of
from gaussian_heads.training.capture.identity import Identity, person
from gaussian_heads.training.capture.lighting import DOME_RIG
from gaussian_heads.training.capture.mesh import build_mesh
from gaussian_heads.training.capture.sources import Sources

ROOT = os.environ.get(DATA_VARIABLE)
NEEDS_DATA = pytest.mark.skipif(
    not ROOT or not Sources(Path(ROOT)).ict.is_file(),
    reason=f"needs ICT-FaceKit below the folder {DATA_VARIABLE} names",
)
MOST_STRANDS = 9000


@pytest.fixture(scope="module")
def model() -> ict.IctModel:
    return ict.load_model(Sources(Path(ROOT)))


def a_person(style: str, seed: int = 3, **choices: object) -> Identity:
    """Somebody with a head unlike the mean one."""
    modes = tuple(np.random.default_rng(seed).normal(size=60))
    return Identity(name="test", modes=modes, hair_style=style, hair_seed=seed, **choices)


def test_resampling_spaces_points_evenly_and_keeps_the_ends():
    rng = np.random.default_rng(0)
    paths = np.cumsum(rng.normal(size=(5, 30, 3)), axis=1)
    paths[2, 12:] = paths[2, 12]  # a strand that stopped growing
    even = resample(paths, 200)
    np.testing.assert_allclose(even[:, 0], paths[:, 0], atol=1e-9)
    np.testing.assert_allclose(even[:, -1], paths[:, -1], atol=1e-9)
    length = np.linalg.norm(np.diff(paths, axis=1), axis=2).sum(1)
    steps = np.linalg.norm(np.diff(even, axis=1), axis=2)
    np.testing.assert_allclose(np.median(steps, axis=1), length / 199, rtol=0.02)


def test_more_pigment_is_darker_and_pheomelanin_is_redder():
    shades = [melanin_albedo(amount, 0.1) for amount in (0.1, 0.3, 1.3, 4.0, 8.0)]
    assert all((a > b).all() for a, b in zip(shades, shades[1:], strict=False))
    brown, red = melanin_albedo(0.6, 0.0), melanin_albedo(0.3, 1.2)
    assert red[0] / red[2] > 1.5 * brown[0] / brown[2]
    assert melanin_albedo(8.0, 0.0).max() < 0.02 < 0.3 < melanin_albedo(0.2, 0.0)[0]


def test_grey_spreads_by_share():
    roots = np.random.default_rng(1).uniform(-0.08, 0.1, (4000, 3))
    for share in (0.0, 0.3, 0.7, 1.0):
        drawn = grey_shares(roots, share, np.random.default_rng(2))
        assert drawn.min() >= 0.0 and drawn.max() <= 1.0
        assert drawn.mean() == pytest.approx(share, abs=0.08)


def test_dyes_are_rare_known_and_end_with_age():
    names = [dye_of(replace(person(s), sex="female", age_years=25.0)) for s in range(400)]
    assert set(names) <= {"", *DYES} and 0.03 < np.mean([bool(n) for n in names]) < 0.2
    assert not any(dye_of(replace(person(s), age_years=60.0)) for s in range(100))


def test_choices_depend_on_sex_texture_and_loss():
    rng = np.random.default_rng(4)
    women = [choose_style(Identity("w", ()), rng) for _ in range(300)]
    men = [choose_style(Identity("m", (), sex="male"), rng) for _ in range(300)]
    long = {"long", "bob", "ponytail", "bun"}
    assert np.mean([s in long for s in women]) > 0.5 > 0.3 > np.mean([s in long for s in men])
    assert len(set(women)) >= 6 and len(set(men)) >= 6
    thinning = Identity("t", (), sex="male", hair_loss=0.6, age_years=60.0)
    assert not long & {choose_style(thinning, rng) for _ in range(100)}
    coily = {choose_style(Identity("c", (), hair_texture="coily"), rng) for _ in range(200)}
    assert coily <= {"afro", "coils", "buzz", "bun"}


def test_a_haircut_is_the_same_every_time_and_varies_between_persons():
    cuts = [haircut_of(a_person("bob", seed)) for seed in range(8)]
    assert cuts == [haircut_of(a_person("bob", seed)) for seed in range(8)]
    assert len({cut.ends_y_m for cut in cuts}) == 8
    assert len({np.sign(cut.part_x_m) for cut in cuts}) == 2
    assert haircut_of(Identity("b", (), hair_loss=1.0)).strands == 0


@NEEDS_DATA
@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_style_fits_an_unusual_head(model: ict.IctModel, style: str):
    identity = a_person(style)
    mesh = build_mesh(model, identity)
    groups = groom(mesh, model, identity)
    assert set(groups) == {"hair", "brows", "lashes"}
    hair = groups["hair"]
    assert 3000 < len(hair.points) <= MOST_STRANDS
    check_strands(mesh, groups)
    places = hair.points[:, 2:].reshape(-1, 3)
    # Further off the nearest skin no longer tells inside from outside: the skull's hull does.
    height, _ = skin_cloud(mesh).depth(places)
    assert ((height < -0.001) & (height > -0.03)).mean() < 0.003
    deep = skull_hull(mesh)(places) - np.linalg.norm(places - CENTER, axis=1)
    assert (deep[places[:, 1] > 0.0] < 0.015).all()
    # The eyes, nose and mouth stay free.
    features = mesh.vertices[mesh.landmarks68[27:68]].astype(np.float64)
    ends = hair.points[:, 1:].reshape(-1, 3)
    before = ends[(ends[:, 2] > 0.0) & (np.abs(ends[:, 0]) < 0.03)]
    assert (before[:, 1] < features[9:21, 1].max() + 0.002).mean() < 0.02 if len(before) else True


def check_strands(mesh, groups) -> None:
    for group in groups.values():
        count, steps, _ = group.points.shape
        assert group.radius.shape == (count, steps) and (group.radius > 0).all()
        assert np.isfinite(group.points).all() and np.isfinite(group.color).all()
        assert (group.color > 0).all() and (group.color < 1).all()
        np.testing.assert_allclose(group.barycentric.sum(1), 1.0, atol=1e-5)
        root = np.einsum(
            "sk,skc->sc", group.barycentric, mesh.vertices[mesh.triangles[group.triangle]]
        )
        away = np.linalg.norm(root - group.points[:, 0], axis=1)
        assert np.percentile(away, 99) < 0.0015


@NEEDS_DATA
def test_bald_persons_have_no_hair_and_styles_differ_in_length(model: ict.IctModel):
    lengths = {}
    for style in ("buzz", "side_part", "long"):
        identity = a_person(style, seed=6)
        points = groom(build_mesh(model, identity), model, identity)["hair"].points
        lengths[style] = np.median(np.linalg.norm(np.diff(points, axis=1), axis=2).sum(1))
    assert lengths["buzz"] < 0.02 < lengths["side_part"] < 0.12 < 0.2 < lengths["long"]
    bald = a_person("bald")
    assert "hair" not in groom(build_mesh(model, bald), model, bald)


@NEEDS_DATA
@pytest.mark.parametrize("kind", KINDS)
def test_beards_grow_on_the_lower_face_and_follow_the_jaw(model: ict.IctModel, kind: str):
    identity = a_person("buzz", sex="male", has_beard=kind)
    mesh = build_mesh(model, identity)
    beard = groom(mesh, model, identity)["beard"]
    check_strands(mesh, {"beard": beard})
    marks = mesh.vertices[mesh.landmarks68]
    roots = beard.points[:, 0]
    assert (roots[:, 1] < marks[33, 1] + 0.004).mean() > (0.7 if kind != "moustache" else 0.95)
    assert (np.abs(roots[:, 0]) < 0.09).all() and len(roots) > 300
    inside_lips = (
        (roots[:, 1] < marks[62, 1] + 0.002)
        & (roots[:, 1] > marks[66, 1] - 0.002)
        & (np.abs(roots[:, 0]) < 0.6 * marks[54, 0])
        & (roots[:, 2] > marks[54, 2])
    )
    assert not inside_lips.any()
    jaw = [mesh.controls[index] for index in (24, 17)]
    opened = mesh.vertices + max(jaw, key=lambda c: np.abs(c[mesh.landmarks68[8]]).sum())
    carried = beard.carried(mesh.vertices[mesh.triangles], opened[mesh.triangles])
    moved = carried.points[:, 0] - roots
    chin = roots[:, 1] < marks[57, 1] - 0.008
    if kind != "moustache":
        assert np.linalg.norm(moved[chin], axis=1).mean() > 0.005
    assert beard_look(replace(identity, has_beard="none")) is None


@NEEDS_DATA
def test_dome_light_darkens_what_lies_deep_and_keeps_the_order_of_colours(model: ict.IctModel):
    means = []
    for pigment in (0.3, 1.3, 8.0):
        identity = a_person("bob", hair_eumelanin=pigment)
        mesh = build_mesh(model, identity)
        groups = groom(mesh, model, identity)
        lit = light_strands(groups, mesh, DOME_RIG)
        assert set(lit) == set(groups)
        for group in lit.values():
            assert np.isfinite(group.color).all() and (group.color > 0).all()
        means.append(lit["hair"].color.mean())
        share = lit["hair"].color / groups["hair"].color ** 0.559
        out = np.linalg.norm(groups["hair"].points - np.array([0.0, 0.01, -0.07]), axis=2)
        top = groups["hair"].points[..., 1] > 0.06
        low, high = np.percentile(out[top], [20, 80])
        assert share[top & (out > high)].mean() > 1.15 * share[top & (out < low)].mean()
    assert means[0] > 1.5 * means[1] > 1.5 * means[2]
