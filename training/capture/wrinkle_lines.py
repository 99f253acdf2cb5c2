"""Where faces wrinkle: lines across the pull of the mimic muscles, told from 68 landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline


@dataclass(frozen=True)
class Line:
    """One wrinkle: places [K, 2] seen from the front (m) and depths [K] 0 to 1."""

    points: np.ndarray
    depths: np.ndarray
    breadth: int  # 0 fine, 1 middling, 2 broad


def wrinkle_lines(landmarks: np.ndarray, age: float, rng: np.random.Generator) -> list[Line]:
    """The wrinkles of one face, both sides alike but not the same; `age` is 0 to 1."""
    marks = landmarks[:, :2]
    lines = forehead(marks, age, rng) + frown(marks, age, rng) + neck(marks, age, rng)
    for side in (-1.0, 1.0):
        # Told for the person's left, x > 0, and mirrored.
        for points, depth, breadth, starts in one_side(marks, rng):
            strength = depth * np.clip((age - starts) / (1.0 - starts), 0.0, 1.0)
            strength *= rng.uniform(0.7, 1.2)
            if strength > 0.03:
                wobble = 0.0006 * rng.normal(size=(len(points), 2))
                wobble[:, 1] += rng.normal(0.0, 0.0006)
                lines.append(spline(points + wobble, strength, breadth, (side, 1.0)))
    return lines


def spline(
    points: np.ndarray, depth: float, breadth: int, mirror: tuple[float, float] = (1.0, 1.0)
) -> Line:
    """A smooth line through `points` [K, 2], deepest in its middle."""
    along = np.linspace(0.0, 1.0, len(points))
    steps = np.linspace(0.0, 1.0, 40)
    smooth = CubicSpline(along, points)(steps) * np.array(mirror)
    return Line(smooth, depth * np.sin(np.pi * np.clip(steps, 0.04, 0.96)) ** 0.6, breadth)


def forehead(marks: np.ndarray, age: float, rng: np.random.Generator) -> list[Line]:
    """Level lines above the brows, broken and wavy."""
    lines = []
    brow, width = marks[17:27, 1].max(), 0.040
    for row, height in enumerate(np.linspace(0.011, 0.040, 5)):
        strength = (0.85 - 0.08 * row) * np.clip((age - 0.16) / 0.8, 0.0, 1.0)
        strength *= rng.uniform(0.35, 1.15)
        if strength < 0.04:
            continue
        ends = rng.uniform(0.55, 1.0, 2) * width * (1.0 - 0.06 * row)
        x = np.linspace(-ends[0], ends[1], 9)
        dip = 0.0035 * np.exp(-((x / 0.016) ** 2))
        y = brow + height - dip - 3.2 * x**2 + 0.0006 * rng.normal(size=9)
        lines.append(spline(np.stack([x, y], axis=1), float(strength), 1))
    return lines


def frown(marks: np.ndarray, age: float, rng: np.random.Generator) -> list[Line]:
    """Upright lines between the brows."""
    strength = 0.8 * np.clip((age - 0.2) / 0.8, 0.0, 1.0)
    if strength < 0.04:
        return []
    low = marks[27, 1] + 0.004
    lines = []
    for side in (-1.0, 1.0):
        x = side * np.array([0.0062, 0.0072, 0.0078, 0.0074]) * rng.uniform(0.8, 1.15)
        y = low + np.array([0.0, 0.006, 0.013, 0.020]) * rng.uniform(0.8, 1.1)
        lines.append(spline(np.stack([x, y], axis=1), float(strength * rng.uniform(0.4, 1.1)), 1))
    return lines


def neck(marks: np.ndarray, age: float, rng: np.random.Generator) -> list[Line]:
    """Rings across the throat."""
    lines = []
    for below in (0.035, 0.052):
        strength = rng.uniform(0.05, 0.15) + 0.5 * np.clip((age - 0.2) / 0.8, 0.0, 1.0)
        x = np.linspace(-0.034, 0.034, 9)
        y = marks[8, 1] - below + 4.0 * x**2 + 0.0008 * rng.normal(size=9)
        lines.append(spline(np.stack([x, y], axis=1), float(strength), 2))
    return lines


def one_side(
    marks: np.ndarray, rng: np.random.Generator
) -> list[tuple[np.ndarray, float, int, float]]:
    """Lines of the left half: points [K, 2], depth, breadth and the age from which they show."""
    return [*crows_feet(marks, rng), *below_eye(marks), *around_mouth(marks), *on_lips(marks, rng)]


def crows_feet(marks: np.ndarray, rng: np.random.Generator) -> list:
    """A fan from the outer corner of the eye."""
    corner = marks[45]
    found = []
    for angle in np.radians((38.0, 18.0, 0.0, -20.0, -40.0)) + rng.normal(0.0, 0.06, 5):
        start, reach = 0.0065 + 0.001 * rng.normal(), rng.uniform(0.009, 0.017)
        along = start + np.linspace(0.0, reach, 5)
        bend = angle - 0.25 * np.linspace(0.0, 1.0, 5)
        heading = np.stack([0.72 * np.cos(bend), np.sin(bend)], axis=1)
        found.append((corner + along[:, None] * heading, rng.uniform(0.4, 0.8), 0, 0.14))
    return found


def below_eye(marks: np.ndarray) -> list:
    """The lower edge of the lid's bag, and a fine line above it."""
    inner, outer = marks[42], marks[45]
    middle = marks[[46, 47]].mean(0)
    bag = np.stack(
        [
            inner + (0.000, -0.0045),
            inner + (0.006, -0.0095),
            middle + (0.001, -0.0095),
            outer + (-0.003, -0.0085),
            outer + (0.004, -0.0050),
        ]
    )
    return [(bag, 0.5, 2, 0.25), (bag * 0.45 + 0.55 * (bag + (0.0, 0.0042)), 0.45, 0, 0.2)]


def around_mouth(marks: np.ndarray) -> list:
    """From the wing of the nose past the mouth, and on down beside the chin."""
    wing, corner = marks[35], marks[54]
    nasolabial = np.stack(
        [
            wing + (0.0030, 0.0045),
            wing + (0.0070, 0.0005),
            wing + (0.0120, -0.0080),
            corner + (0.0075, 0.0060),
            corner + (0.0085, -0.0010),
        ]
    )
    marionette = np.stack(
        [
            corner + (0.0020, -0.0020),
            corner + (0.0035, -0.0080),
            corner + (0.0045, -0.0145),
            corner + (0.0040, -0.0200),
        ]
    )
    chin = np.stack(
        [marks[57] + (0.000, -0.0100), marks[57] + (0.007, -0.0112), marks[57] + (0.013, -0.0145)]
    )
    return [
        (nasolabial, 0.85, 2, 0.08),
        (nasolabial, 0.35, 1, 0.3),
        (marionette, 0.7, 2, 0.35),
        (chin, 0.35, 2, 0.35),
    ]


def on_lips(marks: np.ndarray, rng: np.random.Generator) -> list:
    """Short upright lines at the border of the lips."""
    found = []
    for x in np.linspace(0.003, 0.019, 6) + rng.normal(0.0, 0.0006, 6):
        top = np.interp(x, marks[51:55, 0], marks[51:55, 1])
        y = top + np.array([-0.001, 0.002, 0.0045]) * rng.uniform(0.7, 1.5)
        points = np.stack([x + np.array([0.0, 0.0004, 0.0009]), y], axis=1)
        found.append((points, rng.uniform(0.3, 0.6), 0, 0.45))
    return found
