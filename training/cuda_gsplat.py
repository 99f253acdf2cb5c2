"""gsplat on a card, behind the CUDA worker: checks of the environment, and pictures without a host copy."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..core.camera import Camera
from ..core.gaussians import Gaussians
from ..core.sessions import runtime
from .cuda_service import INPUTS, AvatarCache, Images, Refused, Say, versions

logger = logging.getLogger("cuda_worker")

MIN_TORCH = (2, 11)
GSPLAT = (1, 5, 3)
# Compilers take a gigabyte each.
MAX_COMPILE_JOBS = 4


class GsplatRasterizer:
    """Draws on the first CUDA device; makes gsplat's kernels at the first start."""

    def __init__(self, say: Say) -> None:
        torch = _import_torch()
        gsplat_version = _require_version("gsplat", GSPLAT, GSPLAT[:2])
        self._device = torch.device("cuda", 0)
        _load_kernels(say)
        self._avatars = AvatarCache(self._prepare_avatar)
        self.facts: dict[str, Any] = {
            "device": torch.cuda.get_device_name(0),
            "memory_bytes": torch.cuda.get_device_properties(0).total_memory,
            "rasterizer": "gsplat",
            "gsplat": gsplat_version,
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "decoder": _decoder_name(),
            **versions(),
        }

    def draw(self, gaussians: Gaussians, camera: Camera) -> Images:
        """Upload and draw."""
        import torch

        tensors = (torch.from_numpy(getattr(gaussians, name)).to(self._device) for name in INPUTS)
        return rasterize_gsplat(*tensors, camera)

    def draw_heads(self, heads: list[dict[str, Any]], camera: Camera) -> Images:
        """Decode on the card and draw: no Gaussian passes through the host's memory."""
        import torch

        decoded = [self._avatars.open(h["avatar"]).decode(h).seen_by(camera) for h in heads]
        return rasterize_gsplat(*(torch.cat(p) for p in zip(*decoded, strict=True)), camera)

    def store(self, image: Any, target: np.ndarray) -> None:
        """Download straight into the shared file."""
        import torch

        torch.from_numpy(target).copy_(image)

    def _prepare_avatar(self, path: Path) -> Any:
        from .cuda_decode import DeviceAvatar

        return DeviceAvatar.open(path, self._device)


def rasterize_gsplat(
    means: Any, quats: Any, scales: Any, opacities: Any, colors: Any, camera: Camera
) -> Images:
    """Colours `[H, W, 3]`, alphas and depths `[H, W]` of tensors on a CUDA device, with gradients."""
    import torch
    from gsplat import rasterization

    if len(means) == 0:
        empty = means.new_zeros((camera.height, camera.width))
        return empty[..., None].expand(-1, -1, 3), empty, empty
    viewmat, intrinsics = (
        torch.as_tensor(np.asarray(m, np.float32), device=means.device)[None]
        for m in (camera.viewmat, camera.K)
    )
    images, alphas, _ = rasterization(
        means,
        quats,
        scales,
        opacities,
        colors,
        viewmat,
        intrinsics,
        camera.width,
        camera.height,
        packed=False,
        render_mode="RGB+ED",
        camera_model="ortho" if camera.is_orthographic else "pinhole",
    )
    return images[0, ..., :3], alphas[0, ..., 0], images[0, ..., 3]


def _import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise Refused(
            f"The accelerator environment has no working torch ({error}): create it again."
        ) from None
    _require_version("torch", MIN_TORCH, ())
    if not torch.cuda.is_available():
        kind = "was built without CUDA" if torch.version.cuda is None else "finds no NVIDIA card"
        raise Refused(
            f"torch {torch.__version__} {kind}: install the NVIDIA driver and a CUDA build of torch."
        )
    torch.set_grad_enabled(False)
    return torch


def _require_version(package: str, lowest: tuple[int, ...], prefix: tuple[int, ...]) -> str:
    """The version of an installed package; it must not be below `lowest` and begin with `prefix`."""
    wanted = ".".join(map(str, lowest))
    try:
        found = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise Refused(
            f"The accelerator environment has no {package}: install {package} {wanted} in it."
        ) from None
    numbers = tuple(int(n) for n in re.findall(r"\d+", found.split("+")[0])[:3])
    if numbers < lowest or numbers[: len(prefix)] != prefix:
        raise Refused(f"{package} {found} does not fit: install {package} {wanted}.")
    return found


def _load_kernels(say: Say) -> None:
    """Import gsplat's compiled part, which compiles itself for minutes when it is not there."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("MAX_JOBS", str(max(1, min(cores or 1, MAX_COMPILE_JOBS))))
    if not _has_kernels():
        say({"status": "Compiling gsplat, minutes at the first start", "is_slow": True})
    try:
        from gsplat.cuda._backend import _C
    except (ImportError, OSError, RuntimeError) as error:
        logger.exception("gsplat's kernels")
        raise Refused(
            f"gsplat could not compile its kernels ({str(error).splitlines()[0][:200]}): install a CUDA "
            "toolkit that fits torch and a C++ compiler."
        ) from None
    if _C is None:
        raise Refused(
            "gsplat has no compiled kernels and found no CUDA toolkit: install one (nvcc) or a gsplat "
            "wheel that brings them."
        )


def _has_kernels() -> bool:
    try:
        from gsplat import csrc  # noqa: F401
    except ImportError:
        from torch.utils.cpp_extension import _get_build_directory

        folder = Path(_get_build_directory("gsplat_cuda", verbose=False))
        return any((folder / f"gsplat_cuda.{ending}").is_file() for ending in ("so", "pyd", "lib"))
    return True


def _decoder_name() -> str:
    try:
        onnxruntime = runtime()
    except ImportError:
        return "none: heads of kind 'onnx' are decoded by Blender"
    on_card = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return f"onnxruntime {onnxruntime.__version__} {'CUDA' if on_card else 'CPU'}"
