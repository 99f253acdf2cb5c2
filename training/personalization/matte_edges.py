"""Mattes made fit to be fitted to: one piece without holes, and edges that show nothing of the background."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label

# From this alpha on a pixel belongs to a piece; holes and background are told from the second.
PIECE, INSIDE = 0.3, 0.5
# Holes up to this share of the piece are mistakes, larger ones are background between hair and shoulders.
LARGEST_HOLE = 0.01
SURE, OPEN = 0.97, 0.03
# Below this alpha the colour of the pixel itself tells nothing.
LEAST_KNOWN = 0.35
# Farther from any sure colour (px), a pixel keeps its own.
REACH_PX = 24


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
