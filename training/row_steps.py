"""Matrices of metres as small integers, each row times a step of its own."""

from __future__ import annotations

import numpy as np

# A step below the finest would only store noise; rows that int8 holds at the coarsest or less are fine.
FINEST_M, COARSEST_M = 4e-6, 8e-6
# One below the end of int8; some below the end of int16, so that either byte of it is an int8.
MOST_FINE, MOST_COARSE = 127, 32000
BYTE = 256


def row_steps(matrix: np.ndarray) -> tuple[np.ndarray, int]:
    """Step of each row `[R, 1]` (m), and up to which row int8 is too coarse: those before it need int16."""
    largest = np.abs(matrix).max(axis=1, keepdims=True)
    needs_more = np.flatnonzero(largest > MOST_FINE * COARSEST_M)
    num_coarse = int(needs_more[-1]) + 1 if len(needs_more) else 0
    most = np.full_like(largest, MOST_FINE)
    most[:num_coarse] = MOST_COARSE
    return np.maximum(largest / most, FINEST_M), num_coarse


def in_bytes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix (m) as int8 `[R + C, N]` and sizes `[R, 1]`: the last C rows are the low bytes of the first C."""
    steps, num_coarse = row_steps(matrix)
    rows = np.round(matrix / steps).astype(np.int16)
    high = (rows[:num_coarse] + BYTE // 2) // BYTE
    low = rows[:num_coarse] - high * BYTE
    sizes = steps.copy()
    sizes[:num_coarse] *= BYTE
    stored = np.concatenate([high, rows[num_coarse:], low]).astype(np.int8)
    return stored, sizes.astype(np.float32)


def from_bytes(stored: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Undo `in_bytes`, float32 `[R, N]`."""
    num_coarse = len(stored) - len(sizes)
    matrix = stored[: len(sizes)].astype(np.float32) * sizes
    matrix[:num_coarse] += stored[len(sizes) :] * (sizes[:num_coarse] / BYTE)
    return matrix
