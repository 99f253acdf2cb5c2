"""A sheet of moments: the clip, the avatar under it, and both mouths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ...core.files import replace_on_success

SHOWN = 8
TILE_PX, MOUTH_PX, LABEL_PX = 300, 150, 16
# The mouth's crop over the width of the lips.
MOUTH_MARGIN = 2.0
QUALITY, WHITE = 92, (235, 235, 235)


@dataclass(frozen=True)
class Shown:
    """One moment: pictures `[h, w, 3]` uint8 of clip and avatar, and the lips' landmarks (px) in both."""

    label: str
    reference: np.ndarray
    avatar: np.ndarray
    lips_px: np.ndarray  # [20, 2]


def write_sheet(path: Path, shown: Sequence[Shown], note: str) -> None:
    """Write a JPEG with a column for each moment; `note` is its comment."""
    height, width = shown[0].reference.shape[:2] if shown else (1, 1)
    tile_px = max(round(TILE_PX * height / width), 1)
    sheet = Image.new("RGB", (len(shown) * TILE_PX, LABEL_PX + 2 * tile_px + MOUTH_PX))
    pen = ImageDraw.Draw(sheet)
    for column, moment in enumerate(shown):
        left = column * TILE_PX
        pen.text((left + 3, 2), moment.label, WHITE, font_size=10)
        for row, picture in enumerate((moment.reference, moment.avatar)):
            tile = Image.fromarray(picture).resize((TILE_PX, tile_px), Image.Resampling.LANCZOS)
            sheet.paste(tile, (left, LABEL_PX + row * tile_px))
            mouth = _mouth(picture, moment.lips_px)
            sheet.paste(mouth, (left + row * MOUTH_PX, LABEL_PX + 2 * tile_px))
    with replace_on_success(path) as temporary:
        sheet.save(temporary, "JPEG", quality=QUALITY, comment=note.encode("utf8"))


def _mouth(picture: np.ndarray, lips_px: np.ndarray) -> Image.Image:
    low, high = lips_px.min(axis=0), lips_px.max(axis=0)
    center, half = (low + high) / 2, MOUTH_MARGIN * max(high[0] - low[0], 4.0) / 2
    box = tuple(float(v) for v in (*(center - half), *(center + half)))
    return Image.fromarray(picture).transform(
        (MOUTH_PX, MOUTH_PX), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC
    )
