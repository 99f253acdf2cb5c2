"""Cycles pictures of the head, strands and all, which the Gaussians are compared with."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from ...core.files import replace_on_success
from .bake_states import both
from .cameras import ReferenceQuality, camera_around
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
