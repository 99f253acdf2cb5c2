"""What a person can be made from: a video, photos, calibrated pictures or a neutral scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...core.errors import VideoError
from ...core.job_records import file_sha256
from ...core.video import is_image
from ..calibrated_images import CAMERAS_FILE

Kind = Literal["video", "photos", "calibrated", "scan"]
MOST_PHOTOS = 60
SCAN_VERTICES = "vertices.npy"


@dataclass(frozen=True)
class Input:
    """What was given, and a digest of all of its files."""

    kind: Kind
    paths: tuple[Path, ...]

    def digest(self) -> dict[str, str]:
        """SHA-256 of every file by its name."""
        if self.kind in ("video", "photos"):
            return {str(i): file_sha256(path) for i, path in enumerate(self.paths)}
        root = self.paths[0]
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): file_sha256(path) for path in files}


def classify(paths: Sequence[Path]) -> Input:
    """What the given paths are; raises `VideoError` where they do not go together or are nothing of it."""
    if not paths:
        raise VideoError("Nothing to make a head from was given: name a video, photos or a folder.")
    for path in paths:
        if not path.exists():
            raise VideoError(f"'{path}' does not exist: check the path.")
        if not path.is_file() and not path.is_dir():
            raise VideoError(f"'{path}' is a device and no file: record a video with it first.")
    folders = [path for path in paths if path.is_dir()]
    if folders:
        if len(paths) > 1:
            raise VideoError("Only one folder can be read at a time: name it alone.")
        return _folder(folders[0])
    photos = [path for path in paths if is_image(path)]
    if photos and len(photos) < len(paths):
        raise VideoError("Photos and videos cannot be mixed: give one video, or photos alone.")
    if photos:
        return _photos(photos)
    if len(paths) > 1:
        raise VideoError("Only one video can be read: join the recordings to one file.")
    return Input("video", tuple(paths))


def _folder(folder: Path) -> Input:
    for root in (folder, folder / "neutral"):
        if (root / SCAN_VERTICES).is_file():
            return Input("scan", (root,))
    if (folder / CAMERAS_FILE).is_file():
        return Input("calibrated", (folder,))
    photos = sorted(path for path in folder.iterdir() if path.is_file() and is_image(path))
    if photos:
        return _photos(photos)
    raise VideoError(
        f"'{folder}' holds no photos, no '{CAMERAS_FILE}' beside pictures and no '{SCAN_VERTICES}' of a "
        "scan: name a folder that does, or a video."
    )


def _photos(paths: Sequence[Path]) -> Input:
    if len(paths) > MOST_PHOTOS:
        raise VideoError(
            f"{len(paths)} photos are more than the {MOST_PHOTOS} that can be read: choose the best."
        )
    return Input("photos", tuple(paths))
