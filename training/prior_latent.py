"""Public coordinates of the expression code: principal components of unit size about the same zero."""

from __future__ import annotations

import numpy as np
import torch

from .networks.prior import UniversalPrior
from .prior_data import PersonData

# Directions that hardly any frame uses are not blown up beyond this share of the largest.
SMALLEST_SHARE = 1e-3


@torch.no_grad()
def encode_frames(
    prior: UniversalPrior, person: PersonData, frames: list[int], *, textures: bool = True
) -> torch.Tensor:
    """Mean codes `[B, D]` of frames of a person, with their textures where there are any."""
    side = prior.settings.network.change_px
    change = torch.zeros(len(frames), 3, side, side, device=prior.basis.device)
    for i, frame in enumerate(frames):
        if textures and frame in person.textured:
            change[i] = person.change[person.textured.index(frame)].float()
    return prior.encode(person.coefficients[frames], change)[0]


def use_principal_codes(prior: UniversalPrior, persons: list[PersonData]) -> np.ndarray:
    """Turn and scale the code so; returns the size of each component before.

    Zero stays the neutral, so what is made one is the mean square about zero, not the variance.
    """
    codes = torch.cat(
        [
            encode_frames(prior, p, p.train_frames, textures=t)
            for p in persons
            for t in (True, False)
        ]
    ).double()
    values, vectors = torch.linalg.eigh(codes.T @ codes / len(codes))
    values, vectors = values.flip(0), vectors.flip(1)
    # The sign of a component is free: fixed by its largest entry, so that a run repeats.
    signs = torch.sign(vectors.gather(0, vectors.abs().argmax(0, keepdim=True)))
    vectors = vectors * signs
    sizes = values.clamp(min=float(values[0]) * SMALLEST_SHARE**2).sqrt()
    to_new, to_old = (vectors / sizes).T.float(), (vectors * sizes).float()
    prior.turn_codes(to_new, to_old)
    return values.clamp(min=0).sqrt().cpu().numpy()
