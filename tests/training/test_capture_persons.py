"""Random persons of the studio: valid, human and distinct for any seed."""

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the studio needs the training extra (scipy)")

from gaussian_heads.training.capture import ict
from gaussian_heads.training.capture.ancestry import REGIONS
from gaussian_heads.training.capture.choices import FARTHEST
from gaussian_heads.training.capture.identity import ADA, person
from gaussian_heads.training.capture.lids import margin
from gaussian_heads.training.capture.mesh import PART, build_mesh
from gaussian_heads.training.capture.person_atlas import cache_folder
from gaussian_heads.training.capture.skin_optics import skin_albedo
from gaussian_heads.training.capture.sources import find_sources
from gaussian_heads.training.capture.surfaces import build_surfaces
from gaussian_heads.training.capture.texels import build_texels

DATA = os.environ.get("GAUSSIAN_HEADS_DATA", "")
needs_data = pytest.mark.skipif(
    not (Path(DATA) / "head/ict_facekit/ict_facekit_light.npz").is_file() or not DATA,
    reason="GAUSSIAN_HEADS_DATA does not hold ICT-FaceKit",
)
needs_scan = pytest.mark.skipif(
    not (Path(DATA) / "head/lee_perry_smith/color.jpg").is_file() or not DATA,
    reason="GAUSSIAN_HEADS_DATA does not hold the Lee Perry-Smith scan",
)
SEEDS = (*range(300), 1000, 1007, 9000, 9001, 9042, 123456, 2**40)


