"""Who the person is and where the head is in every picture: the first guess, before anything is fitted to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...core.monocular.pose import rotation_vectors
from ..networks.prior import UniversalPrior
from ..prior_identity import IdentityModel
from ..prior_person import NeutralScan, PersonMaker
from .alignment import Alignment, align, errors_mm, errors_px, start_alignment
from .landmark_model import LandmarkModel, code_offsets, identity_code, landmark_model, neutral_scan
from .sightings import Sightings
from .trajectory import smoothed

# Pictures that the shape is fitted to; more say the same again.
SHAPE_PICTURES = 160
IDENTITY_ROUNDS = 2


@dataclass(frozen=True)
class Guess:
    """The aligned person: `alignment` has one pose per moment of the sightings it was made of."""

    alignment: Alignment
    scan: NeutralScan
    identity_code: torch.Tensor  # [Z]
    # Median distance of landmarks from where they should be seen.
    error_px: float
    error_mm: float


class Guesser:
    """Fits the linear model of people to sightings, under one prior."""

    def __init__(self, prior: UniversalPrior, identity: IdentityModel) -> None:
        self.prior, self.identity = prior, identity
        settings = prior.settings
        self.maker = PersonMaker(prior.parts, settings.gaussians, settings.network.image_px)

    def guess(self, seen: Sightings) -> Guess:
        """Shape, focal length and poses from all that was seen."""
        chosen = self._spread(seen)
        some = seen.take(chosen)
        scan = neutral_scan(self.identity, np.zeros(self.identity.num_modes))
        state = None
        for _ in range(IDENTITY_ROUNDS):
            code = identity_code(self.prior, self.maker, scan)
            model = landmark_model(self.prior, self.identity, some.codes, code)
            if state is None:
                state = start_alignment(some, self.identity.num_modes, model.mean)
                # Poses alone first: a wild start must not bend the face.
                state = align(some, model, state, fits_shape=False)
            state = align(some, model, state)
            scan = neutral_scan(self.identity, state.shape)
        return self.follow(seen, state.shape, state.log_focal, code)

    def follow(
        self, seen: Sightings, shape: np.ndarray, log_focal: float, code: torch.Tensor
    ) -> Guess:
        """Poses of a known head in pictures, smooth in time where they are frames of a video."""
        model = landmark_model(self.prior, self.identity, seen.codes, code)
        state = start_alignment(seen, self.identity.num_modes, model.mean)
        state = Alignment(shape, log_focal, state.rotation, state.position)
        state = align(seen, model, state, fits_shape=False)
        if seen.num_moments == len(seen):
            state = smoothed(state, seen.times_sec, seen.confidence * state.trust.mean(axis=1))
        pixels, millimetres = (f(seen, model, state)[:, 17:] for f in (errors_px, errors_mm))
        scan = neutral_scan(self.identity, shape)
        return Guess(state, scan, code, float(np.median(pixels)), float(np.median(millimetres)))

    def model(self, seen: Sightings, code: torch.Tensor) -> LandmarkModel:
        """Where the landmarks of these pictures are, by the person's identity code."""
        return landmark_model(self.prior, self.identity, seen.codes, code)

    def offsets(self, codes: np.ndarray, code: torch.Tensor) -> np.ndarray:
        """What codes `[T, D]` move all vertices by, `[T, V, 3]` (m)."""
        everything = np.arange(self.prior.parts.topology.num_vertices)
        return code_offsets(self.prior, codes, code, everything)

    def _spread(self, seen: Sightings) -> np.ndarray:
        """The most telling pictures: turned this way and that, and clear."""
        if len(seen) <= SHAPE_PICTURES:
            return np.arange(len(seen))
        from .frames import spread_out

        turns = rotation_vectors(seen.rotation[0].T @ seen.rotation)
        return spread_out(
            np.concatenate([turns / 0.1, seen.codes / 8.0], axis=1),
            np.clip(seen.confidence, 1e-3, 1.0),
            SHAPE_PICTURES,
        )


def face_distance_mm(
    vertices: np.ndarray, truth: np.ndarray, rows: np.ndarray, *, has_scale: bool = False
) -> float:
    """Mean distance (mm) of vertices `[V, 3]` from the `truth` over `rows`, after the best rigid motion.

    With `has_scale` the size is fitted too: one camera alone hardly tells it.
    """
    moved = aligned(vertices[rows], truth[rows], has_scale=has_scale)
    return float(1e3 * np.linalg.norm(moved - truth[rows], axis=1).mean())


def aligned(points: np.ndarray, wanted: np.ndarray, *, has_scale: bool) -> np.ndarray:
    """Points moved onto the wanted ones, rigidly or as similar shapes (Umeyama 1991)."""
    center, target = points.mean(axis=0), wanted.mean(axis=0)
    left, sizes, right = np.linalg.svd((wanted - target).T @ (points - center))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    scale = (sizes * sign).sum() / ((points - center) ** 2).sum() if has_scale else 1.0
    return scale * (points - center) @ (left * sign @ right).T + target
