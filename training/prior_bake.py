"""From the prior and one neutral scan to a decoder that needs neither: what becomes an avatar."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from .dataset.reader import Subject
from .head_light import STORED_RANGE
from .networks.person_head import LOOK, PersonHead
from .networks.prior import BakedHead, UniversalPrior
from .prior_data import texture_change
from .prior_person import NeutralScan, PersonMaker, person_tensors
from .prior_settings import GaussianSettings, TrainingError


@torch.no_grad()
def bake_head(
    prior: UniversalPrior, person: NeutralScan | Subject, hair_pieces: int | None = None
) -> BakedHead:
    """The decoder of one person: code `[D]` to Gaussians; zero is the person's neutral.

    `hair_pieces` is how many pieces of hair it may have, where that is not what the prior was trained with.
    """
    settings = prior.settings
    scan = person if isinstance(person, NeutralScan) else NeutralScan.of(person)
    gaussians = with_hair(settings.gaussians, hair_pieces)
    maker = PersonMaker(prior.parts, gaussians, settings.network.image_px)
    parts = maker.person(scan, only_used=True)
    head, tensors = person_tensors(prior, parts, maker.scan_colors(scan.texture))
    identity = prior.identify(tensors.maps[None])[0]
    for name, value in prior.look(head, tensors, identity).items():
        set_look(head, name, value)
    head.surface_colors.clamp_(0.0, 1.0)
    baked = BakedHead(prior, head, identity)
    use_stored_range(baked)
    if not settings.color_follows_code:
        baked.color_map.straight.zero_()
        baked.color_map.last.zero_()
    return baked.eval()


def with_hair(gaussians: GaussianSettings, pieces: int | None) -> GaussianSettings:
    """The settings with another budget of hair; raises TrainingError where it is no number of pieces."""
    if pieces is None:
        return gaussians
    if pieces < 1:
        raise TrainingError(f"A head cannot have {pieces} pieces of hair: give 1 or more.")
    return dataclasses.replace(gaussians, strand_budget={**gaussians.strand_budget, "hair": pieces})


@torch.no_grad()
def encode_subject(
    prior: UniversalPrior, subject: Subject, frames: list[str], *, textures: bool = True
) -> np.ndarray:
    """Mean codes `[B, D]` of a person's frames, from the tracked mesh and the textures that are there."""
    rows = [subject.frame_names.index(name) for name in frames]
    offsets = subject.offsets[rows][:, prior.parts.moving].reshape(len(rows), -1)
    side = prior.settings.network.change_px
    change = np.zeros((len(rows), 3, side, side), np.float32)
    neutral = subject.neutral_texture() if textures else None
    for i, name in enumerate(frames):
        texture = subject.texture(name) if textures else None
        if texture is not None:
            change[i] = texture_change(neutral, texture, side)
    coefficients = prior.coefficients(torch.from_numpy(offsets.astype(np.float32)))
    return prior.encode(coefficients, torch.from_numpy(change))[0].numpy()


def use_stored_range(head: BakedHead) -> None:
    """Every column of colour change spans what signed bytes hold; its coefficient makes up for it."""
    person, color_map = head.head, head.color_map
    largest = torch.maximum(
        person.gain_light.abs().amax(dim=1), person.map_light.abs().amax(dim=1)
    ).clamp(min=1e-6)
    scale = STORED_RANGE / largest
    person.gain_light.mul_(scale[:, None])
    person.map_light.mul_(scale[:, None])
    color_map.straight.div_(scale)
    color_map.last.div_(scale)


def set_look(person: PersonHead, name: str, value: torch.Tensor) -> None:
    """Store what a prior gives a person under one of the names in `LOOK`."""
    if name not in LOOK:
        raise KeyError(name)
    module, leaf = person, name
    if "." in name:
        child, leaf = name.split(".")
        module = getattr(person, child)
    setattr(module, leaf, value.detach().clone().contiguous())
