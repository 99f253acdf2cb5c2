"""Gaussians of one person: discs on the tracked mesh and strands, under the look that the prior gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .buffers import add_constant, add_index
from .mesh_head import BoundStrands, DiscSurface
from .mesh_head_parts import BoundSplats, RigidSplats, SurfaceSplats

# What the prior gives a person; `PersonHead` has a buffer of each name.
LOOK = (
    "surface.scales_m",
    "surface.lift_m",
    "surface_colors",
    "reference_colors",
    "gain_light",
    "map_light",
    "all_opacities",
    "rigid_scales_m",
    "strand_colors",
    "all_sh",
)


@dataclass(frozen=True)
class PersonParts:
    """One person's neutral, in plain arrays (m, sRGB); the first `num_moving` vertices can move."""

    neutral: np.ndarray  # [V, 3] as drawn
    num_moving: int
    landmarks: np.ndarray  # [68]
    surface: SurfaceSplats
    bound: BoundSplats
    still: RigidSplats
    base_colors: np.ndarray  # [N, 3] of the scan at the anchors
    uv: np.ndarray  # [N, 2]
    strand_features: np.ndarray  # [S, F]
    maps: np.ndarray  # [7, R, R] what the identity encoder sees
    neck_weights: np.ndarray  # [N + S]
    # Of the scan's vertices, those that are `neutral` here.
    vertices: np.ndarray  # [V]


class PersonHead(nn.Module):
    """Decoder of one person; `forward` takes coefficients of shape `[G]` and of colour `[K]`.

    The look (`LOOK`) starts as plain buffers: training replaces them by what the prior gives at each step,
    baking stores that.
    """

    has_sh = True

    def __init__(self, parts: PersonParts, basis: Tensor, map_px: int) -> None:
        super().__init__()
        self.num_moving = parts.num_moving
        self.neck_weights, self.vertex_ids = parts.neck_weights, parts.vertices
        add_constant(self, "neutral_m", parts.neutral)
        # Shared by all persons while the prior trains.
        self.register_buffer("basis_m", basis, persistent=False)
        add_index(self, "landmark_ids", parts.landmarks)
        self.surface = DiscSurface(parts.surface, parts.neutral)
        has_bound = len(parts.bound.owner) > 0
        self.bound = BoundStrands(parts.bound, parts.neutral) if has_bound else None
        add_constant(self, "still_means_m", parts.still.means)
        add_constant(self, "still_quats", parts.still.quats)
        self.taps = MapTaps(parts.uv, map_px)
        count, strands = len(parts.base_colors), len(parts.strand_features)
        looks = (parts.bound.look, parts.still.look)
        add_constant(self, "surface_colors", parts.base_colors)
        add_constant(self, "reference_colors", parts.base_colors)
        add_constant(self, "gain_light", np.zeros((1, count)))
        add_constant(self, "map_light", np.zeros((1, map_px * map_px * 3)))
        opacities = [parts.surface.look.opacities, *(look.opacities for look in looks)]
        add_constant(self, "all_opacities", np.concatenate(opacities))
        add_constant(self, "rigid_scales_m", np.concatenate([look.scales for look in looks]))
        add_constant(self, "strand_colors", np.concatenate([look.colors for look in looks]))
        add_constant(self, "all_sh", np.zeros((count + strands, 3, 3)))

    def forward(self, shape: Tensor, columns: Tensor) -> tuple[Tensor, ...]:
        """Means, quats, scales, opacities, colours, landmarks and sh."""
        vertices = self.vertices(shape)
        means, quats, scales = self.surface(vertices)
        rigid = [] if self.bound is None else [self.bound(vertices)]
        rigid.append((self.still_means_m, self.still_quats))
        surface = self.surface_colors + self.color_change(columns[None])[0]
        anchor = 0.0 * shape[0]
        return (
            torch.cat([means, *(group[0] for group in rigid)]),
            torch.cat([quats, *(group[1] for group in rigid)]),
            torch.cat([scales, self.rigid_scales_m]),
            self.all_opacities + anchor,
            torch.cat([surface.clamp(0.0, 1.0), self.strand_colors]),
            vertices[self.landmark_ids],
            self.all_sh + anchor,
        )

    def vertices(self, shape: Tensor) -> Tensor:
        """Vertices `[V, 3]` for coefficients `[G]`."""
        moved = self.neutral_m[: self.num_moving] + (shape @ self.basis_m).reshape(-1, 3)
        return torch.cat([moved, self.neutral_m[self.num_moving :]])

    def color_change(self, columns: Tensor) -> Tensor:
        """What coefficients `[B, K]` add to the neutral's colours, `[B, N, 3]`."""
        return color_change(
            columns, self.reference_colors, self.gain_light, self.map_light, self.taps
        )


def color_change(
    columns: Tensor, reference: Tensor, gain_light: Tensor, map_light: Tensor, taps: MapTaps
) -> Tensor:
    """Shading `[B, N, 3]`: gains of the `reference` `[N, 3]` that all persons share, and the person's own maps."""
    gains = (columns @ gain_light)[..., None] * reference
    texels = (columns @ map_light).reshape(len(columns), -1, 3).transpose(0, 1)
    sampled = taps(texels.reshape(len(texels), -1)).reshape(len(reference), -1, 3)
    return gains + sampled.transpose(0, 1)


class MapTaps(nn.Module):
    """Bilinear samples of maps, given as rows of texels, at fixed points of the atlas."""

    def __init__(self, uv: np.ndarray, side_px: int) -> None:
        super().__init__()
        x = np.clip(uv[:, 0] * side_px - 0.5, 0, side_px - 1.001)
        y = np.clip((1 - uv[:, 1]) * side_px - 0.5, 0, side_px - 1.001)
        column, row = x.astype(int), y.astype(int)
        self.side_px = side_px
        add_index(self, "texel", row * side_px + column)
        add_constant(self, "across_weight", (x - column)[:, None])
        add_constant(self, "down_weight", (y - row)[:, None])

    def forward(self, texels: Tensor) -> Tensor:
        """Samples `[N, C]` of texels `[R * R, C]`."""
        i, x, y = self.texel, self.across_weight, self.down_weight
        top = texels[i] * (1 - x) + texels[i + 1] * x
        below = texels[i + self.side_px] * (1 - x) + texels[i + self.side_px + 1] * x
        return top * (1 - y) + below * y
