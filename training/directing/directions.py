"""Directions to learn from: single units, expressions and captured faces, as an animator would key them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...core.direction.expressions import DIRECTED_EXPRESSIONS, direction_units
from ...core.monocular.action_units import action_units_of
from ...core.spaces import ACTION_UNITS
from ...core.spaces.facs import MAX_INTENSITY
from ...core.speech.curves import ease
from .captured import WHOLE_HZ, captured_whole

FRAME_RATE_HZ = 50
# How often a direction is nothing, one unit, one or two expressions, some units, or a captured face.
KINDS = {"plain": 0.12, "single": 0.24, "expression": 0.34, "several": 0.14, "captured": 0.16}
BLINK = ACTION_UNITS.index("AU45")
# An expression is meant as strong as the table has it, or weaker, or stronger.
INTENSITY = (0.3, 1.35)
CAPTURED_GAIN = (0.6, 1.8)
# The six directions of the contact sheet, and the labels that the units are compared with.
EMOTIONS = ("joy", "anger", "sadness", "surprise", "disgust", "fear")


def prototype(name: str, intensity: float = 1.0) -> np.ndarray:
    """Units `[18]` of an expression of the table."""
    units = direction_units(name, intensity)
    return np.array([units.get(unit, 0.0) for unit in ACTION_UNITS], np.float32)


def captured_units(data: Path) -> list[np.ndarray]:
    """Units `[N, 18]` at 50 Hz of captured faces whose upper half moves too."""
    return [_at_50_hz(action_units_of(captured_whole(data)), WHOLE_HZ)]


def _at_50_hz(units: np.ndarray, rate_hz: float) -> np.ndarray:
    times = np.arange(int(len(units) * FRAME_RATE_HZ / rate_hz)) * rate_hz / FRAME_RATE_HZ
    rows = np.arange(len(units))
    return np.stack([np.interp(times, rows, column) for column in units.T], 1).astype(np.float32)


def sample_direction(
    rng: np.random.Generator, num_frames: int, captured: Sequence[np.ndarray]
) -> np.ndarray:
    """Units `[N, 18]` (0 to 5) of one direction at 50 Hz."""
    kind = rng.choice(list(KINDS), p=list(KINDS.values()))
    if kind == "plain":
        return np.zeros((num_frames, len(ACTION_UNITS)), np.float32)
    if kind == "captured" and captured:
        return _captured(rng, num_frames, captured)
    if kind == "expression":
        units = _shape(rng, num_frames) * _some_expression(rng)
        if rng.uniform() < 0.35:
            units = np.maximum(units, _shape(rng, num_frames) * _some_expression(rng))
    else:
        count = 1 if kind == "single" else int(rng.integers(2, 5))
        units = np.zeros((num_frames, len(ACTION_UNITS)))
        for unit in rng.choice(len(ACTION_UNITS), count, replace=False):
            units[:, unit] = _shape(rng, num_frames)[:, 0] * rng.uniform(0.3, MAX_INTENSITY)
    if units[:, BLINK].any() and rng.uniform() < 0.6:
        units[:, BLINK] = _blinks(rng, num_frames)
    return np.clip(units, 0.0, MAX_INTENSITY).astype(np.float32)


def _some_expression(rng: np.random.Generator) -> np.ndarray:
    return prototype(str(rng.choice(DIRECTED_EXPRESSIONS)), rng.uniform(*INTENSITY))


def _shape(rng: np.random.Generator, num_frames: int) -> np.ndarray:
    """Levels from 0 to 1 over time `[N, 1]`: held from end to end, or risen to and fallen from."""
    if rng.uniform() < 0.3:
        return np.ones((num_frames, 1))
    times = np.arange(num_frames) / FRAME_RATE_HZ
    level = float(rng.choice([0.0, rng.uniform(0.2, 1.0)]))
    total = np.full(num_frames, level)
    moment = rng.uniform(-0.5, 1.5)
    while moment < times[-1]:
        length = rng.uniform(0.15, 0.9)
        target = float(rng.choice([0.0, 1.0, rng.uniform(0.1, 1.0)], p=[0.35, 0.3, 0.35]))
        total += (target - level) * ease((times - moment) / length)
        level, moment = target, moment + length + rng.uniform(0.1, 2.0)
    return total[:, None]


def _blinks(rng: np.random.Generator, num_frames: int) -> np.ndarray:
    times, total = np.arange(num_frames) / FRAME_RATE_HZ, np.zeros(num_frames)
    for moment in rng.uniform(0, times[-1], int(rng.integers(1, 5))):
        rise, hold, fall = rng.uniform(0.06, 0.12), rng.uniform(0, 0.08), rng.uniform(0.1, 0.25)
        pulse = ease((times - moment) / rise) - ease((times - moment - rise - hold) / fall)
        total = np.maximum(total, rng.uniform(3.0, 5.0) * pulse)
    return total


def _captured(
    rng: np.random.Generator, num_frames: int, captured: Sequence[np.ndarray]
) -> np.ndarray:
    units = captured[int(rng.integers(len(captured)))]
    speed = rng.uniform(0.7, 1.3)
    begin = rng.uniform(0, max(len(units) - num_frames * speed, 0.0))
    positions = np.clip(begin + np.arange(num_frames) * speed, 0, len(units) - 1)
    rows = np.arange(len(units))
    chosen = np.stack([np.interp(positions, rows, column) for column in units.T], 1)
    return np.clip(chosen * rng.uniform(*CAPTURED_GAIN), 0.0, MAX_INTENSITY).astype(np.float32)


def labelled_direction(rng: np.random.Generator, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Units `[N, 18]` of one emotion over time, and all that a label says of it `[N, 6]`: which, 0 or 5."""
    labels = np.zeros((num_frames, len(EMOTIONS)), np.float32)
    if rng.uniform() < KINDS["plain"]:
        return np.zeros((num_frames, len(ACTION_UNITS)), np.float32), labels
    chosen = int(rng.integers(len(EMOTIONS)))
    shape = _shape(rng, num_frames) * rng.uniform(*INTENSITY)
    labels[:, chosen] = MAX_INTENSITY * (shape[:, 0] > 0.1)
    units = np.clip(shape * prototype(EMOTIONS[chosen]), 0.0, MAX_INTENSITY)
    return units.astype(np.float32), labels
