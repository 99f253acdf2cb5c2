"""LAM ARKit heads (aigc3d/LAM, the zip of its web viewer) as `linear` avatars.

Layout, found by comparing files with the viewer's pictures: position = POSITION of skin.glb plus x, y,
z of offset.ply in the same order; f_dc is plain RGB; scale is a logarithm, opacity a logit, rotation
wxyz; 51 ARKit morph targets (no tongueOut), which act on the same vertices.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ..archives import READ_ERRORS, entry_fault, opened_zip
from ..avatar.archive import FRESH_COPY, read_entry
from ..avatar.contents import AvatarContents
from ..avatar.linear import LinearBasis
from ..avatar.manifest import MAX_GAUSSIANS, AvatarInfo, Provenance
from ..avatar.sparse import sparse_basis
from ..avatar.thumbnail import portrait_png
from ..errors import AvatarError, plain_text
from ..spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, ARKIT_SPACE
from .glb import parse_glb
from .lam_mesh import LamMesh, guide_mesh, head_origin, neck_rig, read_mesh
from .ply import read_ply_columns

SKIN, OFFSETS = "skin.glb", "offset.ply"
MAX_MEMBERS = 1000
MAX_MEMBER_BYTES = 2**28
# Motion below this is noise of the export, not expression.
MIN_MOTION_M = 2e-6
UNKNOWN_LICENCE = "unknown: ask whoever made this head"
SOURCE = "imported from a LAM ARKit head, reconstructed from a picture of a person"


@dataclass(frozen=True)
class LamStatement:
    """What the importing person states about a head whose file says nothing about itself."""

    name: str = ""
    author: str = ""
    licence: str = UNKNOWN_LICENCE
    credits: tuple[str, ...] = ()
    consent: str = ""


def import_lam(zip_path: Path | str, statement: LamStatement | None = None) -> AvatarContents:
    """Read a LAM head's zip; write the result with `write_avatar`."""
    path = Path(zip_path)
    statement = statement or LamStatement()
    try:
        members = _read_members(path)
        mesh = read_mesh(parse_glb(members[SKIN], SKIN))
        columns = read_ply_columns(members[OFFSETS], OFFSETS)
        return _contents(mesh, columns, statement, path.stem)
    except AvatarError as error:
        raise AvatarError(f"'{path.name}' cannot be imported as a LAM head. {error}") from None


def _read_members(path: Path) -> dict[str, bytes]:
    try:
        with opened_zip(path) as archive:
            entries = _find_entries(archive)
            return {n: read_entry(archive, e, MAX_MEMBER_BYTES) for n, e in entries.items()}
    except FileNotFoundError:
        raise AvatarError("There is no such file: check the path.") from None
    except (zipfile.BadZipFile, *READ_ERRORS) as error:
        raise AvatarError(
            f"It is not a complete zip ({error}): choose another file or {FRESH_COPY}."
        ) from None


def _find_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    if len(archive.infolist()) > MAX_MEMBERS:
        raise AvatarError(f"It holds more than {MAX_MEMBERS} files: no LAM head does.")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        parts = PurePosixPath(info.filename).parts
        if not parts or parts[0] == "__MACOSX" or parts[-1] not in (SKIN, OFFSETS):
            continue
        fault = entry_fault(info)
        if parts[-1] in found:
            fault = "stands in it twice"
        elif info.file_size > MAX_MEMBER_BYTES:
            fault = f"declares {info.file_size} bytes, at most {MAX_MEMBER_BYTES} are read"
        if fault:
            raise AvatarError(f"Its member '{info.filename[:80]}' {fault}: {FRESH_COPY}.")
        found[parts[-1]] = info
    for name in (SKIN, OFFSETS):
        if name not in found:
            raise AvatarError(
                f"It has no '{name}': choose the zip of a LAM head with ARKit expressions."
            )
    return found


def _contents(
    mesh: LamMesh, columns: dict[str, np.ndarray], statement: LamStatement, stem: str
) -> AvatarContents:
    neutral = _neutral(mesh, columns)
    origin = head_origin(mesh)
    neutral["means"] = (neutral["means"] - origin).astype(np.float32)
    rig, pivot = neck_rig(mesh, origin, guide_mesh(neutral["means"], mesh.triangles))
    info = AvatarInfo(
        name=statement.name or plain_text(stem),
        author=statement.author,
        licence=statement.licence,
        credits=statement.credits,
        provenance=Provenance(False, statement.consent, SOURCE),
        code_space=ARKIT_SPACE,
        channel_names=ARKIT_BLENDSHAPES,
        neck_pivot=(float(pivot[0]), float(pivot[1]), float(pivot[2])),
        created_by="gaussian-heads import-lam",
    )
    basis = np.zeros((len(ARKIT_BLENDSHAPES), *neutral["means"].shape), np.float32)
    for name, delta in mesh.morphs.items():
        basis[ARKIT_INDEX[name]] = delta
    deltas = {"means": sparse_basis(basis, tolerance=MIN_MOTION_M)}
    decoder = LinearBasis(neutral, deltas)
    portrait = portrait_png(decoder.decode(np.zeros(len(ARKIT_BLENDSHAPES), np.float32)))
    return AvatarContents(info, decoder, rig, thumbnail=portrait)


def _neutral(mesh: LamMesh, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stored attributes `[N, C]` float32 in the mesh's frame (m)."""
    groups = {
        "means": ("x", "y", "z"),
        "quats": tuple(f"rot_{i}" for i in range(4)),
        "log_scales": tuple(f"scale_{i}" for i in range(3)),
        "logit_opacities": ("opacity",),
        "colors": tuple(f"f_dc_{i}" for i in range(3)),
    }
    missing = [name for names in groups.values() for name in names if name not in columns]
    if missing:
        raise AvatarError(f"'{OFFSETS}' has no column '{missing[0]}': export the head again.")
    count = len(columns["x"])
    if count != len(mesh.positions) or not 1 <= count <= MAX_GAUSSIANS:
        raise AvatarError(
            f"'{OFFSETS}' has {count} Gaussians and '{SKIN}' {len(mesh.positions)} vertices: they "
            f"must be equal and at most {MAX_GAUSSIANS}, export the head again."
        )
    stored = {
        key: np.stack([columns[name] for name in names], axis=1).astype(np.float32)
        for key, names in groups.items()
    }
    stored["means"] += mesh.positions
    return stored
