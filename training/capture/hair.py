"""Scalp hair: a side-parted bob, grown strand by strand over the skull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter
from scipy.spatial import cKDTree

from ..strands import Strands
from .mesh import HeadMesh
from .noise import solid_noise
from .strands import bind_roots, taper

# The middle of the skull, about which it is star-shaped (avatar frame, metres).
CENTER = np.array([0.0, 0.012, -0.072])
# Hairline: angle from the front (degrees, both sides alike) and height (m) above the eyes.
HAIRLINE = np.array(
    [
        (0, 0.0685), (14, 0.0695), (28, 0.0660), (40, 0.0560), (52, 0.0430), (64, 0.0330),
        (76, 0.0120), (86, -0.0060), (94, -0.0040), (100, 0.0080), (116, 0.0040),
        (124, -0.0150), (140, -0.0480), (160, -0.0700), (180, -0.0740),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Style:
    """What makes this haircut; lengths in metres."""

    strands: int = 9000
    points: int = 22
    part_x_m: float = 0.021
    ends_y_m: float = -0.116
    volume_m: float = 0.0125
    clumps: int = 480
    wave_m: float = 0.0085
    wave_length_m: float = 0.062
    flyaways: float = 0.022
    root_radius_m: float = 0.00019
    root_colour: tuple[float, float, float] = (0.036, 0.0205, 0.0125)
    tip_colour: tuple[float, float, float] = (0.112, 0.060, 0.031)


@dataclass(frozen=True)
class Hull:
    """The skull as a distance from CENTER per direction, on a grid of polar angles."""

    radius: np.ndarray  # [96, 192]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Distance from CENTER to the hull in the direction of each point [..., 3]."""
        offset = points - CENTER
        polar = np.arccos(np.clip(offset[..., 1] / np.linalg.norm(offset, axis=-1), -1, 1))
        turn = np.arctan2(offset[..., 0], offset[..., 2])
        rows, columns = self.radius.shape
        place = [polar / np.pi * (rows - 1), (turn / (2 * np.pi) % 1.0) * columns]
        return map_coordinates(self.radius, place, order=1, mode="grid-wrap")


def skull_hull(mesh: HeadMesh) -> Hull:
    """Hull of the skin above the collar, with ears and hollows smoothed over."""
    skin = np.unique(mesh.triangles[mesh.faces_of("face", "back_head")])
    offset = mesh.vertices[skin].astype(np.float64) - CENTER
    length = np.linalg.norm(offset, axis=1)
    rows, columns = 96, 192
    polar, turn = np.meshgrid(
        np.linspace(0, np.pi, rows), np.arange(columns) / columns * 2 * np.pi, indexing="ij"
    )
    ray = np.stack(
        [np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], axis=2
    )
    distance, nearest = cKDTree(offset / length[:, None]).query(ray.reshape(-1, 3), k=4)
    radius = length[nearest].max(1).reshape(rows, columns)
    wide = maximum_filter(radius, 3, mode=("nearest", "wrap"))
    return Hull(gaussian_filter(wide, 3.2, mode=("nearest", "wrap")))


def hairline_height(points: np.ndarray) -> np.ndarray:
    """Height (m) of the hairline at the turn of each point [N, 3] about the head's axis."""
    turn = np.degrees(np.abs(np.arctan2(points[:, 0], points[:, 2] + 0.060)))
    curve = PchipInterpolator(HAIRLINE[:, 0], HAIRLINE[:, 1])
    return curve(turn)


def above_hairline(points: np.ndarray, *, is_ragged: bool = True) -> np.ndarray:
    """Metres [N] above the hairline, ragged or smooth: positive where hair grows."""
    if not is_ragged:
        return points[:, 1] - hairline_height(points)
    ragged = 0.0016 * solid_noise(points, 0.004, 61) + 0.0012 * solid_noise(points, 0.0012, 62)
    return points[:, 1] - hairline_height(points) + ragged


