"""Growing strands over the mean head: combed, held by the head, drawn down by their weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hair import flow
from .hair_field import HeadField
from .hair_scalp import CROWN, turn_deg
from .hair_styles import Haircut

STEPS = 84
DOWN = np.array([0.0, -1.0, 0.0])
# Hanging hair leaves this space before the face free: centre and half axes.
FACE, FACE_AXES = np.array([0.0, -0.045, 0.030]), np.array([0.058, 0.082, 0.075])
REACHED_M = 0.016
# Free hair ends on an ellipsoid: its centre, and its half axes without any hair.
OUTLINE, OUTLINE_AXES = np.array([0.0, 0.022, -0.070]), np.array([0.082, 0.087, 0.096])


@dataclass(frozen=True)
class Growth:
    """What every strand was given before it grew; arrays have one row per strand."""

    roots: np.ndarray  # [S, 3]
    normals: np.ndarray  # [S, 3] outward at the root
    side: np.ndarray  # [S] which side of the parting, -1 or 1
    is_fringe: np.ndarray  # [S]
    length: np.ndarray  # [S] metres, before the ends are cut at a height
    lift: np.ndarray  # [S] height above the scalp at which it lies
    ends: np.ndarray  # [S] height at which it is cut, metres


def plan_growth(
    roots: np.ndarray, field: HeadField, cut: Haircut, rng: np.random.Generator
) -> Growth:
    """Draw lengths, sides, layers and ends for the roots [S, 3] of a haircut."""
    count = len(roots)
    _, normals = field(roots)
    off_part = roots[:, 0] - parting(roots, cut)
    # The parting ends at the crown: behind it hair falls straight.
    side = np.where(off_part > 0.0, 1.0, -1.0) * np.clip((roots[:, 2] + 0.135) / 0.03, 0.0, 1.0)
    front = (turn_deg(roots) < 42.0) & (roots[:, 2] > -0.035)
    is_fringe = front & (rng.random(count) < cut.fringe)
    # Hair from the crown lies on the hair from below it.
    layer = np.clip((roots[:, 1] + 0.06) / 0.16, 0.0, 1.0)
    lift = cut.volume_m * (0.25 + 0.75 * layer) * rng.uniform(0.35, 1.05, count)
    if cut.comb == "part":
        is_top = np.clip((roots[:, 1] - 0.05) / 0.03, 0.0, 1.0)
        lift *= 1.0 - 0.6 * is_top * np.exp(-np.abs(off_part) / 0.022)
    top = np.clip((roots[:, 1] - 0.035) / 0.04, 0.0, 1.0)
    length = cut.side_m + (cut.top_m - cut.side_m) * top * top * (3 - 2 * top)
    length = length * np.clip(1.0 + cut.uneven * rng.normal(size=count), 0.4, 1.6)
    ends = np.full(count, -1.0)
    if cut.ends_y_m is not None:
        length = np.full(count, 0.60)
        ends = cut.ends_y_m + 0.014 * rng.normal(size=count) + 0.02 * (1 - layer)
    if cut.comb == "tie":
        length = np.full(count, 0.32)
    if cut.comb == "free":
        length = np.minimum(
            length, to_outline(roots, normals, cut) * rng.uniform(0.86, 1.06, count)
        )
    ends = np.where(is_fringe, cut.fringe_y_m + 0.004 * rng.normal(size=count), ends)
    return Growth(roots, normals, side, is_fringe, length, lift, ends)


def to_outline(roots: np.ndarray, heading: np.ndarray, cut: Haircut) -> np.ndarray:
    """Metres [S] from the roots to the round outline of hair that stands out freely."""
    axes = OUTLINE_AXES + cut.top_m
    start, along = (roots - OUTLINE) / axes, heading / axes
    a, b, c = (along**2).sum(1), (start * along).sum(1), (start**2).sum(1) - 1.0
    reach = (np.sqrt(np.maximum(b * b - a * c, 0.0)) - b) / a
    # Trimmed round towards the neck.
    return np.maximum(reach, 0.004) * np.clip((roots[:, 1] + 0.115) / 0.09, 0.15, 1.0)


def parting(points: np.ndarray, cut: Haircut) -> np.ndarray:
    """Where the parting runs, x in metres [S]; it wavers and ends at the crown."""
    waver = 0.0016 * np.sin(points[:, 2] * 160.0) + 0.0009 * np.sin(points[:, 2] * 410.0)
    return cut.part_x_m * np.clip((points[:, 2] + 0.125) / 0.05, 0.0, 1.0) + waver


def grow(growth: Growth, field: HeadField, cut: Haircut) -> np.ndarray:
    """Paths [S, STEPS + 1, 3]; a strand that has its length repeats its last point."""
    longest = min(float(growth.length.max()), 0.55)
    step = longest / STEPS
    position, travelled = growth.roots.copy(), np.zeros(len(growth.roots))
    heading = first_heading(growth, cut)
    path, alive = [position], np.ones(len(position), bool)
    for _ in range(STEPS):
        distance, out = field(position)
        wanted = comb(position, out, growth, cut)
        rise = 1.0 - np.exp(-travelled / max(2.2 * cut.volume_m, 0.004))
        heading = cut.stiffness * heading + (1.0 - cut.stiffness) * wanted
        # What is held close bends back to its layer; what touches the head slides along it.
        above = (distance - growth.lift * rise) / 0.01
        held = cut.hold * np.clip((position[:, 1] + 0.01) / 0.05, 0.0, 1.0)
        if cut.comb == "tie":
            held = cut.hold
        heading -= (held * np.clip(above, 0.0, 1.0) * 0.5)[:, None] * out
        heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
        moved = position + step * heading
        distance, out = field(moved)
        moved += np.clip(growth.lift * rise + 0.0006 - distance, 0.0, 0.012)[:, None] * out
        if cut.ends_y_m is not None:
            moved = clear_face(moved, growth.is_fringe)
        alive &= (travelled < growth.length) & (position[:, 1] > growth.ends)
        if cut.comb == "tie":
            alive &= np.linalg.norm(position - np.asarray(cut.tie), axis=1) > REACHED_M
        heading = np.where(alive[:, None], moved - position, heading)
        heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
        position = np.where(alive[:, None], moved, position)
        travelled += step * alive
        path.append(position)
    return np.stack(path, axis=1)


def first_heading(growth: Growth, cut: Haircut) -> np.ndarray:
    """Unit directions [S, 3] in which hair leaves the scalp."""
    along = comb(growth.roots, growth.normals, growth, cut)
    lying = 1.0 - 0.6 * np.clip(
        np.abs(growth.roots[:, 0] - parting(growth.roots, cut)) < 0.004, 0, 1
    )
    stand = cut.stand * (lying if cut.comb == "part" else 1.0)
    heading = along + np.reshape(stand, (-1, 1)) * growth.normals
    return heading / np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)


def comb(points: np.ndarray, out: np.ndarray, growth: Growth, cut: Haircut) -> np.ndarray:
    """Unit directions [S, 3] that comb and weight give hair at `points`, `out` being outward."""
    from_crown = whorl(points, out)
    if cut.comb == "part":
        wanted = flow(points, growth.side)
    elif cut.comb == "back":
        wanted = swept_back(points)
    elif cut.comb == "tie":
        wanted = np.asarray(cut.tie) - points
    elif cut.comb == "free":
        wanted = out
    else:
        wanted = from_crown
    if cut.comb != "free":
        lies = np.clip((points[:, 1] + 0.02) / 0.05, 0.0, 1.0) if cut.ends_y_m else 1.0
        wanted = np.where(growth.is_fringe[:, None], from_crown, wanted)
        wanted = along_surface(wanted, out, np.broadcast_to(lies, len(points)))
    wanted = wanted + cut.gravity * DOWN
    return wanted / np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-9)


def along_surface(direction: np.ndarray, out: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Unit directions [S, 3] without a `share` [S] of what leads off or into the head."""
    flat = direction - share[:, None] * (direction * out).sum(1, keepdims=True) * out
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def whorl(points: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Away from the crown with a twist, as hair grows by itself [S, 3]."""
    away = points - CROWN
    near = np.exp(-np.linalg.norm(away, axis=1, keepdims=True) / 0.03)
    return away + (0.1 + 0.8 * near) * np.cross(out, away)


def swept_back(points: np.ndarray) -> np.ndarray:
    """Away from the face over the top, down at the back [S, 3]."""
    behind = np.clip((-0.09 - points[:, 2]) / 0.06, 0.0, 1.0)[:, None]
    sides = np.clip((0.06 - points[:, 1]) / 0.06, 0.0, 1.0)[:, None]
    back = np.array([0.0, 0.0, -1.0]) + sides * np.array([0.0, -0.45, 0.0])
    return back * (1.0 - behind) + behind * np.array([0.0, -1.0, -0.25])


def clear_face(points: np.ndarray, is_fringe: np.ndarray) -> np.ndarray:
    """Move hanging hair [S, 3] out of the space before the face."""
    offset = (points - FACE) / FACE_AXES
    offset[:, 2] = np.maximum(offset[:, 2], 0.0) * 0.45
    radius = np.linalg.norm(offset, axis=1)
    inside = (radius < 1.0) & (points[:, 2] > -0.02) & ~is_fringe & (points[:, 1] < 0.045)
    wide = np.where(points[:, 0] >= 0.0, 1.0, -1.0) * FACE_AXES[0]
    wide = wide * np.sqrt(np.clip(1.0 - offset[:, 1] ** 2 - offset[:, 2] ** 2, 0.0, 1.0))
    share = np.where(inside, 0.25, 0.0)
    moved = points.copy()
    moved[:, 0] += share * (wide - points[:, 0] + FACE[0])
    return moved
