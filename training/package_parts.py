"""What every exported head carries beside its decoder: guide mesh, lip contact, thumbnail."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ..core.avatar import Avatar
from ..core.camera import Camera, intrinsics, look_at
from ..core.measure import INNER_LOWER, INNER_UPPER
from ..core.render import render
from .guide_mesh import decimate, hair_shell, join

MAX_GUIDE_TRIANGLES = 4000
EYE_PARTS = ("sclera_left", "sclera_right", "iris_left", "iris_right")
OUTSIDE_PARTS = ("face", "back_head", "garment", *EYE_PARTS)
THUMBNAIL_PX = 256
BACKGROUND = (0.16, 0.17, 0.19)


def guide_mesh(
    vertices: np.ndarray, outside: np.ndarray, hair_points: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Light mesh of a head's outside: its triangles `outside` `[F, 3]`, decimated, and a shell of its hair.

    `hair_points` are points of strands (m); returns float32 vertices (m) and int32 triangles.
    """
    guide = decimate(vertices, outside, MAX_GUIDE_TRIANGLES)
    if hair_points is None:
        return guide
    points = hair_points.reshape(-1, 3)
    return join(guide, hair_shell(points, (points.min(0) + points.max(0)) / 2))


def lip_contact_offset_mm(landmarks: np.ndarray) -> float:
    """Gap of the inner-lip landmarks `[68, 3]` (m) at the neutral, where the lips already touch."""
    apart = landmarks[list(INNER_UPPER)] - landmarks[list(INNER_LOWER)]
    return float(max(apart[:, 1].mean() * 1e3, 0.0))


def thumbnail_png(avatar: Avatar) -> bytes:
    """PNG of the neutral head, three quarters to the camera."""
    target = np.array([0.0, -0.02, -0.02])
    eye = target + np.array([0.35, 0.05, 1.0]) * 1.1
    camera = Camera(
        look_at(eye, target, np.array([0.0, 1.0, 0.0])),
        intrinsics(3.4 * THUMBNAIL_PX, THUMBNAIL_PX, THUMBNAIL_PX),
        THUMBNAIL_PX,
        THUMBNAIL_PX,
    )
    neutral = avatar.decode(np.zeros(avatar.code_dim, np.float32), None)
    picture = render(
        neutral, camera, backend="cpu", background=np.array(BACKGROUND, np.float32)
    ).colors
    stream = io.BytesIO()
    Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
