"""What a package says about itself, read without its decoder: fast enough for lists of many avatars."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..archives import READ_ERRORS, opened_zip
from ..errors import AvatarError
from .archive import FRESH_COPY, MAX_BYTES, THUMBNAIL, checked_entries, read_entry, read_manifest
from .manifest import Manifest
from .thumbnail import check_png


@dataclass(frozen=True)
class AvatarSummary:
    """The manifest of a package and its portrait (PNG), None where it has none."""

    manifest: Manifest
    thumbnail: bytes | None


def read_summary(path: Path) -> AvatarSummary:
    """Manifest and portrait of the package at `path`; the other members are neither read nor verified."""
    try:
        with opened_zip(path) as archive:
            entries = checked_entries(archive)
            manifest = read_manifest(archive, entries)
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
