"""Learning rates of all that is fitted, by kind and stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fit_settings import StageRates
from .personal_anchors import FITTED
from .personal_head import LAST_LAYERS

if TYPE_CHECKING:
    from .fit import PersonalFit

# Rates of anchors' values that are not called like them.
RATE_NAMES = {"base_colors": "colors", "reflections": "colors"}
# Gradients far below it move nothing: what pictures hardly show keeps still.
ANCHORS_EPS = 1e-7
# Codes that nobody gave are looked for faster.
FREE_CODES = 8.0


def parameter_groups(fit: PersonalFit) -> list[dict[str, Any]]:
    """Groups for Adam, each with the kind that its stage is told by."""
    rates, head = fit.settings.rates, fit.head
    free = 1.0 if fit.settings.uses_codes else FREE_CODES
    listed = [
        ("own_code", head.own_code, "identity", rates.identity_code),
        ("own_change_maps", head.own_change_maps, "identity", rates.change_maps),
        ("own_correction_maps", head.own_correction_maps, "identity", rates.correction_maps),
        ("color_gain", head.color_gain, "identity", rates.color_affine),
        ("color_offset", head.color_offset, "identity", rates.color_affine),
        ("handles", head.handles.moves, "shape", rates.shape_m),
        ("turns", fit.turns, "shape", rates.pose_rad),
        ("shifts", fit.shifts, "shape", rates.pose_m),
        ("codes", fit.codes, "codes", rates.codes * free),
        *((name, head.prior.get_parameter(name), "decoder", rates.decoder) for name in LAST_LAYERS),
    ]
    for name in FITTED:
        kind = "decoder" if name == "light" else "anchors"
        rate = getattr(rates, RATE_NAMES.get(name, name))
        listed.append((f"anchors.{name}", getattr(head.anchors, name), kind, rate))
    return [
        {
            "params": [value],
            "name": name,
            "kind": kind,
            "lr": rate,
            "initial_lr": rate,
            "eps": ANCHORS_EPS if name.startswith("anchors.") else 1e-8,
        }
        for name, value, kind, rate in listed
    ]


def set_rates(fit: PersonalFit) -> StageRates:
    """Give every group the rate of this step; returns its stage."""
    share = fit.rate_share() * min(1.0, (fit.step + 1) / 20)
    stage = fit.settings.stage_at(fit.progress())
    for group in fit.optimizer.param_groups:
        factor = getattr(stage, group["kind"])
        if group["kind"] == "codes" and not fit.settings.uses_codes:
            factor = 1.0
        group["lr"] = group["initial_lr"] * share * factor
        # What rests in this stage costs nothing.
        group["params"][0].requires_grad_(factor > 0)
    if fit.hair is not None:
        fit.hair.set_rates(share)
    return stage
