"""Pictures side by side, and the sound that goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ...core.audio import load_audio, resample
from ...core.video import read_sound
from ..movie_file import SOUND_HZ

# Panels lower than this are enlarged, all of a video alike.
LEAST_HEIGHT_PX, LABEL_PX = 440, 20
WHITE = (235, 235, 235)


@dataclass(frozen=True)
class Sound:
    """A mono waveform `[S]` in [-1, 1]; sample 0 lies at 0 s."""

    waveform: np.ndarray
    rate_hz: int

    @classmethod
    def read(cls, path: Path) -> Sound:
        """The sound of a video or of a sound file."""
        return cls(*load_audio(path, read_sound))

    def span(self, begin_sec: float, end_sec: float) -> np.ndarray:
        """The samples of a span of time at `SOUND_HZ`."""
        first, last = (round(sec * self.rate_hz) for sec in (begin_sec, end_sec))
        part = self.waveform[max(first, 0) : max(last, 0)]
        return resample(part.astype(np.float32), self.rate_hz, SOUND_HZ)


def panels(pictures: dict[str, np.ndarray], height_px: int) -> np.ndarray:
    """Pictures `[h, w, 3]` uint8 side by side under their names, each `height_px` high; sides are even."""
    tiles = [
        Image.fromarray(p).resize(
            (max(round(p.shape[1] * height_px / p.shape[0]), 2), height_px),
            Image.Resampling.LANCZOS,
        )
        for p in pictures.values()
    ]
    width = sum(tile.width for tile in tiles)
    whole = Image.new("RGB", (width + width % 2, height_px + height_px % 2 + LABEL_PX))
    pen, left = ImageDraw.Draw(whole), 0
    for name, tile in zip(pictures, tiles, strict=True):
        pen.text((left + 4, 3), name, WHITE, font_size=12)
        whole.paste(tile, (left, LABEL_PX))
        left += tile.width
    return np.asarray(whole)


def panel_height_px(height_px: int) -> int:
    """The height at which pictures of this height are shown: enlarged by a whole number where they are small."""
    shown = height_px * max(1, -(-LEAST_HEIGHT_PX // height_px))
    return shown + shown % 2
