"""Mattes made fit to be fitted to: one piece without holes, and edges that show nothing of the background."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label, uniform_filter

# From this alpha on a pixel belongs to a piece; holes and background are told from the second.
PIECE, INSIDE = 0.3, 0.5
# Holes up to this share of the piece are mistakes, larger ones are background between hair and shoulders.
LARGEST_HOLE = 0.01
SURE, OPEN = 0.97, 0.03
# Below this alpha the colour of the pixel itself tells nothing.
LEAST_KNOWN = 0.35
# Farther from any sure colour (px), a pixel keeps its own.
REACH_PX = 24
# A background so colourful (distance from grey, of 255) in so much of it shines through hair as no shadow does.
COLOURFUL, COLOURFUL_SHARE = 40.0, 0.02
# Pixels this far (px) from the open ones show the person alone; means of colours reach over so many.
RIM_PX, MEAN_PX, PIXEL_PX = 12, 9, 3
# Of the person's colour so much is enough; what is much darker than person and background is neither's mixture.
ENOUGH, DARKEST = 0.9, 0.6


def one_piece(alpha: np.ndarray, landmarks_px: np.ndarray) -> np.ndarray:
    """Alpha `[H, W]` of the piece that holds most landmarks `[68, 2]`, its small holes filled."""
    pieces, count = label(alpha > PIECE)
    height, width = alpha.shape
    column, row = (
        np.clip(landmarks_px[:, axis], 0, limit - 1).astype(int)
        for axis, limit in ((0, width), (1, height))
    )
    under = pieces[row, column]
    under = under[under > 0]
    if count == 0 or not len(under):
        return alpha
    kept = pieces == np.bincount(under).argmax()
    # Soft edges beside the piece stay, what belongs to other pieces goes.
    result = np.where((pieces > 0) & ~kept, 0.0, alpha)
    if count > 1:
        result = np.where(distance_transform_edt(~kept) < 4, result, 0.0)
    holes, num_holes = label(binary_fill_holes(result > INSIDE) & (result <= INSIDE))
    sizes = np.bincount(holes.ravel(), minlength=num_holes + 1)
    small = (sizes <= LARGEST_HOLE * kept.sum()) & (np.arange(num_holes + 1) > 0)
    return np.where(small[holes], 1.0, result).astype(np.float32)


def without_shine(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Alpha `[H, W]`, lowered in the rim where a colourful background shines through strands of hair.

    A matte of low resolution calls frizzy hair solid. There the share of the person is read off the colours alone, without
    brightness: how far a pixel has come from what lies behind it to what lies inside.
    """
    free = alpha <= OPEN
    colors = pixels.astype(np.float32)
    light = colors.mean(axis=2)
    tones = colors - light[..., None]
    if not free.any() or np.mean(_length(tones[free]) > COLOURFUL) < COLOURFUL_SHARE:
        return alpha
    deep = distance_transform_edt(~free) > RIM_PX
    rim = ~free & ~deep & (alpha > LEAST_KNOWN)
    if not deep.any() or not rim.any():
        return alpha
    (inner, inner_light), (outer, outer_light) = (
        _nearest_means(tones, light, mask, rim) for mask in (deep, free)
    )
    away = inner - outer
    mean = uniform_filter(tones, (PIXEL_PX, PIXEL_PX, 0))[rim]
    share = ((mean - outer) * away).sum(axis=1) / np.maximum((away**2).sum(axis=1), 1e-6)
    is_mixture = light[rim] > DARKEST * np.minimum(inner_light, outer_light)
    is_told = is_mixture & (_length(away) > COLOURFUL)
    result = alpha.astype(np.float32)
    lowered = np.clip(share / ENOUGH, 0.0, 1.0)
    result[rim] = np.where(is_told, np.minimum(result[rim], lowered), result[rim])
    return result


def _nearest_means(
    tones: np.ndarray, light: np.ndarray, mask: np.ndarray, where: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tones `[N, 3]` and light `[N]` about the pixel of `mask` that is nearest to each pixel of `where`."""
    both = np.dstack([tones, light]) * mask[..., None]
    count = uniform_filter(mask.astype(np.float32), MEAN_PX)
    means = uniform_filter(both, (MEAN_PX, MEAN_PX, 0)) / np.maximum(count, 1e-6)[..., None]
    nearest = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    found = means[tuple(axis[where] for axis in nearest)]
    return found[:, :3], found[:, 3]


def _length(tones: np.ndarray) -> np.ndarray:
    return np.linalg.norm(tones, axis=-1)


def without_background(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours `[H, W, 3]` uint8 of the person alone where the background shines through.

    A pixel is alpha F + (1 - alpha) B; B is taken from the nearest open pixel, F where it is hardly seen from the
    nearest sure one.
    """
    sure, free = alpha >= SURE, alpha <= OPEN
    edge = ~sure & ~free
    if not edge.any() or not sure.any():
        return pixels
    distance, at_sure = distance_transform_edt(~sure, return_indices=True)
    near = edge & (distance < REACH_PX)
    inside = pixels[tuple(axis[near] for axis in at_sure)].astype(np.float32)
    share = alpha[near][:, None]
    color = pixels[near].astype(np.float32)
    if free.any():
        at_free = distance_transform_edt(~free, return_distances=False, return_indices=True)
        behind = pixels[tuple(axis[near] for axis in at_free)].astype(np.float32)
        color = (color - (1 - share) * behind) / np.maximum(share, LEAST_KNOWN)
    known = np.clip((share - LEAST_KNOWN) / (SURE - LEAST_KNOWN), 0.0, 1.0)
    result = pixels.copy()
    mixed = known * np.clip(color, 0, 255) + (1 - known) * inside
    result[near] = np.round(mixed).astype(np.uint8)
    return result
