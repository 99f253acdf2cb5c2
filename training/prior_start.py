"""Where training starts: shading that a linear map of the first codes explains best."""

from __future__ import annotations

import torch
from torch import Tensor

from .networks.prior import UniversalPrior
from .prior_data import PersonData
from .prior_latent import encode_frames

# Ridge of the first linear map, per frame: few frames must not fix many numbers.
RIDGE = 0.3
MOST_TEXTURES, MOST_COLUMNS = 500, 12


@torch.no_grad()
def start_shading(prior: UniversalPrior, persons: list[PersonData]) -> float:
    """Set the shared columns of light and their linear map; returns the share of brightness they explain.

    Principal components of how brightness changes, relative to what the anchors reflect, over the baked
    frames of all persons; then the map from the untrained encoder's codes to them.
    """
    if not prior.settings.color_follows_code:
        return 0.0
    changes = [_relative_changes(prior, person) for person in persons if person.textured]
    codes = [
        encode_frames(prior, person, person.textured, textures=False)
        for person in persons
        if person.textured
    ]
    if not changes:
        return 0.0
    rows, codes = torch.cat(changes)[:MOST_TEXTURES], torch.cat(codes)[:MOST_TEXTURES]
    values, vectors = torch.linalg.eigh((rows @ rows.T).double())
    kept = min(prior.settings.network.color_rank, len(rows), MOST_COLUMNS)
    vectors = vectors.flip(1)[:, :kept].float()
    size = len(rows) ** 0.5
    # The other columns start at zero, with coefficients that are not: they bring no noise.
    prior.anchors.light.zero_()
    prior.anchors.light[:kept] = vectors.T @ rows / size
    gram = codes.T @ codes + RIDGE * len(rows) * torch.eye(codes.shape[1], device=codes.device)
    prior.color_map.straight.weight[:kept] = torch.linalg.solve(gram, codes.T @ (vectors * size)).T
    prior.color_map.last.weight.zero_()
    left = rows - codes @ prior.color_map.straight.weight.T @ prior.anchors.light
    return 1.0 - float(left.square().sum() / rows.square().sum().clamp(min=1e-12))


def _relative_changes(prior: UniversalPrior, person: PersonData) -> Tensor:
    """`[B, N]`"""
    _, reference = prior.colors(person.head, person.scan.base_colors)
    return person.light.float().mean(2) / reference.mean(1).clamp(min=0.05)
