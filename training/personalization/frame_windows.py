"""What of a frame is drawn in one step: the part of the picture that holds the person, or a window of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.camera import Camera
from ..contact_sheet import foreground_psnr_db
from ..rasterize import Picture
from .fit_settings import FitSettings
from .silhouettes import eye_of
from .subject import SubjectFrame

MARGIN_PX, LEAST_PX = 14, 32
# Of windows that do not hold all, so many show the face.
FACE_SHARE = 0.6


@dataclass(frozen=True)
class Window:
    """A part of a picture, and the camera that sees only it."""

    rgba: np.ndarray  # [H, W, 4] uint8
    camera: Camera
    eye: np.ndarray  # [3] float32, m
    full_side_px: int

    def over(self, background: Tensor) -> tuple[Tensor, Tensor]:
        """Colours `[H, W, 3]` over a plain `background` [3], and alpha `[H, W]`."""
        values = torch.from_numpy(self.rgba).float() / 255
        alpha = values[..., 3:]
        return values[..., :3] * alpha + background * (1 - alpha), alpha[..., 0]

    def psnr_db(self, picture: Picture, background: Tensor) -> float:
        """Over the pixels that the person covers."""
        wanted, alphas = self.over(background)
        ours = picture.colors.detach().clamp(0, 1).cpu()
        return foreground_psnr_db(ours.numpy(), wanted.numpy(), alphas.numpy())


class Windows:
    """Windows of frames; where the person is in each is looked up once."""

    def __init__(self, frames: Sequence[SubjectFrame], settings: FitSettings) -> None:
        self.most_px = settings.window_px
        self.boxes = {frame.name: covered_box(frame.rgba) for frame in frames}

    def choose(self, frame: SubjectFrame, rng: np.random.Generator) -> Window:
        """All of the person where that is small enough, else a random window of it."""
        box = self.boxes[frame.name]
        aims_at_face = rng.random() < FACE_SHARE
        face = _origin_pixel(frame)
        spans = []
        for axis, (low, high) in enumerate(box):
            if high - low > self.most_px:
                last = high - self.most_px
                middle = face[axis] - self.most_px / 2 + rng.normal(0, 0.15 * self.most_px)
                start = middle if aims_at_face else rng.uniform(low, last)
                low = int(np.clip(start, low, last))
                high = low + self.most_px
            spans.append((low, high))
        return cut(frame, spans)


def covered_box(rgba: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns (first, end) around what the matte covers, with a margin; all where it is empty."""
    box = []
    for axis, size in enumerate(rgba.shape[:2]):
        shown = np.flatnonzero((rgba[..., 3] > 8).any(1 - axis))
        low, high = (shown[0], shown[-1] + 1) if len(shown) else (0, size)
        low, high = max(int(low) - MARGIN_PX, 0), min(int(high) + MARGIN_PX, size)
        if high - low < LEAST_PX:
            low, high = 0, size
        box.append((low, high))
    return box


def cut(frame: SubjectFrame, spans: list[tuple[int, int]]) -> Window:
    """The window of a frame with these rows and columns."""
    (top, bottom), (left, right) = spans
    camera = frame.camera
    K = np.array(camera.K, np.float64)
    K[0, 2] -= left
    K[1, 2] -= top
    seen = Camera(camera.viewmat, K, right - left, bottom - top)
    pixels = np.ascontiguousarray(frame.rgba[top:bottom, left:right])
    eye = eye_of(frame).astype(np.float32)
    return Window(pixels, seen, eye, max(camera.width, camera.height))


def whole(frame: SubjectFrame) -> Window:
    """A frame as it is."""
    return cut(frame, [(0, frame.rgba.shape[0]), (0, frame.rgba.shape[1])])


def _origin_pixel(frame: SubjectFrame) -> tuple[float, float]:
    """Row and column of the avatar's origin, between the eyes."""
    place = frame.camera.K @ frame.camera.viewmat[:3, 3]
    return float(place[1] / place[2]), float(place[0] / place[2])
