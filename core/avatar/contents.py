"""What goes into an avatar package, and the writing of it."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import AvatarError
from ..files import replace_on_success
from ..spaces import ARKIT_SPACE
from .archive import CONTROLS, MANIFEST, MAX_BYTES, MOTION, RIG, THUMBNAIL
from .linear import LinearBasis, check_linear, linear_to_bytes
from .manifest import DECODER_MEMBERS, AvatarInfo, Manifest, Member, check_info
from .members import Controls, Rig, arkit_controls
from .motion import SpeechMotion
from .onnx import onnx_from_bytes
from .thumbnail import check_png

# The same contents give the same bytes whenever they are written.
_ZIP_DATE = (2020, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class AvatarContents:
    """Parts of a package; `decoder` is a linear basis or the bytes of an ONNX model.

    `controls` may be left out in the code space `arkit52`, where the project's tables give them. `motion` is
    there where the decoder takes an audio vector after the code (`info.motion_dim`).
    """

    info: AvatarInfo
    decoder: LinearBasis | bytes
    rig: Rig
    controls: Controls | None = None
    thumbnail: bytes | None = field(default=None, repr=False)
    motion: SpeechMotion | None = None


def write_avatar(path: Path | str, contents: AvatarContents) -> Manifest:
    """Check `contents` and write them as the package `path`, replacing it only when complete."""
    check_info(contents.info)
    members = {
        RIG: contents.rig.to_bytes(),
        CONTROLS: _controls(contents).to_bytes(),
    }
    if contents.thumbnail is not None:
        check_png(contents.thumbnail, THUMBNAIL)
        members[THUMBNAIL] = contents.thumbnail
    if contents.motion is not None:
        members[MOTION] = contents.motion.to_bytes()
        SpeechMotion.from_bytes(members[MOTION], contents.info.motion_dim)
    kind, data, means = _decoder(contents)
    members[DECODER_MEMBERS[kind]] = data
    count, code_dim = means.shape[0], contents.info.code_dim
    Rig.from_bytes(members[RIG], count)
    Controls.from_bytes(members[CONTROLS], code_dim)
    for name, member in members.items():
        if len(member) > MAX_BYTES[name]:
            raise AvatarError(
                f"The avatar's '{name}' would have {len(member)} bytes, at most {MAX_BYTES[name]} "
                "are allowed: use fewer Gaussians."
            )
    bounds = (tuple(means.min(axis=0).tolist()), tuple(means.max(axis=0).tolist()))
    hashes = {
        name: Member(len(member), hashlib.sha256(member).hexdigest())
        for name, member in members.items()
    }
    manifest = Manifest(contents.info, kind, count, bounds, hashes)
    _write_zip(Path(path), {MANIFEST: manifest.to_json(), **dict(sorted(members.items()))})
    return manifest


def _controls(contents: AvatarContents) -> Controls:
    if contents.controls is not None:
        return contents.controls
    if contents.info.code_space != ARKIT_SPACE:
        raise AvatarError(
            f"Codes of '{contents.info.code_space}' need controls of their own: give them to the package."
        )
    return arkit_controls()


def _decoder(contents: AvatarContents) -> tuple[str, bytes, np.ndarray]:
    """Kind, member bytes and neutral means `[N, 3]` of the checked decoder."""
    decoder, code_dim = contents.decoder, contents.info.code_dim
    motion_dim = contents.info.motion_dim
    if (contents.motion is not None) != bool(motion_dim):
        raise AvatarError(
            f"The avatar states {motion_dim} numbers of personal motion: give '{MOTION}' with as many."
        )
    if isinstance(decoder, LinearBasis):
        check_linear(decoder, code_dim)
        return "linear", linear_to_bytes(decoder), decoder.neutral["means"]
    count = contents.rig.neck_weights.shape[0]
    taken = code_dim + motion_dim
    neutral = onnx_from_bytes(decoder, count, taken).decode(np.zeros(taken, np.float32))
    return "onnx", decoder, neutral.means


def _write_zip(path: Path, members: dict[str, bytes]) -> None:
    with (
        replace_on_success(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, member in members.items():
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, member)
