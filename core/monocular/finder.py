"""Finds faces in whole pictures: a small network on a pyramid of square, shrunken pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ..assets import ASSETS
from .crops import FACE_MARGIN, CropWindow, cut
from .network import Network, Ports

FINDER = ASSETS / "monocular" / "finder.onnx"
# Side of a cell of the network's map in its picture, and of the box that its size 0 means.
CELL_PX, UNIT_PX = 8, 32.0
PORTS = Ports(
    kind="gaussian_heads.finder",
    title="face finder",
    input="pictures",
    input_shape=(-1, -1, -1, 3),
    outputs={"heat": (-1, -1, -1), "box": (-1, -1, -1, 3)},
)
# Sides of the pyramid's pictures; a face is sought in the larger ones where the smaller show none.
LEVELS_PX = (160, 320, 640)
LEAST_SCORE = 0.5
# Of two boxes that share more of their union than this, the surer one counts.
MOST_SHARED = 0.3
MOST_FACES = 8


@dataclass(frozen=True)
class FoundFace:
    """A face: centre `(x, y)` and larger side in pixels of its landmarks' bounding box, and how sure it is."""

    center_px: tuple[float, float]
    side_px: float
    score: float

    @property
    def window(self) -> CropWindow:
        """The window that the encoder reads the face in."""
        return CropWindow(self.center_px, FACE_MARGIN * self.side_px)


class FaceFinder:
    """Finds faces; `open` checks the file before it is used."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @classmethod
    def open(cls, path: Path | str = FINDER, *, num_threads: int = 0) -> FaceFinder:
        """Read the finder at `path`; raises `ModelError` with the reason where it cannot be used."""
        return cls(Network.open(path, PORTS, num_threads=num_threads))

    def find(self, pixels: UInt8[np.ndarray, "H W 3"]) -> list[FoundFace]:
        """All faces of a picture, the largest first; empty where there is none.

        Small ones are sought, with more work, only where a picture of the size before shows none.
        """
        longest = max(pixels.shape[:2])
        for level_px in LEVELS_PX:
            faces = self._find_at(pixels, level_px)
            if faces or level_px >= longest:
                return faces
        return []

    def _find_at(self, pixels: np.ndarray, level_px: int) -> list[FoundFace]:
        height, width = pixels.shape[:2]
        whole = CropWindow((0.5 * width, 0.5 * height), float(max(height, width)))
        found = self._network.run(cut(pixels, whole, level_px)[None])
        heat, box = found["heat"][0], found["box"][0]
        rows, columns = np.nonzero(_peaks(heat) & (heat > _logit(LEAST_SCORE)))
        dx, dy, log_size = box[rows, columns].T
        cells = np.stack([columns + 0.5 + dx, rows + 0.5 + dy], 1)
        centers = whole.to_image(cells * CELL_PX / level_px)
        sides = UNIT_PX * np.exp(np.clip(log_size, -4.0, 4.0)) * whole.side_px / level_px
        scores = 1.0 / (1.0 + np.exp(-np.clip(heat[rows, columns], -30.0, 30.0)))
        faces = [
            FoundFace((float(x), float(y)), float(side), float(score))
            for (x, y), side, score in zip(centers, sides, scores, strict=True)
            if 0.0 <= x <= width and 0.0 <= y <= height
        ]
        return _apart(faces)


def _apart(faces: list[FoundFace]) -> list[FoundFace]:
    """The surest of overlapping faces, the largest of them first."""
    kept: list[FoundFace] = []
    for face in sorted(faces, key=lambda f: -f.score):
        if all(_shared(face, other) < MOST_SHARED for other in kept):
            kept.append(face)
    return sorted(kept[:MOST_FACES], key=lambda f: -f.side_px)


def _shared(a: FoundFace, b: FoundFace) -> float:
    """How much of the union two square boxes share, or of the smaller one where that is more."""
    sides = [
        max(
            0.0,
            min(a.center_px[i] + a.side_px / 2, b.center_px[i] + b.side_px / 2)
            - max(a.center_px[i] - a.side_px / 2, b.center_px[i] - b.side_px / 2),
        )
        for i in (0, 1)
    ]
    common = sides[0] * sides[1]
    areas = a.side_px**2, b.side_px**2
    return max(common / (sum(areas) - common), 0.5 * common / min(areas))


def _peaks(heat: np.ndarray) -> np.ndarray:
    """Where no neighbour is larger."""
    padded = np.pad(heat, 1, constant_values=-np.inf)
    rows, columns = heat.shape
    return np.all(
        [
            heat >= padded[i : i + rows, j : j + columns]
            for i in range(3)
            for j in range(3)
            if (i, j) != (1, 1)
        ],
        axis=0,
    )


def _logit(chance: float) -> float:
    return float(np.log(chance / (1.0 - chance)))
