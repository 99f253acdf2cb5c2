"""Fit a built-in head to the studio's pictures of it, and make the avatar, in one command.

    python -m gaussian_heads.training.fit_head --head build/heads/ada --out assets/avatars/ada.uhap

Runs on the CPU in minutes, stops at Ctrl-C and goes on from its last checkpoint. The references
(`contact_sheet`) are never looked at: their cameras and expressions are held out (`capture.training_views`).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from ..core.errors import GaussianHeadsError
from ..core.files import replace_on_success
from .builtin_head import build_avatar
from .contact_sheet import foreground_psnr_db
from .fit_head_parameters import FitBounds, FitPenalties, FitRates, HeadParameters
from .fit_head_views import HeadPicture, load_pictures
from .head_assembly import AssembledHead, assemble_head
from .head_eye_shade import LUMINANCE
from .head_folder import HeadFolder, folder_hash, load_head
from .head_settings import HeadSettings
from .image_loss import picture_loss
from .networks.mesh_head import MeshHead
from .rasterize import rasterize
from .resumable import ResumableFit, Stateful

logger = logging.getLogger(__name__)
# Skin of the neck that the bake shows darker than this lies under the shirt.
COVERED_LUMINANCE, MOVES_WITH_HEAD = 0.08, 0.95
SH_FIRST_DEGREE = 0.4886025119029199
REPORT_STEPS = 50


@dataclass(frozen=True)
class FitSettings:
    """Everything that shapes a fit besides the head and its pictures."""

    steps: int = 1800
    seed: int = 7
    ssim_share: float = 0.2
    # Hair that a rim light sets aglow is a small and very wrong area: squares find it.
    square_weight: float = 2.0
    alpha_weight: float = 0.3
    # The rates fall to this share along a cosine.
    last_rate: float = 0.03
    checkpoint_steps: int = 100
    bounds: FitBounds = field(default_factory=FitBounds)
    rates: FitRates = field(default_factory=FitRates)
    penalties: FitPenalties = field(default_factory=FitPenalties)


class HeadFit(ResumableFit):
    """A head, its raw numbers and their optimiser."""

    settings: FitSettings

    def __init__(self, head: MeshHead, settings: FitSettings) -> None:
        super().__init__(settings)
        self.head = head
        self.parameters = HeadParameters(head, settings.bounds)
        self.optimizer = torch.optim.Adam(self.parameters.groups(settings.rates))
        self._recent: list[float] = []
        self._started_sec = time.monotonic()

    def parts(self) -> dict[str, Stateful]:
        """The raw numbers and the optimiser's memory of them."""
        return {"parameters": self.parameters, "optimizer": self.optimizer}

    def draw(self, picture: HeadPicture, background: Tensor) -> tuple[Tensor, Tensor]:
        """Colours and alpha of the head as it now is, with the picture's camera and expression."""
        buffers = self.parameters.buffers_of_head()
        decoded = functional_call(self.head, buffers, (picture.code,))
        means, quats, scales, opacities, colors, _, sh = decoded
        shown = (colors.clamp(0, 1) + view_colors(sh, means - picture.eye)).clamp(min=0)
        colors, alphas, _ = rasterize(
            means, quats, scales, opacities, shown, picture.camera, background
        )
        return colors, alphas

    def follow(self, picture: HeadPicture) -> None:
        """One step towards one picture."""
        settings, rate = self.settings, self._set_rates()
        background = self._background()
        ours, alphas = self.draw(picture, background)
        wanted, wanted_alphas = picture.over(background)
        loss = picture_loss(ours, wanted, settings.ssim_share)
        loss = loss + settings.square_weight * (ours - wanted).square().mean()
        loss = loss + settings.alpha_weight * (alphas - wanted_alphas).abs().mean()
        loss = loss + self.parameters.penalty(settings.penalties)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.parameters.keep_valid()
        images = (ours.detach().clamp(0, 1), wanted, wanted_alphas)
        self._recent.append(foreground_psnr_db(*(image.numpy() for image in images)))
        if len(self._recent) == REPORT_STEPS:
            logger.info(
                "step %d/%d: %.2f dB, rate %.3f, %.0f s",
                self.step + 1, settings.steps, np.mean(self._recent), rate,
                time.monotonic() - self._started_sec,
            )  # fmt: skip
            self._recent.clear()

    def _background(self) -> Tensor:
        """A colour `[3]` of this step, the same whenever a run resumes."""
        return torch.from_numpy(
            np.random.default_rng((self.settings.seed, self.step)).random(3)
        ).float()

    def _set_rates(self) -> float:
        share = self.rate_share()
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        return share


