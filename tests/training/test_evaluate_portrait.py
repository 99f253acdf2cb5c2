"""The figures of the diffusion portrait, on clips made by hand."""

import json
from dataclasses import asdict

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from gaussian_heads.training import evaluate_portrait  # noqa: E402
from gaussian_heads.training.networks.portrait import PortraitNetwork  # noqa: E402

from .portrait_fixtures import SMALL, write_clips  # noqa: E402


@pytest.fixture
def clips(tmp_path):
    return write_clips(tmp_path)


def test_the_command_prints_and_writes_every_way(clips, tmp_path, capsys):
    network = PortraitNetwork(SMALL)
    average = {f"module.{name}": value for name, value in network.state_dict().items()}
    state = {"average": average, "settings": {"network": asdict(SMALL)}, "step": 1}
    state["clock"] = {"elapsed_sec": 60.0}
    torch.save(state, tmp_path / "checkpoint.pt")
    words = ["--clips", str(clips), "--json", str(tmp_path / "figures.json"), "--steps", "1", "2"]
    assert evaluate_portrait.main([*words, "--runs", f"mine={tmp_path / 'checkpoint.pt'}"]) == 0
    found = json.loads((tmp_path / "figures.json").read_text("utf8"))
    assert list(found) == ["photo", "warp", "mine, 1 steps", "mine, 2 steps"]
    # An untrained network gives the warped photo.
    mine, warp = (found[name]["likeness"]["psnr_db"] for name in ("mine, 2 steps", "warp"))
    assert mine == pytest.approx(warp, abs=1e-3)
    assert "| mine, 1 steps |" in capsys.readouterr().out


def test_no_clips_are_one_sentence(tmp_path, capsys):
    assert evaluate_portrait.main(["--clips", str(tmp_path)]) == 1
    assert "portrait_clips" in capsys.readouterr().err
