"""Smooth change of the neutral head: handles that take the space around them along."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

# Distance of neighbouring handles (m) at the front of the face and elsewhere; reach in units of it.
NEAR_M, FAR_M, REACH = 0.017, 0.036, 0.75
NEIGHBOURS = 5
# Nobody's shoulders are known beforehand: they may be far off, and have fewer frames' worth of steps to get there.
SHOULDER_GAIN = 7.0


class ShapeHandles(nn.Module):
    """Offsets `[V, 3]` (m) of a head's vertices from the moves of some handles `[C, 3]`."""

    def __init__(
        self, mean_vertices: np.ndarray, front: np.ndarray, neck_weights: np.ndarray
    ) -> None:
        """`front` are places `[K, 3]` of the face, around which handles stand closer; shoulders, which do not follow
        the head by the `neck_weights` `[V]`, are moved farther by each handle."""
        super().__init__()
        spacing = _spacing(mean_vertices, front)
        chosen = _spread(mean_vertices, spacing)
        places, reach = mean_vertices[chosen], REACH * spacing[chosen]
        weights = np.empty((len(mean_vertices), len(chosen)), np.float32)
        for column, (place, size) in enumerate(zip(places, reach, strict=True)):
            weights[:, column] = np.exp(-0.5 * ((mean_vertices - place) ** 2).sum(1) / size**2)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-12)
        self.register_buffer("weights", torch.from_numpy(weights), persistent=False)
        near = np.linalg.norm(places[:, None] - places, axis=2).argsort(1)[:, 1 : 1 + NEIGHBOURS]
        far = 1.0 + (SHOULDER_GAIN - 1.0) * (1.0 - np.clip(neck_weights[chosen], 0, 1))
        gain = torch.from_numpy(far[:, None].astype(np.float32))
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("near", torch.from_numpy(near), persistent=False)
        self.moves = nn.Parameter(torch.zeros(len(chosen), 3))

    def forward(self, rows: Tensor) -> Tensor:
        """Offsets (m) of the vertices `rows`."""
        return self.weights[rows] @ (self.gain * self.moves)

    def roughness_mm(self) -> Tensor:
        """Mean squared difference of neighbouring handles' moves (mm²)."""
        apart = self.moves[self.near] - self.moves[:, None]
        return 1e6 * apart.square().sum(-1).mean()


def _spacing(vertices: np.ndarray, front: np.ndarray) -> np.ndarray:
    if not len(front):
        return np.full(len(vertices), FAR_M)
    distance = np.full(len(vertices), np.inf)
    for place in front:
        distance = np.minimum(distance, np.linalg.norm(vertices - place, axis=1))
    return NEAR_M + (FAR_M - NEAR_M) * np.clip((distance - 0.01) / 0.05, 0, 1)


def _spread(vertices: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Vertices that stand about a spacing apart, by farthest point sampling in units of it."""
    chosen = [0]
    distance = np.linalg.norm(vertices - vertices[0], axis=1) / spacing
    while distance.max() > 1.0:
        chosen.append(int(distance.argmax()))
        step = np.linalg.norm(vertices - vertices[chosen[-1]], axis=1) / spacing
        distance = np.minimum(distance, step)
    return np.array(chosen)
