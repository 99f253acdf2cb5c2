"""The figures of the diffusion portrait, on clips made by hand."""

import json
from dataclasses import asdict

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from gaussian_heads.training import evaluate_portrait  # noqa: E402
from gaussian_heads.training.evaluate_portrait import figures_of, open_clip  # noqa: E402
from gaussian_heads.training.networks.portrait import PortraitNetwork  # noqa: E402

from .portrait_fixtures import SMALL, write_clips  # noqa: E402


@pytest.fixture
def clips(tmp_path):
    return write_clips(tmp_path)


def test_the_truth_scores_best_and_a_flash_is_flicker(clips):
    film = open_clip(clips / "clip-00000.npy", None)
    best = figures_of([film], [film.wanted], 0.0)
    assert best.psnr_db > 100 and best.ssim == pytest.approx(1.0) and best.flicker == 0.0
    flashing = film.wanted.copy()
    flashing[::2] = np.clip(flashing[::2] + 0.1, 0, 2)
    worse = figures_of([film], [flashing], 0.0)
    assert worse.flicker == pytest.approx(25.5, rel=0.01)
    assert worse.psnr_db == pytest.approx((20.0 + best.psnr_db) / 2, abs=0.1)


def test_the_command_prints_and_writes_every_way(clips, tmp_path, capsys):
    network = PortraitNetwork(SMALL)
    average = {f"module.{name}": value for name, value in network.state_dict().items()}
    state = {"average": average, "settings": {"network": asdict(SMALL)}, "step": 1}
    torch.save(state, tmp_path / "checkpoint.pt")
    words = ["--clips", str(clips), "--json", str(tmp_path / "figures.json"), "--steps", "1", "2"]
    assert evaluate_portrait.main([*words, "--runs", f"mine={tmp_path / 'checkpoint.pt'}"]) == 0
    found = json.loads((tmp_path / "figures.json").read_text("utf8"))
    assert list(found) == ["photo", "warp", "mine, 1 steps", "mine, 2 steps"]
    # An untrained network gives the warped photo.
    assert found["mine, 2 steps"]["psnr_db"] == pytest.approx(found["warp"]["psnr_db"], abs=1e-3)
    assert "| mine, 1 steps |" in capsys.readouterr().out


def test_no_clips_are_one_sentence(tmp_path, capsys):
    assert evaluate_portrait.main(["--clips", str(tmp_path)]) == 1
    assert "portrait_clips" in capsys.readouterr().err
