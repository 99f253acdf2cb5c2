"""Heads decoded on a torch device; the same numbers as `core.avatar`, which the tests compare with."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..core.avatar import Avatar
from ..core.avatar.archive import read_package
from ..core.avatar.linear import (
    COMPONENTS,
    MAX_LOG_SCALE,
    MAX_LOGIT,
    MIN_LOG_SCALE,
    MIN_QUAT_NORM,
    LinearBasis,
)
from ..core.avatar.onnx import (
    INPUT,
    MAX_EXTENT_M,
    MAX_SCALE_M,
    MAX_SH,
    MEMBER,
    MIN_OPACITY,
    MIN_SCALE_M,
    OUTPUTS,
    VIEW_OUTPUT,
    OnnxDecoder,
)
from ..core.avatar.pose import checked_pose
from ..core.camera import Camera
from ..core.errors import RenderError
from ..core.gaussians import matrix_to_quat
from ..core.importers.splat_ply import open_avatar
from ..core.sessions import runtime
from ..core.spherical_harmonics import sh_functions

logger = logging.getLogger("cuda_worker")

_WIDTHS = {"means": (3,), "quats": (4,), "scales": (3,), "opacities": (), "colors": (3,)}


@dataclass(frozen=True)
class DeviceGaussians:
    """`core.gaussians.Gaussians` on a device; `sh` stays in the frame of the file, `turns` lead out of it."""

    means: Tensor  # [N, 3]
    quats: Tensor  # [N, 4]
    scales: Tensor  # [N, 3]
    opacities: Tensor  # [N]
    colors: Tensor  # [N, 3]
    sh: Tensor | None = None  # [N, K, 3]
    turns: Tensor | None = None  # [N, 4] wxyz, unit

    def turned(self, turns: Tensor, means: Tensor) -> DeviceGaussians:
        """Turned by unit quaternions `[N, 4]`, with the means where that put them."""
        so_far = turns if self.turns is None else _product(turns, self.turns)
        return replace(self, means=means, quats=_product(turns, self.quats), turns=so_far)

    def seen_by(self, camera: Camera) -> tuple[Tensor, ...]:
        """Means, quats, scales, opacities and the plain colours that the camera sees."""
        colors = self.colors
        if self.sh is not None:
            world = np.linalg.inv(np.asarray(camera.viewmat, np.float64))
            at = world[:3, 2] if camera.is_orthographic else world[:3, 3]
            at = _like(at, self.means).expand_as(self.means)
            directions = normalize(at if camera.is_orthographic else self.means - at, dim=1)
            if self.turns is not None:
                back = self.turns * self.turns.new_tensor([1.0, -1.0, -1.0, -1.0])
                directions = _rotated(back, directions)
            basis = torch.stack(sh_functions(*directions.unbind(1), self.sh.shape[1]), 1)
            colors = (colors + torch.einsum("nk,nkc->nc", basis, self.sh)).clamp(min=0.0)
        return self.means, self.quats, self.scales, self.opacities, colors


class DeviceAvatar:
    """An avatar whose frames are decoded on a device."""

    def __init__(self, avatar: Avatar, decoder: Any, device: torch.device) -> None:
        self._avatar, self._decoder = avatar, decoder
        self._neck_weights = torch.tensor(avatar.rig.neck_weights).to(device)
        self._pivot = torch.tensor(avatar.neck_pivot).to(device)

    @classmethod
    def open(cls, path: Path, device: torch.device) -> DeviceAvatar:
        """Read the package or splat file at `path` and put what decoding needs on `device`."""
        avatar = open_avatar(path)
        decoder = avatar.decoder
        if isinstance(decoder, LinearBasis):
            return cls(avatar, _LinearDecoder(decoder, device), device)
        if isinstance(decoder, OnnxDecoder) and device.type == "cuda":
            session = _cuda_session(path)
            if session is not None:
                return cls(avatar, _CudaDecoder(session, decoder, device), device)
        return cls(avatar, _HostDecoder(avatar, device), device)

    @torch.no_grad()
    def decode(self, head: dict[str, Any]) -> DeviceGaussians:
        """The head of a request, in world space."""
        code = self._avatar.decoder_input(np.array(head["code"], np.float32))
        decoded = self._decoder.decode(code)
        if head["head_pose"] is not None:
            decoded = self._posed(decoded, np.array(head["head_pose"], np.float64))
        return _placed(decoded, np.array(head["matrix"], np.float64))

    def _posed(self, decoded: DeviceGaussians, pose: np.ndarray) -> DeviceGaussians:
        pose = checked_pose(pose)
        angle = float(np.linalg.norm(pose[:3]))
        axis = _like(pose[:3] / angle if angle > 0.0 else np.zeros(3), decoded.means)
        weights = self._neck_weights[:, None]
        half = 0.5 * angle * weights
        turns = torch.cat([torch.cos(half), torch.sin(half) * axis], 1)
        means = _rotated(turns, decoded.means - self._pivot) + self._pivot
        return decoded.turned(turns, means + weights * _like(pose[3:], means))


class _LinearDecoder:
    """`core.avatar.linear` in torch: all deltas of an attribute are added in one scatter."""

    def __init__(self, basis: LinearBasis, device: torch.device) -> None:
        self._device = device
        self._neutral = {k: torch.tensor(v).to(device) for k, v in basis.neutral.items()}
        self._deltas: dict[str, tuple[Tensor, ...]] = {}
        for name, deltas in basis.deltas.items():
            counts = torch.from_numpy(np.diff(deltas.starts))
            controls = torch.repeat_interleave(torch.arange(len(counts)), counts)
            rows = torch.from_numpy(deltas.rows.astype(np.int64))
            values = torch.from_numpy(deltas.values.astype(np.float32))
            self._deltas[name] = tuple(t.to(device) for t in (controls, rows, values))

    def decode(self, code: np.ndarray) -> DeviceGaussians:
        weights = torch.from_numpy(code).to(self._device)
        stored = {name: self._moved(name, weights) for name in COMPONENTS}
        quats = stored["quats"]
        norms = quats.norm(dim=1, keepdim=True)
        neutral = normalize(self._neutral["quats"], dim=1)
        return DeviceGaussians(
            stored["means"],
            torch.where(norms > MIN_QUAT_NORM, quats / norms.clamp(min=MIN_QUAT_NORM), neutral),
            stored["log_scales"].clamp(MIN_LOG_SCALE, MAX_LOG_SCALE).exp(),
            stored["logit_opacities"][:, 0].clamp(-MAX_LOGIT, MAX_LOGIT).sigmoid(),
            stored["colors"].clamp(0.0, 1.0),
        )

    def _moved(self, name: str, weights: Tensor) -> Tensor:
        neutral = self._neutral[name]
        if name not in self._deltas:
            return neutral
        controls, rows, values = self._deltas[name]
        return neutral.index_add(0, rows, values * weights[controls][:, None])


@dataclass(frozen=True)
class _HostDecoder:
    """The avatar's own decoder on the processor, its result uploaded."""

    avatar: Avatar
    device: torch.device

    def decode(self, code: np.ndarray) -> DeviceGaussians:
        gaussians = self.avatar.decode(code)
        arrays = {k: v for k, v in vars(gaussians).items() if v is not None}
        return DeviceGaussians(**{k: torch.tensor(v).to(self.device) for k, v in arrays.items()})


