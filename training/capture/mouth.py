"""Lips, teeth, gums and tongue: masks and colours."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

from .mesh import PART, HeadMesh
from .noise import solid_noise
from .painting import Painting
from .texels import Texels

OUTER_LIP = range(48, 60)
TEETH_ROOT_GAIN = np.array([0.90, 0.80, 0.66])
GUMS_COLOUR = np.array([0.47, 0.155, 0.150])
CAVITY_COLOUR = np.array([0.33, 0.085, 0.080])


def vertex_uv(mesh: HeadMesh, vertex: int) -> np.ndarray:
    """Atlas UV [2] of one vertex (any of its corners)."""
    face, corner = np.argwhere(mesh.triangles == vertex)[0]
    return mesh.uvs[face, corner]


def lip_mask(mesh: HeadMesh, texels: Texels) -> np.ndarray:
    """How much of each texel [N] is the red of the lips, with a soft edge."""
    contour = np.stack([vertex_uv(mesh, mesh.landmarks68[k]) for k in OUTER_LIP])
    closed = np.concatenate([contour, contour[:1]])
    smooth = CubicSpline(np.arange(len(closed)), closed, bc_type="periodic")
    outline = smooth(np.linspace(0.0, len(contour), 200))
    side = texels.resolution
    canvas = Image.new("L", (side, side), 0)
    pixels = [(u * side, (1.0 - v) * side) for u, v in outline]
    ImageDraw.Draw(canvas).polygon(pixels, fill=255)
    soft = gaussian_filter(np.asarray(canvas, np.float32) / 255.0, 2.2 * side / 1024.0)
    return soft[texels.rows, texels.columns] * (texels.part == PART["face"])


def paint_mouth(texels: Texels, colour: np.ndarray, painting: Painting) -> np.ndarray:
    """Colours [N, 3] with teeth, gums, tongue and the inside of the cheeks painted in."""
    colour = colour.copy()
    for name, paint in (
        ("teeth", teeth_colour),
        ("gums", gums_colour),
        ("tongue", tongue_colour),
        ("mouth_cavity", cavity_colour),
    ):
        chosen = texels.part == PART[name]
        colour[chosen] = paint(texels.positions[chosen].astype(np.float64), painting)
    return colour


def teeth_colour(points: np.ndarray, painting: Painting) -> np.ndarray:
    """Enamel, warmer towards the root and further back; no two teeth quite alike [N, 3]."""
    height = points[:, 1]
    biting = np.median(height)
    root = np.clip((np.abs(height - biting) - 0.004) / 0.009, 0.0, 1.0)
    back = np.clip((0.024 - points[:, 2]) / 0.03, 0.0, 1.0)
    tone = 1.0 + 0.035 * solid_noise(points, 0.006, 41) + 0.02 * solid_noise(points, 0.0015, 42)
    gain = 1.0 - (0.75 * root + 0.25 * back)[:, None] * (1.0 - TEETH_ROOT_GAIN)
    return np.asarray(painting.teeth) * gain * tone[:, None]


def gums_colour(points: np.ndarray, _: Painting) -> np.ndarray:
    """Moist pink with darker and paler patches [N, 3]."""
    tone = 1.0 + 0.05 * solid_noise(points, 0.003, 43, octaves=2)
    return GUMS_COLOUR * tone[:, None]


def tongue_colour(points: np.ndarray, painting: Painting) -> np.ndarray:
    """Pink with a paler, rough back and a groove along the middle [N, 3]."""
    papillae = 0.035 * solid_noise(points, 0.0011, 44) + 0.045 * solid_noise(points, 0.004, 45)
    groove = 0.14 * np.exp(-0.5 * (points[:, 0] / 0.0012) ** 2)
    coat = np.clip((0.004 - points[:, 2]) / 0.02, 0.0, 1.0)[:, None] * np.array([0.05, 0.09, 0.08])
    return np.asarray(painting.tongue) * (1.0 + papillae - groove)[:, None] + coat


def cavity_colour(points: np.ndarray, _: Painting) -> np.ndarray:
    """The wet inside of cheeks and throat [N, 3]."""
    tone = 1.0 + 0.10 * solid_noise(points, 0.004, 46, octaves=2)
    return CAVITY_COLOUR * tone[:, None]
