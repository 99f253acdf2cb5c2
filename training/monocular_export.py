"""Exports the monocular encoder as `encoder.onnx` for `core.monocular.encoder`: uint8 crops in, readings out."""

from __future__ import annotations

import copy
from pathlib import Path

import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from ..core.files import replace_on_success
from .channel_bytes import store_bytes
from .networks.monocular import FaceEncoder, Readings
from .onnx_graph import traced

KIND, VERSION = "gaussian_heads.encoder", 1


class EncoderGraph(nn.Module):
    """Crops `[B, S, S, 3]` uint8 to the tensors of `Readings`; gaps are not negative."""

    def __init__(self, network: FaceEncoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        found = self.network(crops.permute(0, 3, 1, 2).float())
        return tuple(found._replace(mouth_mm=found.mouth_mm.clamp(min=0.0)))


def export_encoder(network: FaceEncoder, path: Path, *, code_space: str) -> None:
    """Write a network, its weights stored as bytes with a step for each output channel."""
    graph = EncoderGraph(folded(network))
    side = network.config.crop_px
    names = list(Readings._fields)
    model = traced(
        graph,
        torch.zeros(2, side, side, 3, dtype=torch.uint8),
        ["crops"],
        names,
        axes={name: {0: "batch"} for name in ("crops", *names)},
    )
    store_bytes(model)
    metadata = {"kind": KIND, "version": str(VERSION), "code_space": code_space}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_on_success(path) as temporary:
        onnx.save(model, temporary)


def folded(network: FaceEncoder) -> FaceEncoder:
    """A copy whose normalisations are part of the convolutions before them."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential) and len(module) >= 2:
            conv, norm = module[0], module[1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[0] = torch.nn.utils.fuse_conv_bn_eval(conv, norm)
                module[1] = nn.Identity()
    return network
