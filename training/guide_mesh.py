"""A light mesh of the head's outside for selecting, snapping, holding out and casting shadows."""

from __future__ import annotations

import fast_simplification
import numpy as np

# Rows and columns of the grid of directions that the hair's outside is measured in.
SHELL_GRID = (48, 96)
MIN_POINTS = 6
OUTER_SHARE = 0.9


def decimate(
    vertices: np.ndarray, triangles: np.ndarray, max_triangles: int
) -> tuple[np.ndarray, np.ndarray]:
    """Collapse edges where the surface changes least (Garland and Heckbert 1997).

    Returns float32 vertices `[V, 3]` (m) and int32 triangles `[F, 3]`, at most `max_triangles`.
    """
    used, triangles = np.unique(triangles, return_inverse=True)
    vertices = vertices[used].astype(np.float32)
    triangles = triangles.reshape(-1, 3).astype(np.int32)
    if len(triangles) > max_triangles:
        vertices, triangles = fast_simplification.simplify(
            vertices, triangles, target_count=max_triangles
        )
    return vertices.astype(np.float32), triangles.astype(np.int32)


def hair_shell(points: np.ndarray, center: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outside of hair with strand points `[P, 3]` as seen from `center`, open where there is none."""
    offset = points - center
    length = np.linalg.norm(offset, axis=1)
    rows, columns = SHELL_GRID
    polar = np.arccos(np.clip(offset[:, 1] / length, -1, 1)) / np.pi
    turn = np.arctan2(offset[:, 0], offset[:, 2]) / (2 * np.pi) + 0.5
    row = np.minimum((polar * rows).astype(int), rows - 1)
    column = np.minimum((turn * columns).astype(int), columns - 1)
    radius = np.full(SHELL_GRID, np.nan)
    cell = row * columns + column
    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], np.arange(rows * columns + 1))
    for index in np.flatnonzero(np.diff(starts) >= MIN_POINTS):
        inside = length[order[starts[index] : starts[index + 1]]]
        radius.flat[index] = np.quantile(inside, OUTER_SHARE)
    return _grid_mesh(_smoothed(radius), center)


def join(*meshes: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Several meshes as one, their triangles renumbered."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    triangles = [faces + start for (_, faces), start in zip(meshes, starts, strict=False)]
    return np.concatenate([v for v, _ in meshes]), np.concatenate(triangles).astype(np.int32)


def _smoothed(radius: np.ndarray) -> np.ndarray:
    """Mean over 3 x 3 cells that hold hair, the columns going round; empty cells stay empty."""
    padded = np.pad(np.pad(radius, ((1, 1), (0, 0)), "edge"), ((0, 0), (1, 1)), "wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*radius.shape, 9)
    filled = np.isfinite(windows)
    mean = np.where(filled, windows, 0).sum(-1) / np.maximum(filled.sum(-1), 1)
    return np.where(np.isfinite(radius), mean, np.nan)


def _grid_mesh(radius: np.ndarray, center: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points at the middle of each cell, two triangles between four that hold hair; facing outwards."""
    rows, columns = radius.shape
    polar, turn = np.meshgrid(
        (np.arange(rows) + 0.5) / rows * np.pi,
        ((np.arange(columns) + 0.5) / columns - 0.5) * 2 * np.pi,
        indexing="ij",
    )
    ray = np.stack(
        [np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], axis=2
    )
    vertices = (center + np.nan_to_num(radius)[..., None] * ray).reshape(-1, 3).astype(np.float32)
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b = number[:-1], number[1:]
    c, d = np.roll(b, -1, axis=1), np.roll(a, -1, axis=1)
    quads = np.stack([a, b, c, d], axis=-1).reshape(-1, 4)
    quads = quads[np.isfinite(radius.ravel()[quads]).all(1)]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    used, triangles = np.unique(triangles, return_inverse=True)
    return vertices[used], triangles.reshape(-1, 3).astype(np.int32)
