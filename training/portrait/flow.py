"""Flow matching for the portrait network: its loss, and pictures from noise in a few steps."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from ...core.portrait.drawing import AREAS, LINES, MAP_PX
from ...core.portrait.drawing import FOLD as MAP_FOLD
from ..networks.portrait import (
    Conditions,
    PortraitNetwork,
    ReferenceFeatures,
    fold,
    unfold,
    warped_conditions,
)
from .pool import Sample

# Changes of the warped picture are divided by this, about their spread where the face moves.
CHANGE_SCALE = 0.12
# Share of samples at the flow's very beginning: from there the first step goes, which is the longest.
BEGINNING_SHARE = 0.3
# The clean change is predicted; its error counts as the velocity's would, but for the last part of the way.
LATEST = 0.5
# How often landmarks are left out, for guidance without a classifier.
DROPPED_SHARE = 0.1
# So many places in a row are one of the network's coarsest scale.
COARSEST = 4
# What lips and eyes count beside the rest of the picture.
MOUTH_WEIGHT, EYES_WEIGHT, REST_WEIGHT = 24.0, 10.0, 0.4


def conditions(network: PortraitNetwork, batch: Sample) -> Conditions:
    """Of a batch with `[B, N, …]` frames; features of each photo stand for all its frames."""
    frames = batch.maps.shape[1]

    def each(values: Tensor) -> Tensor:
        return values.repeat_interleave(frames, dim=0)

    features = network.encode(fold(batch.photo), batch.photo_maps)
    return warped_conditions(
        each(batch.photo),
        ReferenceFeatures(each(features.fine), each(features.coarse)),
        batch.maps.flatten(0, 1),
        batch.field.flatten(0, 1),
        frames,
        batch.sound.flatten(0, 1) if network.settings.sound_dim else None,
    )


def flow_loss(
    network: PortraitNetwork,
    batch: Sample,
    generator: torch.Generator,
    *,
    side: int = MAP_PX,
    beginning: float = BEGINNING_SHARE,
) -> Tensor:
    """Mean squared error of the predicted change at random times of the flow, as that of its velocity.

    All frames of a clip start from the same noise, as when pictures are made; `beginning` is the share of clips at the
    flow's very beginning. Of each clip a square of `side` of the 64 places is looked at, about what counts: a mouth is
    small, and most of a picture has been right for long.
    """
    given = conditions(network, batch)
    clips = len(batch.photo)
    weights = importance(given.maps)
    corners = _corners(weights[:: given.frames], side, generator)

    def part_of(values: Tensor) -> Tensor:
        return _cut(values, corners, side, given.frames)

    clean = part_of((fold(batch.target.flatten(0, 1)) - given.warped) / CHANGE_SCALE)
    given = replace(
        given,
        warped=part_of(given.warped),
        maps=part_of(given.maps),
        reach=part_of(given.reach),
        fine=_cut(given.fine, corners // 2, side // 2, given.frames),
    )
    time = torch.rand(clips, generator=generator)
    time[torch.rand(clips, generator=generator) < beginning] = 0.0
    time = time.repeat_interleave(given.frames).to(clean.device)
    noise = torch.randn(clips, *clean.shape[1:], generator=generator).to(clean.device)
    noise = noise.repeat_interleave(given.frames, dim=0) * part_of(batch.spread.flatten(0, 1))
    part = time[:, None, None, None]
    mixed = (1 - part) * noise + part * clean
    weights = part_of(weights) / (1 - part).clamp(min=LATEST).square()
    dropped = torch.rand(clips, generator=generator) < DROPPED_SHARE
    kept = (~dropped).float().repeat_interleave(given.frames).to(clean.device)[:, None, None, None]
    given = replace(given, maps=given.maps * kept)
    error = (network(mixed, time, given) - clean).square()
    return (weights * error).mean()


def importance(maps: Tensor) -> Tensor:
    """How much each place counts `[N, 1, 64, 64]`: lips and eyes more, what is far from the face less."""
    areas = maps[:, len(LINES) + 1 :].unflatten(1, (len(AREAS), MAP_FOLD**2)).mean(2)
    near = functional.max_pool2d(areas, 5, stride=1, padding=2)
    lips = torch.maximum(near[:, 0], near[:, 1])
    face = functional.max_pool2d(maps[:, :1], 9, stride=1, padding=4)[:, 0]
    return (REST_WEIGHT + face + MOUTH_WEIGHT * lips + EYES_WEIGHT * near[:, 2])[:, None]


def _corners(weights: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Upper left corners `[B, 2]` of squares about places drawn by weight `[B, 1, H, W]`, as coarse places lie."""
    height, width = weights.shape[2:]
    place = torch.multinomial(weights.flatten(1).cpu(), 1, generator=generator)[:, 0]
    corners = torch.stack([place // width, place % width], dim=1) - side // 2
    corners = corners.clamp(min=0).minimum(torch.tensor([height - side, width - side]))
    return corners // COARSEST * COARSEST


def _cut(values: Tensor, corners: Tensor, side: int, frames: int) -> Tensor:
    """Of `[B * frames, C, H, W]` each clip's square, `[B * frames, C, side, side]`."""
    clips = values.unflatten(0, (-1, frames))
    parts = [
        clip[:, :, y : y + side, x : x + side]
        for clip, (y, x) in zip(clips, corners.tolist(), strict=True)
    ]
    return torch.stack(parts).flatten(0, 1)


@torch.no_grad()
def sampled(
    network: PortraitNetwork, batch: Sample, *, steps: int = 4, guidance: float = 1.0, seed: int = 0
) -> Tensor:
    """Pictures `[B, N, 3, S, S]` in [-1, 1] from noise, `steps` times along the flow (Euler)."""
    given = conditions(network, batch)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, *given.warped.shape[1:], generator=generator).to(given.warped.device)
    change = noise * batch.spread.flatten(0, 1)
    blind = replace(given, maps=torch.zeros_like(given.maps))
    for step in range(steps):
        time = torch.full((len(change),), step / steps, device=change.device)
        clean = network(change, time, given)
        if guidance != 1.0:
            other = network(change, time, blind)
            clean = other + guidance * (clean - other)
        # From here the way is straight towards the clean change.
        change = change + (clean - change) / (steps - step)
    pictures = unfold(given.warped + CHANGE_SCALE * change).clamp(-1, 1)
    return pictures.unflatten(0, (len(batch.photo), given.frames))
