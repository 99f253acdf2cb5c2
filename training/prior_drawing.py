"""Draws a person under the prior, with gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from .fit_head import view_colors
from .fit_head_views import HeadPicture
from .networks.prior import Identity, UniversalPrior
from .prior_data import PersonData, TrainingPicture
from .rasterize import rasterize


def load_picture(person: PersonData, picture: TrainingPicture) -> HeadPicture:
    """The wanted picture and its camera."""
    pixels, camera = person.subject.picture(picture.image)
    return HeadPicture(picture.image.path.stem, pixels, camera, torch.zeros(0))


def draw(
    prior: UniversalPrior,
    person: PersonData,
    identity: Identity,
    pose: tuple[Tensor, Tensor],
    picture: HeadPicture,
    background: Tensor,
) -> tuple[Tensor, Tensor, np.ndarray]:
    """Colours, alpha and landmarks of a person, with gradients to its look but not to its shape."""
    look = prior.look(person.head, person.scan, identity)
    decoded = functional_call(person.head, look, pose)
    means, quats, scales, opacities, colors, landmarks, sh = decoded
    seen = view_colors(sh, means.detach() - picture.eye.to(means.device))
    shown = (colors + seen).clamp(min=0)
    image, alphas, _ = rasterize(means, quats, scales, opacities, shown, picture.camera, background)
    return image, alphas, landmarks.detach().cpu().numpy()
