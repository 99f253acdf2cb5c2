"""What keeps a person near the prior and the first guess where pictures say little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .personal_head import LAST_LAYERS

if TYPE_CHECKING:
    from .fit import PersonalFit

DEG = 57.29578
# Between neighbouring anchors only so many are compared in one step.
MOST_COMPARED = 12_000
# The brightness that free Gaussians should cover with.
COVERING = 0.9


def pulls(fit: PersonalFit, row: int, compared: Tensor) -> dict[str, Tensor]:
    """Weighted penalties of this step; `row` is the frame's, `compared` the anchors whose roughness is looked at."""
    weights, head, anchors = fit.settings.pulls, fit.head, fit.head.anchors
    turned = DEG * (fit.turns[row] - fit.first_turns[row])
    shifted = 1e3 * (fit.shifts[row] - fit.first_shifts[row])
    found = {
        "identity_code": (head.own_code - head.start_code).square().mean(),
        "maps": (head.own_change_maps - head.start_change_maps).square().mean()
        + (head.own_correction_maps - head.start_correction_maps).square().mean(),
        "shape_mm": 1e6 * head.handles.moves.square().sum(1).mean(),
        "shape_smooth_mm": head.handles.roughness_mm(),
        "pose": turned.square().sum() + shifted.square().sum(),
        "codes": (fit.codes[row] - fit.first_codes[row]).square().mean(),
        "colors": anchors.change("base_colors").square().mean()
        + anchors.change("reflections").square().mean(),
        "roughness": _roughness(fit, compared),
    }
    for name in ("logits", "log_scales", "lifts", "sh", "light"):
        if getattr(anchors, name).requires_grad:
            found[name] = anchors.change(name).square().mean()
    if head.prior.get_parameter(LAST_LAYERS[0]).requires_grad:
        found["decoder"] = sum(
            (head.prior.get_parameter(name) - fit.first_layers[name]).square().mean()
            for name in LAST_LAYERS
        )
    if not fit.settings.uses_codes:
        del found["codes"]
    if not fit.settings.uses_prior:
        found = {name: found[name] for name in ("pose",)}
    if fit.hair is not None:
        found["hair_home_mm"] = fit.hair.strayed_mm().mean()
        colors = fit.hair.parameters["colors"] - fit.hair.first_colors
        found["hair_color"] = colors.square().mean()
        found["hair_opacity"] = (COVERING - fit.hair.opacities()).clamp(min=0).square().mean()
    return {name: getattr(weights, name) * value for name, value in found.items()}


def _roughness(fit: PersonalFit, rows: Tensor) -> Tensor:
    """Total variation over neighbouring anchors of what was added to their colours."""
    change = fit.head.anchors.change("base_colors")
    return (change[fit.neighbours[rows]] - change[rows][:, None]).abs().mean()


def compared_rows(fit: PersonalFit, rng: np.random.Generator) -> Tensor:
    """Random anchors `[M]` of this step."""
    count = fit.head.num_surface
    rows = rng.integers(count, size=min(MOST_COMPARED, count))
    return torch.from_numpy(rows).to(fit.codes.device)