def view_colors(sh: Tensor, directions: Tensor) -> Tensor:
    """What coefficients of the first degree `[N, 3, 3]` add along `directions` `[N, 3]` (`core.spherical_harmonics`)."""
    unit = directions / torch.sqrt((directions * directions).sum(1, keepdim=True))
    x, y, z = unit.split(1, dim=1)
    return SH_FIRST_DEGREE * (z * sh[:, 1] - y * sh[:, 0] - x * sh[:, 2])


def fit_head(
    head: HeadFolder,
    pictures: list[HeadPicture],
    choice: tuple[HeadSettings, FitSettings],
    checkpoint: Path,
) -> tuple[AssembledHead, dict[str, np.ndarray]]:
    """The assembled head and its fitted buffers."""
    head_settings, settings = choice
    assembled = assemble_head(head, head_settings)
    # Every expression is seen from several sides, so that colours can depend on the view.
    parts = dataclasses.replace(
        assembled.parts, sh=np.zeros((len(assembled.neck_weights), 3, 3), np.float32)
    )
    fit = HeadFit(MeshHead(parts), settings)
    fit.run(pictures, checkpoint)
    fitted = hide_covered_skin(fit.parameters.fitted(), assembled)
    return dataclasses.replace(assembled, parts=parts), fitted


def hide_covered_skin(
    fitted: dict[str, np.ndarray], assembled: AssembledHead
) -> dict[str, np.ndarray]:
    """Buffers without the skin that is black under the shirt: it would come through when the neck turns."""
    baked = assembled.parts.surface.look.colors
    neck = assembled.neck_weights[: len(baked)]
    moves = (neck > 0.0) & (neck < MOVES_WITH_HEAD)
    opacities = fitted["all_opacities"].copy()
    opacities[: len(baked)][moves & (baked @ LUMINANCE < COVERED_LUMINANCE)] = 0.0
    return fitted | {"all_opacities": opacities}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--head", type=Path, required=True, help="folder made by the studio")
    parser.add_argument("--out", type=Path, required=True, help="package to write (.uhap)")
    parser.add_argument("--name", default="", help="the avatar's name (default: the file's)")
    parser.add_argument("--steps", type=int, default=FitSettings.steps)
    parser.add_argument("--seed", type=int, default=FitSettings.seed)
    parser.add_argument("--work", type=Path, help="checkpoint folder (default: HEAD/fit)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # torch's threads wait for each other by spinning, which costs more than they bring here.
    torch.set_num_threads(1)
    try:
        _make(options)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _make(options: argparse.Namespace) -> None:
    head_settings = HeadSettings(seed=options.seed)
    settings = FitSettings(steps=options.steps, seed=options.seed)
    head, pictures = load_head(options.head), load_pictures(options.head / "views")
    logger.info("%d pictures", len(pictures))
    work = options.work or options.head / "fit"
    assembled, fitted = fit_head(head, pictures, (head_settings, settings), work / "checkpoint.pt")
    name = options.name or options.out.stem.capitalize()
    build_avatar(head, assembled, name, options.out, fitted)
    _write_record(options, len(pictures), len(assembled.neck_weights), (head_settings, settings))
    sys.stdout.write(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB\n")


def _write_record(
    options: argparse.Namespace,
    num_pictures: int,
    num_gaussians: int,
    choice: tuple[HeadSettings, FitSettings],
) -> None:
    record = {
        "made_by": "python -m gaussian_heads.training.fit_head",
        "head_sha256": folder_hash(options.head),
        "num_pictures": num_pictures,
        "num_gaussians": num_gaussians,
        "settings": dataclasses.asdict(choice[0]),
        "fit": dataclasses.asdict(choice[1]),
    }
    with replace_on_success(options.out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", "utf8")


if __name__ == "__main__":
    raise SystemExit(main())