@pytest.fixture(scope="module")
def people():
    return [person(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def model():
    return ict.load_model(find_sources(DATA))


@pytest.fixture(scope="module")
def shapes(model, people):
    return [ict.shape_identity(model, someone) for someone in people]


def test_a_seed_is_always_the_same_person():
    assert person(17) == person(17) and person(9000) == person(9000)
    assert person(17) != person(18)


def test_choices_are_plain_numbers_in_range(people):
    for one in people:
        assert one.sex in ("female", "male") and 18.0 <= one.age_years <= 80.0
        assert 0.0 < one.melanin <= 1.0 and 0.5 <= one.haemoglobin <= 1.5
        assert np.abs(one.modes).max() <= FARTHEST + 1e-3
        assert all(0.0 < weight < 0.5 for weight in one.resting.values()), one.resting
        assert 0.0 <= one.hair_grey <= 1.0 and 0.0 <= one.hair_loss <= 1.0
        assert 0.1 <= one.hair_eumelanin <= 8.0 and 0.0 < one.hair_pheomelanin < 2.0
        assert one.sex == "male" or (one.has_beard == "none" and one.painting.stubble == 0.0)
        for item in fields(one.painting):
            value = getattr(one.painting, item.name)
            assert isinstance(value, (int, float, str, tuple)), item.name
            if not isinstance(value, str):
                assert np.isfinite(value).all() and np.min(value) >= 0.0, (item.name, value)


def test_a_crowd_is_mixed(people):
    ages = np.array([one.age_years for one in people])
    grey = np.array([one.hair_grey for one in people])
    men = np.mean([one.sex == "male" for one in people])
    melanin = np.array([one.melanin for one in people])
    assert 0.4 < men < 0.6
    assert (ages < 35).mean() > 0.15 and (ages > 60).mean() > 0.2
    assert grey[ages < 30].max() == 0.0 and grey[ages > 70].mean() > 0.7
    assert (melanin < 0.15).mean() > 0.06 and (melanin > 0.65).mean() > 0.15
    assert len({one.painting.iris for one in people}) == len(people)
    assert {one.has_beard for one in people} == {"none", "stubble", "moustache", "goatee", "beard"}


def test_chances_of_every_region_add_up():
    for name, region in REGIONS.items():
        assert sum(region.hair_texture) == pytest.approx(1.0), name
        assert sum(region.iris) == pytest.approx(1.0), name


def test_melanin_darkens_skin_and_blood_reddens_it():
    shades = skin_albedo(np.linspace(0.0, 1.0, 9), np.ones(9))
    assert (np.diff(shades, axis=0) < 0.0).all()
    assert (shades[:, 0] > shades[:, 1]).all() and (shades[:, 1] > shades[:, 2]).all()
    # From about #cbb7a5 to about #663f28: the range that people have.
    assert 0.5 < shades[0, 0] < 0.7 and shades[-1].max() < 0.16
    pale, flushed = skin_albedo(0.1, 0.6), skin_albedo(0.1, 1.6)
    assert flushed[1] / flushed[0] < 0.85 * pale[1] / pale[0]


@needs_data
def test_lips_meet_and_lids_lie_on_the_eyeballs(model, people, shapes):
    upper = [margin(model, is_left=left, is_upper=True) for left in (True, False)]
    lower = [margin(model, is_left=left, is_upper=False) for left in (True, False)]
    for one, shape in zip(people, shapes, strict=True):
        marks = shape[model.landmarks]
        gaps = marks[[61, 62, 63], 1] - marks[[67, 66, 65], 1]
        assert gaps.min() > 0.0 and gaps.max() < 0.02, (one.name, gaps)
        teeth = shape[ict.vertices_of(model, ict.TEETH)]
        assert teeth[:, 2].max() < marks[[62, 66], 2].max(), one.name
        for side, sclera in enumerate(ict.SCLERAS):
            ball = shape[ict.vertices_of(model, sclera)]
            behind = ball[ball[:, 2] < ball[:, 2].max() - 1.2]
            center, radius = ict.fit_sphere(behind.astype(np.float64))
            assert 1.2 < radius < 1.9, one.name
            rim = np.concatenate([shape[upper[side]], shape[lower[side]]])
            clear = np.linalg.norm(rim - center, axis=1) - radius
            assert clear.min() > 0.04 and clear.max() < 0.9, (one.name, clear.min(), clear.max())
            height = shape[upper[side][6:13], 1].mean() - shape[lower[side][6:13], 1].mean()
            assert 0.3 < height < 1.5, (one.name, height)


@needs_data
def test_faces_are_human_and_distinct(model, people, shapes):
    marks = np.stack([shape[model.landmarks] for shape in shapes])
    eyes = marks[:, 42:48].mean(1) - marks[:, 36:42].mean(1)
    between = np.linalg.norm(eyes, axis=1)
    assert 5.0 < between.min() and between.max() < 8.2
    tall = marks[:, 27, 1] - marks[:, 8, 1]
    assert 8.5 < tall.min() and tall.max() < 14.5
    nose = marks[:, 35, 0] - marks[:, 31, 0]
    mouth = marks[:, 54, 0] - marks[:, 48, 0]
    assert 1.3 < nose.min() and nose.max() < 4.2 and (mouth > 1.2 * nose).all()
    men = np.array([one.sex == "male" for one in people])
    jaw = marks[:, 12, 0] - marks[:, 4, 0]
    assert jaw[men].mean() > jaw[~men].mean() + 0.3
    centered = (marks - marks.mean(1, keepdims=True)).reshape(len(marks), -1)[:120]
    apart = np.linalg.norm(centered[:, None] - centered[None], axis=2) / np.sqrt(68)
    assert (apart + 9.0 * np.eye(len(apart))).min() > 0.08


@needs_data
@pytest.mark.parametrize("seed", [3, 12, 1003, 9000, 9017])
def test_every_head_has_one_topology(model, seed):
    ada, mesh = build_mesh(model, ADA), build_mesh(model, person(seed))
    np.testing.assert_array_equal(mesh.triangles, ada.triangles)
    np.testing.assert_array_equal(mesh.uvs, ada.uvs)
    np.testing.assert_array_equal(mesh.part, ada.part)
    assert mesh.vertices.shape == ada.vertices.shape and mesh.controls.shape == ada.controls.shape
    assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.controls).all()
    assert np.abs(mesh.vertices).max() < 0.5 and np.abs(mesh.controls).max() < 0.06
    # The collar stands around the neck, not in it.
    cloth = mesh.vertices[np.unique(mesh.triangles[mesh.faces_of("garment")])]
    assert 0.04 < np.abs(cloth[cloth[:, 1] > cloth[:, 1].max() - 0.02, 0]).max() < 0.13


@needs_scan
def test_surfaces_show_who_it_is(model, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sources, side = find_sources(DATA), 256
    seen = {}
    # Fair and old, brown, very dark.
    for seed in (8, 6, 2):
        someone = person(seed)
        mesh = build_mesh(model, someone)
        texels = build_texels(mesh, side)
        surfaces = build_surfaces(mesh, texels, someone, sources)
        for name, values in vars(surfaces).items():
            assert values.shape[:2] == (side, side) and np.isfinite(values).all(), name
        assert surfaces.colour.min() > 0.0 and surfaces.colour.max() < 1.0
        assert surfaces.roughness.min() > 0.1 and surfaces.roughness.max() < 1.0
        face = texels.image((texels.part == PART["face"])[:, None])[..., 0]
        seen[seed] = (someone, surfaces.colour[face], surfaces.height[face])
    assert len(list(cache_folder().glob("skin-tone-*.npy"))) == 1
    order = sorted(seen.values(), key=lambda item: item[0].melanin)
    medians = [np.median(colour, axis=0) for _, colour, _ in order]
    assert all((a > b).all() for a, b in zip(medians, medians[1:], strict=False))
    by_age = sorted(seen.values(), key=lambda item: item[0].painting.wrinkles)
    assert by_age[-1][2].std() > by_age[0][2].std()
