"""A LAM head's zip becomes an avatar file, beside it or in the user's avatar folder."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.archives import READ_ERRORS, opened_zip
from ...core.avatar import write_avatar
from ...core.errors import AvatarError
from ...core.progress import Progress
from .. import preferences
from ..defaults import AVATAR_FOLDER, BESIDE_ZIP
from .avatars import SUFFIX, forget_library

if TYPE_CHECKING:
    from ...core.importers.lam import LamStatement

# Members by which Blender knows its own packages, at the top of the zip or in its only folder.
_ADD_ON_MEMBERS = ("blender_manifest.toml", "__init__.py")


def write_lam_avatar(
    zip_path: Path,
    statement: LamStatement,
    *,
    place: str = AVATAR_FOLDER,
    is_overwriting: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Convert the LAM head `zip_path` and return the .uhap written beside it or into the avatar folder."""
    folder = zip_path.parent if place == BESIDE_ZIP else preferences.avatar_folder()
    path = folder / f"{zip_path.stem}{SUFFIX}"
    if path.exists() and not is_overwriting:
        raise AvatarError(
            f"There is an avatar '{path.name}' in '{folder}' already: rename the zip, or choose Overwrite."
        )
    from ...core.importers.lam import import_lam

    _report(progress, 0.1)
    contents = import_lam(zip_path, statement)
    _report(progress, 0.7)
    try:
        write_avatar(path, contents)
    except OSError as error:
        raise AvatarError(
            f"'{path}' cannot be written ({error}): choose the other place, or free the disk."
        ) from None
    forget_library()
    _report(progress, 1.0)
    return path


def is_add_on(zip_path: Path) -> bool:
    """Whether the zip holds an extension or add-on of Blender's rather than a head."""
    try:
        with opened_zip(zip_path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, *READ_ERRORS):
        return False
    return any(
        name.count("/") <= 1 and name.rpartition("/")[2] in _ADD_ON_MEMBERS for name in names
    )


def _report(progress: Progress | None, done: float) -> None:
    if progress is not None:
        progress(done)
