"""The command `encode`: what a face in a video does, as Action Units in a table."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.blender.cli import main
from gaussian_heads.core.importers.action_units import read_action_units
from gaussian_heads.core.monocular import video
from gaussian_heads.core.monocular.encoded import EncodedVideo
from gaussian_heads.core.monocular.pose import VideoCamera
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_SPACE, arkit_vector

NUM_FRAMES = 30


def encoded(times_sec, codes):
    """A face over frames at 25 fps, straight before the camera; the sixth was not seen."""
    count = len(codes)
    is_present = np.arange(count) != 5
    zeros = {"landmarks_px": (68, 2), "head_rotation": (3,), "gaze_rad": (2, 2), "mouth_mm": (4,)}
    return EncodedVideo(
        fps=Fraction(25),
        times_sec=times_sec,
        codes=codes,
        code_space=ARKIT_SPACE,
        confidence=np.where(is_present, 0.9, 0.0).astype(np.float32),
        is_present=is_present,
        shot=np.zeros(count, np.int32),
        camera=VideoCamera(640, 480, 600.0),
        head_position_m=np.tile([0, 0, 0.6], (count, 1)).astype(np.float32),
        **{name: np.zeros((count, *shape), np.float32) for name, shape in zeros.items()},
    )


@pytest.fixture
def smiling(monkeypatch):
    """`encode_video` sees a face whose smile grows evenly to full, from second 2 of the video on."""
    times_sec = 2.0 + np.arange(NUM_FRAMES) / 25
    smile = arkit_vector({"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0})
    codes = np.linspace(0, 1, NUM_FRAMES, dtype=np.float32)[:, None] * smile
    monkeypatch.setattr(video, "encode_video", lambda *_, **__: encoded(times_sec, codes))


def test_action_units_of_a_video_read_back(tmp_path, smiling, capsys):
    out = tmp_path / "u.csv"
    assert main(["encode", "smile.mp4", "--out", str(out), "--action-units"]) == 0
    assert "30 frames at 25 fps" in capsys.readouterr().out
    table = read_action_units(out)
    np.testing.assert_allclose(table.times_sec, 2.0 + np.arange(NUM_FRAMES) / 25)
    smile = table.intensities[:, ACTION_UNITS.index("AU12")]
    np.testing.assert_allclose(smile, np.linspace(0, 5, NUM_FRAMES), atol=0.01)
    others = np.delete(table.intensities, ACTION_UNITS.index("AU12"), axis=1)
    assert others.max() < 0.05
    assert table.notes == ("The face was not seen well in 1 of 30 frames; they were bridged.",)


def test_without_the_word_the_table_holds_arkit_weights(tmp_path, smiling):
    out = tmp_path / "w.csv"
    assert main(["encode", "smile.mp4", "--out", str(out)]) == 0
    assert "MouthSmileLeft" in out.read_text().split("\n", 1)[0]


def test_action_units_are_no_npz(tmp_path, capsys):
    out = tmp_path / "u.npz"
    assert main(["encode", "smile.mp4", "--out", str(out), "--action-units"]) == 1
    assert "Action Units are written as .csv" in capsys.readouterr().err
    assert not out.exists()
