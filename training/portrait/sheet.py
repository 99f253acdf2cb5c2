"""Pictures of what the portrait network makes, beside what it was given and what is true."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..networks.portrait import PortraitNetwork, warp
from .flow import sampled
from .pool import Sample

ROWS = 6


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
