"""ARKit weights of very many expressions, for the monocular encoder's pictures: no meshes, only what faces do.

    python -m gaussian_heads.training.capture.expression_bank --out build/monocular/expressions.npz

Speech, captured motion, gaze and blinks, combinations, emotions, single controls; and looks and blinks to put
on top of others. Needs no Blender.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy as np

from ...core.errors import GaussianHeadsError
from ...core.files import replace_on_success
from ...core.spaces import arkit_vector
from .performance import range_of_motion
from .performance_limits import plausible
from .performance_mixes import combination, emotion, gaze, look, uneven
from .performance_motion import MotionPool
from .sources import Sources, find_sources

logger = logging.getLogger(__name__)
# Shares of the kinds; what the data folder does not have goes to the others.
SHARES = {
    "speech": 0.46,
    "gaze": 0.2,
    "combination": 0.14,
    "emotion": 0.1,
    "captured": 0.05,
    "range": 0.05,
}
LOOK_SHARE, BLINK_SHARE, JAW_SHARE = 0.35, 0.22, 0.15


def expression_bank(sources: Sources, count: int, seed: int) -> np.ndarray:
    """ARKit weights `[about count, 52]`."""
    rng = np.random.default_rng(seed)
    motion = MotionPool(sources)
    makers = {
        "speech": lambda: motion.speech(rng, False),
        "captured": lambda: motion.captured(rng, False),
        "gaze": lambda: gaze(rng),
        "combination": lambda: combination(rng),
        "emotion": lambda: emotion(rng, False),
        "range": lambda: range_of_motion(int(rng.integers(1 << 12)), rng),
    }
    shares = {kind: s for kind, s in SHARES.items() if motion.available.get(kind, True)}
    rows = []
    for kind, share in shares.items():
        for _ in range(max(round(count * share / sum(shares.values())), 1)):
            # Faces rest and move a little more often than they are seen at their utmost.
            strength = np.float32(rng.uniform(0.25, 1.1) if rng.random() < 0.5 else 1.0)
            rows.append(plausible(strength * makers[kind]()))
    return np.stack(rows)


def additions(count: int, seed: int) -> np.ndarray:
    """ARKit weights `[count, 52]` to put on top: nothing, a look, a blink, a jaw that hangs a little."""
    rng = np.random.default_rng([seed, 1])
    rows = []
    for _ in range(count):
        added = np.zeros(52, np.float32)
        if rng.random() < LOOK_SHARE:
            added = np.maximum(added, np.float32(rng.uniform(0.2, 1.0)) * look(rng))
        if rng.random() < BLINK_SHARE:
            blink = arkit_vector({"eyeBlink": float(rng.uniform(0.1, 1.0))})
            added = np.maximum(added, uneven(blink, rng, 0.1))
        if rng.random() < JAW_SHARE:
            added = added + arkit_vector({"jawOpen": float(rng.uniform(0.02, 0.3))})
        rows.append(added)
    return np.stack(rows)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the .npz to write")
    parser.add_argument("--data", type=Path, help="data folder (default: GAUSSIAN_HEADS_DATA)")
    parser.add_argument("--count", type=int, default=7200)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        weights = expression_bank(find_sources(options.data), options.count, options.seed)
        added = additions(options.count, options.seed)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with replace_on_success(options.out) as temporary:
        np.savez_compressed(temporary, weights=weights, additions=added)
    logger.info("%s: %d expressions", options.out, len(weights))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
