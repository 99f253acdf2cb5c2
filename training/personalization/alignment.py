"""Identity, focal length and the head's pose in every picture, fitted jointly to landmarks.

Gauss-Newton with Levenberg's damping; poses are eliminated block by block (the Schur complement of bundle
adjustment, Triggs et al. 2000), outliers are reweighted after Huber.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ...core.monocular.pose import rotation_matrices, rotation_vectors
from .landmark_model import LandmarkModel
from .sightings import Sightings, face_size_px

JAW, BROWS, NOSE, EYES, LIPS = (
    slice(0, 17),
    slice(17, 27),
    slice(27, 36),
    slice(36, 48),
    slice(48, 68),
)
# Standard deviations of landmarks as shares of the face's size in the picture.
DOUBT = ((JAW, 0.022), (BROWS, 0.014), (NOSE, 0.009), (EYES, 0.009), (LIPS, 0.011))
# A jaw landmark may slide along the jaw: so many times the doubt across it.
SLIDE = 3.0
HUBER = 2.0
# Errors of one encoder agree over pictures: more pictures than this do not outvote the priors.
INDEPENDENT = 30.0
# Standard deviation (rad) of the encoder's own rotation.
ROTATION_DOUBT_RAD = 0.12
ROUNDS, DAMPING = 25, 1e-3


@dataclass(frozen=True)
class Alignment:
    """Who and where: `rotation` and `position` put the avatar frame into the world at every moment."""

    shape: np.ndarray  # [K]
    log_focal: float  # the natural logarithm of what multiplies the given focal lengths
    rotation: np.ndarray  # [M, 3, 3]
    position: np.ndarray  # [M, 3] m
    # Robust weight of every picture's landmarks, [T, 68].
    trust: np.ndarray = field(repr=False, default_factory=lambda: np.zeros((0, 68)))

    @property
    def focal(self) -> float:
        """What multiplies the given focal lengths."""
        return float(np.exp(self.log_focal))


def start_alignment(seen: Sightings, num_modes: int, landmarks: np.ndarray) -> Alignment:
    """A first guess: the encoder's rotations, and distances by the face's size; `landmarks` are [68, 3] (m)."""
    rotation, position = (
        np.tile(np.eye(3), (seen.num_moments, 1, 1)),
        np.zeros((seen.num_moments, 3)),
    )
    best = np.full(seen.num_moments, -1.0)
    for i in range(len(seen)):
        if seen.confidence[i] <= best[seen.moment[i]]:
            continue
        best[seen.moment[i]] = seen.confidence[i]
        turned = landmarks @ seen.rotation[i].T
        wide = np.ptp(turned[:, :2], axis=0).max()
        depth = seen.K[i, 0, 0] * wide / max(np.ptp(seen.landmarks_px[i], axis=0).max(), 1e-6)
        rays = (seen.landmarks_px[i].mean(0) - seen.K[i, :2, 2]) / np.diag(seen.K[i])[:2]
        at = np.append(rays * depth, depth) - turned.mean(0)
        to_world = np.linalg.inv(seen.viewmats[i])
        rotation[seen.moment[i]] = to_world[:3, :3] @ seen.rotation[i]
        position[seen.moment[i]] = to_world[:3, :3] @ at + to_world[:3, 3]
    return Alignment(np.zeros(num_modes), 0.0, rotation, position, np.ones((len(seen), 68)))


def align(
    seen: Sightings, model: LandmarkModel, start: Alignment, *, fits_shape: bool = True
) -> Alignment:
    """The most likely alignment; with `fits_shape` false, shape and focal length stay as they are."""
    problem = _Problem(seen, model, fits_shape)
    state, damping = start, DAMPING
    cost = problem.cost(state)
    for _ in range(ROUNDS):
        trial = problem.step(state, damping)
        new_cost = problem.cost(trial)
        if new_cost > cost:
            damping *= 8.0
            if damping > 1e4:
                break
            continue
        is_settled = cost - new_cost < 1e-5 * cost
        state, cost, damping = trial, new_cost, max(damping / 4, 1e-6)
        if is_settled:
            break
    return replace(state, trust=problem.trust(state))


def project(seen: Sightings, model: LandmarkModel, state: Alignment) -> np.ndarray:
    """Pixels `[T, 68, 2]` where the landmarks should be seen."""
    return _project(seen, model, state)[0]


def errors_px(seen: Sightings, model: LandmarkModel, state: Alignment) -> np.ndarray:
    """Distance `[T, 68]` of the landmarks from where they should be seen."""
    return np.linalg.norm(project(seen, model, state) - seen.landmarks_px, axis=2)


def errors_mm(seen: Sightings, model: LandmarkModel, state: Alignment) -> np.ndarray:
    """The same distance, in millimetres at the landmark's depth, `[T, 68]`."""
    pixels, points, focal = _project(seen, model, state)
    distance = np.linalg.norm(pixels - seen.landmarks_px, axis=2)
    return 1e3 * distance * points[..., 2] / focal[:, :1]


