"""Pictures of what the portrait network makes, beside what it was given and what is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...core.files import replace_on_success
from ..networks.portrait import PortraitNetwork, warp
from .flow import sampled
from .pool import Sample

ROWS, COLUMNS = 6, 5


def save_sheet(network: PortraitNetwork, batch: Sample, path: Path) -> None:
    """One row for each of some samples: photo, warped photo, one step, four steps, truth (the first frames)."""
    few = Sample(**{name: getattr(batch, name)[:ROWS] for name in Sample.__dataclass_fields__})
    few = Sample(
        **{
            name: value if name in ("photo", "photo_maps") else value[:, :1]
            for name, value in vars(few).items()
        }
    )
    with torch.no_grad():
        columns = [
            few.photo,
            warp(few.photo, few.field[:, 0]),
            sampled(network, few, steps=1)[:, 0],
            sampled(network, few, steps=4)[:, 0],
            few.target[:, 0],
        ]
    sheet = np.concatenate(
        [pixels_of(column).reshape(-1, *pixels_of(column).shape[2:]) for column in columns], 1
    )
    with replace_on_success(path) as temporary:
        Image.fromarray(sheet).save(temporary, "PNG")


def pixels_of(pictures: Tensor) -> np.ndarray:
    """uint8 `[N, S, S, 3]` of `[N, 3, S, S]` in [-1, 1]."""
    values = ((pictures + 1) * 127.5 + 0.5).clamp(0, 255)
    return values.permute(0, 2, 3, 1).byte().cpu().numpy()
