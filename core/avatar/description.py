"""What the `info` command says about an avatar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .avatar import Avatar


def facts(avatar: Avatar) -> dict[str, Any]:
    """Facts about an avatar under stable keys, ready for JSON."""
    info, manifest = avatar.manifest.info, avatar.manifest
    vertices, triangles = avatar.guide_mesh
    neutral = np.zeros(avatar.code_dim, np.float32)
    return {
        "name": info.name,
        "author": info.author,
        "licence": info.licence,
        "credits": list(info.credits),
        "created_by": info.created_by,
        "is_synthetic": info.provenance.is_synthetic,
        "consent": info.provenance.consent,
        "source": info.provenance.source,
        "decoder": manifest.decoder,
        "code_space": info.code_space,
        "code_dim": info.code_dim,
        "motion_dim": info.motion_dim,
        "num_gaussians": manifest.num_gaussians,
        "size_m": [round(high - low, 4) for low, high in zip(*manifest.bounds, strict=True)],
        "neck_pivot_m": [round(value, 4) for value in info.neck_pivot],
        "has_landmarks": avatar.landmarks(neutral) is not None,
        "lip_contact_offset_mm": info.lip_contact_offset_mm,
        "guide_vertices": len(vertices),
        "guide_triangles": len(triangles),
        "has_thumbnail": avatar.thumbnail is not None,
        "unpacked_bytes": sum(member.num_bytes for member in manifest.members.values()),
    }


def describe(avatar: Avatar) -> str:
    """The facts in words, a few lines for a person."""
    return "\n".join(_lines(facts(avatar)))


def _lines(known: dict[str, Any]) -> Iterator[str]:
    width, height, depth = (round(1000 * size) for size in known["size_m"])
    yield f"{known['name']}" + (f" by {known['author']}" if known["author"] else "")
    yield f"  licence      {known['licence']}"
    for credit in known["credits"]:
        yield f"  credit       {credit}"
    yield f"  person       {'synthetic' if known['is_synthetic'] else 'real or unknown'}"
    if not known["is_synthetic"]:
        yield f"  consent      {known['consent'] or 'not stated: ask before you show this head'}"
    if known["source"]:
        yield f"  made from    {known['source']}"
    if known["created_by"]:
        yield f"  made by      {known['created_by']}"
    yield f"  decoder      {known['decoder']}, {known['num_gaussians']:,} Gaussians"
    yield f"  codes        {known['code_dim']} channels in '{known['code_space']}'"
    if known["motion_dim"]:
        yield "  motion       moves with speech in the person's own way"
    yield f"  size         {width} x {height} x {depth} mm (width, height, depth)"
    if known["has_landmarks"]:
        offset = known["lip_contact_offset_mm"]
        yield f"  landmarks    68, lips touch at a gap of {offset:.2f} mm"
    else:
        yield "  landmarks    none: 'measure' cannot read this head's mouth"
