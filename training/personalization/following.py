"""The guessed person and camera on disk, and the same head followed through another video of the same camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...core.errors import ModelError
from ...core.files import replace_on_success
from ...core.monocular.encoded import EncodedVideo
from .alignment import Alignment
from .first_guess import Guess, Guesser
from .pictures import PictureWindow
from .seeing import sightings_of_video
from .trajectory import StillCamera, still_camera

GUESS = "guess.npz"


@dataclass(frozen=True)
class KnownPerson:
    """All of a first guess that other pictures of the same person and camera need."""

    shape: np.ndarray  # [K]
    log_focal: float
    identity_code: np.ndarray  # [Z]
    K: np.ndarray  # [3, 3] of the full picture, as it was given
    window: np.ndarray  # [6] the fields of `PictureWindow`
    rotation: np.ndarray  # [3, 3] and
    pivot: np.ndarray  # [3] of `StillCamera`
    neck_pivot: np.ndarray  # [3]

    @classmethod
    def of(
        cls, guess: Guess, confidence: np.ndarray, K: np.ndarray, window: PictureWindow
    ) -> KnownPerson:
        """What a guess from a video knows."""
        pivot = guess.scan.neck_pivot
        size = (window.left + window.width, window.top + window.height)
        still = still_camera(guess.alignment, confidence, pivot, K, size)
        code = guess.identity_code.numpy()
        shape, log_focal = guess.alignment.shape, guess.alignment.log_focal
        fields = np.array(list(vars(window).values()))
        return cls(shape, log_focal, code, K, fields, still.rotation, still.pivot, pivot)

    def save(self, folder: Path) -> None:
        """Write `guess.npz`."""
        with replace_on_success(folder / GUESS) as temporary:
            np.savez(temporary, **vars(self))

    @classmethod
    def load(cls, folder: Path) -> KnownPerson:
        """Read `guess.npz`; raises `ModelError` where there is none."""
        try:
            with np.load(folder / GUESS, allow_pickle=False) as stored:
                return cls(**{k: v.item() if v.ndim == 0 else v for k, v in stored.items()})
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(
                f"'{folder / GUESS}' cannot be read: make the first guess again."
            ) from error

    def camera(self) -> StillCamera:
        """The still camera of the working pictures."""
        viewmat = np.eye(4)
        viewmat[:3, :3] = self.rotation
        viewmat[:3, 3] = self.pivot - self.rotation @ self.neck_pivot
        K = self.K.copy()
        K[0, 0] *= np.exp(self.log_focal)
        K[1, 1] *= np.exp(self.log_focal)
        window = PictureWindow(*(int(value) for value in self.window))
        return StillCamera(window.camera(viewmat, K), self.rotation, self.pivot)


def follow_video(
    guesser: Guesser, known: KnownPerson, encoded: EncodedVideo
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times `[T]` (s), codes `[T, D]` and head poses `[T, 6]` before the known camera, of frames that show the face."""
    seen = sightings_of_video(encoded)
    seen = seen.__class__(**{**vars(seen), "K": np.tile(known.K, (len(seen), 1, 1))})
    code = torch.from_numpy(np.asarray(known.identity_code, np.float32))
    guess = guesser.follow(seen, known.shape, known.log_focal, code)
    state: Alignment = guess.alignment
    poses = known.camera().head_poses(state.rotation, state.position, known.neck_pivot)
    return seen.times_sec, seen.codes, poses
