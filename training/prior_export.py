"""Bake a person of a capture into an avatar package, from its neutral scan alone.

    python -m gaussian_heads.training.prior_export --prior build/prior --data build/capture \\
        --subject s1003 --name Maya --out assets/avatars/maya.uhap

The folder of the prior must have its controls (`prior_controls`). Frames of the person are not looked at, so any
neutral scan that lies as docs/TRAINING.md says will do.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.avatar import (
    Avatar,
    AvatarContents,
    AvatarInfo,
    Controls,
    Provenance,
    Rig,
    write_avatar,
)
from ..core.errors import AvatarError, GaussianHeadsError
from ..core.files import replace_on_success
from .dataset import open_capture
from .dataset.reader import Subject
from .export import export_onnx
from .export_check import Fidelity, compare, random_codes
from .networks.prior import BakedHead
from .package_parts import OUTSIDE_PARTS, guide_mesh, lip_contact_offset_mm, thumbnail_png
from .prior_bake import bake_head
from .prior_controls import CONTROLS_FILE, load_controls
from .prior_file import load_prior, read_record
from .prior_person import NeutralScan

logger = logging.getLogger(__name__)
STUDIO = "gaussian_heads.training.capture"
CODES_COMPARED, SEED = 4, 11


@dataclass(frozen=True)
class Statement:
    """What the maker states about the avatar; a real person's needs `consent`."""

    name: str
    author: str = "The Gaussian Heads project"
    consent: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    statement = Statement(
        options.name or options.out.stem.capitalize(), options.author, options.consent
    )
    try:
        capture = open_capture(options.data)
        subject = capture.subject(options.subject)
        prior, controls = load_prior(options.prior), load_controls(options.prior)
        head = bake_head(prior, NeutralScan.of(subject), options.hair_pieces)
        prior_record = read_record(options.prior)
        info = describe(subject, capture.record, statement, prior_record)
        fidelity = build_avatar(head, subject, info, controls, options.out)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _write_record(options, subject, fidelity)
    size_mb = options.out.stat().st_size / 1e6
    sys.stdout.write(
        f"{options.out}: {size_mb:.2f} MB, {len(head.neck_weights):,} Gaussians, "
        f"{fidelity.picture_db:.1f} dB to the network, {fidelity.means_mm:.4f} mm\n"
    )
    return 0


def describe(
    subject: Subject,
    capture: dict[str, str],
    statement: Statement,
    prior_record: dict[str, Any],
) -> AvatarInfo:
    """What the package states, from the records of dataset.json and prior.json."""
    is_synthetic = capture["created_by"].startswith(STUDIO)
    if not is_synthetic and not statement.consent:
        raise AvatarError(
            f"The capture '{capture['name']}' shows real people: say with --consent what "
            f"'{subject.name}' agreed to."
        )
    space = prior_record["code_space"]
    landmarks = subject.neutral_vertices[subject.topology.landmarks68]
    return AvatarInfo(
        name=statement.name,
        author=statement.author,
        licence=capture["licence"],
        credits=tuple(credit.strip() for credit in capture["credits"].split(";")),
        provenance=Provenance(
            is_synthetic=is_synthetic,
            consent=statement.consent,
            source=f"Neutral scan '{subject.name}' of '{capture['name']}', drawn by the prior {space}",
        ),
        code_space=space,
        channel_names=tuple(f"uhap_{channel:02d}" for channel in range(prior_record["code_dim"])),
        neck_pivot=tuple(float(x) for x in subject.neck_pivot),
        lip_contact_offset_mm=lip_contact_offset_mm(landmarks),
    )


def build_avatar(
    head: BakedHead, subject: Subject, info: AvatarInfo, controls: Controls, out: Path
) -> Fidelity:
    """Write the package `out` with a thumbnail; refused where it is not what `head` draws."""
    decoder = export_onnx(head, info.code_dim, has_half_floats=True)
    contents = AvatarContents(info, decoder, make_rig(head, subject), controls)
    with replace_on_success(out) as temporary:
        write_avatar(temporary, contents)
        avatar = Avatar.open(temporary)
        codes = random_codes(controls.arkit52, CODES_COMPARED, SEED)
        fidelity = compare(avatar, head, codes)
        fidelity.require(info.name)
        write_avatar(temporary, dataclasses.replace(contents, thumbnail=thumbnail_png(avatar)))
    return fidelity


def make_rig(head: BakedHead, subject: Subject) -> Rig:
    """Neck weights of the head's Gaussians and a light mesh of the person's outside."""
    topology, strands = subject.topology, subject.strands()
    hair = strands["hair"].points if "hair" in strands and len(strands["hair"].points) else None
    outside = topology.triangles[topology.faces_of(*OUTSIDE_PARTS)]
    vertices, triangles = guide_mesh(subject.neutral_vertices, outside, hair)
    weights = np.clip(np.asarray(head.neck_weights), 0, 1).astype(np.float32)
    return Rig(weights, vertices, triangles)


def _write_record(options: argparse.Namespace, subject: Subject, fidelity: Fidelity) -> None:
    """How the package was made, beside it."""
    record = {
        "made_by": "python -m gaussian_heads.training.prior_export",
        "subject": subject.name,
        "seed": subject.info.seed,
        "name": options.name,
        "person": subject.info.person,
        "code_space": read_record(options.prior)["code_space"],
        "controls_sha256": _sha256(options.prior / CONTROLS_FILE),
        "package_sha256": _sha256(options.out),
        "against_the_network": dataclasses.asdict(fidelity),
    }
    with replace_on_success(options.out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf8")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prior", type=Path, required=True, help="folder of the trained prior")
    parser.add_argument("--data", type=Path, required=True, help="capture that holds the scan")
    parser.add_argument("--subject", required=True, help="name of the person in the capture")
    parser.add_argument("--out", type=Path, required=True, help="package to write (.uhap)")
    parser.add_argument("--name", default="", help="the avatar's name (default: the file's)")
    parser.add_argument(
        "--hair-pieces", type=int, help="finer hair for more time (default: what the prior learned)"
    )
    parser.add_argument("--author", default=Statement.author)
    parser.add_argument("--consent", default="", help="what a real person agreed to")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
