"""Light on strands in the even dome, without a viewer: what the hair and head around them let by.

Dense hair under even light shows the colour of many scatterings (Chiang et al., A Practical and
Controllable Hair and Fur Model, 2016), and the deeper a strand lies, the less of the dome it sees.
The few constants here were fitted to path-traced pictures of heads of eight colours and cuts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import map_coordinates

from ..strands import Strands, triangle_frames
from .hair_light import Density, dome_directions, strand_density
from .lighting import Rig
from .mesh import HeadMesh

DIRECTIONS = 14
STEP_M, STEPS = 0.006, 14
NODE_M = 0.006
# Gathered hair lies denser than light cares for: more than this (1/m) shades no further.
DENSEST = 260.0


@dataclass(frozen=True)
class DomeLook:
    """How albedo and optical depth become colour; fitted."""

    gain: float = 1.345
    power: float = 0.559
    shade: float = 0.562  # share of the optical depth that takes light away
    # Most light has met neighbours too: a white hair among black ones is grey. By eye.
    own: float = 0.35


LOOK = DomeLook()


def light_in_dome(strands: Strands, rig: Rig, look: DomeLook = LOOK) -> Strands:
    """Strands of the head whose colour is the light that they send out on average."""
    depth = depth_at(strands, strand_density(strands))
    directions = dome_directions(DIRECTIONS)
    return lit(strands, depth, rig.sky(directions[:, 1]), look)


def light_face_in_dome(
    strands: Strands, mesh: HeadMesh, rig: Rig, look: DomeLook = LOOK
) -> Strands:
    """Brows, lashes and beards: the face behind them hides half of the dome."""
    corners = mesh.vertices[mesh.triangles[strands.triangle]].astype(np.float64)
    normal = triangle_frames(corners)[..., 2]
    directions = dome_directions(DIRECTIONS)
    hidden = np.clip(0.5 - (normal @ directions.T) / 0.5, 0.0, 1.0)
    # Skin sends back a part of what it hides.
    depth = np.repeat(2.5 * hidden, strands.points.shape[1], axis=0)
    return lit(strands, depth, rig.sky(directions[:, 1]), look)


def lit(strands: Strands, depth: np.ndarray, sky: np.ndarray, look: DomeLook) -> Strands:
    """Colours from albedo, optical depths [N, D] and the dome's radiance [D, 3]."""
    arrives = np.exp(-look.shade * depth) @ sky / len(sky)
    own = strands.color.reshape(-1, 3)
    albedo = own**look.own * own.mean(0) ** (1.0 - look.own)
    return replace(
        strands, color=(arrives * look.gain * albedo**look.power).reshape(strands.color.shape)
    )


def depth_at(strands: Strands, density: Density) -> np.ndarray:
    """Optical depth [N, D] of hair between every point and the dome, by direction.

    It is measured at nodes of a lattice near the hair and interpolated between them.
    """
    points = strands.points.reshape(-1, 3)
    low = points.min(0)
    place = ((points - low) / NODE_M).T
    corner = np.floor(place).astype(int)
    touched = np.zeros(corner.max(1) + 2, bool)
    for shift in np.ndindex(2, 2, 2):
        touched[tuple(corner + np.array(shift)[:, None])] = True
    nodes = np.argwhere(touched) * NODE_M + low
    grid = np.zeros(touched.shape, np.float32)
    depth = np.empty((len(points), DIRECTIONS), np.float32)
    for column, direction in enumerate(dome_directions(DIRECTIONS)):
        steps = [nodes + direction * (STEP_M * step) for step in range(1, STEPS + 1)]
        grid[touched] = sum(np.minimum(density(place), DENSEST) * STEP_M for place in steps)
        depth[:, column] = map_coordinates(grid, place, order=1, mode="nearest")
    return depth