def sample_roots(mesh: HeadMesh, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Roots [S, 3], evenly over the scalp and thinner along the hairline."""
    faces = np.flatnonzero(mesh.faces_of("face", "back_head"))
    corners = mesh.vertices[mesh.triangles[faces]].astype(np.float64)
    scalp = above_hairline(corners.mean(1)) > -0.008
    corners = corners[scalp]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    chosen = rng.choice(len(corners), size=style.strands * 3, p=area / area.sum())
    a, b = np.sqrt(rng.random(len(chosen))), rng.random(len(chosen))
    weights = np.stack([1 - a, a * (1 - b), a * b], axis=1)
    roots = np.einsum("sk,skc->sc", weights, corners[chosen])
    inside = above_hairline(roots)
    keep = rng.random(len(roots)) < np.clip(inside / 0.007, 0.0, 1.0)
    return roots[keep][: style.strands]


def flow(points: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Combing direction [S, 3] on top of the skull: off the parting, back from the face."""
    front = np.clip((points[:, 2] + 0.05) / 0.07, 0.0, 1.0)
    lateral = np.stack([side, np.zeros_like(side), np.zeros_like(side)], axis=1)
    back = np.array([0.0, 0.0, -1.0])
    down = np.array([0.0, -1.0, 0.0])
    height = np.clip((points[:, 1] - 0.02) / 0.06, 0.0, 1.0)[:, None]
    behind = np.clip((-0.10 - points[:, 2]) / 0.05, 0.0, 1.0)[:, None]
    top = lateral + (0.25 + 0.75 * front[:, None]) * 0.75 * back
    return height * (top * (1 - behind) + behind * (0.35 * lateral + 0.9 * back)) + (
        1.25 - height
    ) * (down + 0.28 * front[:, None] * back)


def grow(roots: np.ndarray, hull: Hull, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Strands [S, P, 3]: combed over the skull, then hanging, ending at the bob's line."""
    side = np.where(roots[:, 0] > part_line(roots, style), 1.0, -1.0)
    # Hair from the crown lies on the hair from below it.
    layer = np.clip((roots[:, 1] + 0.06) / 0.16, 0.0, 1.0)
    lift = style.volume_m * (0.25 + 0.75 * layer) * rng.uniform(0.70, 1.05, len(roots))
    # At the parting hair leaves the scalp almost flat, or it would stand up as a wall.
    from_part = np.abs(roots[:, 0] - part_line(roots, style))
    is_top = np.clip((roots[:, 1] - 0.05) / 0.03, 0.0, 1.0)
    lift *= 1.0 - 0.62 * is_top * np.exp(-from_part / 0.022)
    ends = style.ends_y_m + 0.015 * rng.normal(size=len(roots)) + 0.016 * (1 - layer)
    ends -= 0.016 * np.clip((roots[:, 2] + 0.02) / 0.06, 0.0, 1.0)
    steps = 100
    length = 0.0035
    path = [roots]
    position, travelled = roots.copy(), np.zeros(len(roots))
    for _ in range(steps):
        direction = flow(position, side)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        alive = (position[:, 1] > ends)[:, None]
        position = position + alive * length * direction
        travelled += length * alive[:, 0]
        rise = 1.0 - np.exp(-travelled / 0.034)
        position = keep_outside(position, hull, lift * rise)
        path.append(position)
    return resample(np.stack(path, axis=1), style.points)


def part_line(points: np.ndarray, style: Style) -> np.ndarray:
    """Where the parting runs, x in metres [S]; it wavers and ends at the crown."""
    waver = 0.0016 * np.sin(points[:, 2] * 160.0) + 0.0009 * np.sin(points[:, 2] * 410.0)
    straight = style.part_x_m * np.clip((points[:, 2] + 0.125) / 0.05, 0.0, 1.0)
    return straight + waver


def keep_outside(points: np.ndarray, hull: Hull, lift: np.ndarray) -> np.ndarray:
    """Lay points on the lifted hull where the head carries them; below it they hang free."""
    offset = points - CENTER
    distance = np.linalg.norm(offset, axis=1)
    surface = hull(points) + lift
    carried = np.clip((points[:, 1] + 0.045) / 0.085, 0.0, 1.0)
    target = np.where(distance < surface, surface, distance + carried * (surface - distance))
    return CENTER + offset * (target / distance)[:, None]


def resample(paths: np.ndarray, count: int) -> np.ndarray:
    """Resample polylines [S, N, 3] to `count` points at even distances."""
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=2)
    along = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(steps, axis=1)], axis=1)
    wanted = along[:, -1:] * np.linspace(0.0, 1.0, count)
    # All strands in one table: each begins where the one before it has surely ended.
    starts = (np.arange(len(paths)) * (along[:, -1].max() + 1.0))[:, None]
    table, places = (along + starts).ravel(), (wanted + starts).ravel()
    columns = [np.interp(places, table, paths[..., axis].ravel()) for axis in range(3)]
    return np.stack(columns, axis=1).reshape(len(paths), count, 3)


