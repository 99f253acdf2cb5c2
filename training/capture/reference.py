"""Cycles pictures of the head, strands and all, which the Gaussians are compared with."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.camera import look_at
from ...core.files import replace_on_success
from .bake_states import both
from .scene import Studio

LOG = logging.getLogger(__name__)
STATES: dict[str, dict[str, float]] = {
    "neutral": {},
    "smile": both("mouthSmile"),
    "jawOpen": {"jawOpen": 0.8},
    "pucker": {"mouthPucker": 1.0},
    "blink": both("eyeBlink"),
}
VIEWS_DEG = {"front": 0.0, "three_quarter": 35.0, "side": 70.0}
TARGET_M = (0.0, -0.045, -0.055)
DISTANCE_M = 0.95


@dataclass(frozen=True)
class ReferenceQuality:
    """Size and samples of the reference pictures."""

    size_px: int = 512
    samples: int = 24
    focal_sizes: float = 2.55  # focal length in picture widths


def camera_around(
    turn_deg: float,
    quality: ReferenceQuality,
    rise_deg: float = 0.0,
    zoom: float = 1.0,
    target_m: tuple[float, float, float] = TARGET_M,
) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV view matrix [4, 4] and intrinsics [3, 3]; positive turns go to the person's left."""
    turn, rise = np.radians([turn_deg, rise_deg])
    out = np.array([np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)])
    target = np.asarray(target_m)
    place = target + DISTANCE_M * out
    viewmat = look_at(place, target, np.array([0.0, 1.0, 0.0]))
    focal, middle = zoom * quality.focal_sizes * quality.size_px, quality.size_px / 2
    k = np.array([[focal, 0.0, middle], [0.0, focal, middle], [0.0, 0.0, 1.0]])
    return viewmat, k


def render_references(studio: Studio, out: Path, quality: ReferenceQuality) -> None:
    """Render every state from every view that the folder lacks, and write cameras.json."""
    out.mkdir(parents=True, exist_ok=True)
    cameras = {name: camera_around(turn, quality) for name, turn in VIEWS_DEG.items()}
    record = {
        "views": {n: {"viewmat": v.tolist(), "K": k.tolist()} for n, (v, k) in cameras.items()},
        "states": STATES,
    }
    with replace_on_success(out / "cameras.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf8")
    for state, weights in STATES.items():
        missing = [view for view in VIEWS_DEG if not (out / f"{state}_{view}.png").is_file()]
        if missing:
            studio.pose(weights)
        for view in missing:
            started = time.monotonic()
            studio.look_from(*cameras[view], quality.size_px)
            with replace_on_success(out / f"{state}_{view}.png") as temporary:
                studio.photograph(str(temporary), quality.samples)
            LOG.info("rendered %s from %s in %.0f s", state, view, time.monotonic() - started)
