"""Decoder of an avatar built from geometry: a blendshape mesh that carries Gaussians.

Per-triangle arrays are component-first (`[3, T]`), so that every step is one long vector operation; what
is gathered per splat is row-first, so that a gather copies whole rows.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ...core.gaussians import matrix_to_quat
from .buffers import add_constant, add_index
from .mesh_head_parts import (
    BoundSplats,
    EyeSplats,
    LightColumns,
    MeshHeadParts,
    MeshRig,
    SurfaceSplats,
)

EPSILON = 1e-12
# Where no bake has seen the eyeball, the shade's polynomial must not run away.
DARKEST_SHADE, BRIGHTEST_SHADE = 0.15, 1.1
# Barycentric weights are stored as multiples of one over this.
WEIGHT_STEPS = 250


class MeshHead(nn.Module):
    """Map an expression code `[52]` to Gaussians and 68 landmarks (metres, avatar frame)."""

    def __init__(self, parts: MeshHeadParts) -> None:
        super().__init__()
        self.rig = _Rig(parts.rig)
        self.surface = DiscSurface(parts.surface, parts.rig.neutral)
        self.eyes = nn.ModuleList([_Eye(splats) for splats in parts.eyes])
        has_strands = len(parts.bound.owner) > 0
        self.bound = BoundStrands(parts.bound, parts.rig.neutral) if has_strands else None
        self.light = _Light(parts.columns, parts.surface)
        add_constant(self, "still_means_m", parts.still.means)
        add_constant(self, "still_quats", parts.still.quats)
        rigid = [*(eye.look for eye in parts.eyes), parts.bound.look, parts.still.look]
        # Names of their own: where a buffer is called like an output, the export renames it.
        opacities = [parts.surface.look.opacities, *(look.opacities for look in rigid)]
        add_constant(self, "all_opacities", np.concatenate(opacities))
        add_constant(self, "rigid_scales_m", np.concatenate([look.scales for look in rigid]))
        add_constant(self, "strand_colors", np.concatenate([look.colors for look in rigid[2:]]))
        self.has_sh = parts.sh is not None
        if self.has_sh:
            add_constant(self, "all_sh", parts.sh)

    def forward(self, code: Tensor) -> tuple[Tensor, ...]:
        """Return means, quats, scales, opacities, colors and landmarks for one code, and sh if there is one."""
        vertices, turns = self.rig(code)
        means, quats, scales = self.surface(vertices)
        active, surface_colors = self.light(code, vertices)
        eyes = [
            eye(turn, self.rig.centers[i], active)
            for i, (eye, turn) in enumerate(zip(self.eyes, turns, strict=True))
        ]
        rigid = [eye[:2] for eye in eyes]
        if self.bound is not None:
            rigid.append(self.bound(vertices))
        rigid.append((self.still_means_m, self.still_quats))
        sh = (self.all_sh + 0.0 * code[0],) if self.has_sh else ()
        return (
            torch.cat([means, *(group[0] for group in rigid)]),
            torch.cat([quats, *(group[1] for group in rigid)]),
            torch.cat([scales, self.rigid_scales_m]),
            self.all_opacities + 0.0 * code[0],
            torch.cat([surface_colors, *(eye[2] for eye in eyes), self.strand_colors]),
            vertices[self.rig.landmarks],
            *sh,
        )


class _Rig(nn.Module):
    """Blendshapes, turning eyes and lids that slide over them."""

    def __init__(self, rig: MeshRig) -> None:
        super().__init__()
        add_constant(self, "neutral_m", rig.neutral)
        add_constant(self, "basis_m", rig.basis.reshape(len(rig.basis), -1))
        add_index(self, "landmarks", rig.landmarks)
        add_constant(self, "centers", rig.eyes.centers)
        add_constant(self, "turn", rig.eyes.turn)
        lids = rig.lids
        add_constant(self, "lid_slack_m", lids.slack_m)
        add_constant(self, "lid_centers", rig.eyes.centers[lids.eye])
        self.lid_split = int((lids.eye == 0).sum())
        self.num_lid = len(lids.eye)
        self.ball_radius_m, self.bulge_m = lids.ball_radius_m, lids.bulge_m
        self.bulge_cosine = lids.bulge_cosine

    def forward(self, code: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Vertices `[V, 3]` and the two eyes' rotation matrices."""
        vertices = self.neutral_m + (code @ self.basis_m).reshape(-1, 3)
        turns = [_rotation(code @ self.turn[i]) for i in range(2)]
        lids = self._pushed_out(vertices[: self.num_lid], turns)
        return torch.cat([lids, vertices[self.num_lid :]]), turns

    def _pushed_out(self, lids: Tensor, turns: list[Tensor]) -> Tensor:
        from_center = lids - self.lid_centers
        radius = torch.sqrt((from_center * from_center).sum(1))
        gaze = torch.cat(
            [
                from_center[: self.lid_split] @ turns[0][:, 2],
                from_center[self.lid_split :] @ turns[1][:, 2],
            ]
        )
        inside = torch.clamp((gaze / radius - self.bulge_cosine) / (1 - self.bulge_cosine), min=0.0)
        floor = self.ball_radius_m + self.bulge_m * inside * (2 - inside) + self.lid_slack_m
        return self.lid_centers + from_center * torch.clamp(floor / radius, min=1.0)[:, None]


