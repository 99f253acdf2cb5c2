"""A film's calmest frame does what the film does."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the comparison needs the training extra (PyTorch, scipy)")
pytest.importorskip("onnx", reason="makes the small networks")

from gaussian_heads.training import reenact_portrait  # noqa: E402

from ..core.tiny_portrait import write_portrait_networks  # noqa: E402
from .talking_films import film, talking_frames, wall  # noqa: E402


@pytest.fixture
def words(tmp_path):
    networks = write_portrait_networks(tmp_path / "networks")
    video, out = tmp_path / "film.mp4", tmp_path / "out"
    return ["--video", str(video), "--out", str(out), "--model", str(networks), "--steps", "1"]


def test_a_film_is_drawn_again_and_compared(words, tmp_path, capsys):
    film(tmp_path / "film.mp4", talking_frames(np.arange(10) / 25))
    assert reenact_portrait.main(words) == 0
    figures = json.loads((tmp_path / "out/figures.json").read_text("utf8"))
    assert figures == json.loads(capsys.readouterr().out)
    assert list(figures) == ["photo", "portrait"]
    assert 15 < figures["photo"]["psnr_db"] < 60 and figures["portrait"]["flicker"] > 0
    with Image.open(tmp_path / "out/sheet.jpg") as sheet:
        assert sheet.size == (6 * 192, 3 * 206)


def test_a_film_of_nobody_is_one_sentence(words, tmp_path, capsys):
    film(tmp_path / "film.mp4", wall(8))
    assert reenact_portrait.main(words) == 1
    said = capsys.readouterr().err
    assert "face" in said and "Traceback" not in said
    assert not (tmp_path / "out/figures.json").exists()
