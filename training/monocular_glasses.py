"""Glasses drawn onto crops of faces: rims, tinted lenses, glints and temples, in weak perspective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

# Of usual frames (m): half the width and height of a lens, how far it stands before the eye, temples' length.
HALF_WIDTH_M, HALF_HEIGHT_M = (0.021, 0.029), (0.015, 0.025)
FORWARD_M, TEMPLE_M = (0.014, 0.022), 0.085
CORNERS = 28
# Drawn this much larger and shrunk: rims are thinner than pixels.
FINER = 3
EYES = (slice(42, 48), slice(36, 42))


@dataclass(frozen=True)
class Frames:
    """One pair of glasses."""

    half_width_m: float
    half_height_m: float
    forward_m: float
    exponent: float  # 2 is an ellipse, more is squarer
    rim_m: float
    color: tuple[int, int, int]
    lens: tuple[int, int, int, int]
    glint: float
    is_rimless: bool


def draw_frames(rng: np.random.Generator) -> Frames:
    """Random glasses; a few are dark."""
    dark = rng.random() < 0.12
    tone = rng.uniform(0, 90) if rng.random() < 0.7 else rng.uniform(90, 230)
    lens = rng.uniform(0, 60, 3) if dark else rng.uniform(100, 255, 3)
    return Frames(
        half_width_m=float(rng.uniform(*HALF_WIDTH_M)),
        half_height_m=float(rng.uniform(*HALF_HEIGHT_M)),
        forward_m=float(rng.uniform(*FORWARD_M)),
        exponent=float(rng.uniform(2.0, 6.0)),
        rim_m=float(rng.uniform(0.0008, 0.0045)),
        color=tuple(int(c) for c in np.clip(tone + rng.normal(0, 20, 3), 0, 255)),
        lens=(*(int(c) for c in lens), int(rng.uniform(70, 215) if dark else rng.uniform(0, 45))),
        glint=float(rng.uniform(0.0, 0.8)) if rng.random() < 0.4 else 0.0,
        is_rimless=bool(rng.random() < 0.1),
    )


def put_on(
    crop: np.ndarray,
    landmarks: np.ndarray,
    rotation: np.ndarray,
    side_m: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """The crop `[S, S, 3]` uint8 with glasses; landmarks `[68, 2]` in [0, 1], `side_m` is its side at the head."""
    size = len(crop) * FINER
    frames = draw_frames(rng)
    axes = size / side_m * rotation[:2]
    layer = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(layer, "RGBA")
    centers = [size * landmarks[eye].mean(0) for eye in EYES]
    lenses = [_outline(center, axes, frames) for center in centers]
    rim_px = max(int(round(size / side_m * frames.rim_m)), 1)
    for lens in lenses:
        draw.polygon(lens, fill=frames.lens)
        if frames.glint:
            _glint(draw, lens, frames.glint, rng)
        if not frames.is_rimless:
            draw.line([*lens, lens[0], lens[1]], fill=frames.color, width=rim_px, joint="curve")
    bridge = [centers[i] + axes @ _bridge(frames, 1 - 2 * i) for i in range(2)]
    draw.line([tuple(p) for p in bridge], fill=frames.color, width=rim_px)
    for i, sign in enumerate((1, -1)):
        hinge = np.array([sign * frames.half_width_m, 0.3 * frames.half_height_m, frames.forward_m])
        # The temple on the far side lies behind the face.
        if sign * rotation[2, 0] < 0.25:
            tip = hinge + [
                sign * 0.006,
                0.0,
                -TEMPLE_M * (1 if sign * rotation[2, 0] < -0.1 else 0.4),
            ]
            ends = [tuple(centers[i] + axes @ point) for point in (hinge, tip)]
            draw.line(ends, fill=frames.color, width=rim_px)
    small = layer.resize((len(crop),) * 2, Image.Resampling.BOX)
    if rng.random() < 0.3:
        small = small.filter(ImageFilter.GaussianBlur(0.5))
    face = Image.fromarray(crop).convert("RGBA")
    return np.asarray(Image.alpha_composite(face, small))[..., :3]


def _outline(center: np.ndarray, axes: np.ndarray, frames: Frames) -> list[tuple[float, float]]:
    """A superellipse before the eye, seen by the crop's camera."""
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    power = 2 / frames.exponent
    x = frames.half_width_m * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    y = frames.half_height_m * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power - 0.002
    points = np.stack([x, y, np.full(CORNERS, frames.forward_m)], 1)
    return [tuple(point) for point in center + points @ axes.T]


def _bridge(frames: Frames, side: int) -> np.ndarray:
    """The lens's inner edge; `side` is 1 for the left eye."""
    return np.array([-side * frames.half_width_m, 0.25 * frames.half_height_m, frames.forward_m])


def _glint(
    draw: ImageDraw.ImageDraw, lens: list, strength: float, rng: np.random.Generator
) -> None:
    points = np.array(lens)
    middle, spread = points.mean(0), 0.35 * np.ptp(points, axis=0)
    at = middle + rng.uniform(-1, 1, 2) * spread * 0.5
    shape = np.array([[-0.6, -0.5], [0.1, -0.6], [0.6, 0.5], [-0.1, 0.6]]) * spread
    fill = (255, 255, 255, int(255 * strength))
    draw.polygon([tuple(p) for p in at + shape * rng.uniform(0.3, 1.0)], fill=fill)
