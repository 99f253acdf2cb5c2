"""Hair of a person on video: free Gaussians that move with the skull."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ...core.gaussians import matrix_to_quat
from ..fitted_gaussians import FittedGaussians
from .fit_settings import HairSettings
from .hair_shell import Shell
from .personal_head import Splats
from .posing import facing, learnt_where, product_matrix, quat_matrices, turn_quats
from .silhouettes import COVERED, Silhouettes, unit

# Discs overlap, and lie flat on the shell.
TANGENT_SIGMA, NORMAL_SIGMA = 0.62, 0.3
OPACITY = 0.85
# A point is seen by cameras that its surface faces.
FACING_COSINE, NEAREST_SEEN, MOST_COLORED = 0.35, 6, 12
GREY, SURELY_HAIR_M, INNERMOST_PERCENTILE, LIKE_NEAREST_M = 0.5, 0.045, 85, 0.02
# Adam's epsilon, in the loss per metre and per unit: gradients far below it move nothing, so that what shows only
# through its rim keeps still.
MEANS_EPS, EPS = 1e-4, 3e-7


class HairGaussians(FittedGaussians):
    """Free Gaussians that remember where and in which colour they started."""

    def __init__(self, rows: dict[str, Tensor], settings: HairSettings) -> None:
        super().__init__(rows, settings.rates, settings.size_m)
        self.home = rows["means"].detach().clone().float()
        self.first_colors = rows["colors"].detach().clone().float()
        for group in self.optimizer.param_groups:
            group["eps"] = MEANS_EPS if group["name"] == "means" else EPS

    @classmethod
    def on(
        cls, shell: Shell, colors: np.ndarray, settings: HairSettings, device: str = "cpu"
    ) -> HairGaussians:
        """Flat discs on a shell, with colours `[M, 3]`."""
        count = len(shell.points)
        sizes = shell.spacing[:, None] * np.array([TANGENT_SIGMA, TANGENT_SIGMA, NORMAL_SIGMA])
        rows = {
            "means": shell.points,
            "quats": matrix_to_quat(frames_of(shell.normals)).reshape(count, 4),
            "log_scales": np.log(np.maximum(sizes, 1e-6)),
            "logit_opacities": np.full(count, np.log(OPACITY / (1 - OPACITY))),
            "colors": colors,
        }
        return cls(
            {
                k: torch.from_numpy(np.ascontiguousarray(v)).float().to(device)
                for k, v in rows.items()
            },
            settings,
        )

    def keep(self, chosen: Tensor) -> None:
        """Only the rows that a mask chooses stay."""
        self.home, self.first_colors = self.home[chosen], self.first_colors[chosen]
        super().keep(chosen)

    def append(self, rows: dict[str, Tensor]) -> None:
        """Add rows; what they are now is what they started as."""
        self.home = torch.cat([self.home, rows["means"]])
        self.first_colors = torch.cat([self.first_colors, rows["colors"]])
        super().append(rows)

    def strayed_mm(self) -> Tensor:
        """Distance from home, squared (mm²), `[N]`."""
        return 1e6 * (self.parameters["means"] - self.home).square().sum(1)

    @torch.no_grad()
    def values(self) -> tuple[Tensor, ...]:
        """Means, quats, scales, opacities and colours as they are drawn."""
        p = self.parameters
        quats = torch.nn.functional.normalize(p["quats"], dim=1)
        shown = (p["means"], quats, self.scales(), self.opacities(), p["colors"].clamp(0, 1))
        return tuple(value.detach().clone() for value in shown)

    def state_dict(self) -> dict[str, object]:
        """Everything that going on needs."""
        return super().state_dict() | {"home": self.home, "first_colors": self.first_colors}

    def load_state_dict(self, state: dict) -> None:
        """Stand where `state_dict` was taken; the number of rows may be another."""
        super().load_state_dict(state)
        self.home, self.first_colors = state["home"], state["first_colors"]


def with_hair(
    surface: Splats, hair: HairGaussians | None, pose: Tensor, pivot: Tensor, *, eye: Tensor
) -> Splats:
    """A posed head with its hair, which follows the pose entirely, before an eye `[3]`."""
    if hair is None:
        return surface
    p = hair.parameters
    whole = turn_quats(pose[:3], pose.new_ones(1))
    means = (p["means"] - pivot) @ quat_matrices(whole)[0].T + (pivot + pose[3:])
    quats = p["quats"] @ product_matrix(whole[0]).T
    turned = torch.nn.functional.normalize(quats, dim=1)
    colors = learnt_where(p["colors"], facing(turned, (means - eye).detach()))
    own = (means, quats, hair.scales(), hair.opacities(), colors)
    joined = (torch.cat([a, b]) for a, b in zip(surface[:5], own, strict=True))
    return Splats(*joined, surface.landmarks)


def frames_of(normals: np.ndarray) -> np.ndarray:
    """Rotations `[M, 3, 3]` whose third axis is the normal."""
    helper = np.where(np.abs(normals[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    across = unit(np.cross(helper, normals))
    return np.stack([across, np.cross(normals, across), normals], axis=2)


def shell_colors(shell: Shell, outlines: Silhouettes, skin: np.ndarray) -> np.ndarray:
    """Colours `[M, 3]` of a shell: means of what the frames show there, the rest like the nearest that is seen.

    `skin` are triangles `[F, 3, 3]` (m) of the resting head, which hide what lies behind them.
    """
    sums, weights = np.zeros((len(shell.points), 3)), np.zeros(len(shell.points))
    for frame in outlines.frames[:MOST_COLORED]:
        cosine = (outlines.towards_eye(frame, shell.points) * shell.normals).sum(1)
        row, column, shown = outlines.pixels(frame, shell.points)
        shown &= ~outlines.is_hidden(frame, shell.points, skin)
        pixels = frame.rgba[row, column].astype(float)
        weight = np.where(
            shown & (pixels[:, 3] > COVERED), np.clip(cosine - FACING_COSINE, 0, 1), 0
        )
        sums += weight[:, None] * pixels[:, :3] / 255
        weights += weight
    seen = weights > 0
    colors = np.full((len(shell.points), 3), GREY)
    colors[seen] = sums[seen] / weights[seen, None]
    if seen.any() and not seen.all():
        # Beside the hairline and behind the ears it may be skin that was seen. The other side of a head is like this one.
        innermost_m = np.percentile(shell.inside[seen], INNERMOST_PERCENTILE)
        taken = seen & (shell.inside >= min(SURELY_HAIR_M, innermost_m))
        sides = np.array([[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])
        known = np.concatenate([shell.points[taken] * side for side in sides])
        away_m, near = cKDTree(known).query(shell.points[~seen], k=min(NEAREST_SEEN, len(known)))
        away_m, near = (found.reshape(len(found), -1) for found in (away_m, near))
        # Rims are lit from behind: far from all that was seen, hair has the colour of most of it.
        here = np.exp(-away_m[:, :1] / LIKE_NEAREST_M)
        mean = np.tile(colors[taken], (2, 1))[near].mean(1)
        colors[~seen] = here * mean + (1 - here) * np.median(colors[taken], axis=0)
    return colors
