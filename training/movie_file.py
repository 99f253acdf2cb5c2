"""Video files with sound, written frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..core.files import replace_on_success
from ..core.synthetic import VIDEO_FIELD

SOUND_HZ, SOUND_BLOCK = 48_000, 1024
QUALITY = {"crf": "14", "preset": "medium"}


@contextmanager
def movie(
    path: Path,
    fps: Fraction,
    *,
    samples: np.ndarray | None,
    rate_hz: int = SOUND_HZ,
    note: str = "",
) -> Iterator[Callable[[np.ndarray], None]]:
    """Gives what writes frames `[H, W, 3]` uint8 of even sides; the file appears when the block ends well.

    `samples` `[S]` at `rate_hz` is its sound, `note` what the file says of itself.
    """
    import av

    with replace_on_success(path) as temporary, av.open(str(temporary), "w") as container:
        if note:
            container.metadata[VIDEO_FIELD] = note
        pictures = container.add_stream("libx264", rate=fps, options=QUALITY)
        pictures.pix_fmt = "yuv420p"
        has_sound = samples is not None and len(samples) > 0
        sound = container.add_stream("aac", rate=rate_hz, layout="mono") if has_sound else None
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
            _write_sound(container, sound, samples, rate_hz)


def _write_sound(container: object, stream: object, samples: np.ndarray, rate_hz: int) -> None:
    import av

    for first in range(0, len(samples), SOUND_BLOCK):
        block = np.ascontiguousarray(samples[None, first : first + SOUND_BLOCK], np.float32)
        heard = av.AudioFrame.from_ndarray(block, "fltp", "mono")
        heard.sample_rate, heard.pts = rate_hz, first
        container.mux(stream.encode(heard))
    container.mux(stream.encode())
