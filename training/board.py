"""Curves and comparison images of a run: TensorBoard where it is installed, a CSV file otherwise."""

from __future__ import annotations

import csv
import logging
import time
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.files import replace_on_success

logger = logging.getLogger(__name__)


class Board:
    """Collects figures of steps, and writes their means every `report_steps`."""

    def __init__(self, folder: Path | None, report_steps: int) -> None:
        self.folder, self.report_steps = folder, report_steps
        self.last: dict[str, float] = {}
        self._recent: dict[str, list[float]] = {}
        self._since, self._steps = time.monotonic(), 0
        self._writer = None if folder is None else _writer(folder)

    def add(self, step: int, figures: dict[str, float]) -> None:
        """Figures of one step."""
        for name, value in figures.items():
            self._recent.setdefault(name, []).append(value)
        self._steps += 1
        if (step + 1) % self.report_steps == 0:
            self._report(step + 1)

    def image(self, step: int, pixels: np.ndarray) -> None:
        """A comparison `[H, W, 3]` in [0, 1]: also a PNG in the folder `images`."""
        if self.folder is None:
            return
        values = (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
        with replace_on_success(self.folder / f"images/step_{step:06d}.png") as temporary:
            Image.fromarray(values).save(temporary)
        self._writer.add_image("wanted and ours", values, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

    def _report(self, step: int) -> None:
        means = {name: float(np.mean(values)) for name, values in self._recent.items()}
        means["ms_per_step"] = 1e3 * (time.monotonic() - self._since) / max(self._steps, 1)
        self.last = {name: round(value, 5) for name, value in means.items()}
        self._recent.clear()
        self._since, self._steps = time.monotonic(), 0
        if self._writer is None:
            return
        logger.info("step %d: %s", step, ", ".join(f"{k} {v:.4g}" for k, v in means.items()))
        for name, value in means.items():
            self._writer.add_scalar(name, value, step)


def _writer(folder: Path) -> CurveFile:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.info("tensorboard is not installed: curves go to '%s'", folder / "curves.csv")
        return CurveFile(folder / "curves.csv")
    return SummaryWriter(str(folder / "curves"))


class CurveFile:
    """The part of TensorBoard's writer that a run needs, into one CSV file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", newline="", encoding="utf8")
        self._rows = csv.writer(self._file)
        if path.stat().st_size == 0:
            self._rows.writerow(["step", "name", "value"])

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """One point of a curve."""
        self._rows.writerow([step, name, f"{value:.6g}"])
        self._file.flush()

    def add_image(self, name: str, pixels: np.ndarray, step: int, dataformats: str) -> None:
        """Images lie beside the file already."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()
