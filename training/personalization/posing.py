"""The head pose on Gaussians with gradients: what `core.avatar.pose` does, in torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Colours are learnt from Gaussians that are seen at least so far from edge-on, and fully from there.
EDGE_COSINE, SEEN_COSINE = 0.08, 0.35


class NeckGroups(NamedTuple):
    """Gaussians that do not follow the head entirely: those that stay, and those that follow in part."""

    still: Tensor  # [S] rows
    part: Tensor  # [P] rows
    share: Tensor  # [P] how far they follow

    @classmethod
    def of(cls, neck_weights: np.ndarray, device: torch.device | str = "cpu") -> NeckGroups:
        """Groups of Gaussians with these weights `[N]`."""
        weights = np.clip(np.asarray(neck_weights, np.float64), 0, 1)
        part = np.flatnonzero((weights > 0) & (weights < 1))
        rows = (np.flatnonzero(weights == 0), part)
        still, part_rows = (torch.from_numpy(r).to(device) for r in rows)
        return cls(still, part_rows, torch.from_numpy(weights[part]).float().to(device))


class PosedRows(NamedTuple):
    """Gaussians in a head pose."""

    means: Tensor  # [N, 3] m
    quats: Tensor  # [N, 4]
    # From the eye to each Gaussian, in the axes in which it rests: what spherical harmonics are told in.
    directions: Tensor  # [N, 3]


def pose_rows(
    means: Tensor, quats: Tensor, pose: Tensor, pivot: Tensor, groups: NeckGroups, *, eye: Tensor
) -> PosedRows:
    """Turn means `[N, 3]` and quats `[N, 4]` by `pose` `[6]` about `pivot` `[3]`; `eye` `[3]` is the camera's."""
    whole = turn_quats(pose[:3], pose.new_ones(1))
    matrix = quat_matrices(whole)[0]
    moved = (means - pivot) @ matrix.T + (pivot + pose[3:])
    turned = quats @ product_matrix(whole[0]).T
    towards = (moved - eye).detach() @ matrix.detach()
    part, share, still = groups.part, groups.share, groups.still
    if len(part):
        turns = turn_quats(pose[:3], share)
        matrices = quat_matrices(turns)
        from_pivot = (means[part] - pivot)[:, :, None]
        places = (matrices @ from_pivot)[..., 0] + pivot + share[:, None] * pose[3:]
        moved = moved.index_copy(0, part, places)
        turned = turned.index_copy(0, part, multiply(turns, quats[part]))
        back = matrices.detach().transpose(1, 2) @ (places - eye).detach()[:, :, None]
        towards = towards.index_copy(0, part, back[..., 0])
    if len(still):
        moved = moved.index_copy(0, still, means[still])
        turned = turned.index_copy(0, still, quats[still])
        towards = towards.index_copy(0, still, (means[still] - eye).detach())
    return PosedRows(moved, turned, towards)


def pose_points(points: Tensor, pose: Tensor, pivot: Tensor) -> Tensor:
    """Points `[M, 3]` that follow the head entirely, such as landmarks (m)."""
    matrix = quat_matrices(turn_quats(pose[:3], pose.new_ones(1)))[0]
    return (points - pivot) @ matrix.T + (pivot + pose[3:])


def turn_quats(rotation: Tensor, share: Tensor) -> Tensor:
    """Unit wxyz quaternions `[W, 4]` of a rotation vector `[3]` (rad) scaled by each of `share` `[W]`."""
    angle = torch.sqrt((rotation * rotation).sum() + 1e-20)
    half = 0.5 * angle * share
    return torch.cat([half.cos()[:, None], half.sin()[:, None] * (rotation / angle)], dim=1)


def facing(quats: Tensor, directions: Tensor) -> Tensor:
    """How far flat Gaussians, thin along their third axis, face the eye `[N, 1]`: 0 edge-on or nearly so, 1 well seen."""
    w, x, y, z = quats.detach().unbind(1)
    normal = torch.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], 1)
    cosine = (normal * directions).sum(1).abs() / directions.norm(dim=1).clamp(min=1e-9)
    return ((cosine - EDGE_COSINE) / (SEEN_COSINE - EDGE_COSINE)).clamp(0, 1)[:, None]


def learnt_where(colors: Tensor, faced: Tensor) -> Tensor:
    """The same colours, learnt from in shares `[N, 1]` only.

    What shows through its rim takes up the colour of whatever stands behind the outline.
    """
    return faced * colors + (1 - faced) * colors.detach()


def quat_matrices(quats: Tensor) -> Tensor:
    """Rotation matrices `[W, 3, 3]` of unit wxyz quaternions."""
    w, x, y, z = quats.unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of wxyz quaternions `[N, 4]`: the turn `b` followed by the turn `a`."""
    return (product_matrix(a) @ b[..., None])[..., 0]


def product_matrix(quats: Tensor) -> Tensor:
    """Matrices `[..., 4, 4]` that multiply by wxyz quaternions `[..., 4]` from the left."""
    w, x, y, z = quats.unbind(-1)
    rows = [[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)
