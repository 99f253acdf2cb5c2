"""Brows and lashes, hair by hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, RegularGridInterpolator
from scipy.spatial import cKDTree

from ..strands import Strands
from .hair_colour import WHITE, melanin_albedo
from .ict import METRES_PER_ICT_UNIT, IctModel
from .identity import Identity
from .lids import lash_cards
from .mesh import HeadMesh, vertex_normals
from .strands import bind_roots, taper

BROW_LANDMARKS = {"right": (21, 20, 19, 18, 17), "left": (22, 23, 24, 25, 26)}
HAIRS_PER_LID = {True: 150, False: 72}  # upper, lower
BROW_POINTS, LASH_POINTS = 7, 8
LASH_RADIUS_M = {True: 0.000068, False: 0.000042}  # upper, lower


@dataclass(frozen=True)
class BrowLook:
    """What makes one person's brows; lengths in metres, factors of the usual brow."""

    hairs: int = 620
    half_width_m: float = 0.0046
    length: float = 1.0
    tail: float = 0.90  # the landmarks reach further round the temple than hair grows
    arch_m: float = 0.0  # lifts the outer third
    shift_m: float = 0.0  # lower or higher on the bone
    lean: float = 1.0  # how upright the hairs stand
    untidy: float = 0.16
    radius_m: float = 0.000062
    colour: tuple[float, float, float] = (0.062, 0.037, 0.0235)
    grey: float = 0.0


@dataclass(frozen=True)
class LashLook:
    """What makes one person's lashes, as factors of the usual ones."""

    density: float = 1.0
    length: float = 1.0
    curl: float = 1.0
    radius: float = 1.0
    colour: tuple[float, float, float] = (0.016, 0.0105, 0.008)


def brow_look(identity: Identity) -> BrowLook:
    """This person's brows: fuller and lower on men, thinner and greyer with age."""
    rng = np.random.default_rng([identity.hair_seed, 101])
    is_male = identity.sex == "male"
    width = rng.uniform(0.85, 1.30) if is_male else rng.uniform(0.60, 1.10)
    dense = np.clip(identity.brow_density, 0.15, 1.8) * rng.uniform(0.85, 1.2)
    colour = melanin_albedo(
        identity.brow_pigment * identity.hair_eumelanin + 0.15,
        identity.brow_pigment * identity.hair_pheomelanin,
    )
    return BrowLook(
        hairs=int(np.clip(620 * dense * width, 120, 1100)),
        half_width_m=0.0046 * width,
        length=rng.uniform(0.85, 1.2) * (1.1 if is_male else 0.95),
        tail=rng.uniform(0.80, 0.95),
        arch_m=rng.uniform(-0.0012, 0.0008 if is_male else 0.0020),
        shift_m=rng.uniform(-0.0012, 0.0008) - (0.0006 if is_male else 0.0),
        lean=rng.uniform(0.7, 1.3),
        untidy=rng.uniform(0.10, 0.30 if is_male else 0.20),
        radius_m=rng.uniform(0.000054, 0.000070) * (1.08 if is_male else 1.0),
        colour=tuple(float(c) for c in 0.8 * colour),
        grey=0.6 * identity.hair_grey,
    )


def lash_look(identity: Identity) -> LashLook:
    """This person's lashes: dark on most, fair on the fairest."""
    rng = np.random.default_rng([identity.hair_seed, 103])
    female = 1.0 if identity.sex == "female" else 0.0
    colour = melanin_albedo(3.0 * identity.hair_eumelanin + 1.2, identity.hair_pheomelanin)
    made_up = female * (rng.random() < 0.5)
    return LashLook(
        density=rng.uniform(0.75, 1.1) + 0.1 * female,
        length=rng.uniform(0.80, 1.0) + 0.10 * female,
        curl=rng.uniform(0.6, 1.1) + 0.2 * made_up,
        radius=rng.uniform(0.85, 1.0) + 0.15 * made_up,
        colour=tuple(float(c) for c in colour * (0.4 if made_up else 0.8)),
    )


def groom_brows(mesh: HeadMesh, seed: int, look: BrowLook = BrowLook()) -> Strands:
    """Both brows: upright at the nose, lying outwards along the arch, thinning to the tail."""
    rng = np.random.default_rng(seed)
    skin = mesh.triangles[mesh.faces_of("face")]
    used = np.unique(skin)
    surface = Surface(mesh.vertices[used], vertex_normals(mesh.vertices, skin)[used])
    points = np.concatenate(
        [grow_brow(mesh, side, surface, look, rng) for side in ("right", "left")]
    )
    triangle, barycentric = bind_roots(mesh, points[:, 0], ("face",))
    tone = np.exp(0.25 * rng.normal(size=(len(points), 1, 1)))
    colour = np.broadcast_to(np.asarray(look.colour), points.shape) * tone
    if look.grey > 0.0:
        colour[rng.random(len(points)) < look.grey] = WHITE
    return Strands(
        points=points,
        triangle=triangle,
        barycentric=barycentric,
        radius=taper(len(points), BROW_POINTS, look.radius_m, 0.3),
        color=colour,
    )