def clump_and_wave(points: np.ndarray, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Gather strands into locks, wave the locks, and let single hairs stray."""
    count, steps, _ = points.shape
    leaders = rng.choice(count, style.clumps, replace=False)
    # Roots and ends both decide who belongs to a lock: it must not bridge the parting.
    key = np.concatenate([points[:, 0], 0.7 * points[:, steps // 2], 0.5 * points[:, -1]], axis=1)
    _, nearest = cKDTree(key[leaders]).query(key)
    along = np.linspace(0.0, 1.0, steps)[None, :, None]
    pull = (0.62 * along**0.9) * rng.uniform(0.55, 1.0, (count, 1, 1))
    spread = points - points[leaders][nearest]
    gathered = points - pull * spread
    length = np.linalg.norm(np.diff(points, axis=1), axis=2).sum(1)[:, None, None]
    phase = rng.uniform(0, 2 * np.pi, style.clumps)[nearest][:, None, None]
    angle = 2 * np.pi * along * length / style.wave_length_m + phase
    outward = gathered - CENTER
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    tangent = np.gradient(gathered, axis=1)
    sideways = np.cross(outward, tangent)
    sideways /= np.maximum(np.linalg.norm(sideways, axis=2, keepdims=True), 1e-9)
    swing = (
        style.wave_m * along**1.25 * rng.uniform(0.5, 1.2, (style.clumps,))[nearest][:, None, None]
    )
    waved = gathered + swing * (np.sin(angle) * sideways + 0.22 * np.cos(angle) * outward)
    stray = np.where(rng.random(count) < style.flyaways, 0.0045, 0.0007)[:, None, None]
    jitter = np.cumsum(rng.normal(size=(count, steps, 3)), axis=1) / np.sqrt(steps)
    return waved + stray * along * (jitter + np.abs(jitter) * outward * 0.5)


def hair_colour(points: np.ndarray, style: Style, rng: np.random.Generator) -> np.ndarray:
    """Albedo [S, P, 3]: dark roots, lighter lengths, and no two hairs the same."""
    along = np.linspace(0.0, 1.0, points.shape[1])[None, :, None] ** 0.8
    root, tip = np.asarray(style.root_colour), np.asarray(style.tip_colour)
    base = root * (1 - along) + tip * along
    strand = np.exp(0.20 * rng.normal(size=(len(points), 1, 1)))
    warm = 1.0 + 0.035 * rng.normal(size=(len(points), 1, 1)) * np.array([1.0, 0.0, -1.0])
    lock = np.exp(0.22 * solid_noise(points[:, 0], 0.012, 63))[:, None, None]
    return base * strand * warm * lock


def groom_hair(mesh: HeadMesh, style: Style, seed: int) -> Strands:
    """The whole head of hair, unlit."""
    rng = np.random.default_rng(seed)
    hull = skull_hull(mesh)
    roots = sample_roots(mesh, style, rng)
    points = grow(roots, hull, style, rng)
    points = clump_and_wave(points, style, rng)
    triangle, barycentric = bind_roots(mesh, roots, ("face", "back_head"))
    return Strands(
        points=points,
        radius=taper(len(points), style.points, style.root_radius_m),
        color=hair_colour(points, style, rng),
        triangle=triangle,
        barycentric=barycentric,
    )
