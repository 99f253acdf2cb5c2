"""Skin colour: carried over from the scan, cleaned of beard and brows, and varied as skin is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .image import fill, read_linear, sample
from .mesh import PART, HeadMesh
from .noise import solid_noise
from .scan import correspond, load_scan
from .sources import Sources
from .texels import Texels

# Outlines on the scan's 1024 x 1024 colour image of what a bare face must not show: its beard,
# brows, mouth and the patches over the eyes. Pixels from the top left, found by eye.
BEARD = (
    (300, 370), (352, 386), (392, 430), (428, 446), (452, 432), (482, 422), (540, 422),
    (572, 432), (600, 448), (636, 400), (676, 362), (722, 340), (730, 500), (700, 560),
    (630, 648), (580, 740), (510, 770), (440, 740), (386, 680), (336, 630), (300, 500),
)  # fmt: skip
BROWS = (
    ((362, 300), (384, 262), (420, 242), (470, 246), (492, 262), (492, 288), (440, 286), (400, 290)),
    ((520, 262), (546, 246), (600, 240), (640, 256), (654, 292), (610, 288), (560, 284), (520, 288)),
)  # fmt: skip
EYES = (
    ((402, 284), (440, 282), (476, 296), (478, 316), (440, 328), (404, 316)),
    ((548, 296), (580, 282), (622, 284), (624, 316), (584, 328), (548, 316)),
)
BETWEEN_BROWS = ((488, 262), (524, 262), (524, 284), (488, 284))
# What the shaven scalp is painted over with belongs to the hair, not to this person's skin.
SCALP_FROM_ROW = 200
NECK_ENDS_M = -0.118
# Widths of the tones that are evened out, texels of an atlas of 1024.
BROAD_PX, NARROW_PX = 24.0, 8.0


@dataclass(frozen=True)
class Complexion:
    """Colours of one person's skin; gains multiply linear RGB."""

    # Overall tint against the scan.
    tint: tuple[float, float, float] = (1.05, 1.10, 1.08)
    flatten: float = 0.82  # how far broad colour differences of the scan are evened out
    blush: tuple[float, float, float] = (1.02, 0.91, 0.92)
    lip: tuple[float, float, float] = (0.44, 0.150, 0.150)
    lip_strength: float = 0.80
    freckles: float = 0.028


def clean_scan_colour(colour: np.ndarray) -> np.ndarray:
    """The scan's linear texture [1024, 1024, 3] with beard, brows, mouth and eyes painted out."""
    mask = Image.new("L", colour.shape[1::-1], 0)
    draw = ImageDraw.Draw(mask)
    for outline in (BEARD, *BROWS, *EYES, BETWEEN_BROWS):
        draw.polygon(outline, fill=255)
    bad = np.asarray(mask, np.float32) / 255.0
    bad[:SCALP_FROM_ROW] = 1.0
    luminance = colour @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    # Single dark hairs and spots outside the outlines.
    bad = np.maximum(bad, luminance < 0.80 * gaussian_filter(luminance, 8.0))
    known = 1.0 - np.clip(gaussian_filter(bad, 3.0) * 4.0, 0.0, 1.0)
    known[bad > 0.5] = 0.0
    filled = fill(colour, known)
    return known[..., None] * colour + (1.0 - known[..., None]) * filled


def carry_colour(mesh: HeadMesh, texels: Texels, sources: Sources) -> np.ndarray:
    """Linear colour [N, 3] of the scan at each skin texel; other texels get zero."""
    colour = clean_scan_colour(read_linear(sources.scan / "color.jpg"))
    scan = load_scan(sources.scan / "Infinite-Level_02.OBJ")
    is_skin = skin_mask(texels)
    uvs = correspond(
        scan,
        mesh.vertices[mesh.landmarks68].astype(np.float64),
        texels.positions[is_skin].astype(np.float64),
        texels.normals[is_skin].astype(np.float64),
    )
    values = np.zeros((len(texels.rows), 3), np.float32)
    values[is_skin] = sample(colour, uvs)
    return mend_neck(texels, values, is_skin)


def mend_neck(texels: Texels, values: np.ndarray, is_skin: np.ndarray) -> np.ndarray:
    """Below the larynx the scan meets its cut edges and armpits: continue the skin from above."""
    low = texels.positions[:, 1] + 0.35 * (texels.positions[:, 2] + 0.08) < NECK_ENDS_M
    known = texels.image((is_skin & ~low)[:, None].astype(np.float32))[..., 0]
    filled = fill(texels.image(values), known)[texels.rows, texels.columns]
    values[is_skin & low] = filled[is_skin & low]
    return values


def skin_mask(texels: Texels) -> np.ndarray:
    """Mask [N] of the texels that are skin."""
    return np.isin(texels.part, [PART["face"], PART["back_head"]])


def near(points: np.ndarray, centers: np.ndarray, radius_m: float) -> np.ndarray:
    """Bell [N] that is 1 at any of `centers` [K, 3] and falls off over `radius_m`."""
    columns, square = np.ascontiguousarray(points.T), np.full(len(points), np.inf)
    for center in centers:
        x, y, z = (column - place for column, place in zip(columns, center, strict=True))
        np.minimum(square, x * x + y * y + z * z, out=square)
    return np.exp(-0.5 * square / radius_m**2)


