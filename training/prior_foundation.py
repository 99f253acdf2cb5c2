"""What a prior is built on, from the training persons: mean head, anchors, and the basis of what moves."""

from __future__ import annotations

import logging

import numpy as np

from .dataset.layout import HELD_OUT
from .dataset.reader import Subject
from .networks.prior import UniversalParts
from .prior_anchors import head_mesh, spread_anchors
from .prior_settings import PriorSettings, TrainingError

logger = logging.getLogger(__name__)
# A vertex that no frame moves further stays where it is.
SMALLEST_MOVE_M = 3e-5
# Expressions that show what the neutral hides.
NUM_REVEALING = 10
MOST_FRAMES = 2500
# Directions that move less than this share of the largest are rounding.
SMALLEST_SHARE = 1e-3


def build_foundation(subjects: list[Subject], settings: PriorSettings) -> UniversalParts:
    """Mean head, universal anchors and a principal basis of the tracked offsets of these persons."""
    if not subjects:
        raise TrainingError("The capture has no training persons: render some with the studio.")
    topology = subjects[0].topology
    rng = np.random.default_rng(settings.seed)
    mean = np.mean([s.neutral_vertices.astype(np.float64) for s in subjects], axis=0)
    offsets = np.concatenate([_training_offsets(subject) for subject in subjects])
    if len(offsets) > MOST_FRAMES:
        offsets = offsets[np.sort(rng.choice(len(offsets), MOST_FRAMES, replace=False))]
    reach = np.sqrt((offsets.astype(np.float32) ** 2).sum(axis=2).max(axis=0))
    moving = np.flatnonzero(reach > SMALLEST_MOVE_M)
    if len(moving) == 0:
        raise TrainingError("No tracked frame moves any vertex: check frames.npz of the persons.")
    flat = offsets[:, moving].astype(np.float32).reshape(len(offsets), -1)
    shapes = [mean + offsets[i].astype(np.float64) for i in _spread_out(flat, NUM_REVEALING)]
    anchors = spread_anchors(head_mesh(topology, mean), shapes, settings.gaussians, rng)
    basis, lost_m = _principal_basis(flat, settings.network.geometry_rank)
    logger.info(
        "%d anchors; %d of %d vertices move; %d columns leave %.3f mm (rms) of %d frames",
        len(anchors), len(moving), len(mean), len(basis), 1e3 * lost_m, len(flat),
    )  # fmt: skip
    return UniversalParts(topology, mean.astype(np.float32), anchors, moving, basis)


def _training_offsets(subject: Subject) -> np.ndarray:
    kept = [i for i, frame in enumerate(subject.frames) if frame.split != HELD_OUT]
    return subject.offsets[kept]


def _principal_basis(flat: np.ndarray, rank: int) -> tuple[np.ndarray, float]:
    """Orthogonal rows `[G, M * 3]` scaled to unit coefficients, and what they leave (m, rms per vertex).

    Not centred: the neutral is zero.
    """
    gram = flat.astype(np.float64) @ flat.T.astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    order = np.argsort(values)[::-1][: min(rank, len(flat))]
    order = order[values[order] > SMALLEST_SHARE**2 * values.max()]
    basis = (vectors[:, order].T @ flat) / np.sqrt(len(flat))
    lost = max(values.sum() - values[order].sum(), 0.0)
    return basis.astype(np.float32), float(np.sqrt(3 * lost / flat.size))


def _spread_out(flat: np.ndarray, count: int) -> list[int]:
    """Frames far from each other and from the neutral, farthest first."""
    distance, chosen = (flat**2).sum(axis=1), []
    for _ in range(min(count, len(flat))):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((flat - flat[chosen[-1]]) ** 2).sum(axis=1))
    return chosen
