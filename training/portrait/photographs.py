"""Clips as photos and films: a background, a camera's colours, and the worse quality of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from ..monocular_augment import coloured, compressed, grey, light_gains, noisy, resized
from ..monocular_backdrops import backdrops

BACKDROPS = 300


@dataclass(frozen=True)
class PhotoSettings:
    """How often things happen; all off leaves clips over grey."""

    light: float = 0.35
    color: float = 0.45
    grey: float = 0.04
    soft: float = 0.2
    noise: float = 0.2
    compression: float = 0.3
    mirror: float = 0.5


PLAIN = PhotoSettings(
    light=0.0, color=0.0, grey=0.0, soft=0.0, noise=0.0, compression=0.0, mirror=0.0
)


class Photographer:
    """Puts pictures of one clip into one place and before one camera."""

    def __init__(self, seed: int, settings: PhotoSettings | None = None) -> None:
        self.settings, self.rng = settings or PhotoSettings(), np.random.default_rng(seed)
        self._backdrops = backdrops(BACKDROPS, self.rng)

    def take(self, rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pictures `[F, S, S, 4]` to `[F, S, S, 3]` uint8; and the first one as a photo, `[S, S, 3]`."""
        s, rng = self.settings, self.rng
        alpha = rgba[..., 3:] * np.float32(1 / 255)
        image = rgba[..., :3] * alpha + (1 - alpha) * self._backdrop(rgba.shape[1])
        count, size = image.shape[:2]
        if rng.random() < s.light:
            image *= light_gains(rng, size)
        # As one picture, so that all get the same of it.
        image = image.reshape(count * size, size, 3)
        if rng.random() < s.color:
            image = coloured(image, rng)
        if rng.random() < s.grey:
            image = grey(image)
        image = np.clip(image, 0, 255).reshape(count, size, size, 3)
        if rng.random() < s.soft:
            side = int(size * rng.uniform(0.4, 0.9))
            image = np.stack([resized(resized(one, side, rng), size, rng) for one in image])
        photo = image[0]
        if rng.random() < s.noise:
            photo = noisy(photo, rng)
        if rng.random() < s.compression:
            photo = compressed(photo, rng)
        return image.astype(np.uint8), np.clip(photo, 0, 255).astype(np.uint8)

    def _backdrop(self, size_px: int) -> np.ndarray:
        picture = self._backdrops[self.rng.integers(len(self._backdrops))]
        scale = self.rng.uniform(1.0, 2.0)
        side = int(len(picture) / scale)
        x, y = self.rng.integers(0, len(picture) - side + 1, 2)
        part = torch.from_numpy(picture[y : y + side, x : x + side].copy()).permute(2, 0, 1)[None]
        wide = functional.interpolate(part.float(), (size_px, size_px), mode="bilinear")
        return wide[0].permute(1, 2, 0).numpy()