def paint_skin(
    mesh: HeadMesh, texels: Texels, carried: np.ndarray, complexion: Complexion, lips: np.ndarray
) -> np.ndarray:
    """Final linear skin colour [N, 3]; `lips` [N] says how much of a texel is lip."""
    points = texels.positions.astype(np.float64)
    landmarks = mesh.vertices[mesh.landmarks68].astype(np.float64)
    colour = even_out(texels, carried, BROAD_PX, complexion.flatten)
    # The scan's own shadows beside nose and eyes are narrower.
    colour = even_out(texels, colour, NARROW_PX, 0.55) * np.asarray(complexion.tint)
    flush = blush_map(points, landmarks)
    colour = colour * (1.0 + flush[:, None] * (np.asarray(complexion.blush) - 1.0))
    colour = colour * (1.0 - shade_under_eyes(points, landmarks)[:, None] * (0.13, 0.17, 0.12))
    colour = colour * mottling(points, complexion.freckles)
    lip_colour = np.asarray(complexion.lip) * lip_grain(points)[:, None]
    amount = (complexion.lip_strength * lips)[:, None]
    return np.clip(colour * (1.0 - amount) + lip_colour * amount, 0.005, 0.95).astype(np.float32)


def even_out(texels: Texels, carried: np.ndarray, blur_px: float, amount: float) -> np.ndarray:
    """Pull the tone of the scan, `blur_px` wide, towards its mean: baked light goes."""
    is_skin = skin_mask(texels)
    image = texels.image(carried)
    known = texels.image(is_skin[:, None].astype(np.float32))[..., 0]
    broad_sigma = blur_px * texels.resolution / 1024.0
    weight = np.maximum(gaussian_filter(known, broad_sigma), 1e-4)
    broad = np.stack(
        [gaussian_filter(image[..., k] * known, broad_sigma) / weight for k in range(3)], axis=2
    )[texels.rows, texels.columns]
    face = is_skin & (texels.positions[:, 2] > 0.0) & (texels.positions[:, 1] > -0.07)
    mean = np.median(broad[face], axis=0)
    return carried * (mean / np.maximum(broad, 1e-3)) ** amount


def blush_map(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Where blood shows: cheeks, tip and wings of the nose, chin, ears, lids [N]."""
    cheeks = np.stack([landmarks[[2, 41, 31]].mean(0), landmarks[[14, 46, 35]].mean(0)])
    cheeks[:, 2] += 0.012
    wings = landmarks[[30, 31, 33, 35]]
    lids = landmarks[[36, 39, 42, 45, 37, 38, 43, 44, 40, 41, 46, 47]]
    ears = np.where(np.abs(points[:, 0]) > 0.076, np.clip((points[:, 1] + 0.07) / 0.02, 0, 1), 0.0)
    flush = 0.85 * near(points, cheeks, 0.017) + 0.75 * near(points, wings, 0.008)
    flush += 0.35 * near(points, landmarks[[8]] + np.array([0, 0.01, 0]), 0.012)
    flush += 0.75 * near(points, lids, 0.0035) + 0.7 * ears * (points[:, 1] < 0.03)
    patchy = 1.0 + 0.14 * solid_noise(points, 0.006, 11, octaves=2)
    return np.clip(flush * patchy, 0.0, 1.6)


def shade_under_eyes(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The thin, darker skin in the inner corner and below the lower lid [N]."""
    below = landmarks[[39, 40, 41, 42, 47, 46]] + np.array([0.0, -0.007, 0.0])
    corner = landmarks[[39, 42]] + np.array([0.0, 0.0, -0.001])
    return np.clip(0.8 * near(points, below, 0.0045) + 0.5 * near(points, corner, 0.005), 0, 1)


def mottling(points: np.ndarray, freckles: float) -> np.ndarray:
    """Gains [N, 3]: patchy blood and melanin at several sizes, and a few freckles."""
    blood = solid_noise(points, 0.0035, 21, octaves=3)
    melanin = solid_noise(points, 0.0016, 22, octaves=2)
    grain = solid_noise(points, 0.0006, 23)
    gains = 1.0 + blood[:, None] * np.array([0.003, -0.011, -0.010])
    gains *= 1.0 + melanin[:, None] * np.array([0.018, 0.026, 0.030])
    gains *= 1.0 + grain[:, None] * np.array([0.016, 0.020, 0.022])
    spots = np.clip((solid_noise(points, 0.0019, 24) - 1.55) * 1.6, 0.0, 1.0)
    zone = np.clip(1.3 - np.abs(points[:, 1] + 0.03) / 0.04, 0.0, 1.0) * (points[:, 2] > 0.0)
    return gains * (1.0 - freckles * (spots * zone)[:, None] * np.array([1.6, 2.6, 3.0]))


def lip_grain(points: np.ndarray) -> np.ndarray:
    """Vertical fine lines of the lips as gains [N]."""
    squeezed = points * np.array([1.0, 0.16, 0.16])
    lines = solid_noise(squeezed, 0.0007, 31, octaves=2)
    return 1.0 + 0.09 * lines + 0.05 * solid_noise(points, 0.003, 32)
