"""Pictures of the walk-through: kept small in docs/, compared with what the screen shows now.

`GAUSSIAN_HEADS_PICTURES=write` keeps what the screen shows as the new pictures.
"""

from __future__ import annotations

import io
import os

import numpy as np
from PIL import Image

from .window import ROOT

KEPT = ROOT / "docs" / "images" / "walkthrough"
# All pictures of the last run, to be looked at.
SEEN = ROOT / "out" / "gui" / "walkthrough"
KEPT_SIZE = (1152, 720)
KEPT_BYTES = 60_000
# Structure is compared, not letters: the mean colours of blocks this large.
BLOCKS = (48, 30)
# Another font or driver changes all blocks a little; another panel, a dialog, a lost head some by much.
MEAN_DIFFERENCE, CHANGED_BLOCK, CHANGED_PART = 3.0, 30.0, 0.015


def is_writing() -> bool:
    """Whether the kept pictures are to be made anew."""
    return os.environ.get("GAUSSIAN_HEADS_PICTURES") == "write"


def check_picture(picture: Image.Image, name: str) -> None:
    """Compare with the kept picture `name`, or keep this one as such; fails with what differs."""
    SEEN.mkdir(parents=True, exist_ok=True)
    picture.save(SEEN / f"{name}.png")
    kept = KEPT / f"{name}.jpg"
    if is_writing():
        KEPT.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(_small(picture))
    assert kept.exists(), f"{kept.name} is not kept: run with GAUSSIAN_HEADS_PICTURES=write"
    differences = block_differences(picture, Image.open(kept))
    mean, part = differences.mean(), (differences > CHANGED_BLOCK).mean()
    words = f"{name}: {part:.1%} of the blocks changed, mean {mean:.1f} (seen: out/gui/walkthrough)"
    assert mean < MEAN_DIFFERENCE and part < CHANGED_PART, words


def block_differences(one: Image.Image, other: Image.Image) -> np.ndarray:
    """Largest difference of a channel (0 to 255) in each block."""
    small = [
        np.asarray(picture.convert("RGB").resize(BLOCKS, Image.Resampling.BOX), np.float64)
        for picture in (one, other)
    ]
    return np.abs(small[0] - small[1]).max(axis=2)


def _small(picture: Image.Image) -> bytes:
    smaller = picture.convert("RGB").resize(KEPT_SIZE, Image.Resampling.LANCZOS)
    for quality in range(85, 30, -5):
        file = io.BytesIO()
        smaller.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= KEPT_BYTES:
            break
    return file.getvalue()
