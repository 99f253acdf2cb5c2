"""ARKit weights as values of another character's shape keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64

from .arkit import ARKIT_BLENDSHAPES, ARKIT_INDEX
from .face_parts import part_indices
from .matrices import arkit_matrix
from .shape_names import ShapeRow
from .shape_tables import VISEME_POSES

# How much a mistake in these shows on a mouth, against all others.
_SEEN = {"jawOpen": 2.0, "mouthClose": 2.0, "mouthFunnel": 1.5, "mouthPucker": 1.5}
_MAX_SWEEPS, _SETTLED = 500, 1e-5


def shape_values(
    weights: Float32[np.ndarray, "T 52"], rows: Sequence[ShapeRow]
) -> dict[str, Float32[np.ndarray, " T"]]:
    """What every shape key of `rows` does at ARKit `weights`: the sum of its rows.

    Visemes are the mixture, of those that the character has, that comes nearest to the mouth; what
    rows of ARKit's own shapes say already is left out of it.
    """
    visemes = sorted({row.control for row in rows} - set(ARKIT_INDEX))
    said = [ARKIT_INDEX[row.control] for row in rows if row.control in ARKIT_INDEX]
    shares = viseme_shares(weights, visemes, said) if visemes else None
    values: dict[str, np.ndarray] = {}
    for row in rows:
        if row.control in ARKIT_INDEX:
            control = weights[:, ARKIT_INDEX[row.control]]
        else:
            control = shares[:, visemes.index(row.control)]
        total = values.setdefault(row.key, np.zeros(len(weights), np.float32))
        total += np.float32(row.factor) * control
    return values


def viseme_shares(
    weights: Float32[np.ndarray, "T 52"], visemes: Sequence[str], said: Sequence[int] = ()
) -> Float32[np.ndarray, "T V"]:
    """Shares (0 to 1) of `visemes` whose mixture is nearest to the mouth of ARKit `weights`.

    Non-negative least squares; the ARKit controls with the indices `said` do not count.
    """
    columns = [i for i in part_indices(["mouth"]) if i not in set(said)]
    seen = np.array([_SEEN.get(ARKIT_BLENDSHAPES[i], 1.0) for i in columns])
    poses = arkit_matrix({name: VISEME_POSES[name] for name in visemes})[:, columns] * seen
    mouth = weights[:, columns].astype(np.float64) * seen
    return _least_squares(poses.astype(np.float64), mouth).astype(np.float32)


def _least_squares(
    poses: Float64[np.ndarray, "V C"], targets: Float64[np.ndarray, "T C"]
) -> Float64[np.ndarray, "T V"]:
    """Shares in [0, 1] of `poses` that come nearest to `targets`, one control after the other."""
    gram, wanted = poses @ poses.T, targets @ poses.T
    shares = np.zeros((len(targets), len(poses)))
    movable = np.flatnonzero(gram.diagonal() > 0)
    for _ in range(_MAX_SWEEPS):
        largest = 0.0
        for k in movable:
            step = (wanted[:, k] - shares @ gram[k]) / gram[k, k]
            moved = np.clip(shares[:, k] + step, 0.0, 1.0)
            largest = max(largest, float(np.abs(moved - shares[:, k]).max(initial=0.0)))
            shares[:, k] = moved
        if largest < _SETTLED:
            break
    return shares
