"""The Lee Perry-Smith scan, and which of its points each point of an ICT face corresponds to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

# Landmarks of the 68-point scheme by their places in the scan's texture (u, v up), found by eye.
SCAN_LANDMARKS_UV = {
    36: (0.3974, 0.7060),
    39: (0.4606, 0.7042),
    42: (0.5403, 0.7042),
    45: (0.6007, 0.7060),
    37: (0.4180, 0.7140),
    38: (0.4400, 0.7140),
    40: (0.4400, 0.6965),
    41: (0.4180, 0.6965),
    43: (0.5590, 0.7140),
    44: (0.5810, 0.7140),
    46: (0.5810, 0.6965),
    47: (0.5590, 0.6965),
    27: (0.4990, 0.7080),
    30: (0.4990, 0.6180),
    33: (0.4990, 0.5900),
    31: (0.4700, 0.5985),
    35: (0.5290, 0.5985),
    48: (0.4440, 0.5357),
    54: (0.5555, 0.5357),
    51: (0.4990, 0.5510),
    57: (0.4990, 0.5146),
}


@dataclass(frozen=True)
class Scan:
    """The scanned head: vertices [V, 3], triangles [F, 3] and their corner UVs [F, 3, 2]."""

    vertices: np.ndarray
    triangles: np.ndarray
    uvs: np.ndarray


def load_scan(path: Path) -> Scan:
    """Read the scan's Wavefront OBJ; quads are split."""
    vertices, texture, corners = [], [], []
    for line in path.read_text("latin-1").splitlines():
        word, _, rest = line.partition(" ")
        if word == "v":
            vertices.append([float(x) for x in rest.split()])
        elif word == "vt":
            texture.append([float(x) for x in rest.split()[:2]])
        elif word == "f":
            face = [tuple(int(i) - 1 for i in c.split("/")[:2]) for c in rest.split()]
            corners += [(face[0], face[k], face[k + 1]) for k in range(1, len(face) - 1)]
    index = np.asarray(corners)
    return Scan(
        np.asarray(vertices, np.float64),
        index[..., 0],
        np.asarray(texture, np.float64)[index[..., 1]],
    )


def skin_triangles(scan: Scan) -> np.ndarray:
    """Mask [F] without the caps of arms and neck and the eyeballs, which lie apart in the UVs."""
    u, v = scan.uvs.mean(1).T
    caps = v < 0.14
    eyeballs = (v > 0.93) & (np.abs(u - 0.5) > 0.42)
    return ~(caps | eyeballs)


def surface_samples(scan: Scan, per_side: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points [S, 3] spread over the scan with their UVs [S, 2] and unit normals [S, 3]."""
    steps = (np.arange(per_side) + 1 / 3) / per_side
    a, b = (grid.ravel() for grid in np.meshgrid(steps, steps))
    inside = a + b < 1.0
    weights = np.stack([1.0 - a - b, a, b], axis=1)[inside]
    corner = scan.vertices[scan.triangles]
    normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    outside = skin_triangles(scan)
    corner, normals = corner[outside], normals[outside]
    points = np.einsum("sk,fkc->fsc", weights, corner).reshape(-1, 3)
    uvs = np.einsum("sk,fkc->fsc", weights, scan.uvs[outside]).reshape(-1, 2)
    return points, uvs, np.repeat(normals, len(weights), axis=0)


def landmarks_on_scan(scan: Scan) -> tuple[list[int], np.ndarray]:
    """Landmark numbers and their places [L, 3] on the scan."""
    points, uvs, _ = surface_samples(scan)
    numbers = list(SCAN_LANDMARKS_UV)
    picks = np.asarray([SCAN_LANDMARKS_UV[n] for n in numbers])
    return numbers, points[cKDTree(uvs).query(picks)[1]]


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation [3, 3] and translation [3] that bring `source` nearest to `target`."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    left, strength, right = np.linalg.svd((target - target_mean).T @ (source - source_mean))
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * flip) @ right
    scale = float((strength * flip).sum() / ((source - source_mean) ** 2).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean


def correspond(
    scan: Scan, landmarks: np.ndarray, points: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """Scan UVs [N, 2] for `points` [N, 3] with `normals` of a head whose 68 landmarks are given."""
    numbers, places = landmarks_on_scan(scan)
    own = landmarks[numbers]
    scale, rotation, shift = similarity(own, places)
    aligned = scale * own @ rotation.T + shift
    bend = RBFInterpolator(aligned, places - aligned, kernel="linear", smoothing=2e-3)
    moved = scale * points @ rotation.T + shift
    far = np.linalg.norm(moved - places.mean(0), axis=1)
    # Beyond the landmarks the correction fades: it knows nothing of ears and neck.
    fade = np.exp(-np.maximum(far - 0.07, 0.0) / 0.03)[:, None]
    moved = moved + fade * bend(moved)
    turned = normals @ rotation.T
    samples, uvs, sample_normals = surface_samples(scan)
    distance, nearest = cKDTree(samples).query(moved, k=12, workers=-1)
    agreement = np.einsum("nkc,nc->nk", sample_normals[nearest], turned)
    best = np.argmin(distance + 0.01 * np.maximum(0.6 - agreement, 0.0), axis=1)
    return uvs[np.take_along_axis(nearest, best[:, None], axis=1)[:, 0]]
