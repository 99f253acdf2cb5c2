"""What is fitted of a `MeshHead`: raw numbers without bounds, and the network's buffers that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .networks.mesh_head import MeshHead, on_weight_grid

# Colours may leave the range of the baked states by this much, as the fit finds them too narrow.
RANGE_MARGIN = 0.04
OPACITY_RANGE = (0.01, 0.995)
LIGHT_LIMIT = 127 / 255
SH_LIMIT = 127 / 80
SMALLEST_LIGHT = 1.6 / 255
COLOR_BUFFERS = {
    "surface": "light.colors",
    "left_eye": "eyes.0.colors",
    "right_eye": "eyes.1.colors",
    "strands": "strand_colors",
}
SHAPES = ("scales", "offsets", "quats")
# Adam's eps for colours and for shapes: gradients of a splat seen by a few pixels only.
EPSILON = (1e-6, 1e-7)


@dataclass(frozen=True)
class FitBounds:
    """How far the fit may move what the studio's geometry gave."""

    # Along the surface and off it, in sigmas of the disc.
    surface_shift: float = 1.0
    surface_lift: float = 0.6
    # Natural logarithm of the change of a scale.
    log_scale: float = 0.9
    # Hair, and brows and lashes.
    still_m: float = 5e-3
    bound_m: float = 0.8e-3


@dataclass(frozen=True)
class FitRates:
    """Adam's learning rates of the raw numbers; offsets and scales are in units of their bounds."""

    colors: float = 5e-3
    light: float = 6e-4
    sh: float = 1.5e-2
    logit_opacities: float = 3e-2
    scales: float = 1e-2
    offsets: float = 1e-2
    quats: float = 2e-3


@dataclass(frozen=True)
class FitPenalties:
    """Weights of mean squares that keep still what pictures show little of.

    Of offsets and scales in units of their bounds, of colours and their changes by expression against the
    studio's, and of colours by view, on skin and on hair.
    """

    shape: float = 1e-2
    colors: float = 0.4
    light: float = 5.0
    sh_surface: float = 0.4
    sh_strands: float = 0.02


