"""Light on the eyeballs as a smooth function of the place in the head, not of the place on the ball.

When an eye turns, the shadow of the upper lid stays where it is and the iris moves through it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

# Monomials x^a y^b of a direction from the eye's centre; +Y is up, +Z out of the face.
POWERS = tuple((total - b, b) for total in range(5) for b in range(total + 1) if total - b <= 2)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
# Darker than this share of the lit white counts as hidden by a lid.
HIDDEN_SHARE = 0.35
# What lies under a lid is taken to be shaded as the nearest place in sight, and counts this little.
HIDDEN_WEIGHT = 0.03
SMALLEST_SHADE = 0.25


@dataclass(frozen=True)
class EyeShade:
    """Colours without lid shadow, and the shade's coefficients at rest and per light state."""

    colors: np.ndarray  # [N, 3] sRGB
    rest: np.ndarray  # [M]
    change: np.ndarray  # [S, M]


def shade_features(directions: np.ndarray) -> np.ndarray:
    """Monomials `[N, M]` of unit directions `[N, 3]`."""
    x, y = directions[:, 0], directions[:, 1]
    return np.stack([x**a * y**b for a, b in POWERS], axis=1)


def fit_eye_shade(
    colors: np.ndarray, changes: np.ndarray, directions: np.ndarray, is_white: np.ndarray
) -> EyeShade:
    """Part the neutral `colors` `[N, 3]` and their `changes` `[S, N, 3]` into ball and shade.

    The white has one colour, so its brightness is the shade there; the fit carries it over the iris.
    """
    brightness = colors @ LUMINANCE
    lit = np.percentile(brightness[is_white], 95)
    visible = brightness > HIDDEN_SHARE * lit
    rest = _fit(directions[is_white], brightness[is_white] / lit, visible[is_white])
    shade = np.clip(shade_features(directions) @ rest, SMALLEST_SHADE, None)
    own = np.clip(colors / shade[:, None], 0.0, 1.0)
    # Under the lids the bake is black and says nothing of the white's own colour.
    typical = np.percentile(own[is_white & visible], 75, axis=0)
    trust = np.clip((brightness / lit / shade - 0.4) / 0.4, 0, 1)[:, None]
    own = np.where(is_white[:, None], own * trust + typical * (1 - trust), own)
    own_brightness = np.maximum(own @ LUMINANCE, 0.05)
    change = []
    for delta in changes @ LUMINANCE:
        seen = visible | (brightness + delta > HIDDEN_SHARE * lit)
        change.append(
            _fit(directions[is_white], (delta / own_brightness)[is_white], seen[is_white])
        )
    return EyeShade(own, rest, np.array(change).reshape(-1, len(POWERS)))


def _fit(directions: np.ndarray, values: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Coefficients of weighted least squares through `values` `[N]` where they can be seen."""
    if not visible.any():
        return np.zeros(len(POWERS))
    nearest = cKDTree(directions[visible]).query(directions)[1]
    filled = np.where(visible, values, values[visible][nearest])
    weights = np.where(visible, 1.0, HIDDEN_WEIGHT)
    features = shade_features(directions)
    weighted = features * weights[:, None]
    normal = features.T @ weighted + 1e-5 * weights.sum() * np.eye(len(POWERS))
    return np.linalg.solve(normal, weighted.T @ filled)
