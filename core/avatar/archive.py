"""Reading the zip of an avatar package in memory, member by member, trusting nothing it declares."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import BinaryIO

from ..archives import READ_ERRORS, entry_fault, unpacked, zip_of
from ..errors import AvatarError
from .manifest import DECODER_MEMBERS, Manifest, Member, parse_manifest

MANIFEST = "manifest.json"
RIG = "rig.safetensors"
CONTROLS = "controls.safetensors"
THUMBNAIL = "thumbnail.png"
MOTION = "motion.safetensors"
# Largest size of each member when unpacked; a package beyond these is no head avatar.
MAX_BYTES = {
    MANIFEST: 2**20,
    RIG: 2**26,
    CONTROLS: 2**24,
    THUMBNAIL: 2**24,
    MOTION: 2**22,
    **dict.fromkeys(DECODER_MEMBERS.values(), 2**29),
}
MAX_PACKAGE_BYTES = 2**30
FRESH_COPY = "get a fresh copy of it"


def read_package(path: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Manifest and verified members of the package at `path`; raises `AvatarError` with the reason."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            return _read_stream(stream)
    except FileNotFoundError:
        raise AvatarError(f"There is no avatar '{path}': check the path.") from None
    except OSError as error:
        raise AvatarError(f"'{path}' cannot be read ({error}): check the file.") from None
    except AvatarError as error:
        raise AvatarError(f"'{path.name}' cannot be opened as an avatar. {error}") from None


def _read_stream(stream: BinaryIO) -> tuple[Manifest, dict[str, bytes]]:
    if stream.seek(0, 2) > MAX_PACKAGE_BYTES:
        raise AvatarError("The file is larger than 1 GiB, no avatar is: choose another file.")
    try:
        with zip_of(stream) as archive:
            return _read_archive(archive)
    except (zipfile.BadZipFile, *READ_ERRORS) as error:
        raise AvatarError(
            f"It is not a complete .uhap package ({error}): choose another file or {FRESH_COPY}."
        ) from None


def _read_archive(archive: zipfile.ZipFile) -> tuple[Manifest, dict[str, bytes]]:
    entries = checked_entries(archive)
    manifest = read_manifest(archive, entries)
    _check_names(manifest, set(entries))
    members = {
        member: _verified(archive, entries[member], expected)
        for member, expected in manifest.members.items()
    }
    return manifest, members


def read_manifest(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> Manifest:
    """The manifest among the checked `entries` of a package."""
    if MANIFEST not in entries:
        raise AvatarError(f"It has no {MANIFEST}: choose a .uhap avatar or {FRESH_COPY}.")
    return parse_manifest(read_entry(archive, entries[MANIFEST], MAX_BYTES[MANIFEST]))


def checked_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Entries by name; refuses paths, links, doubles, encryption and odd compression."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        reason = entry_fault(info)
        if info.filename in entries:
            reason = "stands in it twice"
        elif info.filename not in MAX_BYTES:
            reason = "does not belong into a package"
        elif info.file_size > MAX_BYTES[info.filename]:
            reason = f"declares {info.file_size} bytes, more than {MAX_BYTES[info.filename]}"
        if reason:
            raise AvatarError(f"Its member '{info.filename[:80]}' {reason}: {FRESH_COPY}.")
        entries[info.filename] = info
    return entries


def read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """Unpack one entry to memory, at most `limit` bytes whatever the directory claims."""
    try:
        return unpacked(archive, info, limit)
    except (zipfile.BadZipFile, *READ_ERRORS) as error:
        raise AvatarError(
            f"Its member '{info.filename[:80]}' is damaged ({error}): {FRESH_COPY}."
        ) from None


def _check_names(manifest: Manifest, present: set[str]) -> None:
    required = {DECODER_MEMBERS[manifest.decoder], RIG, CONTROLS}
    if manifest.info.motion_dim:
        required.add(MOTION)
    listed = set(manifest.members)
    for name in sorted(required - (present & listed)):
        raise AvatarError(f"Its member '{name}' is missing: {FRESH_COPY}.")
    for name in sorted((present | listed) - required - {MANIFEST, THUMBNAIL}):
        raise AvatarError(f"Its member '{name[:80]}' does not belong into it: {FRESH_COPY}.")
    if (THUMBNAIL in present) != (THUMBNAIL in listed) or MANIFEST in listed:
        raise AvatarError(f"Its manifest does not list the members that are there: {FRESH_COPY}.")


def _verified(archive: zipfile.ZipFile, info: zipfile.ZipInfo, expected: Member) -> bytes:
    if info.file_size != expected.num_bytes:
        raise AvatarError(
            f"Its member '{info.filename}' has {info.file_size} bytes instead of "
            f"{expected.num_bytes}: it was changed after it was made, {FRESH_COPY}."
        )
    data = read_entry(archive, info, expected.num_bytes)
    if hashlib.sha256(data).hexdigest() != expected.sha256:
        raise AvatarError(
            f"Its member '{info.filename}' does not match its hash: it was changed after it was "
            f"made, {FRESH_COPY}."
        )
    return data
