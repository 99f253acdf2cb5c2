"""The named controls as vectors and matrices of ARKit weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32

from .arkit import ARKIT_BLENDSHAPES, ARKIT_INDEX, expand_sides
from .facs import AU_TO_ARKIT, MAX_INTENSITY
from .visemes import VISEME_TO_ARKIT


def arkit_vector(weights: Mapping[str, float]) -> Float32[np.ndarray, " 52"]:
    """The 52 weights with `weights` filled in by name; a name without its side means both sides."""
    vector = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
    for name, weight in expand_sides(weights).items():
        vector[ARKIT_INDEX[name]] = weight
    return vector


def arkit_matrix(rows: Mapping[str, Mapping[str, float]]) -> Float32[np.ndarray, "n 52"]:
    """One row of 52 weights for each entry of `rows`, in its order."""
    return np.stack([arkit_vector(weights) for weights in rows.values()])


def au_to_arkit() -> Float32[np.ndarray, "18 52"]:
    """Map from AU intensities (0 to 5, order of `ACTION_UNITS`) to ARKit weights."""
    return arkit_matrix(AU_TO_ARKIT) / np.float32(MAX_INTENSITY)


def viseme_to_arkit() -> Float32[np.ndarray, "15 52"]:
    """Map from viseme weights (0 to 1, order of `META_VISEMES`) to ARKit weights."""
    return arkit_matrix(VISEME_TO_ARKIT)
