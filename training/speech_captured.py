"""Captured motion of a mouth with its sound: FACEGOOD's actor, ten minutes of Mandarin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..core.audio import SPEECH_RATE_HZ, load_audio
from .networks.speech import FRAME_RATE_HZ

# The captured curves; left and right are equal.
MOTION_COLUMNS = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthPressLeft")
CAPTURED = "facegood_zh"
CAPTURED_HZ = 30.0
# The captured motion comes this much after its sound.
CAPTURED_LATE_SEC = 0.033
CAPTURED_HELD_OUT = "1114_3_15"


def captured_motion(data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(clip, waveform `[S]` at 16 kHz, `MOTION_COLUMNS` `[F, 4]` at 100 Hz) of FACEGOOD, if it is there."""
    folder = data / "speech" / CAPTURED
    if not (folder / "arkit_30fps.npz").exists():
        return
    with np.load(folder / "arkit_30fps.npz") as tracks:
        columns = [str(name) for name in tracks["arkit_names"]]
        chosen = [columns.index(name) for name in MOTION_COLUMNS]
        names = sorted(key.removesuffix("_arkit") for key in tracks if key.endswith("_arkit"))
        for name in names:
            path = folder / "paired" / f"{name}.flac"
            waveform, _ = load_audio(path, target_rate=SPEECH_RATE_HZ)
            # The actor's rig says o and u with shapes of their own: these stand in for both.
            curves = tracks[f"{name}_arkit_plus_oh_oo"][:, chosen]
            frames = np.arange(len(waveform) * FRAME_RATE_HZ // SPEECH_RATE_HZ)
            times_sec = (frames + 0.5) / FRAME_RATE_HZ
            position = (times_sec + CAPTURED_LATE_SEC) * CAPTURED_HZ
            rows = np.arange(len(curves))
            motion = np.stack([np.interp(position, rows, curve) for curve in curves.T], 1)
            yield name, waveform, motion.astype(np.float32)
