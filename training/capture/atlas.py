"""One UV atlas for the whole head: where each part's tile lies in the unit square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tile:
    """A square or rectangle of the atlas: left, bottom, width, height in [0, 1]."""

    left: float
    bottom: float
    width: float
    height: float

    def place(self, uv: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Map `uv` [..., 2] from the box low..high into this tile."""
        unit = (uv - low) / (high - low)
        return np.array([self.left, self.bottom]) + unit * np.array([self.width, self.height])


# The face is what people look at: two thirds of each side.
TILES = {
    "face": Tile(0.002, 0.328, 0.670, 0.670),
    "back_head": Tile(0.678, 0.668, 0.320, 0.330),
    "garment": Tile(0.678, 0.328, 0.320, 0.334),
    "gums_tongue": Tile(0.002, 0.002, 0.316, 0.320),
    "teeth": Tile(0.324, 0.002, 0.316, 0.320),
    "sclera_left": Tile(0.646, 0.166, 0.156, 0.156),
    "sclera_right": Tile(0.646, 0.002, 0.156, 0.156),
    "iris_left": Tile(0.810, 0.166, 0.156, 0.156),
    "iris_right": Tile(0.810, 0.002, 0.156, 0.156),
}
