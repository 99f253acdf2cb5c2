"""Make a built-in avatar from a studio head, in one command.

python -m gaussian_heads.training.builtin_head --head build/heads/ada --out assets/avatars/ada.uhap
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from pathlib import Path

import numpy as np

from ..core.avatar import Avatar, AvatarContents, AvatarInfo, Provenance, Rig, write_avatar
from ..core.errors import GaussianHeadsError
from ..core.files import replace_on_success
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from .export import export_onnx
from .fit_head_parameters import apply_fit
from .head_assembly import AssembledHead, assemble_head
from .head_folder import HeadFolder, folder_hash, load_head
from .head_settings import HeadSettings
from .networks.mesh_head import MeshHead
from .package_parts import OUTSIDE_PARTS, guide_mesh, lip_contact_offset_mm, thumbnail_png

logger = logging.getLogger(__name__)

CREDITS = (
    "Head model: ICT-FaceKit, USC Institute for Creative Technologies (MIT)",
    "Skin: Infinite, 3D Head Scan by Lee Perry-Smith / Infinite-Realities, "
    "based on www.triplegangers.com (CC BY 3.0)",
    "Eyes and skin micro-normals: HumanShaders by Yni-Viar (MIT and CC BY 4.0)",
)


def build_avatar(
    head: HeadFolder,
    assembled: AssembledHead,
    name: str,
    out: Path,
    fitted: dict[str, np.ndarray] | None = None,
) -> None:
    """Export an assembled head's decoder, fitted or not, and write the package at `out` with a thumbnail."""
    network = MeshHead(assembled.parts)
    apply_fit(network, fitted or {})
    decoder = export_onnx(network, len(ARKIT_BLENDSHAPES))
    contents = AvatarContents(
        info=_describe(head, name), decoder=decoder, rig=_rig(head, assembled)
    )
    write_avatar(out, contents)
    write_avatar(out, dataclasses.replace(contents, thumbnail=thumbnail_png(Avatar.open(out))))


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--head", type=Path, required=True, help="folder made by the studio")
    parser.add_argument("--out", type=Path, required=True, help="package to write (.uhap)")
    parser.add_argument("--name", default="", help="the avatar's name (default: the file's)")
    parser.add_argument("--seed", type=int, default=HeadSettings.seed)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = HeadSettings(seed=options.seed)
    name = options.name or options.out.stem.capitalize()
    try:
        head = load_head(options.head)
        assembled = assemble_head(head, settings)
        build_avatar(head, assembled, name, options.out)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    record = {
        "made_by": "python -m gaussian_heads.training.builtin_head",
        "head_sha256": folder_hash(options.head),
        "num_gaussians": len(assembled.neck_weights),
        "settings": dataclasses.asdict(settings),
    }
    with replace_on_success(options.out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", "utf8")
    sys.stdout.write(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB\n")
    return 0


def _describe(head: HeadFolder, name: str) -> AvatarInfo:
    return AvatarInfo(
        name=name,
        author="The Gaussian Heads project",
        licence="CC-BY-4.0",
        credits=CREDITS,
        provenance=Provenance(
            is_synthetic=True,
            source="A synthetic person: ICT-FaceKit shape, skin from a licensed scan, light by Cycles",
        ),
        code_space=ARKIT_SPACE,
        channel_names=ARKIT_BLENDSHAPES,
        neck_pivot=tuple(float(x) for x in head.mesh.neck_pivot),
        lip_contact_offset_mm=lip_contact_offset_mm(head.mesh.vertices[head.mesh.landmarks]),
    )


def _rig(head: HeadFolder, assembled: AssembledHead) -> Rig:
    mesh = head.mesh
    outside = mesh.triangles[mesh.part_mask(*OUTSIDE_PARTS)]
    hair = head.strands["hair"].points if "hair" in head.strands else None
    vertices, triangles = guide_mesh(mesh.vertices, outside, hair)
    return Rig(np.clip(assembled.neck_weights, 0, 1).astype(np.float32), vertices, triangles)


if __name__ == "__main__":
    raise SystemExit(main())
