"""What an encoder saw of one person in many pictures, whoever made it and from whatever kind of input."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

NUM_LANDMARKS = 68


@dataclass(frozen=True)
class Sightings:
    """One row per picture in which the person was found.

    `viewmats` go from a common world to each camera: all the same where one camera stood still. Pictures of one
    moment share a number in `moment`: the head has one pose in all of them.
    """

    names: tuple[str, ...]
    times_sec: np.ndarray  # [T]
    codes: np.ndarray  # [T, D]
    confidence: np.ndarray  # [T] in [0, 1]
    landmarks_px: np.ndarray  # [T, 68, 2]
    rotation: np.ndarray  # [T, 3, 3] avatar axes in camera axes, a first guess
    viewmats: np.ndarray  # [T, 4, 4] world to camera
    K: np.ndarray  # [T, 3, 3]
    moment: np.ndarray  # [T] 0, 1, …
    # Share of the focal length that it may be wrong by (a standard deviation); 0 where it is known.
    focal_doubt: float

    def __len__(self) -> int:
        return len(self.names)

    @property
    def num_moments(self) -> int:
        """How many poses there are to find."""
        return int(self.moment.max()) + 1 if len(self) else 0

    def take(self, index: np.ndarray) -> Sightings:
        """The pictures at `index` (mask or numbers); their moments are counted anew."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index
        moment = np.unique(self.moment[index], return_inverse=True)[1]
        return replace(
            self,
            names=tuple(self.names[i] for i in index),
            times_sec=self.times_sec[index],
            codes=self.codes[index],
            confidence=self.confidence[index],
            landmarks_px=self.landmarks_px[index],
            rotation=self.rotation[index],
            viewmats=self.viewmats[index],
            K=self.K[index],
            moment=moment.reshape(-1),
        )


def face_size_px(landmarks_px: np.ndarray) -> np.ndarray:
    """The larger side `[T]` of the box around landmarks `[T, 68, 2]`."""
    return np.ptp(landmarks_px, axis=1).max(axis=1)