class _CudaDecoder:
    """onnxruntime on the card; its outputs are written into torch's memory."""

    def __init__(self, session: Any, decoder: OnnxDecoder, device: torch.device) -> None:
        self._session, self._device = session, device
        widths = dict(_WIDTHS)
        if decoder.num_sh:
            widths[VIEW_OUTPUT] = (decoder.num_sh, 3)
        self._shapes = {k: (decoder.num_gaussians, *width) for k, width in widths.items()}

    def decode(self, code: np.ndarray) -> DeviceGaussians:
        binding = self._session.io_binding()
        binding.bind_cpu_input(INPUT, code)
        outputs = {}
        for name, shape in self._shapes.items():
            outputs[name] = torch.empty(shape, dtype=torch.float32, device=self._device)
            place = ("cuda", self._device.index or 0, np.float32, shape, outputs[name].data_ptr())
            binding.bind_output(name, *place)
        for name in set(OUTPUTS) - set(self._shapes):
            binding.bind_output(name, "cpu")
        # Neither stream waits for the other by itself.
        torch.cuda.current_stream(self._device).synchronize()
        self._session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return DeviceGaussians(
            outputs["means"].clamp(-MAX_EXTENT_M, MAX_EXTENT_M),
            normalize(outputs["quats"], dim=1),
            outputs["scales"].clamp(MIN_SCALE_M, MAX_SCALE_M),
            outputs["opacities"].clamp(MIN_OPACITY, 1.0 - MIN_OPACITY),
            outputs["colors"].clamp(0.0, 1.0),
            outputs[VIEW_OUTPUT].clamp(-MAX_SH, MAX_SH) if VIEW_OUTPUT in outputs else None,
        )


def _cuda_session(path: Path) -> Any:
    """A session on the card, or None where onnxruntime has no CUDA; the package was checked before."""
    onnxruntime = runtime()
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return None
    _, members = read_package(path)
    session = onnxruntime.InferenceSession(
        members[MEMBER], providers=["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    if "CUDAExecutionProvider" not in session.get_providers():
        logger.warning("onnxruntime could not use the card; heads are decoded on the processor")
        return None
    return session


def _placed(decoded: DeviceGaussians, matrix: np.ndarray) -> DeviceGaussians:
    """Moved by a similarity, as `Gaussians.transformed` does."""
    linear = matrix[:3, :3]
    factor = float(np.cbrt(np.linalg.det(linear))) if np.isfinite(matrix).all() else 0.0
    if factor <= 0.0:
        raise RenderError("The object's transform is mirrored, flat or not finite.")
    u, _, vt = np.linalg.svd(linear)
    means = decoded.means @ _like(linear, decoded.means).T + _like(matrix[:3, 3], decoded.means)
    turns = _like(matrix_to_quat(u @ vt), decoded.means).expand_as(decoded.quats)
    return replace(decoded.turned(turns, means), scales=decoded.scales * factor)


def _like(values: np.ndarray, tensor: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=tensor.dtype, device=tensor.device)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product of wxyz quaternions `[N, 4]`."""
    aw, av, bw, bv = a[:, :1], a[:, 1:], b[:, :1], b[:, 1:]
    w = aw * bw - (av * bv).sum(1, keepdim=True)
    return torch.cat([w, aw * bv + bw * av + torch.linalg.cross(av, bv)], 1)


def _rotated(turns: Tensor, points: Tensor) -> Tensor:
    """Points `[N, 3]`, each turned by its unit quaternion."""
    w, v = turns[:, :1], turns[:, 1:]
    t = 2.0 * torch.linalg.cross(v, points)
    return points + w * t + torch.linalg.cross(v, t)
