"""Pictures of a prior beside those it is trained on."""

from __future__ import annotations

import numpy as np
import torch

from .networks.prior import UniversalPrior
from .prior_data import PersonData, TrainingPicture
from .prior_drawing import draw, load_picture
from .prior_latent import encode_frames

BACKGROUND = 0.5


@torch.no_grad()
def comparison(
    prior: UniversalPrior, choices: list[tuple[PersonData, TrainingPicture]]
) -> np.ndarray:
    """Wanted above ours, a column for each choice, `[2 H, W * columns, 3]` in [0, 1]."""
    columns = []
    for person, picture in choices:
        identity = prior.identify(person.scan.maps[None])[0]
        codes = encode_frames(prior, person, [picture.frame])
        shape, color = prior.express(codes, identity)
        wanted = load_picture(person, picture)
        background = torch.full((3,), BACKGROUND)
        ours, _, _ = draw(prior, person, identity, (shape[0], color[0]), wanted, background)
        pair = [wanted.over(background)[0], ours.clamp(0, 1).cpu()]
        columns.append(torch.cat(pair).numpy())
    height = max(column.shape[0] for column in columns)
    padded = [np.pad(c, ((0, height - len(c)), (0, 0), (0, 0))) for c in columns]
    return np.concatenate(padded, axis=1)


def spread_choices(
    persons: list[PersonData], count: int
) -> list[tuple[PersonData, TrainingPicture]]:
    """A picture of each of some persons, and several of one where there are few."""
    pairs = [(p, picture) for p in persons for picture in p.pictures]
    picks = np.linspace(0, len(pairs) - 1, min(count, len(pairs))).astype(int)
    return [pairs[i] for i in picks]
