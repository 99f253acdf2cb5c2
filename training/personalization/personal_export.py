"""A fitted person as an avatar package: same code space, controls and speech as every other head of the prior."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.avatar import (
    Avatar,
    AvatarContents,
    AvatarInfo,
    Controls,
    Provenance,
    Rig,
    write_avatar,
)
from ...core.files import replace_on_success
from ..export import export_onnx
from ..export_check import Fidelity, compare, random_codes
from ..package_parts import OUTSIDE_PARTS, guide_mesh, lip_contact_offset_mm, thumbnail_png
from .fit_person import FittedPerson

if TYPE_CHECKING:
    from .motion import FittedMotion

CODES_COMPARED, SEED = 4, 11


@dataclasses.dataclass(frozen=True)
class PersonStatement:
    """What is stated about the person and the pictures; a real person's package needs `consent`."""

    name: str
    author: str = ""
    licence: str = "All rights reserved by the person shown"
    consent: str = ""
    source: str = ""
    is_synthetic: bool = False
    credits: tuple[str, ...] = ()


def describe_person(
    person: FittedPerson, statement: PersonStatement, prior_record: dict[str, Any]
) -> AvatarInfo:
    """What the package states, with the code space of the prior's record (prior.json)."""
    landmarks = person.vertices[person.prior.parts.topology.landmarks68]
    return AvatarInfo(
        name=statement.name,
        author=statement.author,
        licence=statement.licence,
        credits=statement.credits,
        provenance=Provenance(
            is_synthetic=statement.is_synthetic,
            consent=statement.consent,
            source=statement.source,
        ),
        code_space=prior_record["code_space"],
        channel_names=tuple(f"uhap_{channel:02d}" for channel in range(prior_record["code_dim"])),
        neck_pivot=tuple(float(x) for x in person.scan.neck_pivot),
        lip_contact_offset_mm=lip_contact_offset_mm(landmarks),
    )


def export_person(
    person: FittedPerson,
    info: AvatarInfo,
    controls: Controls,
    out: Path,
    *,
    motion: FittedMotion | None = None,
) -> Fidelity:
    """Write the package `out` with guide mesh and thumbnail; refused where it is not what `person` draws."""
    decoder, more = person.head, {}
    if motion is not None:
        decoder = motion.decoder(person.head)
        info = dataclasses.replace(info, motion_dim=motion.dim)
        more = {"motion": motion.listener}
    num_inputs = info.code_dim + (0 if motion is None else motion.dim)
    model = export_onnx(decoder, num_inputs, has_half_floats=True)
    contents = AvatarContents(info, model, person_rig(person), controls, **more)
    with replace_on_success(out) as temporary:
        write_avatar(temporary, contents)
        avatar = Avatar.open(temporary)
        codes = random_codes(controls.arkit52, CODES_COMPARED, SEED)
        fidelity = compare(avatar, person.head, codes)
        fidelity.require(info.name)
        write_avatar(temporary, dataclasses.replace(contents, thumbnail=thumbnail_png(avatar)))
    return fidelity


def person_rig(person: FittedPerson) -> Rig:
    """Neck weights of the Gaussians, and a light mesh of the person's outside with a shell of the hair."""
    topology, head = person.prior.parts.topology, person.head.head
    outside = topology.triangles[topology.faces_of(*OUTSIDE_PARTS)]
    means = head.still_means_m.numpy()
    hair = means[:, None] if len(means) else None
    vertices, triangles = guide_mesh(person.vertices, outside, hair)
    weights = np.clip(np.asarray(person.head.neck_weights), 0, 1).astype(np.float32)
    return Rig(weights, vertices, triangles)
