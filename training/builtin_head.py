"""Make a built-in avatar from a studio head, in one command.

python -m gaussian_heads.training.builtin_head --head build/heads/ada --out assets/avatars/ada.uhap
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import logging
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.avatar import Avatar, AvatarContents, AvatarInfo, Provenance, Rig, write_avatar
from ..core.camera import Camera, intrinsics, look_at
from ..core.errors import GaussianHeadsError
from ..core.files import replace_on_success
from ..core.render import render
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from .export import export_onnx
from .fit_head_parameters import apply_fit
from .guide_mesh import decimate, hair_shell, join
from .head_assembly import AssembledHead, assemble_head
from .head_folder import HeadFolder, folder_hash, load_head
from .head_settings import HeadSettings
from .networks.mesh_head import MeshHead

logger = logging.getLogger(__name__)

CREDITS = (
    "Head model: ICT-FaceKit, USC Institute for Creative Technologies (MIT)",
    "Skin: Infinite, 3D Head Scan by Lee Perry-Smith / Infinite-Realities, "
    "based on www.triplegangers.com (CC BY 3.0)",
    "Eyes and skin micro-normals: HumanShaders by Yni-Viar (MIT and CC BY 4.0)",
)
MAX_GUIDE_TRIANGLES = 4000
EYE_PARTS = ("sclera_left", "sclera_right", "iris_left", "iris_right")
THUMBNAIL_PX = 256
BACKGROUND = (0.16, 0.17, 0.19)


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


def lip_contact_offset_mm(head: HeadFolder) -> float:
    """Gap of the inner-lip landmarks (mm) at the neutral, where the lips already touch."""
    points = head.mesh.vertices[head.mesh.landmarks]
    upper, lower = points[[61, 62, 63]], points[[67, 66, 65]]
    return float(max((upper - lower)[:, 1].mean() * 1e3, 0.0))


def thumbnail_png(avatar: Avatar) -> bytes:
    """PNG of the neutral head, three quarters to the camera."""
    target = np.array([0.0, -0.02, -0.02])
    eye = target + np.array([0.35, 0.05, 1.0]) * 1.1
    camera = Camera(
        look_at(eye, target, np.array([0.0, 1.0, 0.0])),
        intrinsics(3.4 * THUMBNAIL_PX, THUMBNAIL_PX, THUMBNAIL_PX),
        THUMBNAIL_PX,
        THUMBNAIL_PX,
    )
    neutral = avatar.decode(np.zeros(avatar.code_dim, np.float32), None)
    picture = render(
        neutral, camera, backend="cpu", background=np.array(BACKGROUND, np.float32)
    ).colors
    stream = io.BytesIO()
    Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


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
        lip_contact_offset_mm=lip_contact_offset_mm(head),
    )


def _rig(head: HeadFolder, assembled: AssembledHead) -> Rig:
    mesh = head.mesh
    outside = mesh.part_mask("face", "back_head", "garment", *EYE_PARTS)
    guide = decimate(mesh.vertices, mesh.triangles[outside], MAX_GUIDE_TRIANGLES)
    if "hair" in head.strands:
        points = head.strands["hair"].points.reshape(-1, 3)
        guide = join(guide, hair_shell(points, (points.min(0) + points.max(0)) / 2))
    vertices, triangles = guide
    return Rig(np.clip(assembled.neck_weights, 0, 1).astype(np.float32), vertices, triangles)


if __name__ == "__main__":
    raise SystemExit(main())
