"""Every option and every kind of input of `personalize`, from the command to a package that opens."""

import json
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("scipy", reason="needs scipy")
pytest.importorskip("av", reason="needs PyAV")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow")

from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.training import personalize  # noqa: E402
from gaussian_heads.training.calibrated_images import CalibratedImage, save_images  # noqa: E402
from gaussian_heads.training.personalization import pipeline  # noqa: E402
from gaussian_heads.training.prior_file import load_prior  # noqa: E402
from gaussian_heads.training.prior_identity import load_identity  # noqa: E402

from .talking_films import (  # noqa: E402
    FOCAL_PX,
    WALL,
    before_wall,
    camera_at,
    film,
    pictured,
    spoken_codes,
    talking_frames,
)

pytestmark = pytest.mark.usefixtures("signals")

TURNS_RAD = (-0.5, 0.0, 0.5)
# Brows, nose, eyes and mouth of the 68 landmarks.
FACE = slice(17, 68)


@pytest.fixture
def make(tmp_path, capsys):
    """Run the command to its end; the package, and its record."""

    def run(*words, steps=("--steps", 0)):
        out = tmp_path / "made.uhap"
        words = [*words, "--out", out, "--synthetic", *steps]
        code = personalize.main([str(word) for word in words])
        said = capsys.readouterr().err
        assert code == 0, said
        assert not [path for path in tmp_path.rglob(".*")]
        return Avatar.open(out, threads=1), json.loads(out.with_suffix(".json").read_text("utf8"))

    return run


def still(turn_rad=0.0):
    """A head at rest, seen from so far to its left."""
    avatar, _ = spoken_codes("maya")
    rest = avatar.decode(np.zeros(avatar.code_dim, np.float32))
    return pictured(rest, camera_at(turn_rad))


def eye_distance_mm(points):
    left, right = (points[part].mean(axis=0) for part in (slice(36, 42), slice(42, 48)))
    return 1e3 * np.linalg.norm(left - right)


def resting_landmarks(avatar):
    return avatar.landmarks(np.zeros(avatar.code_dim, np.float32))


def test_photos_in_the_time_that_is_given(tmp_path, make, monkeypatch):
    """One of them lies on its side, as cameras write them; somebody is left out who shows no face."""
    monkeypatch.setattr(pipeline, "TRIAL_STEPS", 2)
    monkeypatch.setattr(pipeline, "FEWEST_STEPS", 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, turn in enumerate(TURNS_RAD):
        image = Image.fromarray(before_wall(still(turn)))
        if number == 1:
            image = image.rotate(90, expand=True)
        image.save(tmp_path / f"{number}.jpg", quality=95, exif=exif if number == 1 else b"")
    Image.new("RGB", (64, 64), tuple(int(c) for c in WALL)).save(tmp_path / "wall.png")
    avatar, record = make(tmp_path, steps=("--minutes", 1e-3))
    assert record["read"] == {"kind": "photos", "pictures": 4}
    assert record["encode"]["pictures"] == [0, 1, 2] and "wall.png" in record["encode"]["notes"][0]
    assert record["fit"]["steps"] == 3 and avatar.code_dim == 64
    assert "4 photos" in avatar.manifest.info.provenance.source


def test_pictures_with_known_cameras_give_the_size(tmp_path, make):
    views = [
        CalibratedImage(f"view_{number}", still(turn), camera_at(turn))
        for number, turn in enumerate(TURNS_RAD)
    ]
    save_images(tmp_path / "views", views)
    avatar, record = make(tmp_path / "views")
    assert record["read"]["kind"] == "calibrated" and record["guess"]["frames_fitted"] == 3
    assert record["guess"]["focal_px"] == pytest.approx(FOCAL_PX, rel=1e-3)
    true = eye_distance_mm(resting_landmarks(spoken_codes("maya")[0]))
    assert eye_distance_mm(resting_landmarks(avatar)) == pytest.approx(true, abs=2.0)


def test_a_scan_is_the_head_that_comes_out(tmp_path, make):
    prior = load_prior(personalize.PRIOR)
    identity = load_identity(personalize.PRIOR, prior.parts)
    somebody = np.random.default_rng(2).normal(size=len(identity.modes)) * 0.5
    vertices = identity.points(somebody)[: prior.parts.topology.num_vertices]
    (tmp_path / "scan/neutral").mkdir(parents=True)
    np.save(tmp_path / "scan/neutral/vertices.npy", vertices.astype(np.float32))
    Image.new("RGB", (256, 256), (180, 140, 120)).save(tmp_path / "scan/neutral/texture.png")
    avatar, record = make(tmp_path / "scan")
    assert record["read"]["kind"] == "scan" and "report" not in record
    wanted = vertices[prior.parts.topology.landmarks68]
    off_m = np.linalg.norm(resting_landmarks(avatar) - wanted, axis=1)
    # What the prior's network makes of code 0 along the jaw is not quite nothing.
    assert off_m[FACE].max() < 5e-4 and off_m.max() < 2e-3
    face = avatar.decode(np.zeros(avatar.code_dim, np.float32))
    assert np.abs(np.median(face.colors, axis=0) * 255 - (180, 140, 120)).max() < 30


def test_a_tracker_without_its_package_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    (tmp_path / "face.task").write_bytes(b"model")
    path = film(tmp_path / "me.mp4", talking_frames(np.arange(40) / 25))
    words = [str(path), "--out", str(tmp_path / "me.uhap"), "--synthetic", "--json-progress"]
    assert personalize.main([*words, "--tracker", str(tmp_path / "face.task")]) == 1
    assert "pip install mediapipe" in capsys.readouterr().err
