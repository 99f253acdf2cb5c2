"""The held-out part of a studio film: pictures, cameras, true codes and poses, and which pixels show what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .evaluate_metrics import region_masks
from .filmed_head import FilmedHead
from .networks.prior import UniversalPrior
from .personalization.truth import FRONT, FilmTruth, true_codes
from .prior_settings import TrainingError

SIDE_CAMERAS = ("left", "right")
NUM_SHOWN = 4


@dataclass(frozen=True)
class TrueFrame:
    """One held-out moment as it was."""

    name: str
    time_sec: float
    controls: np.ndarray  # [52]
    head_pose: np.ndarray  # [6]
    code: np.ndarray  # [D] from the true mesh
    pictures: dict[str, np.ndarray]  # by camera: RGBA [H, W, 4] uint8


@dataclass
class Film:
    """A studio film's held-out frames."""

    truth: FilmTruth
    head: FilmedHead
    frames: list[TrueFrame]
    _regions: dict[tuple[str, str], dict[str, np.ndarray]] = field(default_factory=dict)

    @classmethod
    def open(
        cls, folder: Path, prior: UniversalPrior, *, every: int = 1, is_whole: bool = False
    ) -> Film:
        """Read the folder; of so many held-out frames one has pictures, the others tell how the head moves.

        Frames that may be fitted to come first where it `is_whole`.
        """
        truth = FilmTruth.open(folder)
        head = truth.head()
        rows = np.flatnonzero(truth.is_held_out | is_whole)
        if not len(rows):
            raise TrainingError(f"'{folder}' holds no frame that was held out: film it again.")
        codes = true_codes(prior, head, truth.controls[rows])
        frames = []
        for number, (row, code) in enumerate(zip(rows, codes, strict=True)):
            name = truth.names[row]
            cameras = (FRONT, *SIDE_CAMERAS) if number % max(every, 1) == 0 else ()
            pictures = {camera: truth.picture(name, camera) for camera in cameras}
            frames.append(
                TrueFrame(
                    name,
                    float(truth.times_sec[row]),
                    truth.controls[row],
                    truth.head_pose[row],
                    code,
                    {camera: rgba for camera, rgba in pictures.items() if rgba is not None},
                )
            )
        return cls(truth, head, frames)

    @property
    def neck_pivot(self) -> np.ndarray:
        """Point [3] (m) that the true head turns about."""
        return self.head.mesh.neck_pivot

    def vertices(self, frame: TrueFrame) -> np.ndarray:
        """True vertices [V, 3] (m) in the pose of a frame."""
        return self.head.posed(self.head.vertices(frame.controls), frame.head_pose)

    def neutral_landmarks(self) -> np.ndarray:
        """The 68 landmarks [68, 3] (m) of the true neutral."""
        return self.head.mesh.vertices[self.head.mesh.landmarks]

    def true_landmarks(self, frame: TrueFrame) -> np.ndarray:
        """The 68 landmarks [68, 3] (m) of a frame, posed."""
        return self.vertices(frame)[self.head.mesh.landmarks]

    def regions(self, frame: TrueFrame, camera: str) -> dict[str, np.ndarray]:
        """Masks [H, W] of mouth, eyes, skin and hair; found once for all runs."""
        key = (frame.name, camera)
        if key not in self._regions:
            vertices = self.vertices(frame)
            strands = self.head.strands_on(vertices)
            self._regions[key] = region_masks(
                vertices, self.head.topology, strands, self.truth.cameras[camera]
            )
        return self._regions[key]

    def shown_frames(self) -> list[TrueFrame]:
        """A few frames for a sheet, spread over those that have pictures from all sides."""
        most = max(len(frame.pictures) for frame in self.frames)
        whole = [frame for frame in self.frames if len(frame.pictures) == most]
        picks = np.linspace(0, len(whole) - 1, min(NUM_SHOWN, len(whole))).round().astype(int)
        return [whole[i] for i in picks]
