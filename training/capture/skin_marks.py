"""Marks of life on the skin: wrinkles, freckles, moles and age spots, drawn on the mean head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from .identity import Identity
from .mesh import PART
from .noise import solid_noise
from .painting import Painting
from .person_atlas import PersonAtlas
from .skin import skin_mask
from .wrinkle_lines import Line, wrinkle_lines

# Lines are drawn this much larger than the atlas and averaged down.
FINER = 2
# Breadths of wrinkles as blurs in pixels of an atlas of 1024.
BREADTHS_PX = (1.0, 1.9, 3.8)
# What brings the middle of a line so blurred to 1, its depth, and how much it darkens the skin.
GAINS = (2.9, 3.6, 4.9)
DEPTHS_M = (0.00045, 0.00085, 0.00110)
SHADES = (0.62, 0.60, 0.28)


@dataclass(frozen=True)
class Marks:
    """What marks add to a skin, per texel [N]."""

    melanin: np.ndarray
    blood: np.ndarray
    height_m: np.ndarray
    crease: np.ndarray  # how much less light leaves the bottom of wrinkles, as an exponent


def draw_marks(atlas: PersonAtlas, identity: Identity, painting: Painting) -> Marks:
    """All marks of one person."""
    rng = np.random.default_rng([identity.seed, 211])
    count = len(atlas.texels.rows)
    melanin, blood = np.zeros(count), np.zeros(count)
    face = np.flatnonzero(
        (atlas.texels.part == PART["face"]) & (atlas.texels.positions[:, 2] > -0.04)
    )
    points = atlas.texels.positions[face].astype(np.float64)
    melanin[face] = freckle_map(points, identity, painting)
    melanin[face] += mole_map(points, painting.moles, rng)
    melanin[face] += age_spot_map(points, identity, painting)
    blood[face] = 0.35 * np.clip(solid_noise(points, 0.0012, 5000 + identity.seed) - 2.1, 0.0, 0.6)
    lines = wrinkle_lines(atlas.landmarks, painting.wrinkles, rng)
    height, shade = draw_lines(atlas, face, lines)
    height += fine_creases(atlas, identity, painting)
    return Marks(melanin, blood, height, shade)


def freckle_map(points: np.ndarray, identity: Identity, painting: Painting) -> np.ndarray:
    """Melanin [N] of freckles over nose and cheeks."""
    if painting.freckles <= 0.0:
        return np.zeros(len(points))
    seed = 6000 + 31 * identity.seed
    spots = np.clip((solid_noise(points, 0.0013, seed) - 1.15) * 1.5, 0.0, 1.0)
    spots += np.clip((solid_noise(points, 0.0021, seed + 1) - 1.5) * 1.5, 0.0, 1.0)
    zone = np.exp(-(((points[:, 1] + 0.022) / 0.030) ** 2)) * (points[:, 2] > -0.01)
    patchy = np.clip(0.7 + 0.4 * solid_noise(points, 0.012, seed + 2), 0.1, 1.3)
    return 0.26 * painting.freckles * spots * (zone + 0.12) * patchy


def mole_map(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Melanin [N] of `count` moles, each a millimetre or two across."""
    values = np.zeros(len(points))
    tree = cKDTree(points)
    for center in rng.integers(len(points), size=count):
        radius, dark = rng.uniform(0.0004, 0.0013), rng.uniform(0.12, 0.5)
        close = tree.query_ball_point(points[center], 3.0 * radius)
        distance = np.linalg.norm(points[close] - points[center], axis=1)
        values[close] += dark * np.exp(-0.5 * (distance / radius) ** 4)
    return values


def age_spot_map(points: np.ndarray, identity: Identity, painting: Painting) -> np.ndarray:
    """Melanin [N] of the flat brown spots of old skin: temples, cheeks and forehead."""
    if painting.age_spots <= 0.0:
        return np.zeros(len(points))
    seed = 7000 + 31 * identity.seed
    spots = np.clip((solid_noise(points, 0.0042, seed, octaves=2) - 1.45) * 2.2, 0.0, 1.0)
    outer = np.clip(np.abs(points[:, 0]) / 0.05, 0.25, 1.0)
    return 0.16 * painting.age_spots * spots * outer


def draw_lines(
    atlas: PersonAtlas, face: np.ndarray, lines: list[Line]
) -> tuple[np.ndarray, np.ndarray]:
    """Height [N] (m) of wrinkles, whose edges bulge, and how much they darken the skin [N]."""
    height, shade = np.zeros(len(atlas.texels.rows)), np.zeros(len(atlas.texels.rows))
    rows, columns = atlas.texels.rows[face], atlas.texels.columns[face]
    resolution = atlas.texels.resolution
    places = atlas.texels.positions[face].astype(np.float64)
    in_front = atlas.texels.normals[face][:, 2] > -0.1
    tree = cKDTree(places[in_front][:, :2])
    pixels = np.stack([atlas.texels.columns, atlas.texels.rows], axis=1)[face][in_front]
    size = resolution * FINER
    for breadth, blur in enumerate(BREADTHS_PX):
        canvas = Image.new("L", (size, size), 0)
        draw = ImageDraw.Draw(canvas)
        for line in lines:
            if line.breadth == breadth:
                _, nearest = tree.query(line.points)
                draw_line(draw, (pixels[nearest] + 0.5) * FINER, line)
        drawn = np.asarray(canvas, np.float32).reshape(resolution, FINER, resolution, FINER) / 255.0
        sharp = gaussian_filter(drawn.mean((1, 3)), blur * resolution / 1024.0)
        wide = gaussian_filter(sharp, 2.6 * blur * resolution / 1024.0)
        deep = GAINS[breadth] * (sharp - 0.6 * wide)[rows, columns]
        height[face] -= DEPTHS_M[breadth] * deep
        shade[face] += SHADES[breadth] * deep
    return height, shade


def draw_line(draw: ImageDraw.ImageDraw, pixels: np.ndarray, line: Line) -> None:
    """Draw one wrinkle piece by piece, fading as its depth does."""
    for start, end, depth in zip(pixels[:-1], pixels[1:], line.depths, strict=False):
        # Folds of the skin hide places from the front: a piece must not leap across them.
        if np.abs(end - start).max() < 40 * FINER:
            value = int(np.clip(255.0 * depth, 0.0, 255.0))
            draw.line([tuple(start), tuple(end)], fill=value, width=FINER + line.breadth)


def fine_creases(atlas: PersonAtlas, identity: Identity, painting: Painting) -> np.ndarray:
    """Height [N] (m) of the crossing fine lines that cover old skin."""
    height = np.zeros(len(atlas.texels.rows))
    if painting.wrinkles <= 0.12:
        return height
    skin = skin_mask(atlas.texels)
    points = atlas.texels.positions[skin].astype(np.float64)
    seed = 8000 + 31 * identity.seed
    squeezed = points @ np.array([[1.0, 0.35, 0.0], [-0.35, 1.0, 0.0], [0.0, 0.0, 1.0]])
    crossing = np.abs(solid_noise(squeezed * np.array([1.0, 0.35, 0.7]), 0.0017, seed))
    crossing += np.abs(solid_noise(squeezed * np.array([0.35, 1.0, 0.7]), 0.0017, seed + 1))
    height[skin] = 0.00007 * painting.wrinkles * (crossing - 1.6)
    return height
