"""The spoken clip beside Cycles: which frames, which cameras, and that finished pictures are kept."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("scipy", reason="the sheet needs the training extra")

from gaussian_heads.core.assets import SAMPLE_SENTENCE, builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.training.capture import clip_sheet
from gaussian_heads.training.evaluate_sheet import as_bytes


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return Avatar.open(builtin_avatars()["ada"])


@pytest.fixture(scope="module")
def shots(avatar) -> list[clip_sheet.Shot]:
    return clip_sheet.spoken_clip(SAMPLE_SENTENCE, avatar, 8)


def test_shots_lie_in_order_over_ten_seconds_and_speak(shots):
    times_sec = [shot.time_sec for shot in shots]
    assert times_sec == sorted(times_sec) and times_sec[-1] < clip_sheet.CLIP_SEC
    for number, time_sec in enumerate(times_sec):
        part_sec = clip_sheet.CLIP_SEC / 8
        assert number * part_sec - 0.1 <= time_sec <= (number + 1) * part_sec + 0.1
    jaws = [shot.arkit[ARKIT_INDEX["jawOpen"]] for shot in shots]
    assert max(jaws) > 0.2
    assert len({shot.camera.viewmat.tobytes() for shot in shots}) == len(clip_sheet.TURNS_DEG)


def test_one_shot_shows_a_blink(shots):
    assert sum(shot.arkit[ARKIT_INDEX["eyeBlinkLeft"]] > 0.8 for shot in shots) >= 1


def test_finished_pictures_are_kept_and_compared(shots, avatar, tmp_path, capsys):
    from gaussian_heads.core.render import render

    for index, shot in enumerate(shots):
        gaussians = avatar.decode(shot.code, None)
        drawn = render(
            gaussians, shot.camera, backend="cpu", background=np.full(3, 0.5, np.float32)
        )
        opaque = np.full((*drawn.colors.shape[:2], 1), 255, np.uint8)
        name = f"{shot.time_sec:05.2f}s_{index % len(clip_sheet.TURNS_DEG)}.png"
        Image.fromarray(np.dstack([as_bytes(drawn.colors), opaque])).save(tmp_path / name)
    data = tmp_path / "data/head/ict_facekit"
    data.mkdir(parents=True)
    (data / "ict_facekit_light.npz").touch()
    out = tmp_path / "sheet.jpg"
    words = ["--avatar", str(builtin_avatars()["ada"]), "--seed", "1", "--work", str(tmp_path)]
    words += ["--out", str(out), "--shots", "8", "--side", "64", "--data", str(tmp_path / "data")]
    assert clip_sheet.main(words) == 0
    report = capsys.readouterr().out
    assert report.startswith("8 shots: ") and float(report.split()[2]) > 45.0
    with Image.open(out) as sheet:
        assert sheet.size == (4 * 64, 2 * (2 * 64 + clip_sheet.LABEL_PX))


def test_what_is_missing_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("GAUSSIAN_HEADS_DATA", raising=False)
    words = ["--avatar", str(builtin_avatars()["ada"]), "--seed", "1", "--work", str(tmp_path)]
    assert clip_sheet.main([*words, "--out", str(tmp_path / "a.png")]) == 1
    assert "No data folder" in capsys.readouterr().err
