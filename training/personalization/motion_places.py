"""Which Gaussians a mouth moves, and what is known of each: where it lies at rest, and how the mouth's controls move it.

Any decoder will do: it is only asked what it makes of codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...core.avatar import Controls
from ..networks.personal_motion import Places
from .motion_sound import MOUTH

# How far a place must move in speech to be deformed at all, and to be deformed wholly.
LEAST_M, WHOLE_M = 0.5e-3, 1.8e-3
# What a control counts for that this person's speech hardly uses, as a weight of it.
LEAST_USE = 0.12
NUM_MANNERS = 8


@dataclass(frozen=True)
class MouthPlaces:
    """Gaussians `rows` near the mouth, and the places of these and, after them, of the landmarks."""

    rows: np.ndarray  # [K]
    places: Places  # [K + 68]


@torch.no_grad()
def mouth_places(head: nn.Module, controls: Controls, use: np.ndarray) -> MouthPlaces:
    """What moves with the mouth's ARKit controls, each weighted by its `use` `[52]` in the person's speech."""
    still = resting_points(head, np.zeros(controls.arkit52.shape[1], np.float32))
    weights = np.maximum(use[MOUTH], LEAST_USE)
    moves = np.stack([resting_points(head, controls.arkit52[c]) - still for c in MOUTH], axis=1)
    moves *= weights[None, :, None]
    far = np.sqrt((moves**2).sum(axis=(1, 2)))
    count = len(still) - 68
    rows = np.flatnonzero(far[:count] > LEAST_M)
    kept = np.concatenate([rows, np.arange(count, len(still))])
    points, moves, far = still[kept], moves[kept], far[kept]
    low, high = points[: len(rows)].min(axis=0), points[: len(rows)].max(axis=0)
    side = float((high - low).max())
    share = np.clip((far - LEAST_M) / (WHOLE_M - LEAST_M), 0.0, 1.0)
    reach = share * share * (3.0 - 2.0 * share)
    places = Places(
        ((points - low) / side).astype(np.float32),
        _manners(moves.reshape(len(kept), -1)),
        reach.astype(np.float32),
    )
    return MouthPlaces(rows, places)


def resting_points(head: nn.Module, code: np.ndarray) -> np.ndarray:
    """Means and landmarks `[N + 68, 3]` (m) of a code."""
    decoded = head(torch.from_numpy(np.asarray(code, np.float32)))
    return torch.cat([decoded[0], decoded[5]]).numpy().astype(np.float64)


def _manners(moves: np.ndarray) -> np.ndarray:
    """The strongest directions of how places move `[P, 3 C]`, of unit variance, `[P, M]`."""
    centred = moves - moves.mean(axis=0)
    _, _, directions = np.linalg.svd(centred.T @ centred)
    found = centred @ directions[:NUM_MANNERS].T
    return (found / np.maximum(found.std(axis=0), 1e-9)).astype(np.float32)


def as_tensors(places: Places, planes: nn.Module) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cells, shares, manner and reach of places, for the network."""
    cells, shares = planes.taps(places.points)
    return cells, shares, torch.from_numpy(places.manner), torch.from_numpy(places.reach)
