"""The atlas' light under any expression, mixed from that of the baked ones."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..core.spaces import arkit_vector
from .head_folder import LightState
from .head_light import MIDLINE_FADE_M, activate, light_activations

# What counts as moving, and how far around it the light may change (m).
MOVES_M, REACH_M = 0.0003, 0.02


class LightMix:
    """Radiance of an atlas under ARKit weights: exactly the baked one under every baked expression.

    Every state has a share that it is switched on by, of its own for the left and the right half of the face, as
    avatars have them (`head_light.light_activations`). What each adds to the neutral is solved for, so that
    states may contain each other.
    """

    def __init__(
        self, states: tuple[LightState, ...], positions: np.ndarray, reach: list[np.ndarray]
    ) -> None:
        """`positions` [R, R, 3] (m) are the atlas' places; the first state is the neutral.

        `reach` says of every other state how far its light counts, [R, R] from 0 to 1: elsewhere there is
        nothing but Cycles' noise.
        """
        self.columns, self.entries = light_activations(states)
        self.count = len(states) - 1
        self.shape = states[0].radiance.shape
        rest = np.stack(
            [
                near[..., None] * (state.radiance - states[0].radiance)
                for state, near in zip(states[1:], reach, strict=True)
            ]
        )
        active = np.stack([self._shares(arkit_vector(s.controls)).mean(0) for s in states[1:]])
        flat = rest.reshape(self.count, -1).astype(np.float32)
        self.changes = np.linalg.solve(active, np.eye(self.count)).astype(np.float32) @ flat
        left = np.clip(0.5 + positions[..., 0] / (2 * MIDLINE_FADE_M), 0.0, 1.0)
        self.left = (left * left * (3.0 - 2.0 * left)).astype(np.float32)[..., None]

    def change(self, controls: np.ndarray) -> np.ndarray:
        """What ARKit weights [52] add to the neutral's radiance, [R, R, 3]."""
        shares = self._shares(controls).astype(np.float32)
        on = np.flatnonzero(shares.any(axis=0))
        left, right = (shares[:, on] @ self.changes[on]).reshape(2, *self.shape)
        return right + self.left * (left - right)

    def _shares(self, controls: np.ndarray) -> np.ndarray:
        """How far each state is on, left and right, `[2, S]`."""
        shares = np.zeros((2, self.count))
        for share, (index, side) in zip(
            activate(self.columns, controls), self.entries, strict=True
        ):
            for half, name in enumerate(("Left", "Right")):
                if side in ("", name):
                    shares[half, index - 1] = share
        return shares


def light_reach(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far light may have changed at vertices [V, 3] (m) that moved, or near those, [V] from 0 to 1."""
    moving = np.linalg.norm(after - before, axis=1) > MOVES_M
    if not moving.any():
        return np.zeros(len(before))
    distance, _ = cKDTree(after[moving]).query(after, distance_upper_bound=REACH_M)
    return np.clip(2.0 * (1.0 - distance / REACH_M), 0.0, 1.0)


def doubled(image: np.ndarray) -> np.ndarray:
    """An image [R, R, C] at twice its side, linear between texels."""
    for axis in (0, 1):
        image = np.moveaxis(image, axis, 0)
        before = np.concatenate([image[:1], image[:-1]])
        after = np.concatenate([image[1:], image[-1:]])
        fine = np.stack([0.75 * image + 0.25 * before, 0.75 * image + 0.25 * after], axis=1)
        image = np.moveaxis(fine.reshape(-1, *image.shape[1:]), 0, axis)
    return image