class HeadParameters(nn.Module):
    """Raw numbers that start at what the studio gave; `buffers_of_head` turns them to the network's."""

    def __init__(self, head: MeshHead, bounds: FitBounds) -> None:
        super().__init__()
        self.bounds = bounds
        self.start = {name: value.clone() for name, value in head.named_buffers()}
        start = self.start
        opacities = start["all_opacities"].clamp(*OPACITY_RANGE)
        self.logit_opacities = nn.Parameter(torch.logit(opacities))
        self.colors = nn.ParameterDict(
            {group: nn.Parameter(start[name].clone()) for group, name in COLOR_BUFFERS.items()}
        )
        self.light = nn.Parameter(start["light.light"].clone())
        self.sh = nn.Parameter(start["all_sh"].clone())
        self.num_smooth = len(start["all_sh"]) - len(start["strand_colors"])
        count, num_still = len(start["surface.scales_m"]), len(start["still_means_m"])
        num_bound = start["bound.offset_m"].shape[1] if head.bound is not None else 0
        self.scales = _zeros(surface=(count, 2), rigid=start["rigid_scales_m"].shape)
        self.offsets = _zeros(
            shift=(count, 2), lift=(count, 1), still=(num_still, 3), bound=(3, num_bound)
        )
        self.quats = _copies(start, "still_quats", *(["bound.quats"] if num_bound else []))
        self.inverse = head.surface.triangles.inverse[:, head.surface.owner]

    def groups(self, rates: FitRates) -> list[dict]:
        """Parameter groups for Adam, each with its rate as `lr` and `initial_lr`.

        What a splat that no picture really shows would do is noise; `eps` keeps such gradients small.
        """
        named = {
            name: [value for key, value in self.named_parameters() if key.split(".")[0] == name]
            for name in vars(rates)
        }
        return [
            {"params": values, "lr": rate, "initial_lr": rate, "eps": EPSILON[name in SHAPES]}
            for name, values in named.items()
            for rate in (getattr(rates, name),)
        ]

    def buffers_of_head(self) -> dict[str, Tensor]:
        """The network's buffers, by name, with gradients to the raw numbers."""
        start, bounds = self.start, self.bounds
        change = self.colors["surface"] - start["light.colors"]
        lowest = start["light.lowest_colors"] + change - RANGE_MARGIN
        highest = start["light.highest_colors"] + change + RANGE_MARGIN
        values = {name: self.colors[group] for group, name in COLOR_BUFFERS.items()}
        values |= {
            "light.lowest_colors": lowest.clamp(0, 1),
            "light.highest_colors": highest.clamp(0, 1),
            "light.light": self.light,
            "all_opacities": torch.sigmoid(self.logit_opacities),
            "all_sh": self.sh,
            "rigid_scales_m": start["rigid_scales_m"] * self._factor("rigid"),
            # A disc is round: the axes of its plane follow the stretch and turn freely where there is none.
            "surface.scales_m": start["surface.scales_m"] * self._factor("surface")[:, [0, 0, 1]],
            "still_means_m": start["still_means_m"] + bounds.still_m * self.offsets["still"].tanh(),
            "still_quats": self.quats["still_quats"],
        }
        values |= self._surface_places()
        if "bound_quats" in self.quats:
            moved = bounds.bound_m * self.offsets["bound"].tanh()
            values["bound.offset_m"] = start["bound.offset_m"] + moved
            values["bound.quats"] = self.quats["bound_quats"]
        return values

    def penalty(self, weights: FitPenalties) -> Tensor:
        """What keeps small whatever no picture asks for."""
        moved = sum(value.square().mean() for value in self.offsets.values())
        resized = sum(value.square().mean() for value in self.scales.values())
        recolored = sum(
            (self.colors[group] - self.start[name]).square().mean()
            for group, name in COLOR_BUFFERS.items()
        )
        relit = (self.light - self.start["light.light"]).square().mean()
        surface, strands = self.sh.split([self.num_smooth, len(self.sh) - self.num_smooth])
        return (
            weights.shape * (moved + resized)
            + weights.colors * recolored
            + weights.light * relit
            + weights.sh_surface * surface.square().mean()
            + weights.sh_strands * strands.square().mean()
        )

    @torch.no_grad()
    def keep_valid(self) -> None:
        """Bring back what a step took out of the range that the package can store."""
        self.logit_opacities.clamp_(*(float(torch.logit(torch.tensor(o))) for o in OPACITY_RANGE))
        self.light.clamp_(-LIGHT_LIMIT, LIGHT_LIMIT)
        self.sh.clamp_(-SH_LIMIT, SH_LIMIT)
        for values in self.colors.values():
            values.clamp_(0.0, 1.0)

    @torch.no_grad()
    def fitted(self) -> dict[str, np.ndarray]:
        """The buffers as arrays in the form that is exported."""
        values = {name: value.numpy() for name, value in self.buffers_of_head().items()}
        start = self.start["light.light"].numpy()
        # Changes that hardly show would cost megabytes.
        changed = np.abs(values["light.light"] - start) > SMALLEST_LIGHT
        values["light.light"] = np.where(changed, values["light.light"], start)
        values["surface.weight"] = on_weight_grid(values["surface.weight"]).astype(np.float32)
        return values

    def _factor(self, group: str) -> Tensor:
        return torch.exp(self.bounds.log_scale * self.scales[group].tanh())

    def _surface_places(self) -> dict[str, Tensor]:
        """Barycentric weights moved along the surface, and heights above it."""
        sigma = self.start["surface.scales_m"][:, :1]
        along = self.bounds.surface_shift * sigma * self.offsets["shift"].tanh()
        # The rest edges are upper triangular in the triangle's frame; this is their inverse.
        first = self.inverse[0] * along[:, 0] + self.inverse[1] * along[:, 1]
        second = self.inverse[2] * along[:, 1]
        moved = torch.stack([-first - second, first, second], dim=1)
        lift = self.bounds.surface_lift * sigma * self.offsets["lift"].tanh()
        return {"surface.weight": self.start["surface.weight"] + moved, "surface.lift_m": lift}


def apply_fit(head: MeshHead, fitted: dict[str, np.ndarray]) -> None:
    """Put fitted buffers into a network that was assembled from the same settings."""
    missing = head.load_state_dict(
        {k: torch.from_numpy(v) for k, v in fitted.items()}, strict=False
    )
    if missing.unexpected_keys:
        raise KeyError(f"The fit has buffers that the head has not: {missing.unexpected_keys}.")


def _copies(start: dict[str, Tensor], *names: str) -> nn.ParameterDict:
    return nn.ParameterDict(
        {name.replace(".", "_"): nn.Parameter(start[name].clone()) for name in names}
    )


def _zeros(**shapes: tuple[int, ...]) -> nn.ParameterDict:
    return nn.ParameterDict(
        {name: nn.Parameter(torch.zeros(*shape)) for name, shape in shapes.items()}
    )
