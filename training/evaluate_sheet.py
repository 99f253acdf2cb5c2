"""A sheet of evaluated pictures: worst, median and best, wanted beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from ..core.files import replace_on_success
from .evaluate_metrics import composite

if TYPE_CHECKING:
    from .evaluate import Result

TILE_PX, LABEL_PX, EACH = 256, 18, 3
WHITE = (235, 235, 235)


@dataclass(frozen=True)
class Pair:
    """One picture as it was wanted and as it was drawn."""

    result: Result
    ours: np.ndarray  # [H, W, 3] uint8
    wanted: np.ndarray  # [H, W, 4] uint8

    @property
    def label(self) -> str:
        """Who and what this is."""
        result = self.result
        return (
            f"{result.subject} {result.frame} {result.camera} ({result.kind}), "
            f"{result.score.psnr_db:.1f} dB, {result.score.ssim:.3f}"
        )


def chosen(pairs: list[Pair], count: int = EACH) -> list[Pair]:
    """The worst, the middle and the best `count` of one group, each picture once."""
    ordered = sorted(pairs, key=lambda pair: pair.result.score.psnr_db)
    middle = max((len(ordered) - count) // 2, 0)
    places = [
        *range(count),
        *range(middle, middle + count),
        *range(len(ordered) - count, len(ordered)),
    ]
    return [ordered[i] for i in sorted({i for i in places if 0 <= i < len(ordered)})]


def write_sheet(pairs: list[Pair], path: Path) -> None:
    """One row for each split of persons: pairs of wanted and ours from worst to best."""
    splits = list(dict.fromkeys(pair.result.split for pair in pairs))
    groups = [chosen([p for p in pairs if p.result.split == split]) for split in splits]
    columns = max(len(group) for group in groups)
    row_px = 2 * TILE_PX + LABEL_PX
    sheet = Image.new("RGB", (columns * TILE_PX, len(groups) * row_px))
    pen = ImageDraw.Draw(sheet)
    for row, group in enumerate(groups):
        for column, pair in enumerate(group):
            left, top = column * TILE_PX, row * row_px
            pen.text((left + 3, top + 3), pair.label, WHITE, font_size=9)
            for half, pixels in enumerate((as_bytes(composite(pair.wanted)), pair.ours)):
                tile = Image.fromarray(pixels).resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
                sheet.paste(tile, (left, top + LABEL_PX + half * TILE_PX))
        for half, word in enumerate(("wanted", "ours")):
            pen.text((4, row * row_px + LABEL_PX + half * TILE_PX + 3), word, WHITE)
    with replace_on_success(path) as temporary:
        sheet.save(temporary)


def as_bytes(colors: np.ndarray) -> np.ndarray:
    """Colours in [0, 1] as uint8."""
    return np.round(np.clip(colors, 0, 1) * 255).astype(np.uint8)
