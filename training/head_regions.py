"""How densely Gaussians stand on each region of the head, from its landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .head_folder import HeadMesh

MOUTH = slice(48, 68)
EYES = (slice(36, 42), slice(42, 48))
NOSE = slice(27, 36)
NOSTRILS = slice(31, 36)
BROWS = slice(17, 27)


@dataclass(frozen=True)
class Spacing:
    """Distance of neighbouring anchors per region, in millimetres."""

    lips: float = 0.72
    eyelids: float = 0.65
    brows: float = 1.0
    nose: float = 1.0
    nostrils: float = 0.62
    face: float = 1.58
    ears: float = 1.5
    head: float = 4.6
    shoulders: float = 3.2
    teeth: float = 0.85
    mouth: float = 1.3
    eyes: float = 1.15
    irises: float = 0.5
    garment: float = 6.5
    collar: float = 2.2


def skin_spacing_m(mesh: HeadMesh, spacing: Spacing) -> np.ndarray:
    """Wanted spacing of skin triangles, `[F]`, blending smoothly from region to region."""
    centres = mesh.vertices[mesh.triangles].mean(axis=1)
    landmarks = mesh.vertices[mesh.landmarks]
    result = np.full(len(centres), spacing.face)
    # Behind the ears and below the chin nobody looks closely.
    behind = np.clip((0.02 - centres[:, 2]) / 0.05, 0, 1)
    result += behind * (spacing.head - spacing.face)
    chin_m = landmarks[8, 1]
    below = np.clip((chin_m - 0.01 - centres[:, 1]) / 0.06, 0, 1)
    result = np.maximum(result, spacing.face + below * (spacing.shoulders - spacing.face))
    # Ears stand out sideways between brows and lips.
    sideways = np.abs(centres[:, 0]) / np.abs(landmarks[[0, 16], 0]).mean()
    between = (centres[:, 1] < landmarks[BROWS, 1].max()) & (
        centres[:, 1] > landmarks[33, 1] - 0.02
    )
    ears = (sideways > 0.97) & between
    result[ears] = np.minimum(result[ears], spacing.ears)
    regions = [
        (landmarks[MOUTH], spacing.lips, 0.009, 0.018),
        (landmarks[NOSE], spacing.nose, 0.014, 0.02),
        (landmarks[NOSTRILS], spacing.nostrils, 0.006, 0.006),
        (landmarks[BROWS], spacing.brows, 0.012, 0.02),
        *((landmarks[eye], spacing.eyelids, 0.006, 0.012) for eye in EYES),
    ]
    for points, region_mm, inner_m, fade_m in regions:
        distance = cKDTree(_densified(points)).query(centres)[0]
        blend = np.clip((distance - inner_m) / fade_m, 0, 1)
        result = np.minimum(result, region_mm + blend * (result - region_mm))
    return result * 1e-3


def garment_spacing_m(mesh: HeadMesh, spacing: Spacing) -> np.ndarray:
    """Wanted spacing of the shirt, `[F]`: fine at the collar, where it borders on skin."""
    centres = mesh.vertices[mesh.triangles].mean(axis=1)
    skin = np.unique(mesh.triangles[mesh.part_mask("face", "back_head")])
    distance = cKDTree(mesh.vertices[skin]).query(centres)[0]
    throat_m = mesh.vertices[mesh.triangles[mesh.part_mask("garment")], 1].max(initial=-1.0) - 0.06
    near = np.clip(distance / 0.02 + (throat_m - centres[:, 1]) / 0.03, 0, 1)
    return (spacing.collar + near * (spacing.garment - spacing.collar)) * 1e-3


def skin_inset_m(mesh: HeadMesh, spacing_m: np.ndarray, share: float) -> np.ndarray:
    """How far each vertex is drawn below the skin, `[V]`, as a share of its anchors' spacing.

    A splat is soft, so its edge lies outside of its centre; without this, heads come out too wide by
    a pixel. Lips and lids keep their places, since they must meet.
    """
    skin = mesh.part_mask("face", "back_head")
    corners = mesh.triangles[skin].ravel()
    count = np.maximum(np.bincount(corners, minlength=len(mesh.vertices)), 1)
    mean = np.bincount(corners, np.repeat(spacing_m[skin], 3), len(mesh.vertices)) / count
    return share * np.clip((mean - 1.1e-3) / 0.4e-3, 0, 1) * mean


def _densified(points: np.ndarray) -> np.ndarray:
    """Points along the polyline, so that the distance to it is smooth."""
    steps = np.linspace(0, 1, 8, endpoint=False)[:, None, None]
    return (points[:-1] * (1 - steps) + points[1:] * steps).reshape(-1, 3)
