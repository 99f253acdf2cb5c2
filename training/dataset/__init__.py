"""Captures of many people on disk: their layout, a reader, and pictures drawn from them."""

from __future__ import annotations

from pathlib import Path

from .ava256 import Ava256Dataset, is_ava256
from .layout import CaptureError
from .reader import CaptureDataset


def open_capture(path: str | Path) -> CaptureDataset | Ava256Dataset:
    """The capture in the folder `path`, in whichever of the known layouts it lies."""
    root = Path(path)
    if (root / "dataset.json").is_file():
        return CaptureDataset.open(root)
    if is_ava256(root):
        return Ava256Dataset.open(root)
    raise CaptureError(
        f"'{root}' is no capture: it has neither a dataset.json of the studio nor folders of Ava-256."
    )