class _Triangles(nn.Module):
    """Corners and in-plane deformation of some triangles of the mesh."""

    def __init__(self, triangles: np.ndarray, neutral: np.ndarray) -> None:
        super().__init__()
        add_index(self, "corners", triangles)
        inverse, rest_quats = rest_frames(neutral, triangles)
        add_constant(self, "inverse", inverse)
        add_constant(self, "frame_quats", rest_quats.T)

    def forward(self, vertices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Corners `[T, 9]`, and where the rest frame's two tangents go, `[3, T]` each."""
        corners = vertices[self.corners.reshape(-1)].reshape(-1, 9)
        by_axis = corners.T
        first, second = by_axis[3:6] - by_axis[:3], by_axis[6:9] - by_axis[:3]
        along_u = first * self.inverse[0]
        along_v = first * self.inverse[1] + second * self.inverse[2]
        return corners, along_u, along_v


class DiscSurface(nn.Module):
    """Discs that follow position, tilt and principal stretch of their triangles."""

    def __init__(self, splats: SurfaceSplats, neutral: np.ndarray) -> None:
        super().__init__()
        self.triangles = _Triangles(splats.triangles, neutral)
        add_index(self, "owner", splats.owner)
        add_constant(self, "weight", on_weight_grid(splats.barycentric))
        add_constant(self, "scales_m", splats.look.scales)
        add_constant(self, "lift_m", np.zeros((len(splats.owner), 1)))
        add_constant(self, "sum_corners", np.tile(np.eye(3), (3, 1)))
        add_index(self, "corner_of_axis", np.repeat(np.arange(3), 3))

    def forward(self, vertices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means, quats and scales of the discs."""
        corners, along_u, along_v = self.triangles(vertices)
        axes, stretch = _principal_frame(along_u, along_v)
        quats = _quats_from_axes(axes, self.triangles.frame_quats)
        # A product with zeros and ones sums the weighted corners faster than a reduction.
        weight = self.weight[:, self.corner_of_axis]
        means = (corners[self.owner] * weight) @ self.sum_corners
        means = means + axes[2].T[self.owner] * self.lift_m
        return means, quats.T[self.owner], stretch.T[self.owner] * self.scales_m


class BoundStrands(nn.Module):
    """Strand pieces that ride on their root point and turn with it about a pivot."""

    def __init__(self, splats: BoundSplats, neutral: np.ndarray) -> None:
        super().__init__()
        weights = on_weight_grid(splats.root_barycentric)
        for i in range(3):
            add_index(self, f"corner_{i}", splats.triangles[:, i])
            add_constant(self, f"weight_{i}", weights[:, i : i + 1])
        add_constant(self, "pivot", splats.pivot)
        rest = np.einsum("rk,rkc->rc", weights, neutral[splats.triangles]) - splats.pivot
        add_constant(self, "rest_m", rest.T)
        add_index(self, "owner", splats.owner)
        add_constant(self, "offset_m", splats.offset_m.T)
        add_constant(self, "quats", splats.quats.T)

    def forward(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """Means and quats of the pieces."""
        root = sum(
            vertices[getattr(self, f"corner_{i}")] * getattr(self, f"weight_{i}") for i in range(3)
        )
        turn = _shortest_turn(self.rest_m, (root - self.pivot).T).T[self.owner].T
        means = root[self.owner] + _turned(turn, self.offset_m).T
        return means, _multiply(turn, self.quats).T


class _Eye(nn.Module):
    """Splats that turn with one eyeball under a shade that does not."""

    def __init__(self, splats: EyeSplats) -> None:
        super().__init__()
        add_constant(self, "means_m", splats.means)
        add_constant(self, "quats", splats.quats.T)
        add_constant(self, "colors", splats.look.colors)
        add_constant(self, "shade", splats.shade)
        add_constant(self, "shade_change", splats.shade_change)
        add_constant(self, "is_late", splats.is_late)
        self.powers = splats.powers

    def forward(
        self, turn: Tensor, center: Tensor, active: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Means, quats and colours after the turn `[3, 3]` about `center`."""
        from_center = (self.means_m - center) @ turn.T
        axes = [turn[:, i : i + 1] for i in range(3)]
        identity = torch.tensor([[1.0], [0.0], [0.0], [0.0]])
        quats = _multiply(_quats_from_axes(axes, identity), self.quats).T
        return from_center + center, quats, self._colors(_unit(from_center.T), active)

    def _colors(self, direction: Tensor, active: Tensor | None) -> Tensor:
        shade = self.shade
        if active is not None:
            active = active * (1 - self.is_late) + active * active * self.is_late
            shade = shade + active @ self.shade_change
        x, y = [torch.ones_like(direction[0])], [torch.ones_like(direction[1])]
        for _ in range(max(max(pair) for pair in self.powers)):
            x.append(x[-1] * direction[0])
            y.append(y[-1] * direction[1])
        features = torch.stack([x[a] * y[b] for a, b in self.powers])
        brightness = torch.clamp(shade @ features, DARKEST_SHADE, BRIGHTEST_SHADE)
        return torch.clamp(self.colors * brightness[:, None], 0.0, 1.0)


class _Light(nn.Module):
    """How far a code switches every light state on, and the surface's colours under them."""

    def __init__(self, columns: LightColumns, splats: SurfaceSplats) -> None:
        super().__init__()
        look = splats.look
        self.has_states = len(columns.control) > 0
        self.aperture = columns.aperture
        if self.aperture is not None:
            add_index(self, "upper_lip", self.aperture.upper)
            add_index(self, "lower_lip", self.aperture.lower)
        add_index(self, "control", columns.control)
        add_constant(self, "inverse_weight", columns.inverse_weight)
        add_constant(self, "unused", (columns.inverse_weight == 0).astype(np.float32) * 2)
        add_constant(self, "exponent", columns.exponent)
        add_constant(self, "mix", columns.mix)
        add_constant(self, "light", look.light.reshape(len(look.light), look.colors.size))
        add_constant(self, "colors", look.colors)
        add_constant(self, "lowest_colors", splats.color_range[0])
        add_constant(self, "highest_colors", splats.color_range[1])

    def forward(self, code: Tensor, vertices: Tensor) -> tuple[Tensor | None, Tensor]:
        """Activations `[S]` (none where there is only the neutral) and colours `[N, 3]`."""
        if not self.has_states:
            return None, self.colors
        share = torch.clamp(code[self.control] * self.inverse_weight + self.unused, 0.0, 1.0)
        active = share.amin(dim=1) ** self.exponent
        rows = torch.cat([active, self._open_share(vertices)])
        change = ((rows @ self.mix) @ self.light).reshape(-1, 3)
        blended = torch.minimum(self.colors + change, self.highest_colors)
        return active, torch.maximum(blended, self.lowest_colors)

    def _open_share(self, vertices: Tensor) -> Tensor:
        if self.aperture is None:
            return torch.zeros(1)
        gap = (vertices[self.upper_lip, 1] - vertices[self.lower_lip, 1]).mean()
        share = (gap - self.aperture.rest_m) / self.aperture.full_m
        return torch.clamp(share, 1e-6, 1.0).reshape(1) ** self.aperture.exponent


def rest_frames(neutral: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What undoes the rest edges, and each triangle's own frame as quats `[T, 4]`.

    The edges are an upper triangular 2x2 in that frame; its inverse is given as its three numbers `[3, T]`.
    """
    corners = neutral[triangles]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    axis_u = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), EPSILON)
    normal = np.cross(first, second)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), EPSILON)
    axis_v = np.cross(normal, axis_u)
    a, c = np.maximum((first * axis_u).sum(1), EPSILON), (second * axis_u).sum(1)
    d = np.maximum((second * axis_v).sum(1), EPSILON)
    inverse = np.stack([1 / a, -c / (a * d), 1 / d])
    return inverse, matrix_to_quat(np.stack([axis_u, axis_v, normal], axis=2))


def on_weight_grid(barycentric: np.ndarray) -> np.ndarray:
    """Barycentric `[N, 3]` rounded so that every row still sums to one exactly.

    Rounding each weight alone would scale a point about the origin, most of a millimetre on a cheek.
    """
    rounded = np.round(np.asarray(barycentric)[:, 1:] * WEIGHT_STEPS) / WEIGHT_STEPS
    return np.concatenate([1 - rounded.sum(axis=1, keepdims=True), rounded], axis=1)


def _principal_frame(along_u: Tensor, along_v: Tensor) -> tuple[list[Tensor], Tensor]:
    """Axes (largest stretch, other tangent, normal), each `[3, T]`, and the stretch along them `[3, T]`.

    Closed-form eigenvectors of the 2x2 metric of the deformation; half angles avoid an arctangent.
    """
    uu, uv, vv = (along_u * along_u).sum(0), (along_u * along_v).sum(0), (along_v * along_v).sum(0)
    half, mean = 0.5 * (uu - vv), 0.5 * (uu + vv)
    radius = torch.sqrt(half * half + uv * uv + 1e-10)
    cosine = half / radius
    cos_half = torch.sqrt(torch.clamp(0.5 + 0.5 * cosine, 0.0, 1.0))
    sin_half = torch.sqrt(torch.clamp(0.5 - 0.5 * cosine, 0.0, 1.0))
    sin_half = torch.where(uv < 0, -sin_half, sin_half)
    longest = _unit(along_u * cos_half + along_v * sin_half)
    normal = _unit(_cross(along_u, along_v))
    squared = torch.stack([mean + radius, mean - radius, torch.ones_like(mean)])
    stretch = torch.sqrt(torch.clamp(squared, 0.01, 9.0))
    return [longest, _cross(normal, longest), normal], stretch


def _shortest_turn(start: Tensor, end: Tensor) -> Tensor:
    """Unit quats `[4, R]` of the shortest turns between directions `[3, R]` less than 180 degrees apart."""
    lengths = torch.sqrt((start * start).sum(0) * (end * end).sum(0))
    half = lengths + (start * end).sum(0)
    return _unit(torch.cat([half[None], _cross(start, end)]))


def _turned(quats: Tensor, vectors: Tensor) -> Tensor:
    """Vectors `[3, N]` turned by unit quats `[4, N]`."""
    axis = quats[1:]
    across = 2 * _cross(axis, vectors)
    return vectors + quats[:1] * across + _cross(axis, across)


def _quats_from_axes(axes: list[Tensor], near: Tensor) -> Tensor:
    """Unit quats wxyz `[4, T]` of the frames with these columns.

    4 q qᵀ is linear in the rotation matrix; its product with a quaternion `near` q is q times a factor
    that vanishes only for a turn of 180 degrees from `near`, so no case distinction is needed.
    """
    (m00, m10, m20), (m01, m11, m21), (m02, m12, m22) = axes
    w, x, y, z = near
    quats = torch.stack(
        [
            (1 + m00 + m11 + m22) * w + (m21 - m12) * x + (m02 - m20) * y + (m10 - m01) * z,
            (m21 - m12) * w + (1 + m00 - m11 - m22) * x + (m01 + m10) * y + (m02 + m20) * z,
            (m02 - m20) * w + (m01 + m10) * x + (1 - m00 + m11 - m22) * y + (m12 + m21) * z,
            (m10 - m01) * w + (m02 + m20) * x + (m12 + m21) * y + (1 - m00 - m11 + m22) * z,
        ]
    )
    return _unit(quats)


def _rotation(vector: Tensor) -> Tensor:
    """Rotation matrix `[3, 3]` of a rotation vector (Rodrigues)."""
    angle = torch.sqrt((vector * vector).sum() + 1e-16)
    x, y, z = vector / angle
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    return torch.eye(3) + torch.sin(angle) * skew + (1 - torch.cos(angle)) * (skew @ skew)


def _multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of component-first quats `[4, N]`."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ]
    )


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def _unit(vectors: Tensor) -> Tensor:
    return vectors / torch.sqrt((vectors * vectors).sum(0) + 1e-20)
