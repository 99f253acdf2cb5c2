"""The head as an obstacle for hair: signed distances, and the way from the mean head to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from .mesh import HeadMesh, vertex_normals

CELL_M = 0.005
LOW = np.array([-0.24, -0.36, -0.27])
HIGH = np.array([0.24, 0.21, 0.14])
ANCHORS = 260
WARP_CELL_M = 0.015


@dataclass(frozen=True)
class SkinCloud:
    """Points of skin and shirt with outward normals, for distances to the surface."""

    points: np.ndarray
    normals: np.ndarray
    tree: cKDTree

    def depth(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Height [N] of places [N, 3] above the surface (negative inside) and its normals."""
        distance, nearest = self.tree.query(places, k=3)
        weight = 1.0 / (distance + 3e-4) ** 2
        weight /= weight.sum(1, keepdims=True)
        normal = (weight[..., None] * self.normals[nearest]).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        anchor = (weight[..., None] * self.points[nearest]).sum(1)
        return ((places - anchor) * normal).sum(1), normal


def skin_cloud(mesh: HeadMesh) -> SkinCloud:
    """Vertices and triangle centres of what hair may lie on."""
    triangles = mesh.triangles[mesh.faces_of("face", "back_head", "garment")]
    normals = vertex_normals(mesh.vertices.astype(np.float64), triangles)
    used = np.unique(triangles)
    middle, across = mesh.vertices[triangles].mean(1), normals[triangles].mean(1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    points = np.concatenate([mesh.vertices[used], middle]).astype(np.float64)
    return SkinCloud(points, np.concatenate([normals[used], across]), cKDTree(points))


@dataclass(frozen=True)
class HeadField:
    """Signed distance to the head on a grid, smoothed as hair bridges hollows, and its slope."""

    distance: np.ndarray  # [X, Y, Z] metres
    slope: np.ndarray  # [3, X, Y, Z] unit outward directions

    def __call__(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance [N] and outward direction [N, 3] at places [N, 3]."""
        index = ((places - LOW) / CELL_M).T
        distance = map_coordinates(self.distance, index, order=1, mode="nearest")
        out = np.stack(
            [map_coordinates(axis, index, order=1, mode="nearest") for axis in self.slope]
        )
        return distance, (out / np.maximum(np.linalg.norm(out, axis=0), 1e-9)).T


def head_field(mesh: HeadMesh) -> HeadField:
    """The signed distance around `mesh`."""
    cloud = skin_cloud(mesh)
    coarse = signed_distance(cloud, lattice(4 * CELL_M))
    place = np.moveaxis((lattice(CELL_M) - LOW) / (4 * CELL_M), -1, 0)
    signed = map_coordinates(coarse, place, order=1, mode="nearest")
    # Only near the surface are exact distances worth their time.
    near = np.abs(signed) < 0.030
    signed[near] = signed_distance(cloud, lattice(CELL_M)[near])
    signed = gaussian_filter(signed, 0.9)
    slope = np.stack(np.gradient(gaussian_filter(signed, 0.8), CELL_M))
    return HeadField(signed.astype(np.float32), slope.astype(np.float32))


def lattice(cell_m: float) -> np.ndarray:
    """Points [X, Y, Z, 3] of a grid over the space around a head."""
    axes = [np.arange(low, high, cell_m) for low, high in zip(LOW, HIGH, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def signed_distance(cloud: SkinCloud, places: np.ndarray) -> np.ndarray:
    """Distances [...] of places [..., 3] to the surface, negative inside."""
    distance, nearest = cloud.tree.query(places.reshape(-1, 3))
    away = ((places.reshape(-1, 3) - cloud.points[nearest]) * cloud.normals[nearest]).sum(1)
    return (np.where(away < 0.0, -1.0, 1.0) * distance).reshape(places.shape[:-1])


class Warp:
    """A smooth map from the space around the mean head to the space around another head."""

    def __init__(self, mean: HeadMesh, mesh: HeadMesh) -> None:
        skin = np.unique(mesh.triangles[mesh.faces_of("face", "back_head")])
        picks = skin[spread_out(mean.vertices[skin], ANCHORS)]
        shift = (mesh.vertices[picks] - mean.vertices[picks]).astype(np.float64)
        bend = RBFInterpolator(
            mean.vertices[picks].astype(np.float64),
            shift,
            kernel="linear",
            smoothing=0.004,
            degree=1,
        )
        places = lattice(WARP_CELL_M)
        moved = bend(places.reshape(-1, 3)).reshape(places.shape)
        self.shift = np.moveaxis(moved, -1, 0)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] of the mean head's space, moved along."""
        index = ((points.reshape(-1, 3) - LOW) / WARP_CELL_M).T
        shift = [map_coordinates(axis, index, order=1, mode="nearest") for axis in self.shift]
        return points + np.stack(shift, axis=1).reshape(points.shape)


def spread_out(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of about `count` of the points [N, 3], one per cell of a coarse lattice."""
    size = 0.02
    cells = np.floor(points / size).astype(int)
    _, first = np.unique(cells, axis=0, return_index=True)
    return first[:: max(len(first) // count, 1)]


def push_out(points: np.ndarray, cloud: SkinCloud, clearance_m: np.ndarray) -> np.ndarray:
    """Strands [S, P, 3] lifted to at least `clearance_m` [S, P] above skin and shirt."""
    result = points.copy()
    flat, wanted = result[:, 1:].reshape(-1, 3), clearance_m[:, 1:].ravel()
    low = np.arange(len(flat))
    for _ in range(4):
        height, normal = cloud.depth(flat[low])
        # Far below the surface the nearest skin says nothing about the way out.
        lifted = (height < wanted[low]) & (height > -0.04)
        low, rise = low[lifted], (wanted[low] - height)[lifted]
        flat[low] += rise[:, None] * normal[lifted]
    result[:, 1:] = flat.reshape(result[:, 1:].shape)
    return result
