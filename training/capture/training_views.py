"""Cycles pictures that a head is fitted to: other cameras and other expressions than the references.

Held out, and never rendered here: the views front, three_quarter and side of `reference.VIEWS_DEG` with all
that lies within `HELD_OUT_DEG` of them, and the expressions smile, jawOpen, pucker and blink of
`reference.STATES`. The neutral is seen from other cameras.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core.files import replace_on_success
from .cameras import EYES_M, FACE_M, MOUTH_M, TARGET_M, ReferenceQuality, View, camera_around
from .reference import VIEWS_DEG
from .scene import Studio

LOG = logging.getLogger(__name__)
HELD_OUT_DEG = 6.0
# Scattered views are there for shine and hidden sides; detail comes from the others.
SCATTERED_SIZE = 0.75


VIEWS = {
    "left_low": View(14.0, -9.0),
    "right": View(-42.0, 9.0),
    "left": View(52.0, -5.0),
    "right_side": View(-76.0, -3.0),
    "left_side": View(86.0, 7.0),
    "right_near": View(-17.0, 5.0),
    "left_high": View(23.0, 24.0),
    "right_rear": View(-118.0, 8.0),
    "left_rear": View(128.0, 4.0),
    "right_high": View(-32.0, 33.0),
    "right_low": View(-58.0, -14.0),
    "rear": View(177.0, 12.0),
    "above": View(8.0, 55.0),
    "below_left": View(27.0, -33.0),
    "below_right": View(-19.0, -30.0, 1.5, FACE_M),
    "face": View(-9.0, -4.0, 2.1, FACE_M),
    "face_left": View(24.0, 7.0, 2.1, FACE_M),
    "mouth": View(8.0, 3.0, 3.6, MOUTH_M),
    "eyes": View(-12.0, 3.0, 3.0, EYES_M),
}
# Where expressions hardly show, the neutral alone is photographed.
NEUTRAL_ONLY = ("right_rear", "left_rear", "rear", "above", "below_left", "below_right")
BELOW = (("vowel", "below_left"), ("teeth", "below_right"), ("rounded", "below_left"))


def sides(**weights: float) -> dict[str, float]:
    """Controls that have a left and a right, both at the same weight."""
    return {f"{name}{side}": w for name, w in weights.items() for side in ("Left", "Right")}


STATES: dict[str, dict[str, float]] = {
    "neutral": {},
    "laugh": {"jawOpen": 0.35, **sides(mouthSmile=0.7, mouthUpperUp=0.35, cheekSquint=0.6)},
    "vowel": {"jawOpen": 0.6, **sides(mouthStretch=0.4, mouthLowerDown=0.3)},
    "rounded": {"jawOpen": 0.3, "mouthFunnel": 0.75, **sides(eyeLookUp=0.5, eyeWide=0.5)},
    "drowsy": sides(eyeBlink=0.5, eyeLookDown=0.4, mouthFrown=0.4),
    "teeth": {"jawOpen": 0.08, **sides(mouthSmile=0.4, mouthUpperUp=0.7, mouthLowerDown=0.7)},
    "kiss": {"mouthPucker": 0.55, "mouthFunnel": 0.35, "mouthLeft": 0.4, **sides(browDown=0.7)},
    "glance": {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8, "browInnerUp": 0.8, "jawOpen": 0.15},
    "wink": {"eyeBlinkLeft": 1.0, "eyeSquintRight": 0.5, "mouthSmileLeft": 0.8, "mouthRight": 0.3},
    "shut": {"mouthRollLower": 0.4, "mouthRollUpper": 0.3, **sides(eyeBlink=0.88, mouthPress=0.6)},
    "yell": {"jawOpen": 0.95, **sides(mouthUpperUp=0.5, browDown=0.5, noseSneer=0.7)},
    "tongue": {"jawOpen": 0.4, "tongueOut": 0.5, "eyeLookInLeft": 0.6, "eyeLookOutRight": 0.6},
    "doubt": {"mouthShrugLower": 0.7, "mouthRight": 0.4, **sides(mouthFrown=0.5, browOuterUp=0.9)},
}


def scattered_views(count: int) -> dict[str, View]:
    """Views spread evenly over all sides, so that shine is seen from everywhere; every fifth comes near."""
    views: dict[str, View] = {}
    for index in range(4 * count):
        # The plastic sequence: any beginning of it covers the plane evenly.
        turn_share, rise_share = (0.5 + index * np.array([0.7548776662, 0.5698402910])) % 1.0
        turn_deg, rise_deg = -130.0 + 260.0 * turn_share, -14.0 + 50.0 * rise_share
        nearest = min(np.hypot(turn_deg - held_out, rise_deg) for held_out in VIEWS_DEG.values())
        if nearest > HELD_OUT_DEG and len(views) < count:
            near = len(views) % 5 == 4 and abs(turn_deg) < 70.0
            zoom, target = (1.8, FACE_M) if near else (1.0, TARGET_M)
            views[f"s{len(views):02d}"] = View(float(turn_deg), float(rise_deg), zoom, target)
    return views


def plan(num_scattered: int) -> list[tuple[str, str]]:
    """Pairs of state and view; any beginning of it is well spread."""
    frontal = [view for view in VIEWS if view not in NEUTRAL_ONLY]
    states = [state for state in STATES if state != "neutral"]
    pairs = []
    for turn in range(2):
        for i, state in enumerate(states):
            pairs.append((state, frontal[(i + turn * 5) % len(frontal)]))
        pairs += [("neutral", view) for view in list(VIEWS)[turn * 10 : turn * 10 + 10]]
    pairs += BELOW
    everyone = list(STATES)
    return pairs + [
        (everyone[i % len(everyone)], view) for i, view in enumerate(scattered_views(num_scattered))
    ]


def render_training_views(
    studio: Studio, out: Path, quality: ReferenceQuality, num_scattered: int
) -> None:
    """Render the pictures of the plan that the folder lacks; cameras.json names all that may be there."""
    out.mkdir(parents=True, exist_ok=True)
    far = replace(quality, size_px=round(quality.size_px * SCATTERED_SIZE))
    views = {name: (view, quality) for name, view in VIEWS.items()}
    views |= {name: (view, far) for name, view in scattered_views(num_scattered).items()}
    cameras = {
        name: camera_around(view.turn_deg, chosen, view.rise_deg, view.zoom, view.target_m)
        for name, (view, chosen) in views.items()
    }
    record = {
        "views": {n: {"viewmat": v.tolist(), "K": k.tolist()} for n, (v, k) in cameras.items()},
        "states": STATES,
    }
    with replace_on_success(out / "cameras.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1), encoding="utf8")
    # Pictures of one pose share what Cycles has built for it.
    studio.scene.render.use_persistent_data = True
    missing = [
        pair for pair in plan(num_scattered) if not (out / f"{pair[0]}_{pair[1]}.png").is_file()
    ]
    for number, (state, view) in enumerate(missing, start=1):
        started = time.monotonic()
        studio.pose(STATES[state], turns_eyes=True)
        studio.look_from(*cameras[view], views[view][1].size_px)
        with replace_on_success(out / f"{state}_{view}.png") as temporary:
            studio.photograph(str(temporary), quality.samples)
        seconds = time.monotonic() - started
        LOG.info("%d/%d: %s from %s in %.0f s", number, len(missing), state, view, seconds)
