"""Two ways of putting a personalized head where the held-out pictures show it: as read, and as it truly was."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..core.avatar import Avatar
from ..core.avatar.pose import pose_gaussians, pose_points
from ..core.camera import Camera
from ..core.gaussians import Gaussians
from ..core.render import render
from .encoded_films import encoded_film
from .evaluate_metrics import BACKGROUND
from .evaluate_personal_film import FRONT, Film, TrueFrame
from .networks.prior import UniversalPrior
from .prior_settings import TrainingError

LOG = logging.getLogger(__name__)
READ, TRUE = "read", "true"


@dataclass(frozen=True)
class Placed:
    """A head in one frame: Gaussians and camera for every view, and landmarks (m) in the film's world."""

    views: dict[str, tuple[Gaussians, Camera]]
    landmarks: np.ndarray  # [68, 3]

    def draw(self, camera: str) -> np.ndarray:
        """Colours [H, W, 3] over the evaluation's background."""
        gaussians, view = self.views[camera]
        return render(gaussians, view, backend="cpu", background=BACKGROUND).colors


class Way(Protocol):
    """One way of knowing codes and poses."""

    name: str

    def placed(self, avatar: Avatar, frame: TrueFrame) -> Placed | None:
        """The head in a frame, or None where the way knows nothing of it."""

    def num_gaussians(self, avatar: Avatar) -> int:
        """How many Gaussians the head has."""


@dataclass
class TrueWay:
    """True codes and poses; one similarity takes the neutral landmarks to the true ones."""

    film: Film
    name: str = TRUE

    def placed(self, avatar: Avatar, frame: TrueFrame) -> Placed:
        """The head in a frame."""
        zero = np.zeros(avatar.code_dim, np.float32)
        fitted = similarity(_landmarks(avatar, zero), self.film.neutral_landmarks())
        pivot = self.film.neck_pivot.astype(np.float32)
        still = avatar.decode(frame.code).transformed(fitted)
        posed = pose_gaussians(still, frame.head_pose, pivot, avatar.rig.neck_weights)
        marks = _moved(fitted, _landmarks(avatar, frame.code)).astype(np.float32)
        cameras = self.film.truth.cameras
        return Placed(
            {name: (posed, camera) for name, camera in cameras.items()},
            pose_points(marks, frame.head_pose, pivot),
        )

    def num_gaussians(self, avatar: Avatar) -> int:
        """How many Gaussians the head has."""
        return avatar.num_gaussians


@dataclass
class ReadWay:
    """Codes and poses as the encoder reads them from the held-out film, before the camera that was guessed."""

    film: Film
    front: Camera
    # By frame name: code [D] and head pose [6].
    read: dict[str, tuple[np.ndarray, np.ndarray]]
    name: str = READ
    _to_world: np.ndarray | None = None

    @classmethod
    def open(cls, film: Film, prior: UniversalPrior, prior_folder: Path, avatar: Path) -> ReadWay:
        """Read the held-out film as the head's own first guess knows person and camera (`--work` beside it)."""
        from .personalization.first_guess import Guesser
        from .personalization.following import KnownPerson, follow_video
        from .prior_identity import load_identity

        work = avatar.with_suffix(".work")
        known = KnownPerson.load(work / "guess")
        encoded = encoded_film(film.truth.folder / "held_out.mp4", work)
        guesser = Guesser(prior, load_identity(prior_folder, prior.parts))
        times_sec, codes, poses = follow_video(guesser, known, encoded)
        if not len(times_sec):
            raise TrainingError("No face was found in the held-out film: film it again.")
        read, half_frame = {}, 0.5 / float(encoded.fps)
        for frame in film.frames:
            row = int(np.abs(times_sec - frame.time_sec).argmin())
            if abs(times_sec[row] - frame.time_sec) < half_frame:
                read[frame.name] = codes[row], poses[row]
        true = film.truth.cameras[FRONT]
        still = known.camera().camera
        K = known.K * np.array([[np.exp(known.log_focal)], [np.exp(known.log_focal)], [1.0]])
        K[:2, 2] = known.K[:2, 2]
        return cls(film, Camera(still.viewmat, K, true.width, true.height), read)

    def placed(self, avatar: Avatar, frame: TrueFrame) -> Placed | None:
        """The head in a frame, or None where no face was read."""
        if frame.name not in self.read:
            return None
        if self._to_world is None:
            self._to_world = self._similarity(avatar)
        code, pose = self.read[frame.name]
        gaussians = avatar.decode(code, pose)
        views = {FRONT: (gaussians, self.front)}
        sides = [name for name in frame.pictures if name != FRONT]
        if sides:
            turned = gaussians.transformed(self._to_world)
            views |= {name: (turned, self.film.truth.cameras[name]) for name in sides}
        marks = _moved(self._to_world, avatar.landmarks(code, pose))
        return Placed(views, marks)

    def num_gaussians(self, avatar: Avatar) -> int:
        """How many Gaussians the head has."""
        return avatar.num_gaussians

    def _similarity(self, avatar: Avatar) -> np.ndarray:
        """One similarity [4, 4] for the clip, from the head's world to the film's."""
        frames = [frame for frame in self.film.frames if frame.name in self.read]
        ours = [avatar.landmarks(*self.read[frame.name]) for frame in frames]
        wanted = [self.film.true_landmarks(frame) for frame in frames]
        found = similarity(np.concatenate(ours), np.concatenate(wanted))
        LOG.info(
            "the head is %.3f times as large as it was read", np.cbrt(np.linalg.det(found[:3, :3]))
        )
        return found


def similarity(points: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The similarity [4, 4] that takes points [N, 3] nearest to the wanted ones (Umeyama 1991)."""
    middle, target = points.mean(0), wanted.mean(0)
    a, b = points - middle, wanted - target
    left, values, right = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left * sign @ right
    scale = (values * sign).sum() / (a**2).sum()
    matrix = np.eye(4)
    matrix[:3, :3] = scale * rotation
    matrix[:3, 3] = target - scale * rotation @ middle
    return matrix


def _moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _landmarks(avatar: Avatar, code: np.ndarray) -> np.ndarray:
    points = avatar.landmarks(code)
    if points is None:
        raise TrainingError(f"The avatar '{avatar.name}' has no landmarks: personalize it again.")
    return points
