"""Pictures of what the portrait network makes, beside what it was given and what is true."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..evaluate_personal_sheet import save_small
from ..networks.portrait import PortraitNetwork, warp
from .flow import sampled
from .pool import Sample

ROWS = 6
# Of a sheet of ways: moments, their size, and the line above each way.
NUM_SHOWN, TILE_PX, LABEL_PX = 6, 192, 14
WHITE = (235, 235, 235)


@torch.no_grad()
def sheet_of(network: PortraitNetwork, batch: Sample) -> np.ndarray:
    """Some samples' first frames, colours `[H, W, 3]` in [0, 1].

    From left to right: photo, warped photo, one step, four steps, truth.
    """
    whole = ("photo", "photo_maps")
    few = Sample(
        **{
            name: value[:ROWS] if name in whole else value[:ROWS, :1]
            for name, value in vars(batch).items()
        }
    )
    columns = [
        few.photo,
        warp(few.photo, few.field[:, 0]),
        sampled(network, few, steps=1)[:, 0],
        sampled(network, few, steps=4)[:, 0],
        few.target[:, 0],
    ]
    pixels = np.concatenate([np.concatenate(bytes_of(column)) for column in columns], axis=1)
    return pixels.astype(np.float32) / 255


def bytes_of(pictures: Tensor) -> np.ndarray:
    """Pixels `[N, S, S, 3]` uint8 of `[N, 3, S, S]` in [-1, 1]."""
    values = ((pictures + 1) * 127.5 + 0.5).clamp(0, 255)
    return values.permute(0, 2, 3, 1).byte().cpu().numpy()


def spread(values: np.ndarray) -> np.ndarray:
    """Rows from the least to the greatest of values `[N]`, as many as a sheet shows."""
    return np.argsort(values)[np.linspace(0, len(values) - 1, NUM_SHOWN).astype(int)]


def write_sheet(path: Path, shown: Mapping[str, np.ndarray], picks: np.ndarray) -> None:
    """Rows: ways by name with their pictures `[N, S, S, 3]` uint8. Columns: the picked ones."""
    canvas = Image.new("RGB", (len(picks) * TILE_PX, len(shown) * (TILE_PX + LABEL_PX)))
    pen = ImageDraw.Draw(canvas)
    for line, (name, pictures) in enumerate(shown.items()):
        top = line * (TILE_PX + LABEL_PX)
        pen.text((3, top + 1), name, WHITE, font_size=10)
        for column, index in enumerate(picks):
            tile = Image.fromarray(pictures[index])
            tile = tile.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
            canvas.paste(tile, (column * TILE_PX, top + LABEL_PX))
    save_small(canvas, path)
