"""What a package says about itself, read without its decoder: fast enough for lists of many avatars."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import AvatarError
from .archive import (
    FRESH_COPY,
    MANIFEST,
    MAX_BYTES,
    READ_ERRORS,
    THUMBNAIL,
    checked_entries,
    read_entry,
)
from .manifest import Manifest, parse_manifest
from .thumbnail import check_png


@dataclass(frozen=True)
class AvatarSummary:
    """The manifest of a package and its portrait (PNG), None where it has none."""

    manifest: Manifest
    thumbnail: bytes | None


def read_summary(path: Path) -> AvatarSummary:
    """Manifest and portrait of the package at `path`; the other members are neither read nor verified."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = checked_entries(archive)
            if MANIFEST not in entries:
                raise AvatarError(f"It has no {MANIFEST}: choose a .uhap avatar or {FRESH_COPY}.")
            manifest = parse_manifest(read_entry(archive, entries[MANIFEST], MAX_BYTES[MANIFEST]))
            thumbnail = None
            if THUMBNAIL in entries:
                thumbnail = read_entry(archive, entries[THUMBNAIL], MAX_BYTES[THUMBNAIL])
                check_png(thumbnail, THUMBNAIL)
    except AvatarError as error:
        raise AvatarError(f"'{path.name}' cannot be opened as an avatar. {error}") from None
    except (zipfile.BadZipFile, *READ_ERRORS) as error:
        raise AvatarError(
            f"'{path.name}' is not a complete .uhap package ({error}): choose another file or {FRESH_COPY}."
        ) from None
    return AvatarSummary(manifest, thumbnail)
