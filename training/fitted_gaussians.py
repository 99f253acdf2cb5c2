"""Gaussians as raw parameters with their optimiser, whose number may change while they are fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..core.camera import Camera
from ..core.gaussians import Gaussians
from .rasterize import Picture, rasterize

NAMES = ("means", "quats", "log_scales", "logit_opacities", "colors")


@dataclass(frozen=True)
class LearningRates:
    """Of Adam, for each kind of parameter (after Kerbl et al. 2023)."""

    # Of the means in shares of the subject's size.
    means: float = 1e-3
    quats: float = 2e-3
    log_scales: float = 1e-2
    logit_opacities: float = 3e-2
    colors: float = 1e-2

    def of(self, name: str, size_m: float) -> float:
        """The rate of `name` for a subject of `size_m`."""
        return self.means * size_m if name == "means" else getattr(self, name)


class FittedGaussians:
    """Parameters `[N, ...]` by name, and Adam's memory of each."""

    def __init__(self, rows: dict[str, Tensor], rates: LearningRates, size_m: float) -> None:
        self.parameters = {name: nn.Parameter(rows[name].float()) for name in NAMES}
        groups = [
            {"params": [p], "name": name, "lr": rates.of(name, size_m)}
            for name, p in self.parameters.items()
        ]
        self.optimizer = torch.optim.Adam(groups, eps=1e-15, fused=True)
        self._first_rates = [group["lr"] for group in self.optimizer.param_groups]

    @classmethod
    def from_points(
        cls, points: np.ndarray, colors: np.ndarray, spacing_m: float, rates_and_size: tuple
    ) -> FittedGaussians:
        """Round, half transparent Gaussians at `points` `[N, 3]` with `colors` `[N, 3]`."""
        count = len(points)
        rows = {
            "means": torch.from_numpy(points),
            "quats": torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(count, 1),
            "log_scales": torch.full((count, 3), float(np.log(spacing_m))),
            "logit_opacities": torch.zeros(count),
            "colors": torch.from_numpy(colors),
        }
        return cls(rows, *rates_and_size)

    def __len__(self) -> int:
        return len(self.parameters["means"])

    def scales(self) -> Tensor:
        """Standard deviations `[N, 3]` (m)."""
        return self.parameters["log_scales"].exp()

    def opacities(self) -> Tensor:
        """`[N]` in (0, 1)."""
        return self.parameters["logit_opacities"].sigmoid()

    def draw(self, camera: Camera, background: Tensor) -> Picture:
        """A picture that gradients flow through."""
        p = self.parameters
        return rasterize(
            p["means"], p["quats"], self.scales(), self.opacities(), p["colors"], camera, background
        )

    def set_rates(self, share: float) -> None:
        """All learning rates at `share` of what they were at the start."""
        for group, first in zip(self.optimizer.param_groups, self._first_rates, strict=True):
            group["lr"] = first * share

    def step(self) -> None:
        """One step of Adam along the gradients, which are then gone; colours stay displayable."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.parameters["colors"].clamp_(0, 1)

    def rows(self, chosen: Tensor) -> dict[str, Tensor]:
        """Copies of the rows that a mask chooses."""
        return {name: p.detach()[chosen].clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def limit_opacities(self, most: float) -> None:
        """Opacities above `most` become that, so that each has to be earned again."""
        logits = self.parameters["logit_opacities"]
        logits.clamp_(max=float(np.log(most / (1 - most))))
        for moment in self._moments("logit_opacities").values():
            moment.zero_()

    @torch.no_grad()
    def share_opacities(self, chosen: Tensor) -> None:
        """Opacities o become 1 - sqrt(1 - o): two in a row cover what one did."""
        logits = self.parameters["logit_opacities"]
        half = 1 - (1 - logits[chosen].sigmoid()).sqrt()
        logits[chosen] = torch.logit(half.clamp(1e-4, 1 - 1e-4))

    def keep(self, chosen: Tensor) -> None:
        """Only the rows that a mask chooses stay."""
        self._replace(lambda name, values: values[chosen])

    def append(self, rows: dict[str, Tensor]) -> None:
        """Add rows, of which Adam remembers nothing."""
        count = len(rows["means"])

        def longer(name: str, values: Tensor, *, is_moment: bool = False) -> Tensor:
            added = values.new_zeros(count, *values.shape[1:]) if is_moment else rows[name]
            return torch.cat([values, added])

        self._replace(longer, lambda name, values: longer(name, values, is_moment=True))

    def _replace(self, change: object, change_moment: object | None = None) -> None:
        for group in self.optimizer.param_groups:
            name, old = group["name"], group["params"][0]
            new = nn.Parameter(change(name, old.detach()))
            state = self.optimizer.state.pop(old, {})
            for key, value in state.items():
                if value.ndim:
                    state[key] = (change_moment or change)(name, value)
            group["params"] = [new]
            self.parameters[name] = new
            if state:
                self.optimizer.state[new] = state

    def _moments(self, name: str) -> dict[str, Tensor]:
        state = self.optimizer.state.get(self.parameters[name], {})
        return {key: value for key, value in state.items() if value.ndim}

    def state_dict(self) -> dict[str, object]:
        """Everything that going on needs."""
        return {"rows": self.rows(slice(None)), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Stand where `state_dict` was taken; the number of rows may be another."""
        self._replace(lambda name, values: state["rows"][name])
        self.optimizer.state.clear()
        self.optimizer.load_state_dict(state["optimizer"])

    def to_gaussians(self) -> Gaussians:
        """The set as every rasteriser takes it."""
        with torch.no_grad():
            values = (
                self.parameters["means"],
                nn.functional.normalize(self.parameters["quats"]),
                self.scales(),
                self.opacities(),
                self.parameters["colors"],
            )
            return Gaussians(*(value.detach().numpy().copy() for value in values))


def rotation_matrices(quats: Tensor) -> Tensor:
    """`[N, 3, 3]` of wxyz quaternions of any length."""
    w, x, y, z = nn.functional.normalize(quats, dim=1).unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)
