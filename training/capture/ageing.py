"""What the years do to a face's shape: folds, bags, jowls and hollows, centimetres in ICT's frame."""

from __future__ import annotations

import numpy as np

# Folds begin to show at this share of a wrinkled skin.
BEGINS = 0.15
MOST = 1.8


def aged(
    neutral: np.ndarray, normals: np.ndarray, landmarks: np.ndarray, amount: float
) -> np.ndarray:
    """Offsets [V, 3] for a skin of `amount` wrinkles, 0 to 1.

    `neutral` [V, 3] and `normals` [V, 3] are the mean head's, so each fold lies where it belongs.
    """
    strength = float(np.clip((amount - BEGINS) / (1.0 - BEGINS), 0.0, 1.0))
    if strength <= 0.0:
        return np.zeros_like(neutral)
    # Both halves at once: everything is told for the left.
    points = neutral.copy()
    points[:, 0] = np.abs(points[:, 0])
    marks = neutral[landmarks]
    outward = nasolabial(points, marks) + bags(points, marks) + hollows(points, marks)
    outward += jowls(points, marks) + throat(points, marks)
    offsets = outward[:, None] * normals
    offsets[:, 1] -= sag(points, marks)
    return (MOST * strength * offsets).astype(np.float32)


def bell(points: np.ndarray, center: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """Gaussian [V] about `center` [3] of standard deviations `size`."""
    return np.exp(-0.5 * (((points - center) / size) ** 2).sum(1))


def nasolabial(points: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The fold from nose to mouth: a groove, and the cheek hanging over it."""
    wing, corner = marks[35], marks[54]
    line = np.stack(
        [
            wing + (0.35, 0.45, -0.25),
            wing + (0.80, -0.05, -0.55),
            wing + (1.25, -0.90, -0.75),
            corner + (0.80, 0.60, -0.15),
            corner + (0.95, -0.20, -0.45),
        ]
    )
    along = np.linspace(0.0, 4.0, 60)
    samples = np.stack([np.interp(along, np.arange(5), line[:, k]) for k in range(3)], axis=1)
    offset = points[:, None] - samples[None]
    square = (offset**2).sum(2)
    nearest = square.argmin(1)
    distance = np.sqrt(square[np.arange(len(points)), nearest])
    outer = (offset[np.arange(len(points)), nearest] @ np.array([1.0, 0.45, 0.0])) > 0.0
    ends = np.sin(np.pi * np.clip(nearest / 59.0, 0.06, 0.94)) ** 0.5
    groove = -0.11 * np.exp(-((distance / 0.22) ** 2))
    pad = 0.10 * outer * np.exp(-(((distance - 0.55) / 0.42) ** 2))
    return ends * (groove + pad)


def bags(points: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The swelling below the lower lid and the trough below that."""
    below = marks[[46, 47]].mean(0)
    bag = 0.085 * bell(points, below + (0.0, -0.55, 0.0), np.array([0.85, 0.22, 0.9]))
    trough = 0.075 * bell(points, below + (-0.35, -1.15, 0.0), np.array([1.0, 0.24, 1.0]))
    return bag - trough


def hollows(points: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Temples and the cheeks below their bone lose their fat."""
    temple = np.array([6.6, marks[45, 1] + 2.0, marks[45, 2] - 3.2])
    cheek = np.array([5.2, (marks[33, 1] + marks[54, 1]) / 2.0 + 0.2, marks[54, 2] - 3.2])
    return -0.16 * bell(points, temple, 1.2) - 0.16 * bell(points, cheek, 1.1)


def jowls(points: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """The cheek's fat gathers along the jaw, with a dent between it and the chin."""
    jaw = marks[11] * np.array([0.95, 1.0, 1.0]) + np.array([0.0, 0.35, 0.3])
    dent = marks[10] + np.array([-0.25, 0.55, 0.0])
    return 0.22 * bell(points, jaw, 0.85) - 0.10 * bell(points, dent, 0.5)


def throat(points: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Slack skin below the chin and the two cords of the neck."""
    chin = marks[8]
    slack = 0.22 * bell(points, chin + (0.0, -1.3, -2.6), np.array([1.6, 0.8, 1.4]))
    front = np.exp(-0.5 * ((points[:, 1] - chin[1] + 3.8) / 1.5) ** 2) * (points[:, 2] > 0.0)
    return slack + 0.10 * front * np.exp(-(((points[:, 0] - 1.25) / 0.35) ** 2))


def sag(points: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """How far skin sinks [V]: the jowls most, the tip of the nose a little."""
    jaw = marks[11] + np.array([0.0, 0.6, 0.0])
    return 0.16 * bell(points, jaw, 1.0) + 0.10 * bell(points, marks[30], 0.7)
