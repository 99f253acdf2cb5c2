"""A film in chunks on a fixed grid: a frame made alone, in any order or after a pause is the same to the bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from ..progress import Progress
from .model import GUIDANCE, STEPS, PortraitModel, PortraitReference

# Frames that are drawn at once, and those beside them that the network sees without their being kept.
CHUNK, CONTEXT = 8, 2


@dataclass(frozen=True)
class Chunk:
    """Frames `kept` of a film, drawn together with the neighbours in `seen`."""

    kept: range
    seen: range


@dataclass(frozen=True, eq=False)
class PortraitFilm:
    """A film of `frames`, whose landmarks and irises in [0, 1] of the photo's window are `points`."""

    model: PortraitModel
    reference: PortraitReference
    frames: range
    points: Float32[np.ndarray, "T 70 2"]
    steps: int = STEPS
    guidance: float | int = GUIDANCE

    def draw(
        self, chunk: Chunk, progress: Progress | None = None
    ) -> dict[int, UInt8[np.ndarray, "256 256 3"]]:
        """The frames of a chunk by their numbers."""
        first = self.frames.start
        pictures = self.model.draw(
            self.reference,
            self.points[chunk.seen.start - first : chunk.seen.stop - first],
            steps=self.steps,
            guidance=self.guidance,
            progress=progress,
        )
        return {frame: pictures[frame - chunk.seen.start] for frame in chunk.kept}


def chunks_of(frames: range) -> list[Chunk]:
    """All chunks of a film, in order."""
    return list(dict.fromkeys(chunk_with(frame, frames) for frame in frames))


def chunk_with(frame: int, frames: range) -> Chunk:
    """The chunk that `frame` of a film is drawn in; the grid has a line at frame 0, wherever the film begins."""
    first = frame - frame % CHUNK
    start, stop = max(first, frames.start), min(first + CHUNK, frames.stop)
    seen = range(max(start - CONTEXT, frames.start), min(stop + CONTEXT, frames.stop))
    return Chunk(range(start, stop), seen)
