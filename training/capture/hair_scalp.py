"""Where hair grows: the scalp of every person, told on the mean head's places.

All heads share one topology, so a place on any head has a counterpart on the mean head. Hairlines,
partings and the beard's edges are drawn there once and fit every person, ears and all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from .hair import HAIRLINE
from .ict import IctModel
from .identity import Identity
from .mesh import HeadMesh, build_mesh
from .noise import solid_noise

CROWN = np.array([0.0, 0.104, -0.112])
# The vertical axis about which the hairline is told, as in `hair.hairline_height`.
AXIS_Z = -0.060
BALD_LOSS = 0.93


@dataclass(frozen=True)
class Hairline:
    """How this person's hairline departs from the usual one; metres."""

    lower_m: float = 0.0
    temples_m: float = 0.0  # how far the corners recede
    peak_m: float = 0.0  # how far a widow's peak comes down
    loss: float = 0.0  # 0 full, 1 bald
    seed: int = 61


def mean_head(model: IctModel) -> HeadMesh:
    """The head with no identity modes, vertex for vertex the counterpart of every other."""
    return build_mesh(model, Identity(name="mean", modes=(0.0,)))


def turn_deg(places: np.ndarray) -> np.ndarray:
    """Angle [N] about the head's axis from the front, 0 to 180, both sides alike."""
    return np.degrees(np.abs(np.arctan2(places[:, 0], places[:, 2] - AXIS_Z)))


def above_line(places: np.ndarray, line: Hairline, *, is_ragged: bool = True) -> np.ndarray:
    """Metres [N] that places [N, 3] on the mean head lie inside the hair, negative outside."""
    turn = turn_deg(places)
    height = PchipInterpolator(HAIRLINE[:, 0], HAIRLINE[:, 1])(turn) - line.lower_m * (turn < 70)
    recede = line.temples_m + 0.034 * np.clip(line.loss / 0.5, 0.0, 1.0)
    height += recede * np.exp(-(((turn - 33.0) / 15.0) ** 2))
    height -= line.peak_m * np.exp(-((turn / 11.0) ** 2))
    front = np.clip((line.loss - 0.25) / 0.4, 0.0, 1.0)
    height += 0.045 * front * np.clip((62.0 - turn) / 25.0, 0.0, 1.0)
    inside = places[:, 1] - height
    # Baldness also spreads from the crown, until only a wreath around the ears is left.
    spot = 0.085 * np.clip((line.loss - 0.25) / 0.35, 0.0, 1.0)
    if spot > 0.0:
        inside = np.minimum(inside, np.linalg.norm(places - CROWN, axis=1) - spot)
    wreath = np.clip((line.loss - 0.45) / 0.3, 0.0, 1.0)
    if wreath > 0.0:
        inside = np.minimum(inside, 0.115 - 0.062 * wreath - places[:, 1])
    if not is_ragged:
        return inside
    ragged = 0.0016 * solid_noise(places, 0.004, line.seed)
    return inside + ragged + 0.0012 * solid_noise(places, 0.0012, line.seed + 1)


def sample_faces(
    mesh: HeadMesh, chosen: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`count` random places, evenly over the triangles `chosen` [K]: triangle, barycentric."""
    corners = mesh.vertices[mesh.triangles[chosen]].astype(np.float64)
    edges = corners[:, 1:] - corners[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    picks = rng.choice(len(chosen), size=count, p=area / area.sum())
    a, b = np.sqrt(rng.random(count)), rng.random(count)
    return chosen[picks], np.stack([1 - a, a * (1 - b), a * b], axis=1)


def surface_points(
    vertices: np.ndarray, mesh: HeadMesh, triangle: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Points [S, 3] of barycentric `weights` [S, 3] in triangles [S] on `vertices` [V, 3]."""
    return np.einsum("sk,skc->sc", weights, vertices[mesh.triangles[triangle]].astype(np.float64))


def sample_scalp(
    mean: HeadMesh, line: Hairline, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Triangle [S] and barycentric [S, 3] of roots, even over the scalp, thinner at its edge."""
    faces = np.flatnonzero(mean.faces_of("face", "back_head"))
    middle = mean.vertices[mean.triangles[faces]].mean(1).astype(np.float64)
    faces = faces[above_line(middle, line, is_ragged=False) > -0.010]
    if not len(faces):
        return np.zeros(0, np.int32), np.zeros((0, 3))
    triangle, weights = sample_faces(mean, faces, 3 * count, rng)
    inside = above_line(surface_points(mean.vertices, mean, triangle, weights), line)
    keep = np.flatnonzero(rng.random(len(inside)) < np.clip(inside / 0.007, 0.0, 1.0))[:count]
    return triangle[keep].astype(np.int32), weights[keep]
