"""Action Units written in OpenFace's layout."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from gaussian_heads.core.exporters.action_units import write_action_units
from gaussian_heads.core.importers.action_units import read_action_units
from gaussian_heads.core.spaces import ACTION_UNITS


def _random_units(count):
    return np.random.default_rng(4).uniform(0, 5, (count, 18)).astype(np.float32)


def test_what_is_written_reads_back(tmp_path):
    units, times_sec = _random_units(40), 1.5 + np.arange(40) / 30
    write_action_units(tmp_path / "u.csv", times_sec, units)
    table = read_action_units(tmp_path / "u.csv")
    np.testing.assert_allclose(table.times_sec, times_sec, atol=1e-6)
    np.testing.assert_allclose(table.intensities, units, atol=5.1e-4)
    assert table.present == ACTION_UNITS and table.notes == ()
    assert table.direction().fps == 30


def test_layout_is_that_of_openface(tmp_path):
    units = np.zeros((2, 18), np.float32)
    units[1, ACTION_UNITS.index("AU12")] = 2.25
    write_action_units(
        tmp_path / "u.csv",
        np.array([0.0, 0.04]),
        units,
        confidence=np.array([0.0, 0.98], np.float32),
        is_present=np.array([False, True]),
    )
    with (tmp_path / "u.csv").open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert list(first)[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]
    assert (first["frame"], first["success"], second["success"]) == ("1", "0", "1")
    assert (second["AU12_r"], second["AU12_c"], second["AU01_c"]) == ("2.250", "1", "0")
    assert float(second["timestamp"]) == pytest.approx(0.04)
    table = read_action_units(tmp_path / "u.csv")
    assert table.notes == ("The face was not seen well in 1 of 2 frames; they were bridged.",)
