"""Training of the Universal Head Avatar Prior: one step takes one person and a few of its frames."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .board import Board
from .clock import Clock
from .contact_sheet import foreground_psnr_db
from .image_loss import ssim
from .networks.expression_encoder import divergence, sample_codes
from .networks.person_head import color_change
from .networks.prior import Identity, UniversalPrior
from .prior_anchors import head_mesh, neighbours
from .prior_comparison import comparison, spread_choices
from .prior_data import PersonData, TrainingPicture, region_weights, vertex_weights
from .prior_drawing import draw, load_picture
from .prior_settings import PriorSettings
from .processes import Processes
from .resumable import ResumableFit, Stateful

logger = logging.getLogger(__name__)
# A run that is given more time, or other rates and weights, is still the same run.
SAME_SETTINGS = ("seed", "network", "gaussians", "neutral_supervision", "color_follows_code")
NUM_SHOWN, ROUGH_COLUMNS = 6, 6


class PriorFit(ResumableFit):
    """A prior, its optimiser, and where its curves go."""

    settings: PriorSettings

    def __init__(
        self, prior: UniversalPrior, settings: PriorSettings, board: Board, processes: Processes
    ) -> None:
        super().__init__(settings)
        self.prior, self.board, self.processes = prior, board, processes
        anchors = list(prior.anchors.parameters())
        chosen = {id(p) for p in anchors}
        networks = [p for p in prior.parameters() if id(p) not in chosen]
        rates = settings.rates
        groups = [
            {"params": group, "lr": rate, "initial_lr": rate, "eps": eps}
            for group, rate, eps in (
                (networks, rates.networks, 1e-8),
                (anchors, rates.anchors, 1e-7),
            )
        ]
        self.optimizer = torch.optim.Adam(groups)
        self.clock = Clock()
        self.shown: list[tuple[PersonData, TrainingPicture]] = []
        parts = prior.parts
        self.vertex_weights = vertex_weights(
            parts.topology, parts.mean_vertices, parts.moving, settings.loss.lips_and_lids
        ).to(prior.basis.device)
        self.neighbours = torch.from_numpy(
            neighbours(head_mesh(parts.topology, parts.mean_vertices), parts.anchors)
        ).to(prior.basis.device)

    def parts(self) -> dict[str, Stateful]:
        """Network, optimiser and the time spent."""
        return {"prior": self.prior, "optimizer": self.optimizer, "clock": self.clock}

    def is_same_run(self, settings: dict[str, Any]) -> bool:
        """Only what shapes the network and its losses must be the same."""
        own = dataclasses.asdict(self.settings)
        return all(settings.get(name) == own[name] for name in SAME_SETTINGS)

    def order(self, items: Sequence[PersonData]) -> Iterator[PersonData]:
        """A person for each step; every process of a run takes another."""
        self.clock.start()
        self.shown = spread_choices(list(items), NUM_SHOWN)
        while not self.processes.any(self.progress() >= 1.0):
            round_, place = divmod(
                self.step * self.processes.count + self.processes.rank, len(items)
            )
            order = np.random.default_rng((self.settings.seed, round_)).permutation(len(items))
            yield items[order[place]]

    def progress(self) -> float:
        """Share of the steps or, where minutes are given, of the time."""
        minutes = self.settings.minutes
        if minutes is None:
            return self.step / self.settings.steps
        return min(self.clock.elapsed_sec() / (60 * minutes), 1.0)

    def save(self, path: Path) -> None:
        """Write a checkpoint; one process does it for all."""
        if self.processes.is_first:
            super().save(path)

    def resume(self, path: Path) -> None:
        """Stand where a checkpoint was made, with the rates of the present settings."""
        super().resume(path)
        rates = self.settings.rates
        for group, rate in zip(
            self.optimizer.param_groups, (rates.networks, rates.anchors), strict=True
        ):
            group["initial_lr"] = rate

    def follow(self, item: PersonData) -> None:
        """One step with one person."""
        rng = np.random.default_rng((self.settings.seed, self.step, self.processes.rank))
        share = self._set_rates()
        self.optimizer.zero_grad(set_to_none=True)
        figures = self._losses(item, rng)
        figures["loss"].backward()
        self._clean_gradients()
        self.optimizer.step()
        values = {k: float(v.detach()) if torch.is_tensor(v) else v for k, v in figures.items()}
        self.board.add(self.step, values | {"rate": share})
        done = self.step + 1
        if self.processes.is_first and done % self.settings.image_steps == 0 and self.shown:
            self.board.image(done, comparison(self.prior, self.shown))

    def _losses(self, person: PersonData, rng: np.random.Generator) -> dict[str, Tensor | float]:
        """The loss and the figures that it is made of."""
        settings, prior = self.settings, self.prior
        identity = prior.identify(person.scan.maps[None])[0]
        batch = choose_frames(person, settings, rng, self.step)
        mean, log_variance = prior.encode(*encoder_inputs(person, batch, settings, rng))
        noise = torch.from_numpy(rng.standard_normal(mean.shape).astype(np.float32))
        codes = sample_codes(mean, log_variance, noise.to(mean.device))
        shape, columns = prior.express(codes, identity)
        figures = {
            "vertices_mm": self._vertex_loss(person, batch.frames, shape),
            "kl": divergence(mean, log_variance),
            "code_rms": mean.detach().square().mean().sqrt(),
        }
        if batch.textures:
            rows = slice(0, len(batch.textures))
            figures["texture"] = self._texture_loss(person, identity, batch.textures, columns[rows])
        if batch.pictures:
            first = len(batch.textures)
            for i, picture in enumerate(batch.pictures):
                pose = (shape[first + i].detach(), columns[first + i])
                figures |= self._picture_loss(person, identity, picture, pose, rng)
        figures |= penalties(prior, identity)
        figures["roughness"] = self._roughness(rng)
        weights = vars(settings.loss)
        names = {"vertices_mm": "vertices"}
        figures["loss"] = sum(
            weights[names.get(k, k)] * v for k, v in figures.items() if names.get(k, k) in weights
        )
        return figures

    def _vertex_loss(self, person: PersonData, frames: list[int], shape: Tensor) -> Tensor:
        wanted = person.offsets[frames].float()
        error = (shape @ self.prior.basis - wanted).reshape(len(frames), -1, 3)
        return 1e3 * (error.abs() * self.vertex_weights).mean()

    def _roughness(self, rng: np.random.Generator) -> Tensor:
        """Total variation of light over neighbouring anchors, the sum of its columns, measured in a few.

        Absolute differences, not squares: noise goes, the edges of lips, lids and folds may stay.
        """
        light = self.prior.anchors.light
        columns = rng.choice(len(light), min(ROUGH_COLUMNS, len(light)), replace=False)
        rows = light[columns].T
        change = rows[self.neighbours] - rows[:, None]
        return change.abs().mean() * len(light)

    def _texture_loss(
        self, person: PersonData, identity: Identity, rows: list[int], columns: Tensor
    ) -> Tensor:
        """How far colours of anchors are from the baked textures of these frames."""
        prior, scan = self.prior, person.scan
        base, reference = prior.colors(person.head, scan.base_colors)
        taps = person.head.taps
        ours = color_change(columns, reference, prior.anchors.light, identity.change_maps, taps)
        wanted = person.light[rows].float()
        if not self.settings.neutral_supervision:
            offset = taps(identity.correction_maps[:, 3:6])
            ours, wanted = ours + base + offset, wanted + scan.base_colors
        return (ours - wanted).abs().mean()

    def _picture_loss(
        self,
        person: PersonData,
        identity: Identity,
        picture: TrainingPicture,
        pose: tuple[Tensor, Tensor],
        rng: np.random.Generator,
    ) -> dict[str, Tensor | float]:
        wanted_picture = load_picture(person, picture)
        background = torch.from_numpy(rng.random(3)).float()
        ours, alphas, landmarks = draw(
            self.prior, person, identity, pose, wanted_picture, background
        )
        wanted, wanted_alphas = wanted_picture.over(background)
        loss = self.settings.loss
        weights = region_weights(landmarks, wanted_picture.camera, loss.region)
        device = ours.device
        wanted, wanted_alphas = wanted.to(device), wanted_alphas.to(device)
        absolute = ((ours - wanted).abs() * weights.to(device)).mean()
        likeness = (1 - loss.ssim_share) * absolute + loss.ssim_share * (1 - ssim(ours, wanted))
        images = (ours.detach().clamp(0, 1), wanted, wanted_alphas)
        return {
            "picture": likeness,
            "alpha": (alphas - wanted_alphas).abs().mean(),
            "psnr_db": foreground_psnr_db(*(image.cpu().numpy() for image in images)),
        }

    def _clean_gradients(self) -> None:
        parameters = list(self.prior.parameters())
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            torch.nan_to_num_(parameter.grad, 0.0, 0.0, 0.0)
        self.processes.average([parameter.grad for parameter in parameters])
        torch.nn.utils.clip_grad_norm_(parameters, self.settings.clip)

    def _set_rates(self) -> float:
        share = self.rate_share() * min(1.0, (self.step + 1) / self.settings.rising_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share
        return share


@dataclasses.dataclass(frozen=True)
class Batch:
    """Frames of one step: first those whose textures are wanted, then those of pictures, then the rest."""

    frames: list[int]
    textures: list[int]  # rows of `PersonData.light`
    pictures: list[TrainingPicture]


def choose_frames(
    person: PersonData, settings: PriorSettings, rng: np.random.Generator, step: int
) -> Batch:
    """Random frames of a person that are not held out."""
    count = min(settings.textures, len(person.textured))
    rows = rng.choice(len(person.textured), count, replace=False).tolist() if count else []
    pictures = []
    if person.pictures and step % settings.picture_every == 0:
        some = min(settings.pictures, len(person.pictures))
        picks = rng.choice(len(person.pictures), some, replace=False)
        pictures = [person.pictures[i] for i in picks]
    meshes = rng.choice(
        person.train_frames, min(settings.meshes, len(person.train_frames)), replace=False
    )
    frames = [person.textured[i] for i in rows] + [p.frame for p in pictures] + meshes.tolist()
    return Batch(frames, rows, pictures)


def encoder_inputs(
    person: PersonData, batch: Batch, settings: PriorSettings, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Coefficients and texture changes of the frames; parts of them are left out at random."""
    coefficients = person.coefficients[batch.frames]
    side = settings.network.change_px
    change = torch.zeros(len(batch.frames), 3, side, side, device=coefficients.device)
    draws = rng.random((len(batch.frames), 2))
    keeps_mesh = np.ones(len(batch.frames), np.float32)
    for i, frame in enumerate(batch.frames):
        if frame in person.textured and draws[i, 0] >= settings.drop_texture:
            change[i] = person.change[person.textured.index(frame)].float()
            keeps_mesh[i] = draws[i, 1] >= settings.drop_mesh
    return coefficients * torch.from_numpy(keeps_mesh[:, None]).to(coefficients.device), change


def penalties(prior: UniversalPrior, identity: Identity) -> dict[str, Tensor]:
    """Mean squares of what should stay small unless pictures ask for it."""
    own, maps = prior.anchors, identity.correction_maps.square().mean(0)
    return {
        "correction": maps[:6].mean() + own.gains.square().mean(),
        "opacity": maps[6] + own.logits.square().mean(),
        "scale": maps[7:9].mean() + own.log_scales.square().mean(),
        "offset": maps[9] + own.lifts.square().mean(),
        "sh": maps[10:].mean() + own.sh.square().mean(),
    }
