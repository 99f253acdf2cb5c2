"""What the benchmark of long sounds writes and tells."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

BENCH = Path(__file__).resolve().parents[2] / "bench" / "speech.py"
pytest.importorskip("resource")


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_speech", BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_sound_is_as_long_as_asked_and_never_twice_as_loud(bench, tmp_path):
    bench.write_speech(tmp_path / "s.wav", 0.5, 22_050)
    samples, rate = soundfile.read(tmp_path / "s.wav")
    assert rate == 22_050 and samples.shape == (30 * rate, 2)
    eights = np.abs(samples[: 24 * rate, 0]).reshape(3, -1).max(1)
    assert eights.min() > 0.01 and len(set(eights.round(4))) == 3


def test_the_report_comes_from_a_process_of_its_own(bench, capfd, monkeypatch):
    words = [str(BENCH), "--minutes", "0.1", "--rate", "16000", "--fps", "30", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", words)
    assert bench.main() == 0
    report = json.loads(capfd.readouterr().out)
    assert report["sound_sec"] == 6.0 and report["num_frames"] == 180
    assert report["x_realtime"] > 0 and report["cpu_sec"] > 0
    peaks = list(report["peak_mb"].values())
    assert [*report["peak_mb"]] == ["start", "read", "resampled", "heard", "prosody", "track"]
    assert peaks == sorted(peaks) and 30 < peaks[0] < peaks[-1] < 1500
