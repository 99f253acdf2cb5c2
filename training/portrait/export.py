"""Exports the diffusion portrait as two ONNX files for `core.portrait`: what a photo gives, and one step of the flow.

    python -m gaussian_heads.training.portrait.export --checkpoint build/portrait/film/checkpoint.pt \\
        --out assets/portrait
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from ...core.files import replace_on_success
from ...core.portrait.drawing import MAP_PX, NUM_MAPS
from ...core.portrait.model import ENCODED, INPUTS, OUTPUTS, VERSION
from ...core.portrait.warping import FIELD_PX
from ...core.portrait.window import PORTRAIT_PX
from ..channel_bytes import store_bytes
from ..commands import run_command
from ..networks.portrait import (
    PortraitNetwork,
    PortraitSettings,
    ReferenceFeatures,
    fold,
    unfold,
    warped_conditions,
)
from ..onnx_graph import traced
from .fit import load_portrait
from .flow import CHANGE_SCALE

logger = logging.getLogger(__name__)
REFERENCE, DENOISER = INPUTS
# What the denoiser is given once for all frames.
OF_PHOTO = ("picture", *ENCODED)


class ReferenceGraph(nn.Module):
    """Photo `[1, 3, 256, 256]` in [-1, 1] and its maps to features."""

    def __init__(self, network: PortraitNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(self.network.encode(fold(picture), maps))


class DenoiserGraph(nn.Module):
    """N frames one after the other, of one photo: the clean change `[N, 3, 256, 256]` and the warped photo."""

    def __init__(self, network: PortraitNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        change: Tensor,
        time: Tensor,
        picture: Tensor,
        maps: Tensor,
        field: Tensor,
        fine: Tensor,
        coarse: Tensor,
    ) -> tuple[Tensor, Tensor]:
        count = change.shape[0]
        picture, fine, coarse = (x.expand(count, -1, -1, -1) for x in (picture, fine, coarse))
        given = warped_conditions(picture, ReferenceFeatures(fine, coarse), maps, field, count)
        clean = self.network(fold(change), time, given)
        return CHANGE_SCALE * unfold(clean), unfold(given.warped)


def examples(sizes: PortraitSettings) -> dict[str, list[Tensor]]:
    """Inputs of both graphs of a network of these sizes, for two frames."""
    picture, maps = (
        torch.zeros(1, 3, PORTRAIT_PX, PORTRAIT_PX),
        torch.zeros(1, NUM_MAPS, MAP_PX, MAP_PX),
    )
    fine = torch.zeros(1, sizes.reference_widths[0], MAP_PX // 2, MAP_PX // 2)
    coarse = torch.zeros(1, sizes.reference_widths[1], MAP_PX // 4, MAP_PX // 4)
    change = torch.zeros(2, 3, PORTRAIT_PX, PORTRAIT_PX)
    two = maps.repeat(2, 1, 1, 1)
    field = torch.zeros(2, 2, FIELD_PX, FIELD_PX)
    return {
        REFERENCE: [picture, maps],
        DENOISER: [change, torch.zeros(2), picture, two, field, fine, coarse],
    }


def export_portrait(network: PortraitNetwork, folder: Path, *, notes: dict | None = None) -> None:
    """Write `reference.onnx` and `denoiser.onnx`, weights as bytes with a step for each output channel."""
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {REFERENCE: ReferenceGraph(network), DENOISER: DenoiserGraph(network)}
    for kind, graph in graphs.items():
        names = INPUTS[kind] + OUTPUTS[kind]
        is_per_frame = kind == DENOISER
        model = traced(
            graph.eval(),
            examples(network.settings)[kind],
            INPUTS[kind],
            OUTPUTS[kind],
            axes={name: {0: "frames"} for name in names if is_per_frame and name not in OF_PHOTO},
        )
        store_bytes(model)
        metadata = {"kind": f"gaussian_heads.portrait.{kind}", "version": str(VERSION)}
        metadata["change_scale"] = str(CHANGE_SCALE)
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        with replace_on_success(folder / f"{kind}.onnx") as temporary:
            onnx.save(model, temporary)
    if notes is not None:
        text = json.dumps(notes, indent=2) + "\n"
        with replace_on_success(folder / "portrait.json") as temporary:
            temporary.write_text(text, "utf8")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="of training.diffusion")
    parser.add_argument("--out", type=Path, required=True, help="folder for the two files")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    def export() -> None:
        network, notes = load_portrait(options.checkpoint)
        count = sum(p.numel() for p in network.parameters())
        made_by = "python -m gaussian_heads.training.diffusion"
        notes = {"made_by": made_by, "parameters": count, **notes}
        export_portrait(network, options.out, notes=notes)

    return run_command(export)


if __name__ == "__main__":
    raise SystemExit(main())
