"""Gaussians to pixels with gradients: the C rasteriser on the CPU, gsplat on CUDA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from ..core.camera import Camera
from ..core.errors import RenderError
from ..core.gaussians import Gaussians
from ..core.render import RenderOutput, cpu
from ..core.render.gradients import ImageGradients
from .rasterize_gsplat import rasterize_with_gsplat
from .splat_statistics import SplatStatistics

_INPUTS = ("means", "quats", "scales", "opacities", "colors")
_IMAGES = ("colors", "alphas", "depths")


@dataclass(frozen=True)
class Picture:
    """One picture that gradients flow through; unpacks to colors, alphas, depths (see `RenderOutput`)."""

    colors: Tensor  # [H, W, 3]
    alphas: Tensor  # [H, W]
    depths: Tensor  # [H, W]
    statistics: SplatStatistics = field(default_factory=SplatStatistics)

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.colors, self.alphas, self.depths))


def rasterize(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    camera: Camera,
    background: Tensor | np.ndarray | None = None,
) -> Picture:
    """Draw Gaussians (float32, post-activation, shapes of `core.gaussians.Gaussians`) differentiably.

    `background` [3] takes no gradient. Tensors on CUDA are drawn by gsplat, all others by the C
    rasteriser; the two agree but for rounding.
    """
    inputs = (means, quats, scales, opacities, colors)
    if background is not None:
        background = torch.as_tensor(background).detach().to("cpu", torch.float64).numpy()
    if means.is_cuda:
        return Picture(*rasterize_with_gsplat(inputs, camera, background))
    statistics = SplatStatistics()
    return Picture(*_Rasterize.apply(*inputs, camera, background, statistics), statistics)


class _Rasterize(torch.autograd.Function):
    """The C rasteriser; tensors and arrays share their memory."""

    @staticmethod
    def forward(ctx: FunctionCtx, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        *inputs, camera, background, statistics = arguments
        output = cpu.render(_gaussians(inputs), camera, background)
        images = tuple(torch.from_numpy(getattr(output, name)) for name in _IMAGES)
        ctx.save_for_backward(*inputs, *images)
        ctx.set_materialize_grads(False)
        ctx.camera, ctx.background, ctx.statistics = camera, background, statistics
        return images

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *of_images: Tensor | None) -> tuple[Tensor | None, ...]:
        *inputs, colors, alphas, depths = ctx.saved_tensors
        gradients = cpu.backward(
            _gaussians(inputs),
            ctx.camera,
            RenderOutput(*(image.numpy() for image in (colors, alphas, depths))),
            ImageGradients(*(None if g is None else g.numpy() for g in of_images)),
            background=ctx.background,
        )
        ctx.statistics.means2d_gradients = torch.from_numpy(gradients.means2d)
        ctx.statistics.num_pixels = torch.from_numpy(gradients.num_pixels)
        return *(torch.from_numpy(getattr(gradients, name)) for name in _INPUTS), None, None, None


def _gaussians(tensors: list[Tensor]) -> Gaussians:
    for name, tensor in zip(_INPUTS, tensors, strict=True):
        if tensor.dtype != torch.float32:
            raise RenderError(f"{name} are {tensor.dtype}: rasterize takes float32 tensors.")
    return Gaussians(*(tensor.detach().numpy() for tensor in tensors))
