"""Drawing decoded Gaussians in a head pose, as a package's reader does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ...core.avatar.pose import pose_gaussians
from ...core.camera import Camera
from ...core.gaussians import Gaussians
from ...core.render import render


def decoded_gaussians(decoded: Sequence[Tensor]) -> Gaussians:
    """What a decoder gives, kept in range as a reader of packages does."""
    means, quats, scales, opacities, colors, _, sh = (v.detach().cpu().numpy() for v in decoded)
    quats = quats / np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), 1e-12)
    return Gaussians(
        means, quats, scales, np.clip(opacities, 1e-6, 1 - 1e-6), np.clip(colors, 0, 1), sh
    )


def draw_decoded(
    decoded: Sequence[Tensor],
    pose: tuple[np.ndarray, np.ndarray, np.ndarray],
    camera: Camera,
    background: np.ndarray,
) -> np.ndarray:
    """Colours `[H, W, 3]`; `pose` is the head pose `[6]`, the neck's pivot (m) and the neck weights `[N]`."""
    head_pose, pivot, weights = pose
    posed = pose_gaussians(
        decoded_gaussians(decoded),
        np.asarray(head_pose, np.float64),
        np.asarray(pivot, np.float32),
        np.asarray(weights, np.float32),
    )
    return render(
        posed, camera, backend="cpu", background=np.asarray(background, np.float32)
    ).colors
