"""The sheet of random persons: who is on it, and that finished pictures are kept."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("scipy", reason="the sheet needs the training extra")

from gaussian_heads.training.capture import persons_sheet


def test_seeds_are_different_persons_for_training_and_follow_the_draw():
    seeds = persons_sheet.draw_seeds(24, 4)
    assert len(set(seeds)) == 24 and seeds == sorted(seeds)
    assert 0 <= seeds[0] and seeds[-1] < 1000
    assert seeds == persons_sheet.draw_seeds(24, 4) != persons_sheet.draw_seeds(24, 5)


def test_finished_pictures_fill_the_rows_of_the_sheet(tmp_path, capsys):
    data = tmp_path / "data/head/ict_facekit"
    data.mkdir(parents=True)
    (data / "ict_facekit_light.npz").touch()
    seeds = persons_sheet.draw_seeds(9, 4)
    for number, seed in enumerate(seeds):
        picture = np.full((64, 64, 4), (20 * number, 0, 0, 255), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"s{seed:04d}.png")
    out = tmp_path / "sheets/sheet.png"
    words = ["--out", str(out), "--work", str(tmp_path), "--data", str(tmp_path / "data")]
    assert persons_sheet.main([*words, "--count", "9"]) == 0
    assert f"seeds {seeds[0]}, {seeds[1]}" in capsys.readouterr().out
    sheet = np.array(Image.open(out))
    side = persons_sheet.SHOWN_PX
    assert sheet.shape == (2 * side, 8 * side, 3)
    assert tuple(sheet[side // 2, side * 7 + side // 2]) == (140, 0, 0)
    assert tuple(sheet[side + side // 2, side // 2]) == (160, 0, 0)


def test_a_missing_data_folder_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("GAUSSIAN_HEADS_DATA", raising=False)
    words = ["--out", str(tmp_path / "sheet.jpg"), "--work", str(tmp_path / "work")]
    assert persons_sheet.main([*words, "--data", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "sheet.jpg").exists()
