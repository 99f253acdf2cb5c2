"""`personalize --motion personal`: learnt from the film's sound, or refused before an hour of fitting."""

import functools
import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("scipy", reason="needs scipy")
pytest.importorskip("av", reason="needs PyAV")

from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.training import personalize  # noqa: E402
from gaussian_heads.training.personalization import motion  # noqa: E402

from .talking_films import FOCAL_PX, film, talking_frames  # noqa: E402

pytestmark = pytest.mark.usefixtures("signals")


def test_a_manner_of_speaking_from_the_sound(tmp_path, capsys, monkeypatch):
    few = functools.partial(motion.MotionSettings, steps=40, picture_steps=8, check_steps=10)
    monkeypatch.setattr(motion, "MotionSettings", few)
    path = film(tmp_path / "talks.mp4", talking_frames(np.arange(56) / 25), has_sound=True)
    out = tmp_path / "talks.uhap"
    words = [str(path), "--out", str(out), "--synthetic", "--steps", "0", "--focal-px", FOCAL_PX]
    assert personalize.main([*map(str, words), "--motion", "personal"]) == 0, capsys.readouterr()
    record = json.loads(out.with_suffix(".json").read_text("utf8"))
    assert record["motion"]["scores"]["personal_mm"] > 0
    assert record["guess"]["focal_px"] == pytest.approx(FOCAL_PX, rel=0.1)
    avatar = Avatar.open(out, threads=1)
    assert avatar.motion_dim > 0 and avatar.motion is not None
    code = np.zeros(avatar.code_dim + avatar.motion_dim, np.float32)
    at_rest, code[avatar.code_dim :] = avatar.decode(code[: avatar.code_dim]).means, 1.0
    moved_m = np.linalg.norm(avatar.decode(code).means - at_rest, axis=1)
    assert 1e-5 < moved_m.max() < 0.02


def test_silence_teaches_no_manner_of_speaking(tmp_path, capsys):
    """It is said before anything is fitted."""
    frames = talking_frames(np.arange(38) / 25)
    quiet = (np.zeros(38 * 640, np.float32), 16_000)
    path = film(tmp_path / "quiet.mp4", frames, speech=quiet)
    words = [str(path), "--out", str(tmp_path / "me.uhap"), "--synthetic", "--steps", "900"]
    assert personalize.main([*words, "--motion", "personal"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert "0 frames of the video show the person speaking" in said[-1]
    assert "leave out --motion personal" in said[-1] and not any(
        "Traceback" in line for line in said
    )
    assert not (tmp_path / "me.uhap").exists()
    assert not list((tmp_path / "me.work").glob("fit*/fit.checkpoint.pt"))
