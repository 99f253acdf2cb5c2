"""Gaussians to pixels with gradients on CUDA, by gsplat (1.5) in its "classic" mode.

gsplat is not a dependency: its kernels are compiled at first use, with nvcc, for some minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.camera import Camera
from ..core.errors import RenderError
from .splat_statistics import SplatStatistics


def rasterize_with_gsplat(
    inputs: Sequence[Tensor], camera: Camera, background: np.ndarray | None
) -> tuple[Tensor, Tensor, Tensor, SplatStatistics]:
    """Colours, alphas, depths and statistics; `inputs` are means, quats, scales, opacities, colors."""
    try:
        from gsplat import rasterization
    except ImportError as error:
        raise RenderError(
            f"gsplat is needed to train on CUDA and cannot be imported ({error}): "
            "pip install gsplat, or move the tensors to the CPU."
        ) from error
    device = inputs[0].device
    images, alphas, found = rasterization(
        *inputs,
        viewmats=torch.as_tensor(camera.viewmat, dtype=torch.float32, device=device)[None],
        Ks=torch.as_tensor(camera.K, dtype=torch.float32, device=device)[None],
        width=camera.width,
        height=camera.height,
        packed=False,
        render_mode="RGB+ED",
        camera_model="ortho" if camera.is_orthographic else "pinhole",
    )
    colors, alphas = images[0, ..., :3], alphas[0, ..., 0]
    if background is not None:
        behind = torch.as_tensor(background, dtype=torch.float32, device=device)
        colors = colors + (1.0 - alphas)[..., None] * behind
    return colors, alphas, images[0, ..., 3], _statistics_of(found)


def _statistics_of(found: dict[str, Any]) -> SplatStatistics:
    """Statistics that are filled when the gradient of the projected means arrives."""
    statistics = SplatStatistics()

    def fill(gradient: Tensor) -> None:
        statistics.means2d_gradients = gradient[0]
        statistics.num_pixels = _count_pixels(found)

    if found["means2d"].requires_grad:
        found["means2d"].register_hook(fill)
    return statistics


def _count_pixels(found: dict[str, Any]) -> Tensor:
    """`[N]` pixels that each Gaussian was blended into."""
    from gsplat import rasterize_to_indices_in_range

    num_splats = found["means2d"].shape[1]
    # In batches of as many splats as a tile has pixels: enough of them for the longest list there can be.
    num_batches = len(found["flatten_ids"]) // found["tile_size"] ** 2 + 1
    size = (1, found["height"], found["width"])
    splats, _, _ = rasterize_to_indices_in_range(
        0,
        num_batches,
        torch.ones(size, device=found["means2d"].device),
        *(found[name] for name in ("means2d", "conics", "opacities")),
        found["width"],
        found["height"],
        found["tile_size"],
        found["isect_offsets"],
        found["flatten_ids"],
    )
    return torch.bincount(splats, minlength=num_splats).to(torch.int32)
