"""Videos of pictures side by side, with sound, marked as synthetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ...core.audio import load_audio, resample
from ...core.files import replace_on_success
from ...core.synthetic import VIDEO_FIELD
from ...core.video import read_sound

SOUND_HZ, SOUND_BLOCK = 48_000, 1024
QUALITY = {"crf": "14", "preset": "medium"}
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


@contextmanager
def movie(
    path: Path, fps: Fraction, *, samples: np.ndarray | None, note: str
) -> Iterator[Callable[[np.ndarray], None]]:
    """Gives what writes frames `[H, W, 3]` uint8 of even sides; the file appears when the block ends well.

    `samples` `[S]` at `SOUND_HZ` is its sound, `note` what the file says of itself.
    """
    import av

    with replace_on_success(path) as temporary, av.open(str(temporary), "w") as container:
        container.metadata[VIDEO_FIELD] = note
        pictures = container.add_stream("libx264", rate=fps, options=QUALITY)
        pictures.pix_fmt = "yuv420p"
        has_sound = samples is not None and len(samples) > 0
        sound = container.add_stream("aac", rate=SOUND_HZ, layout="mono") if has_sound else None
        is_sized = False

        def write(pixels: np.ndarray) -> None:
            nonlocal is_sized
            if not is_sized:
                pictures.height, pictures.width = pixels.shape[:2]
                is_sized = True
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
            container.mux(pictures.encode(frame))

        yield write
        container.mux(pictures.encode())
        if sound is not None:
            _write_sound(container, sound, samples)


def _write_sound(container: object, stream: object, samples: np.ndarray) -> None:
    import av

    for first in range(0, len(samples), SOUND_BLOCK):
        block = np.ascontiguousarray(samples[None, first : first + SOUND_BLOCK], np.float32)
        heard = av.AudioFrame.from_ndarray(block, "fltp", "mono")
        heard.sample_rate, heard.pts = SOUND_HZ, first
        container.mux(stream.encode(heard))
    container.mux(stream.encode())


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