def _project(
    seen: Sightings, model: LandmarkModel, state: Alignment
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels `[T, 68, 2]`, points in camera axes `[T, 68, 3]` and focal lengths `[T, 2]` (px)."""
    world = np.einsum("tij,tpj->tpi", state.rotation[seen.moment], model.points(state.shape))
    world += state.position[seen.moment][:, None]
    points = np.einsum("tij,tpj->tpi", seen.viewmats[:, :3, :3], world)
    points += seen.viewmats[:, None, :3, 3]
    focal = state.focal * np.stack([seen.K[:, 0, 0], seen.K[:, 1, 1]], axis=1)
    depth = np.maximum(points[..., 2:], 1e-3)
    pixels = focal[:, None] * points[..., :2] / depth + seen.K[:, None, :2, 2]
    return pixels, points, focal


class _Slopes(NamedTuple):
    """What moves the whitened residuals `[T, 68, 2]`, and how much each landmark counts."""

    pose: np.ndarray  # [T, 68, 2, 6]
    position: np.ndarray  # [T, 68, 2, 3] by a point's place in the world
    focal: np.ndarray  # [T, 68, 2, 1]
    residual: np.ndarray
    weight: np.ndarray  # [T, 68]


class _Problem:
    """Residuals, their derivatives and one step."""

    def __init__(self, seen: Sightings, model: LandmarkModel, fits_shape: bool) -> None:
        self.seen, self.model, self.fits_shape = seen, model, fits_shape
        size = face_size_px(seen.landmarks_px)
        doubt = np.empty(68)
        for part, share in DOUBT:
            doubt[part] = share
        self.sigma_px = np.maximum(size[:, None] * doubt, 0.3)
        share = min(1.0, INDEPENDENT / max(len(seen), 1))
        self.weight = share * np.clip(seen.confidence, 0.02, 1.0) ** 2
        self.focal_weight = 1e12 if seen.focal_doubt <= 0 else seen.focal_doubt**-2

    def whitened(self, state: Alignment) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Residuals `[T, 68, 2]` in standard deviations, the whitening `[T, 68, 2, 2]`, points and focal."""
        pixels, points, focal = _project(self.seen, self.model, state)
        whitening = np.zeros((*pixels.shape[:2], 2, 2))
        whitening[..., 0, 0] = whitening[..., 1, 1] = 1.0
        # Along the contour of the jaw as it is projected, a landmark may be anywhere.
        along = np.gradient(pixels[:, JAW], axis=1)
        along /= np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
        whitening[:, JAW] -= (1 - 1 / SLIDE) * along[..., :, None] * along[..., None, :]
        whitening /= self.sigma_px[..., None, None]
        # The far side of a turned head hides its jaw: what was seen there is a guess.
        whitening[:, JAW] *= self._jaw_trust(points)[..., None, None]
        residual = np.einsum("tpij,tpj->tpi", whitening, pixels - self.seen.landmarks_px)
        return residual, whitening, points, focal

    def _jaw_trust(self, points: np.ndarray) -> np.ndarray:
        """1 on the side of the jaw `[T, 17]` that faces the camera, less on the far side."""
        behind_m = points[:, JAW, 2] - points[:, [0, 16], 2].mean(axis=1, keepdims=True)
        return np.clip(1.0 - behind_m / 0.05, 0.2, 1.0)

    def huber(self, residual: np.ndarray) -> np.ndarray:
        """Robust weights `[T, 68]`."""
        return np.minimum(1.0, HUBER / np.maximum(np.linalg.norm(residual, axis=2), 1e-9))

    def trust(self, state: Alignment) -> np.ndarray:
        """Robust weights `[T, 68]` at the end."""
        return self.huber(self.whitened(state)[0])

    def cost(self, state: Alignment) -> float:
        """Negative log likelihood, up to a constant."""
        residual, _, points, _ = self.whitened(state)
        if (points[..., 2] < 0.02).any():
            return np.inf
        size = np.linalg.norm(residual, axis=2)
        loss = np.where(size < HUBER, size**2, HUBER * (2 * size - HUBER))
        cost = float((self.weight[:, None] * loss).sum())
        turn = self._turns(state)
        cost += float((self.weight[:, None] * turn**2).sum()) / ROTATION_DOUBT_RAD**2
        return cost + float((state.shape**2).sum()) + self.focal_weight * state.log_focal**2

    def _turns(self, state: Alignment) -> np.ndarray:
        """Rotation vectors `[T, 3]` (rad, camera axes) from the encoder's rotation to the state's."""
        now = self.seen.viewmats[:, :3, :3] @ state.rotation[self.seen.moment]
        return rotation_vectors(now @ self.seen.rotation.transpose(0, 2, 1))

    def step(self, state: Alignment, damping: float) -> Alignment:
        """One damped step."""
        slopes = self._slopes(state)
        blocks, gradient = self._pose_blocks(state, slopes)
        size = np.trace(blocks, axis1=1, axis2=2)[:, None, None] / 6
        blocks += damping * size * np.eye(6)
        if not self.fits_shape:
            return _moved(state, -np.linalg.solve(blocks, gradient[..., None])[..., 0])
        return self._joint(state, slopes, (blocks, gradient), damping)

    def _slopes(self, state: Alignment) -> _Slopes:
        residual, whitening, points, focal = self.whitened(state)
        rotation = state.rotation[self.seen.moment]
        turned = np.einsum("tij,tpj->tpi", rotation, self.model.points(state.shape))
        view = self.seen.viewmats[:, None, :3, :3]
        position = whitening @ _projection_slope(points, focal) @ view
        pose = np.concatenate([-position @ cross_matrices(turned), position], axis=3)
        seen_at = focal[:, None] * points[..., :2] / points[..., 2:]
        weight = self.weight[:, None] * self.huber(residual)
        return _Slopes(pose, position, whitening @ seen_at[..., None], residual, weight)

    def _pose_blocks(self, state: Alignment, slopes: _Slopes) -> tuple[np.ndarray, np.ndarray]:
        """Normal equations of the poses: `[M, 6, 6]` and `[M, 6]`."""
        moment, pose = self.seen.moment, slopes.pose
        count = self.seen.num_moments
        blocks, gradient = np.zeros((count, 6, 6)), np.zeros((count, 6))
        weighted = pose * slopes.weight[..., None, None]
        np.add.at(blocks, moment, _summed(weighted, pose))
        np.add.at(gradient, moment, _summed(weighted, slopes.residual[..., None])[..., 0])
        # The encoder's own rotation pulls a little.
        about = self.weight / ROTATION_DOUBT_RAD**2
        back = self.seen.viewmats[:, :3, :3].transpose(0, 2, 1)
        turns = (back @ self._turns(state)[..., None])[..., 0]
        np.add.at(blocks, moment, about[:, None, None] * np.diag([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]))
        np.add.at(gradient, moment, about[:, None] * np.pad(turns, ((0, 0), (0, 3))))
        return blocks, gradient

    def _joint(
        self,
        state: Alignment,
        slopes: _Slopes,
        poses: tuple[np.ndarray, np.ndarray],
        damping: float,
    ) -> Alignment:
        """The step of shape, focal length and poses together."""
        blocks, gradient = poses
        moment, count = self.seen.moment, len(state.shape) + 1
        rotation = state.rotation[moment]
        turned = np.einsum("tij,kpj->tpik", rotation, self.model.modes, optimize=True)
        shape = np.concatenate([slopes.position @ turned, slopes.focal], axis=3)
        weighted = shape * slopes.weight[..., None, None]
        flat, flat_weighted = shape.reshape(-1, count), weighted.reshape(-1, count)
        system = flat_weighted.T @ flat
        system[np.diag_indices(count)] *= 1 + damping
        prior = np.append(np.ones(count - 1), self.focal_weight)
        system += np.diag(prior)
        wanted = flat_weighted.T @ slopes.residual.ravel()
        wanted += prior * np.append(state.shape, state.log_focal)
        cross = np.zeros((len(blocks), count, 6))
        np.add.at(cross, moment, _summed(weighted, slopes.pose))
        eliminated = np.linalg.solve(blocks, cross.transpose(0, 2, 1))
        solved = np.linalg.solve(blocks, gradient[..., None])[..., 0]
        system -= np.einsum("mab,mbc->ac", cross, eliminated)
        wanted -= np.einsum("mab,mb->a", cross, solved)
        change = -np.linalg.solve(system, wanted)
        state = replace(
            state, shape=state.shape + change[:-1], log_focal=state.log_focal + float(change[-1])
        )
        return _moved(state, -solved - eliminated @ change)


def _summed(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left^T right `[T, A, B]` over all landmarks and axes, from `[T, 68, 2, A]` and `[T, 68, 2, B]`."""
    count = len(left)
    left = left.reshape(count, -1, left.shape[-1])
    return left.transpose(0, 2, 1) @ right.reshape(count, left.shape[1], -1)


def _projection_slope(points: np.ndarray, focal: np.ndarray) -> np.ndarray:
    """What a point's motion in camera axes does to its pixel, `[T, 68, 2, 3]`."""
    depth = np.maximum(points[..., 2], 1e-3)
    slope = np.zeros((*points.shape[:2], 2, 3))
    for axis in range(2):
        slope[..., axis, axis] = focal[:, None, axis] / depth
        slope[..., axis, 2] = -focal[:, None, axis] * points[..., axis] / depth**2
    return slope


def _moved(state: Alignment, move: np.ndarray) -> Alignment:
    """The state with every pose turned and shifted by `move` `[M, 6]`."""
    rotation = rotation_matrices(move[:, :3]) @ state.rotation
    return replace(state, rotation=rotation, position=state.position + move[:, 3:])


def cross_matrices(vectors: np.ndarray) -> np.ndarray:
    """Matrices `[..., 3, 3]` that multiply as the cross product with `vectors` does."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