class Surface:
    """Skin points with normals, for laying hairs onto them."""

    def __init__(self, points: np.ndarray, normals: np.ndarray) -> None:
        self.points, self.normals = points, normals
        self.tree = cKDTree(points)

    def lay(self, places: np.ndarray, height: np.ndarray) -> np.ndarray:
        """Move `places` [N, 3] to `height` [N] metres above the smoothed skin."""
        distance, nearest = self.tree.query(places, k=8)
        weight = 1.0 / (distance + 5e-4) ** 2
        weight /= weight.sum(1, keepdims=True)
        normal = (weight[..., None] * self.normals[nearest]).sum(1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        anchor = (weight[..., None] * self.points[nearest]).sum(1)
        depth = ((places - anchor) * normal).sum(1)
        return places + (height - depth)[:, None] * normal


def grow_brow(
    mesh: HeadMesh, side: str, surface: Surface, look: BrowLook, rng: np.random.Generator
) -> np.ndarray:
    """Hairs [S, P, 3] of one brow."""
    control = mesh.vertices[mesh.landmarks68[list(BROW_LANDMARKS[side])]].astype(np.float64)
    spline = CubicSpline(np.linspace(0.0, 1.0, len(control)), control)
    tail = look.tail
    s = rng.beta(1.3, 1.25, look.hairs) * tail
    across = rng.normal(0.0, 0.46, look.hairs).clip(-1.2, 1.2)
    width = look.half_width_m * np.interp(s, [0.0, 0.12, 0.5, tail], [0.50, 1.0, 0.92, 0.30])
    along = spline(s, 1)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0]) - along * along[:, 1:2]
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    # The landmarks run along the upper edge of the brow; its head sits lower than its arch.
    drop = np.interp(s, [0.0, 0.25, 0.6, tail], [0.0052, 0.0030, 0.0014, 0.0002])
    drop = drop - look.shift_m - look.arch_m * np.sin(np.pi * np.clip(s / 0.9, 0, 1)) ** 2 * s
    roots = spline(s) + up * (across * width - drop)[:, None]
    # Upper hairs lean down, lower hairs lean up, so that they close to a ridge.
    lean = np.interp(s, [0.0, 0.15, 0.35, 0.7, 1.0], [1.15, 0.80, 0.42, 0.16, 0.02])
    lean = lean * look.lean
    lean = lean - 0.42 * across * np.clip(s * 2.2, 0.0, 1.0) + look.untidy * rng.normal(size=len(s))
    length = np.interp(s, [0.0, 0.2, 0.6, 1.0], [0.0062, 0.0085, 0.0080, 0.0052])
    length = length * look.length * rng.uniform(0.55, 1.12, len(s))
    hairs = [surface.lay(roots, np.full(len(s), -2e-4))]
    place = roots.copy()
    for step in range(1, BROW_POINTS):
        share = step / (BROW_POINTS - 1)
        angle = lean * (1.0 - 0.45 * share)
        heading = along * np.cos(angle)[:, None] + up * np.sin(angle)[:, None]
        place = place + heading * (length / (BROW_POINTS - 1))[:, None]
        rise = 0.0010 * np.sin(np.pi * min(share, 0.75)) * rng.uniform(0.5, 1.2, len(s))
        hairs.append(surface.lay(place, rise))
    return np.stack(hairs, axis=1)


def groom_lashes(
    mesh: HeadMesh,
    model: IctModel,
    shape: np.ndarray,
    origin: np.ndarray,
    seed: int,
    look: LashLook = LashLook(),
) -> Strands:
    """All four rows of lashes, following ICT's lash cards in `shape` [V, 3] centimetres."""
    rng = np.random.default_rng(seed)
    metres = (shape - origin) * METRES_PER_ICT_UNIT
    hairs, thickness = [], []
    for card in lash_cards(model):
        count = int(look.density * HAIRS_PER_LID[card.is_upper]) // 3 + 1
        hairs.append(grow_lashes(metres[card.vertices], card.is_upper, count, look, rng))
        thickness.append(np.full(count, look.radius * LASH_RADIUS_M[card.is_upper]))
    points, root_m = np.concatenate(hairs), np.concatenate(thickness)[:, None]
    triangle, barycentric = bind_roots(mesh, points[:, 0], ("face",))
    tone = np.exp(0.2 * rng.normal(size=(len(points), 1, 1)))
    colour = np.broadcast_to(np.asarray(look.colour), points.shape) * tone
    return Strands(
        points=points,
        triangle=triangle,
        barycentric=barycentric,
        radius=root_m * taper(len(points), LASH_POINTS, 1.0, 0.15),
        color=colour,
    )


def grow_lashes(
    grid: np.ndarray, is_upper: bool, count: int, look: LashLook, rng: np.random.Generator
) -> np.ndarray:
    """Lashes [S, P, 3] on one card's grid [6, 19, 3]; neighbours lean together in tufts."""
    rows, columns, _ = grid.shape
    sheet = RegularGridInterpolator((np.arange(rows), np.arange(columns)), grid, method="linear")
    root = rng.uniform(0.6, columns - 1.6, count)
    tuft = np.round(root * 1.15) / 1.15 + 0.12 * rng.normal(size=count)
    middle = 1.0 - np.abs(root / (columns - 1) - 0.5) * 0.7
    usual = (0.92 if is_upper else 0.66) * look.length
    reach = usual * (rows - 1) * middle * rng.uniform(0.62, 1.0, count)
    hairs = []
    for share in np.linspace(0.0, 1.0, LASH_POINTS):
        column = np.clip(root + (tuft - root) * 0.75 * share**1.5, 0, columns - 1)
        place = sheet(np.stack([np.clip(reach * share, 0, rows - 1), column], axis=1))
        curl = 0.0046 * look.curl * share**1.8 if is_upper else -0.0003 * share**2
        hairs.append(place + np.array([0.0, curl, 0.0]))
    return np.stack(hairs, axis=1)
