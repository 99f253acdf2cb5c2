"""Trains the network that cuts a head out of its background.

    python -m gaussian_heads.training.monocular_matte --heads build/monocular/heads \\
        --work build/monocular/matte --out assets/monocular/matte.onnx --minutes 12

Pictures are made up as training goes on: a head of `monocular_renders --mode head` on shoulders and chest before
a background, now and then with somebody else behind, through the encoder's cameras and codecs. What belongs to
the head in the middle counts as foreground. Ctrl-C stops it, the same command goes on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..core.monocular.crops import FACE_MARGIN
from ..core.monocular.matte import MARGIN, PORTS
from .monocular_scenes import SCENE_PX, HeadPictures, SceneCamera, draw_body, place, put
from .monocular_small import Recipe, export_small, run
from .networks.head_matte import HeadMatteNetwork

# How much the face's size and place miss what was promised.
SIZE_SPREAD, SHIFT = 0.12, 0.05
BODY_SHARE, OTHER_SHARE = 0.75, 0.2
# The edge, where half of the light is of the background, counts more than what is clear.
EDGE_WEIGHT, SLOPE_WEIGHT = 3.0, 0.5


def draw_head(heads: HeadPictures, camera: SceneCamera) -> tuple[np.ndarray, np.ndarray]:
    """A picture `[S, S, 3]` uint8 and its alpha `[S/2, S/2]` in [0, 1]."""
    rng, size = camera.rng, SCENE_PX
    canvas = camera.background()
    side = size / (FACE_MARGIN * MARGIN) * float(np.exp(rng.normal(0, SIZE_SPREAD)))
    x, y = size * (0.5 + rng.normal(0, SHIFT, 2))
    if rng.random() < OTHER_SHARE:
        beside = x + rng.choice([-1, 1]) * rng.uniform(1.6, 3.0) * side
        other = place(
            heads.draw_whole(rng),
            size,
            (float(beside), float(y)),
            float(side * rng.uniform(0.5, 1.0)),
        )
        canvas = put(canvas, other)
    alpha = np.zeros((size, size), np.float32)
    layers = [place(heads.draw_whole(rng), size, (float(x), float(y)), float(side))]
    if rng.random() < BODY_SHARE:
        layers.insert(0, draw_body(rng, camera.backdrop(), (float(x), float(y)), float(side)))
    for rgba in layers:
        canvas = put(canvas, rgba)
        alpha = 1 - (1 - alpha) * (1 - rgba[..., 3] / np.float32(255))
    half = alpha.reshape(size // 2, 2, size // 2, 2).mean((1, 3))
    return camera.filmed(canvas), half.astype(np.float32)


def draw_batch(heads: HeadPictures, camera: SceneCamera, count: int) -> tuple[Tensor, ...]:
    """New pictures and their alpha."""
    drawn = [draw_head(heads, camera) for _ in range(count)]
    return tuple(torch.from_numpy(np.stack(column)) for column in zip(*drawn, strict=True))


def loss_of(network: HeadMatteNetwork, batch: tuple[Tensor, ...]) -> Tensor:
    """Cross entropy, more at the edge, and L1 of alpha's slopes."""
    pictures, alpha = batch
    logits = network.logits(pictures)
    found = torch.sigmoid(logits)
    around = functional.max_pool2d(alpha[:, None], 5, 1, 2) + functional.max_pool2d(
        -alpha[:, None], 5, 1, 2
    )
    weights = 1.0 + EDGE_WEIGHT * around[:, 0]
    entropy = functional.binary_cross_entropy_with_logits(logits, alpha, reduction="none")
    slopes = sum((found.diff(dim=d) - alpha.diff(dim=d)).abs().mean() for d in (1, 2))
    return (weights * entropy).mean() + SLOPE_WEIGHT * slopes


def export(network: HeadMatteNetwork, out: Path) -> int:
    """Write the ONNX file; returns its bytes."""
    axes = {"pictures": {0: "batch"}, "alpha": {0: "batch"}}
    return export_small(network, PORTS, out, size_px=SCENE_PX, axes=axes)


RECIPE = Recipe(HeadMatteNetwork, draw_batch, loss_of, export)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run(RECIPE, __doc__, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
