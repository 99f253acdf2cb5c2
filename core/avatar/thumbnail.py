"""A small portrait of an avatar as PNG bytes, for lists and file browsers."""

from __future__ import annotations

import struct

import numpy as np

from ..camera import Camera, intrinsics, look_at
from ..errors import AvatarError
from ..gaussians import Gaussians
from ..png_files import SIGNATURE, encode_png
from ..render import render

SIDE_PX = 256
MAX_SIDE_PX = 4096
# A long lens on the face: what lies within this square (m) around the middle fills the picture.
FRAME_M = 0.36
MIDDLE_M = np.array([0.0, -0.02, 0.0])
DISTANCE_M = 1.5
UP = np.array([0.0, 1.0, 0.0])


def portrait_png(gaussians: Gaussians, *, side_px: int = SIDE_PX) -> bytes:
    """The head from the front, `side_px` square, transparent around it."""
    eye = MIDDLE_M + np.array([0.0, 0.0, DISTANCE_M])
    focal_px = side_px * DISTANCE_M / FRAME_M
    camera = Camera(
        look_at(eye, MIDDLE_M, UP), intrinsics(focal_px, side_px, side_px), side_px, side_px
    )
    output = render(gaussians, camera)
    alphas = output.alphas[..., None]
    straight = output.colors / np.maximum(alphas, 1e-6)
    pixels = np.concatenate([straight, alphas], axis=-1)
    return encode_png((np.clip(pixels, 0.0, 1.0) * 255 + 0.5).astype(np.uint8))


def check_png(data: bytes, member: str) -> None:
    """Refuse what is no PNG or a very large one before an image reader sees it."""
    is_png = data.startswith(SIGNATURE) and data[12:16] == b"IHDR" and len(data) >= 24
    width, height = struct.unpack(">II", data[16:24]) if is_png else (0, 0)
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise AvatarError(
            f"Its member '{member}' is not a PNG picture of at most {MAX_SIDE_PX} x {MAX_SIDE_PX} "
            "pixels: export the avatar again."
        )
