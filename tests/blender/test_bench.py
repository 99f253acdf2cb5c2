"""The bench command: every key that programs rely on, and a reason for what does not work."""

import json

import pytest
from gaussian_heads.blender.bench import measure_machine
from gaussian_heads.blender.cli import main
from gaussian_heads.blender.long_speech import LongSpeechFigures
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import RenderError
from gaussian_heads.core.render import registry


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("gaussian_heads.blender.bench.MAX_SEC", 0.05)


def test_json_has_one_set_of_keys_per_backend_that_works(avatar_file, quick, capsys):
    words = ["bench", "--json", "--avatar", str(avatar_file), "--backends", "cpu", "reference"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["num_gaussians"] == 600 and report["unavailable"] == {}
    assert 0 < report["decode_ms"] < 1000 and report["speech_x_realtime"] > 1
    for name in ("cpu", "reference"):
        frame_ms = 1e3 / report[f"live_fps_512_{name}"]
        assert report[f"draw_ms_512_{name}"] > 0
        assert frame_ms > 0.5 * (report[f"draw_ms_512_{name}"] + report["decode_ms"])


def test_a_backend_that_does_not_work_is_named_with_its_reason(avatar_file, quick, monkeypatch):
    def refuse(*arguments):
        raise RenderError("There is no driver: install one.")

    monkeypatch.setitem(registry._registered, "gpu", registry.Backend(refuse, lambda: True))
    avatar = Avatar.open(avatar_file)
    figures = measure_machine(avatar, lambda done: None, ["cpu", "gpu"])
    assert figures.refusals == {"gpu": "There is no driver: install one."}
    assert list(figures.backends) == ["cpu"]
    assert "There is no driver" in figures.as_text() and "600 Gaussians" in figures.as_text()
    with pytest.raises(RenderError, match="no driver"):
        measure_machine(avatar, lambda done: None, ["gpu"])


def test_a_long_sound_is_measured_stage_by_stage(avatar_file, quick, capsys):
    words = ["bench", "--json", "--avatar", str(avatar_file), "--backends", "cpu"]
    assert main([*words, "--speech-minutes", "0.5"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["speech_long_minutes"] == 0.5 and report["speech_x_realtime"] > 0
    stages = [
        report[f"speech_long_sec_{name}"] for name in ("decoding", "network", "prosody", "sampling")
    ]
    assert min(stages) >= 0 and report["speech_long_peak_mb"] > 50
    assert report["speech_long_x_realtime"] == pytest.approx(30 / sum(stages), rel=0.1)
    assert main(words[:1] + ["--speech-minutes", "0"]) == 1
    assert "more than 0" in capsys.readouterr().err


def test_a_long_sound_speaks_for_people_too():
    stages = {"decoding": 2.0, "network": 10.0, "prosody": 5.0, "sampling": 3.0}
    text = LongSpeechFigures(60.0, stages, 800.4).as_text()
    assert "180 times" in text and "network 10.0 s" in text and "800 MB" in text
