"""Working pictures: the head's part of every chosen frame, at a size that fits a fit, cut out of its background."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import tee

import numpy as np
from PIL import Image

from ...core.camera import Camera
from ...core.monocular.crops import window_of_landmarks
from ...core.monocular.matte import HeadMatte
from .matte_edges import one_piece, without_background, without_shine
from .sightings import face_size_px

MOST_SIDE_PX = 512
# How far head, hair and shoulders reach from the middle of the face, in sizes of the face.
ASIDE, ABOVE, BELOW = 1.75, 1.55, 1.75


@dataclass(frozen=True)
class PictureWindow:
    """A part of a full picture (px) and the size (px) that it is worked on with."""

    left: int
    top: int
    width: int
    height: int
    out_width: int
    out_height: int

    def camera(self, viewmat: np.ndarray, K: np.ndarray) -> Camera:
        """The full picture's camera, for the working picture."""
        share = (self.out_width / self.width, self.out_height / self.height)
        scaled = K.astype(np.float64).copy()
        scaled[0, 2] -= self.left
        scaled[1, 2] -= self.top
        scaled[0] *= share[0]
        scaled[1] *= share[1]
        return Camera(viewmat, scaled, self.out_width, self.out_height)

    def shrunk(self, share: float) -> PictureWindow:
        """The same window of the full picture where that was read at a `share` of its size."""
        if share == 1.0:
            return self
        sides = (self.left, self.top, self.width, self.height)
        return PictureWindow(
            *(round(side * share) for side in sides), self.out_width, self.out_height
        )

    def points(self, pixels: np.ndarray) -> np.ndarray:
        """Points of the full picture in the working one."""
        share = np.array([self.out_width / self.width, self.out_height / self.height])
        return (pixels - (self.left, self.top)) * share

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """The working picture `[h, w, 3]` of the full picture `[H, W, 3]` uint8."""
        part = pixels[self.top : self.top + self.height, self.left : self.left + self.width]
        if (self.out_width, self.out_height) == (self.width, self.height):
            return np.ascontiguousarray(part)
        size = (self.out_width, self.out_height)
        return np.asarray(Image.fromarray(part).resize(size, Image.Resampling.LANCZOS))


def window_around(
    landmarks_px: np.ndarray, size_px: tuple[int, int], most_px: int = MOST_SIDE_PX
) -> PictureWindow:
    """The window that holds the head in all pictures with these landmarks `[T, 68, 2]`."""
    size = face_size_px(landmarks_px)
    center = (landmarks_px.min(axis=1) + landmarks_px.max(axis=1)) / 2
    low = np.percentile(center - size[:, None] * (ASIDE, ABOVE), 2, axis=0)
    high = np.percentile(center + size[:, None] * (ASIDE, BELOW), 98, axis=0)
    left, top = (int(v) for v in np.clip(np.floor(low), 0, np.array(size_px) - 16))
    right, bottom = (int(v) for v in np.clip(np.ceil(high), (left + 16, top + 16), size_px))
    width, height = right - left, bottom - top
    share = min(1.0, most_px / max(width, height))
    return PictureWindow(
        left, top, width, height, max(round(width * share), 16), max(round(height * share), 16)
    )


def cut_out(
    pictures: Iterable[tuple[str, np.ndarray, np.ndarray]], matte: HeadMatte, *, is_film: bool
) -> Iterator[tuple[str, np.ndarray]]:
    """Names and RGBA `[h, w, 4]` uint8 (straight alpha) of pictures given as name, pixels and landmarks in them.

    Of a film, where one picture follows the other closely, mattes are steadied and a still background is learnt.
    """
    first, second, third = tee(pictures, 3)
    pixels = (picture for _, picture, _ in first)
    faces = (window_of_landmarks(landmarks) for _, _, landmarks in second)
    alphas = matte.alphas(pixels, faces) if is_film else map(matte.alpha, pixels, faces)
    for (name, picture, landmarks), alpha in zip(third, alphas, strict=True):
        alpha = without_shine(picture, one_piece(np.clip(alpha, 0.0, 1.0), landmarks))
        yield name, with_alpha(without_background(picture, alpha), alpha)


def with_alpha(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """RGBA `[h, w, 4]` uint8 of pixels and alpha in [0, 1]."""
    return np.dstack([pixels, np.round(255 * np.clip(alpha, 0.0, 1.0)).astype(np.uint8)])
