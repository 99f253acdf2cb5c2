"""Who people are on the prior's topology: a linear model of neutral shape and colour.

Shape lives on control vertices and spreads over the mesh as local thin plates, which keeps the file small.
`training.capture.identity_model` makes the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from ..core.errors import ModelError
from ..core.files import replace_on_success
from .dataset.layout import Topology
from .networks.prior import UniversalParts

IDENTITY_FILE = "identity.safetensors"
# Parts whose vertices lend each other their motion; skin never takes it from what it covers.
SHEETS = (
    ("face", "back_head"),
    ("mouth_cavity", "gums", "tongue", "teeth"),
    ("eye_socket", "sclera_left", "sclera_right", "iris_left", "iris_right"),
    ("garment",),
)
NEIGHBOURS, RIDGE, BATCH = 14, 1e-6, 2048
MOST = 127
# Two eyeballs and the neck's pivot ride along as points.
NUM_POINTS = 3


@dataclass(frozen=True)
class IdentityModel:
    """Mean and modes of who people are; coefficients of both kinds have unit variance."""

    mean: np.ndarray  # [V + 3, 3] m: vertices, left and right eyeball, pivot of the neck
    modes: np.ndarray  # [K, V + 3, 3] m
    color_mean: np.ndarray  # [R, R, 3] lit sRGB in the studio's light
    color_modes: np.ndarray  # [C, S, S, 3]

    @property
    def num_modes(self) -> int:
        """K."""
        return len(self.modes)

    def points(self, shape: np.ndarray) -> np.ndarray:
        """Vertices, eyeballs and pivot `[V + 3, 3]` (m) of coefficients `[K]`."""
        return self.mean + np.tensordot(np.asarray(shape, np.float64), self.modes, axes=1)

    def coefficients(self, vertices: np.ndarray) -> np.ndarray:
        """The coefficients `[K]` whose vertices are nearest to `vertices` `[V, 3]`, which are at rest."""
        count = len(vertices)
        system = self.modes[:, :count].reshape(self.num_modes, -1).T.astype(np.float64)
        wanted = (vertices - self.mean[:count]).ravel()
        gram = system.T @ system
        return np.linalg.solve(gram + 1e-9 * np.trace(gram) * np.eye(len(gram)), system.T @ wanted)


def require_identity(folder: str | Path) -> Path:
    """Where the model beside a prior lies; raises `ModelError` where there is none."""
    path = Path(folder) / IDENTITY_FILE
    if not path.is_file():
        raise ModelError(
            f"There is no '{path}': make it with training.capture.identity_model or take the prior that ships."
        )
    return path


def load_identity(folder: str | Path, parts: UniversalParts) -> IdentityModel:
    """The model that lies beside a prior; raises `ModelError` where there is none that fits."""
    path = require_identity(folder)
    try:
        arrays = load_file(path)
        return _restored(arrays, parts)
    except (OSError, SafetensorError, KeyError, ValueError, IndexError) as error:
        raise ModelError(f"'{path}' does not belong to this prior: make it again.") from error


def _restored(arrays: dict[str, np.ndarray], parts: UniversalParts) -> IdentityModel:
    control = arrays["control"]
    rows = arrays["rows"].astype(np.float32) * arrays["row_steps"]
    rows = rows.reshape(len(rows), -1, 3)
    spread = spreading(parts.mean_vertices, parts.topology, control)
    at_vertices = np.stack([spread @ row[: len(control)] for row in rows])
    spread_rows = np.concatenate([at_vertices, rows[:, len(control) :]], axis=1)
    start = np.concatenate([parts.mean_vertices, np.zeros((NUM_POINTS, 3))])
    colors = arrays["color_modes"].astype(np.float32) * arrays["color_steps"][:, None, None]
    return IdentityModel(
        (start + spread_rows[0]).astype(np.float32),
        spread_rows[1:].astype(np.float32),
        arrays["color_mean"].astype(np.float32) / 255,
        colors,
    )


def save_identity(
    path: Path,
    control: np.ndarray,
    rows: np.ndarray,
    color_mean: np.ndarray,
    color_modes: np.ndarray,
) -> None:
    """Write the model: `rows` `[1 + K, N + 3, 3]` (m) are the mean's offset and the modes, at the `control` vertices
    and the three points; colours as in `IdentityModel`."""
    flat = rows.reshape(len(rows), -1)
    steps = np.maximum(np.abs(flat).max(axis=1, keepdims=True), 1e-9) / MOST
    color_steps = np.maximum(np.abs(color_modes).max(axis=(1, 2, 3)), 1e-9)[:, None] / MOST
    tensors = {
        "control": control.astype(np.int32),
        "rows": np.round(flat / steps).astype(np.int8),
        "row_steps": steps.astype(np.float32),
        "color_mean": np.round(np.clip(color_mean, 0, 1) * 255).astype(np.uint8),
        "color_modes": np.round(color_modes / color_steps[:, None, None]).astype(np.int8),
        "color_steps": color_steps.astype(np.float32),
    }
    with replace_on_success(path) as temporary:
        save_file(tensors, temporary)


def spreading(vertices: np.ndarray, topology: Topology, control: np.ndarray) -> csr_matrix:
    """Weights `[V, N]` that carry values at `control` vertices `[N]` to all, exact at themselves.

    Thin plates through the nearest control vertices of the same sheet (Duchon 1977).
    """
    rows, columns, weights = [], [], []
    for names in SHEETS:
        members = np.unique(topology.triangles[topology.faces_of(*names)])
        chosen = np.flatnonzero(np.isin(control, members))
        if not len(members) or not len(chosen):
            continue
        centers = vertices[control[chosen]].astype(np.float64)
        tree = cKDTree(centers)
        k = min(NEIGHBOURS, len(chosen))
        for start in range(0, len(members), BATCH):
            batch = members[start : start + BATCH]
            near = tree.query(vertices[batch], k=k)[1].reshape(len(batch), k)
            rows.append(np.repeat(batch, k))
            columns.append(chosen[near].ravel())
            weights.append(_thin_plate(vertices[batch].astype(np.float64), centers[near]).ravel())
    shape = (len(vertices), len(control))
    triplet = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    # A vertex between two sheets belongs to both: the mean of what they say.
    matrix = csr_matrix(triplet, shape)
    return csr_matrix(matrix.multiply(1 / np.maximum(matrix.sum(axis=1), 1e-9)))


def _thin_plate(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Weights `[B, k]` of values at `centers` `[B, k, 3]` for `points` `[B, 3]`; linear fields are kept."""
    count, k = centers.shape[:2]
    offset = centers - points[:, None]
    square = (offset**2).sum(axis=2)
    unit = np.maximum(square.mean(axis=1), 1e-18)
    offset, square = offset / np.sqrt(unit)[:, None, None], square / unit[:, None]
    between = square[:, :, None] + square[:, None] - 2 * offset @ offset.transpose(0, 2, 1)
    system = np.zeros((count, k + 4, k + 4))
    system[:, :k, :k] = _plate(between) + RIDGE * np.eye(k)
    linear = np.concatenate([np.ones((count, k, 1)), offset], axis=2)
    system[:, :k, k:], system[:, k:, :k] = linear, linear.transpose(0, 2, 1)
    # Neighbours in one plane say nothing of what lies off it: no change is assumed there.
    system[:, k + 1 :, k + 1 :] -= 1e-4 * np.eye(3)
    wanted = np.zeros((count, k + 4, 1))
    wanted[:, :k, 0] = _plate(square)
    wanted[:, k, 0] = 1.0
    return np.linalg.solve(system, wanted)[:, :k, 0]


def _plate(square: np.ndarray) -> np.ndarray:
    """The thin plate's r² log r of squared distances."""
    return 0.5 * square * np.log(np.maximum(square, 1e-24))
