"""Beards, moustaches and stubble: strands on the lower face, which move with the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..strands import Strands, carried_points, triangle_frames
from .hair import resample
from .hair_colour import WHITE, melanin_albedo
from .hair_field import HeadField
from .hair_scalp import sample_faces, surface_points
from .identity import Identity
from .mesh import HeadMesh, vertex_normals
from .noise import solid_noise
from .strands import taper

POINTS, STEPS = 9, 16
KINDS = ("stubble", "moustache", "goatee", "beard")
LIP_MARGIN_M = 0.0022


@dataclass(frozen=True)
class BeardLook:
    """One person's beard; lengths in metres."""

    kind: str
    hairs: int
    length_m: float
    radius_m: float = 0.000085
    gravity: float = 0.5
    curl_m: float = 0.0006
    cheek_m: float = 0.0  # how much higher than usual it grows on the cheek
    neck_m: float = 0.0  # how much further down the neck


def beard_look(identity: Identity) -> BeardLook | None:
    """What grows on this person's face; None where nothing does."""
    if identity.has_beard not in KINDS:
        return None
    rng = np.random.default_rng([identity.hair_seed, 107])
    kind = identity.has_beard
    hairs = {"stubble": 4200, "moustache": 1500, "goatee": 2200, "beard": 6000}[kind]
    shortest, longest = {
        "stubble": (0.0012, 0.0045),
        "moustache": (0.008, 0.014),
        "goatee": (0.006, 0.022),
        "beard": (0.007, 0.045),
    }[kind]
    share = rng.random() ** 1.6
    coily = {"straight": 0.5, "wavy": 1.0, "curly": 1.6, "coily": 2.4}[identity.hair_texture]
    return BeardLook(
        kind,
        int(hairs * rng.uniform(0.75, 1.1)),
        float(shortest + (longest - shortest) * share),
        gravity=float(rng.uniform(0.3, 0.7)),
        curl_m=float(0.0006 * coily * rng.uniform(0.6, 1.4)),
        cheek_m=float(rng.uniform(-0.008, 0.006)),
        neck_m=float(rng.uniform(-0.012, 0.010)),
    )


def beard_density(mean: HeadMesh, look: BeardLook, places: np.ndarray) -> np.ndarray:
    """How densely [N] a beard grows at places [N, 3] on the mean head's skin, 0 to 1."""
    marks = mean.vertices[mean.landmarks68].astype(np.float64)
    x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
    mouth, corner, nose, chin = marks[51:58].mean(0), marks[54], marks[33], marks[8]
    # Sideburn to moustache: the upper edge falls from the ear to the corner of the mouth.
    edge = np.interp(
        x,
        [0.0, 0.010, corner[0], 0.042, 0.056, 0.064, 0.078],
        [nose[1] - 0.002, nose[1] - 0.004, corner[1] + 0.004, -0.046, -0.026, -0.004, 0.012],
    )
    edge = edge + look.cheek_m * np.clip((x - 0.026) / 0.02, 0.0, 1.0) * (x < 0.062)
    below_edge = soft(edge - y, np.interp(x, [0.02, 0.035], [0.004, 0.010]))
    # The neck's edge lies below the jaw line and falls towards the front.
    neck = np.interp(
        z, [-0.060, -0.02, 0.02], [marks[4][1] - 0.012, chin[1] - 0.010, chin[1] - 0.018]
    )
    above_neck = soft(y - neck + look.neck_m, 0.016)
    before_ear = soft(z + 0.058 + 0.25 * np.clip(-0.02 - y, 0.0, 0.1), 0.008)
    thin_cheek = 1.0 - 0.25 * np.clip((y - edge + 0.02) / 0.02, 0.0, 1.0)
    full = below_edge * above_neck * before_ear * thin_cheek * off_lips(marks, places)
    # Bare patches: between the lower lip's middle tuft and the chin's sides, and below the nose.
    bare = np.exp(-(((x - 0.013) / 0.0055) ** 2) - ((y - mouth[1] + 0.018) / 0.006) ** 2)
    full = full * (1.0 - 0.7 * bare) * (1.0 - 0.5 * np.exp(-((x / 0.0025) ** 2)) * (y > mouth[1]))
    upper = soft(corner[0] + 0.006 - x, 0.004) * soft(y - corner[1] + 0.004, 0.003)
    around = soft(corner[0] + 0.004 - x, 0.004)
    patch = 0.5 + 0.5 * np.tanh(1.2 + 1.5 * solid_noise(places, 0.012, 67))
    if look.kind == "moustache":
        return full * upper
    if look.kind == "goatee":
        return full * around * soft(y - chin[1] + 0.012, 0.006)
    return full * patch


