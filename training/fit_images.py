"""Gaussians from pictures with known cameras, from scratch: no geometry is given.

    python -m gaussian_heads.training.fit_images --images DIR --out HEAD.ply

Starts with random points on the skin of the visual hull and follows the gradients of our own rasteriser
(`rasterize`) with pixel-aware density control (`density`). Every sixth picture is held out and never looked
at until the end; the figures printed, as JSON, are measured on those, drawn from the written file. Stops at
Ctrl-C and goes on from its last checkpoint. Minutes on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..core.errors import GaussianHeadsError
from ..core.exporters.splat_ply import write_splats
from ..core.files import replace_on_success
from ..core.gaussians import Gaussians
from ..core.importers.splat_ply import read_splats
from ..core.render import render
from . import contact_sheet
from .calibrated_images import CalibratedImage, hold_out, load_images
from .density import DensityControl, DensitySettings
from .fitted_gaussians import FittedGaussians, LearningRates
from .image_loss import picture_loss
from .resumable import ResumableFit, Stateful
from .visual_hull import sample_hull_skin

logger = logging.getLogger(__name__)
# What stands behind both pictures when they are compared.
MEASURED_BACKGROUND = 0.5
REPORT_STEPS = 100


@dataclass(frozen=True)
class FitSettings:
    """Everything that shapes a fit besides the pictures."""

    steps: int = 4000
    seed: int = 1
    first_gaussians: int = 12_000
    ssim_share: float = 0.2
    alpha_weight: float = 0.2
    # The rates fall to this share along a cosine.
    last_rate: float = 0.02
    checkpoint_steps: int = 500
    rates: LearningRates = field(default_factory=LearningRates)
    density: DensitySettings = field(default_factory=DensitySettings)


class ImageFit(ResumableFit):
    """Gaussians on their way to the pictures."""

    settings: FitSettings

    def __init__(self, images: Sequence[CalibratedImage], settings: FitSettings) -> None:
        super().__init__(settings)
        rng = np.random.default_rng(settings.seed)
        points, colors, spacing = sample_hull_skin(images, settings.first_gaussians, rng)
        self.size_m = float(np.linalg.norm(np.ptp(points, axis=0)) / 2)
        # Neighbours overlap, and the skin is a few of them thick.
        spacing *= 0.5
        self.gaussians = FittedGaussians.from_points(
            points, colors, spacing, (settings.rates, self.size_m)
        )
        self.density = DensityControl(settings.density, self.size_m, len(self.gaussians))
        self._losses: list[float] = []
        self._started_sec = time.monotonic()

    def parts(self) -> dict[str, Stateful]:
        """The Gaussians with their optimiser, and what density control has seen."""
        return {"gaussians": self.gaussians, "density": self.density}

    def follow(self, image: CalibratedImage) -> None:
        """One step towards one picture, and what density control makes of it."""
        rng = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
        self.gaussians.set_rates(self.rate_share())
        self._losses.append(self._follow(image, torch.rand(3, generator=rng)))
        done = self.step + 1
        self.density.step(self.gaussians, done, rng)
        if done % REPORT_STEPS == 0:
            logger.info(
                "step %d/%d: loss %.5f, %d Gaussians, %.0f s",
                done, self.settings.steps, np.mean(self._losses), len(self.gaussians),
                time.monotonic() - self._started_sec,
            )  # fmt: skip
            self._losses.clear()

    def _follow(self, image: CalibratedImage, background: torch.Tensor) -> float:
        """One step towards one picture; returns the loss before it."""
        picture = self.gaussians.draw(image.camera, background)
        wanted, wanted_alphas = image.over(background)
        loss = picture_loss(picture.colors, wanted, self.settings.ssim_share)
        loss = loss + self.settings.alpha_weight * (picture.alphas - wanted_alphas).abs().mean()
        loss.backward()
        self.density.observe(picture.statistics, image.camera)
        self.gaussians.step()
        return loss.item()


def foreground_psnr_db(gaussians: Gaussians, image: CalibratedImage) -> float:
    """PSNR over the pixels that the picture covers by more than half, both over the same grey."""
    return contact_sheet.foreground_psnr_db(*_beside(gaussians, image))


def comparison_sheet(gaussians: Gaussians, images: Sequence[CalibratedImage]) -> np.ndarray:
    """`[H, W, 3]` uint8: pictures above, the fit in the middle, what differs below, ten times as strong."""
    columns = []
    for image in images:
        drawn, wanted, _ = _beside(gaussians, image)
        columns.append(np.concatenate([wanted, drawn, np.clip(10 * np.abs(drawn - wanted), 0, 1)]))
    return (np.concatenate(columns, axis=1) * 255).round().astype(np.uint8)


def _beside(
    gaussians: Gaussians, image: CalibratedImage
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fit and the picture `[H, W, 3]` over the same grey, and the picture's alpha `[H, W]`."""
    background = np.full(3, MEASURED_BACKGROUND)
    drawn = render(gaussians, image.camera, backend="cpu", background=background).colors
    wanted, alphas = image.over(torch.tensor(background, dtype=torch.float32))
    return np.clip(drawn, 0, 1), wanted.numpy(), alphas.numpy()


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="pictures and cameras.json")
    parser.add_argument(
        "--state", default="", help="expression, where files are <state>_<view>.png"
    )
    parser.add_argument("--out", type=Path, required=True, help="the .ply to write")
    parser.add_argument("--steps", type=int, default=FitSettings.steps)
    parser.add_argument("--max-gaussians", type=int, default=DensitySettings.max_gaussians)
    parser.add_argument("--hold-out", type=int, default=6, help="every how manieth picture")
    parser.add_argument("--seed", type=int, default=FitSettings.seed)
    parser.add_argument("--sheet", type=Path, help="picture of the views held out, beside the fit")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # torch's threads wait for each other by spinning, which costs more than they bring here.
    torch.set_num_threads(1)
    try:
        report = fit_files(options)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


def fit_files(options: argparse.Namespace) -> dict[str, object]:
    """Do what the command line asks for; returns the figures on the pictures held out."""
    started = time.monotonic()
    fitted, held = hold_out(load_images(options.images, options.state), options.hold_out)
    logger.info("%d pictures to fit to, %d held out", len(fitted), len(held))
    density = DensitySettings(last_step=options.steps // 2, max_gaussians=options.max_gaussians)
    settings = FitSettings(steps=options.steps, seed=options.seed, density=density)
    fit = ImageFit(fitted, settings)
    fit.run(fitted, options.out.with_suffix(".checkpoint.pt"))
    write_splats(options.out, fit.gaussians.to_gaussians())
    gaussians = read_splats(options.out)
    if options.sheet:
        with replace_on_success(options.sheet) as temporary:
            Image.fromarray(comparison_sheet(gaussians, held)).save(temporary)
    psnr_db = {image.name: round(foreground_psnr_db(gaussians, image), 2) for image in held}
    return {
        "held_out_psnr_db": round(float(np.mean(list(psnr_db.values()))), 2),
        "held_out": psnr_db,
        "fitted_psnr_db": round(
            float(np.mean([foreground_psnr_db(gaussians, i) for i in fitted])), 2
        ),
        "num_gaussians": gaussians.num_gaussians,
        "num_pictures": len(fitted),
        "duration_sec": round(time.monotonic() - started, 1),
        "settings": dataclasses.asdict(settings),
    }


if __name__ == "__main__":
    raise SystemExit(main())
