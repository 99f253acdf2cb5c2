"""How the benchmarks make figures of times."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import engine  # noqa: E402
import render  # noqa: E402
import stopwatch  # noqa: E402


def test_what_is_compared_takes_turns():
    ticks = iter(range(1000))
    done = []
    things = {"a": lambda: done.append("a"), "b": lambda: done.append("b")}
    times = stopwatch.take_turns(things, rounds=3, clock=lambda: next(ticks) * 0.2)
    # Two unmeasured calls each, then once a round, since 200 ms are slow.
    assert done == list("abab") + list("ab") * 3
    assert times["a"].fastest_ms == pytest.approx(200) and len(times["b"].all_ms) == 3


def test_goals_say_whether_they_are_met():
    assert (
        render.at_least("gain", 1.7, 1.7).is_met and not render.at_least("gain", 1.69, 1.7).is_met
    )
    assert render.at_most("ratio", 3.0, 3).is_met and not render.at_most("ratio", 3.01, 3).is_met


def test_accuracy_of_a_picture():
    wanted = np.zeros((4, 4, 3), np.float32)
    drawn = wanted.copy()
    drawn[0, 0, 0] = 0.1
    assert render.compare(drawn, wanted) == {"psnr_db": 36.8, "max_error": 0.1}


def test_overhead_is_of_each_frame_s_fastest_round():
    figures = engine.size_figures({
        "engine": [[25.0, 90.0], [80.0, 26.0]],
        "blank": [[10.0, 10.0], [12.0, 99.0]],
        "blank_on_gpu": [[11.0, 13.0], [14.0, 12.0]],
        "work": [[11.0, 10.0], [10.0, 10.0]],
    })  # fmt: skip
    assert figures["frame_ms"]["engine"] == 25.5
    assert figures["overhead"] == 0.275 and figures["met"] is False
    assert figures["overhead_beside_graphics_context"] == pytest.approx(25.5 / 21.5 - 1, abs=1e-3)
