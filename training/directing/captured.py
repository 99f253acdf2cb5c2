"""Captured faces: what directions look like in life, and how smooth a motion is that somebody really made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ...core.errors import TrackError
from ...core.spaces import ARKIT_BLENDSHAPES
from ..speech_captured import CAPTURED

WHOLE_HZ = 30.0


def captured_whole(data: Path) -> np.ndarray:
    """ARKit weights `[T, 52]` at 30 Hz of a whole face that speaks and listens (LAM's sample, no sound)."""
    path = data / "speech" / "lam_expression" / "test_expression_1s.json"
    if not path.is_file():
        raise TrackError(f"There is no captured face '{path}': complete the data.")
    recorded = json.loads(path.read_text("utf8"))
    names = recorded["names"]
    rows = np.array([frame["weights"] for frame in recorded["frames"]], np.float32)
    weights = np.zeros((len(rows), len(ARKIT_BLENDSHAPES)), np.float32)
    known = [index for index, name in enumerate(ARKIT_BLENDSHAPES) if name in names]
    weights[:, known] = rows[:, [names.index(ARKIT_BLENDSHAPES[index]) for index in known]]
    return weights


def captured_mouths(data: Path) -> dict[str, tuple[np.ndarray, Path]]:
    """ARKit weights `[T, 52]` at 30 Hz of the mouth of an actor who speaks (FACEGOOD), and his sound, by clip."""
    folder = data / "speech" / CAPTURED
    path, suffix = folder / "arkit_30fps.npz", "_arkit_plus_oh_oo"
    if not path.is_file():
        raise TrackError(f"There is no captured mouth '{path}': complete the data.")
    with np.load(path) as tracks:
        names = sorted(key.removesuffix(suffix) for key in tracks if key.endswith(suffix))
        return {
            name: (tracks[name + suffix].astype(np.float32), folder / "paired" / f"{name}.flac")
            for name in names
        }
