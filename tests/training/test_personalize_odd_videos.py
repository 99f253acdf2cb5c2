"""Films as phones and careless people make them: turned, with a wandering clock, in 4K, of two people."""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("scipy", reason="needs scipy")
pytest.importorskip("av", reason="needs PyAV")

from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.core.monocular.encoded import EncodedVideo  # noqa: E402

from .talking_films import film, personalized, talking_frames, turn_rad, wall  # noqa: E402

# Pixels between the eyes' middle and the mouth that a face looking up at 256 pixels has at least.
UPRIGHT_PX = 20
YAW = 1


def phone_times_sec():
    """About 15 frames a second, none of them where a clock would have them, and a pause."""
    rng = np.random.default_rng(4)
    times = np.cumsum(np.r_[0.0, 1 / 15 + 0.012 * rng.uniform(-1, 1, 27)])
    return np.round(times + 0.2 * (np.arange(28) >= 16), 3)


def made(out):
    """The package, which opens and draws finite numbers, and what was read on the way."""
    avatar = Avatar.open(out, threads=1)
    head = avatar.decode(np.zeros(avatar.code_dim, np.float32))
    assert len(head.means) > 10_000 and np.isfinite(head.means).all()
    assert not list(out.parent.glob(".*")) and out.with_suffix(".report.html").is_file()
    return avatar, EncodedVideo.load(out.with_suffix(".work") / "encode" / "encoded.npz")


def lag_sec(encoded, rows):
    """How much later the read turns of the head come than they were filmed; who stands aside is seen from aside."""
    times, read = encoded.times_sec[rows], encoded.head_rotation[rows, YAW]
    lags = np.arange(-0.12, 0.1201, 0.005)
    unlike = [np.std(read - turn_rad(times - lag)) for lag in lags]
    return lags[int(np.argmin(unlike))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module")
def portrait(folder):
    """What phones write: pictures that lie on their side, and a tag that says so; a clock that wanders."""
    times = phone_times_sec()
    above = wall(1, height=64)[0]
    upright = [np.concatenate([above, pixels]) for pixels in talking_frames(times)]
    frames = [np.rot90(pixels, -1) for pixels in upright]
    ticks_ms = [round(1000 * time_sec) for time_sec in times]
    path = folder / "phone.mp4"
    film(path, frames, ticks_ms=ticks_ms, rotation_deg=90, has_sound=True)
    done = personalized(path, "--out", folder / "phone.uhap", "--synthetic", "--steps", 0)
    assert done.returncode == 0, done.stderr
    return folder / "phone.uhap"


def test_a_turned_film_is_read_upright(portrait):
    _, encoded = made(portrait)
    assert (encoded.camera.width, encoded.camera.height) == (256, 320)
    eyes, mouth = (encoded.landmarks_px[:, part].mean(axis=(0, 1)) for part in ((36, 45), (48, 54)))
    assert mouth[1] - eyes[1] > UPRIGHT_PX and abs(mouth[0] - eyes[0]) < 5
    assert encoded.is_present.all()


def test_a_wandering_clock_is_followed(portrait):
    _, encoded = made(portrait)
    last_sec = phone_times_sec()[-1]
    steps = np.diff(encoded.times_sec)
    assert np.allclose(steps, 1 / 15) and abs(encoded.times_sec[-1] - last_sec) < 1 / 15
    before, after = encoded.times_sec < 0.95, encoded.times_sec > 1.35
    # By their numbers, frames after the pause would come 0.2 s too early.
    assert abs(lag_sec(encoded, before)) < 0.05 and abs(lag_sec(encoded, after)) < 0.05


def test_a_bad_film_in_the_same_work_folder_costs_nothing(portrait):
    """Neither the package nor what it was made from is lost, and the same command has nothing to do."""
    before, stages = portrait.read_bytes(), stages_of(portrait)
    short = film(portrait.parent / "short.mp4", wall(5))
    words = ("--out", portrait, "--synthetic", "--steps", 0)
    done = personalized(short, *words)
    assert done.returncode == 1 and "lasts only" in done.stderr.splitlines()[-1]
    assert portrait.read_bytes() == before
    again = personalized(portrait.with_suffix(".mp4"), *words)
    assert again.returncode == 0 and portrait.read_bytes() == before
    assert len(stages) == 8 and stages_of(portrait) == stages


def stages_of(out):
    """When every finished stage was made."""
    records = out.with_suffix(".work").glob("*/stage.json")
    return {p: p.stat().st_mtime_ns for p in records if not p.parent.name.endswith(".partial")}


def two_in_4k(left, right):
    """3840 x 2160, each head four times as large as it was drawn, half a picture apart."""
    for pair in zip(left, right, strict=True):
        picture = np.broadcast_to(wall(1, 1, 1)[0], (2160, 3840, 3)).copy()
        for pixels, x in zip(pair, (200, 2400), strict=True):
            picture[600:1624, x : x + 1024] = pixels.repeat(4, axis=0).repeat(4, axis=1)
        yield picture


def test_one_of_two_people_in_4k_over_the_work_of_another_film(portrait):
    """The left one is made, within the memory that a small film takes, from nothing that was there before."""
    ticks_ms = [round(1000 * k / 15) for k in range(25)]
    out, path = portrait.with_name("left.uhap"), portrait.with_name("large.mp4")
    frames = talking_frames(np.array(ticks_ms) / 1000)
    pictures = two_in_4k(frames, [pixels[:, ::-1] for pixels in frames])
    film(path, pictures, size=(3840, 2160), ticks_ms=ticks_ms)
    shutil.copytree(portrait.with_suffix(".work"), out.with_suffix(".work"))
    words = ("--out", out, "--name", "Left", "--consent", "I am Maya and agree", "--steps", 0)
    done = personalized(path, *words, "--face", "left", "--json-progress")
    assert done.returncode == 0, done.stderr
    avatar, encoded = made(out)
    assert avatar.name == "Left" and "I am Maya" in avatar.manifest.info.provenance.consent
    assert (encoded.camera.width, encoded.camera.height) == (3840, 2160)
    middle = encoded.landmarks_px.mean(axis=(0, 1))
    assert abs(middle[0] - 712) < 100 and abs(middle[1] - 1112) < 150
    assert abs(lag_sec(encoded, encoded.is_present)) < 0.05
    assert any("More than one face" in note and "left" in note for note in encoded.notes)
    stages = [json.loads(line) for line in done.stdout.splitlines()]
    assert stages[-1]["stage"] == "report" and stages[-1]["share"] == 1.0
    assert list(dict.fromkeys(told["stage"] for told in stages)) == stages[0]["of"]
    small, large = (peak_mb(path) for path in (portrait, out))
    # All of it at its own size would take 620 MB, and as much again for each time it is read.
    assert large < small + 300


def peak_mb(out):
    return json.loads(out.with_suffix(".json").read_text("utf8"))["measured"]["peak_memory_mb"]