def soft(distance: np.ndarray, width_m: float | np.ndarray) -> np.ndarray:
    """0 outside, 1 inside, over `width_m` around the edge [N]."""
    share = np.clip(distance / width_m + 0.5, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def off_lips(marks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """1 outside the lips and what lies behind them, 0 on them [N]."""
    outline = marks[48:60]
    low, high = outline[6:], outline[:7]
    x = np.clip(places[:, 0], outline[:, 0].min(), outline[:, 0].max())
    upper = np.interp(x, *high[np.argsort(high[:, 0])][:, :2].T)
    under = np.concatenate([low, high[:1], high[6:7]])
    lower = np.interp(x, *under[np.argsort(under[:, 0])][:, :2].T)
    beyond_x = np.abs(places[:, 0]) - outline[:, 0].max()
    away = np.maximum(np.maximum(places[:, 1] - upper, lower - places[:, 1]), beyond_x)
    # What lies behind the lips is no place for hair either; the cheeks beside them are.
    behind = (places[:, 2] < outline[:, 2].min() - 0.004) & (np.abs(places[:, 1] - lower) < 0.03)
    behind &= (beyond_x < 0.0) & (places[:, 1] > lower.min() - 0.01)
    return np.where(behind, 0.0, soft(away - LIP_MARGIN_M, 0.0016))


def groom_beard(
    mesh: HeadMesh, mean: HeadMesh, field: HeadField, identity: Identity
) -> Strands | None:
    """The beard of this person; None without one."""
    look = beard_look(identity)
    if look is None:
        return None
    rng = np.random.default_rng([identity.hair_seed, 109])
    triangle, weights = beard_roots(mean, look, rng)
    if len(triangle) < 20:
        return None
    points = grow_beard(mean, field, look, (triangle, weights), rng)
    before, after = (
        head.vertices[head.triangles[triangle]].astype(np.float64) for head in (mean, mesh)
    )
    points = carried_points(points, weights, before, after)
    return Strands(
        points=points,
        triangle=triangle.astype(np.int32),
        barycentric=weights.astype(np.float32),
        radius=taper(len(points), POINTS, look.radius_m, 0.45),
        color=beard_colour(points, identity, rng),
    )


def beard_roots(
    mean: HeadMesh, look: BeardLook, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Triangle [S] and barycentric [S, 3] of the hairs on the mean head."""
    faces = np.flatnonzero(mean.faces_of("face", "back_head"))
    middle = mean.vertices[mean.triangles[faces]].mean(1).astype(np.float64)
    outward = vertex_normals(mean.vertices, mean.triangles[faces])[mean.triangles[faces]].mean(1)
    # Skin inside the mouth and nostrils turns its back to the front.
    from_axis = middle - np.array([0.0, -0.05, -0.06])
    shows = (outward * from_axis * np.array([1.0, 0.5, 1.0])).sum(1) > 0.0
    faces = faces[(beard_density(mean, look, middle) > 0.01) & shows]
    triangle, weights = sample_faces(mean, faces, 6 * look.hairs, rng)
    density = beard_density(mean, look, surface_points(mean.vertices, mean, triangle, weights))
    keep = np.flatnonzero(rng.random(len(density)) < density)[: look.hairs]
    return triangle[keep], weights[keep]


def grow_beard(
    mean: HeadMesh,
    field: HeadField,
    look: BeardLook,
    binding: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Hairs [S, POINTS, 3] on the mean head: off the skin, then down and together."""
    triangle, weights = binding
    roots = surface_points(mean.vertices, mean, triangle, weights)
    count = len(roots)
    out = triangle_frames(mean.vertices[mean.triangles[triangle]].astype(np.float64))[..., 2]
    side = np.where(roots[:, 0] > 0, 1.0, -1.0)[:, None]
    mouth_y = mean.vertices[mean.landmarks68[[48, 54]]].mean(0)[1]
    is_upper = (roots[:, 1] > mouth_y)[:, None] & (np.abs(roots[:, :1]) < 0.03)
    comb = np.array([0.0, -1.0, 0.05]) + is_upper * side * np.array([1.0, 0.2, 0.0])
    heading = 0.75 * out + 0.7 * comb + 0.25 * rng.normal(size=(count, 3))
    length = look.length_m * np.clip(1.0 + 0.25 * rng.normal(size=count), 0.35, 1.8)
    # Longest on the chin, shortest at the ears and above the lip.
    length *= np.interp(roots[:, 1], [-0.11, -0.06, 0.0], [1.15, 0.8, 0.5])
    length = np.where(is_upper[:, 0], np.minimum(length, 0.012), length)
    place, path = roots.copy(), [roots]
    for _ in range(STEPS):
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        place = place + (length / STEPS)[:, None] * heading
        if look.length_m > 0.005:
            distance, away = field(place)
            place += np.clip(0.0012 - distance, 0.0, 0.003)[:, None] * away
        heading = heading + look.gravity * 0.4 * comb
        path.append(place)
    points = resample(np.stack(path, axis=1), POINTS)
    return points + tufts(points, look, rng)


def tufts(points: np.ndarray, look: BeardLook, rng: np.random.Generator) -> np.ndarray:
    """Offsets [S, P, 3] that gather neighbours and make every hair crooked."""
    count = len(points)
    along = np.linspace(0.0, 1.0, POINTS)[None, :, None]
    leaders = rng.choice(count, max(count // 14, 1), replace=False)
    _, lock = cKDTree(points[leaders, 0]).query(points[:, 0])
    pull = np.clip(look.length_m / 0.03, 0.0, 0.6) * along
    walk = np.cumsum(rng.normal(size=points.shape), axis=1) / np.sqrt(POINTS)
    crooked = look.curl_m * np.clip(look.length_m / 0.008, 0.15, 3.0) * along * walk
    return pull * (points[leaders][lock] - points) + crooked


def beard_colour(points: np.ndarray, identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Albedo [S, P, 3]: often redder than the head's hair, grey first at the chin."""
    pigment = identity.beard_pigment * identity.hair_eumelanin
    red = identity.beard_pigment * identity.hair_pheomelanin + 0.12 * identity.hair_eumelanin
    colour = melanin_albedo(pigment, red)
    tone = np.exp(0.25 * rng.normal(size=(len(points), 1, 1)))
    chin = np.clip((-0.06 - points[:, 0, 1]) / 0.04, 0.0, 1.0)
    share = identity.beard_grey
    is_grey = rng.random(len(points)) < share + 1.6 * share * (1.0 - share) * (chin - 0.5)
    colour = np.where(is_grey[:, None, None], WHITE, np.broadcast_to(colour, points.shape))
    return np.clip(colour * tone, 0.004, 0.9)
