"""What a shot was made from, kept beside its files, so that finished work is recognised."""

from __future__ import annotations

import functools
import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from .assets import (
    ASSETS,
    BUILTIN_PREFIX,
    SPEECH_MODEL,
    avatar_path,
    default_avatar_reference,
)
from .files import replace_on_success
from .shots import Shot, frames_as_text

FORMAT = "gaussian_heads.shot"
VERSION = 1
STARTED, DONE = "started", "done"


@runtime_checkable
class Sources(Protocol):
    """The files that a shot is made of."""

    audio: Path
    scene: Path | None
    performance: Path | None


@dataclass(frozen=True)
class ShotFiles:
    """Where the files of the shot `name` lie in the folder of a batch."""

    folder: Path
    name: str

    @property
    def record(self) -> Path:
        """The job record, which says "done" only when all else is written."""
        return self.folder / f"{self.name}.job.json"

    @property
    def log(self) -> Path:
        """What happened, with times."""
        return self.folder / f"{self.name}.log"

    @property
    def blend(self) -> Path:
        """The scene, where it is wanted."""
        return self.folder / f"{self.name}.blend"

    def output(self, kind: str) -> Path:
        """The video, or the folder of the frames."""
        return self.folder / (f"{self.name}.mp4" if kind == "mp4" else self.name)


def shot_settings(shot: Shot) -> dict[str, object]:
    """What decides the pictures of `shot`: its settings, and the SHA-256 of every file it reads."""
    reference = shot.avatar or ("" if shot.scene else default_avatar_reference())
    settings = asdict(shot) | {
        "avatar": reference,
        "frames": frames_as_text(shot.frames) if shot.frames else "",
        "fps": str(shot.fps or ""),
        "size": list(shot.size or ()),
        "style": dict(sorted(shot.style.items())),
    }
    if not reference.startswith(BUILTIN_PREFIX):
        settings["avatar"] = ""
    for name in ("audio", "scene", "performance", "save_blend"):
        # Where a file lies does not matter, what is in it does.
        del settings[name]
    return settings | {"sha256": input_sha256(shot, reference)}


def input_sha256(source: Sources, avatar: str) -> dict[str, str]:
    """SHA-256 of every file that a shot reads, with its avatar's reference, by what it is."""
    files = {
        "audio": source.audio,
        "avatar": avatar_path(avatar) if avatar else None,
        "scene": source.scene,
        "performance": source.performance,
        "speech": SPEECH_MODEL,
    }
    return {name: file_sha256(path) for name, path in files.items() if path is not None}


def file_sha256(path: Path) -> str:
    """SHA-256 of the file `path`, read again only when it changed."""
    stat = path.stat()
    return _sha256(str(path), stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=4096)
def _sha256(path: str, modified_ns: int, num_bytes: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def addon_version() -> str:
    """The version of this add-on."""
    manifest = ASSETS.parent / "blender_manifest.toml"
    return str(tomllib.loads(manifest.read_text("utf8"))["version"])


def write_record(path: Path, state: str, content: dict[str, object]) -> None:
    """Write a job record whole or not at all."""
    document = {"format": FORMAT, "version": VERSION, "state": state, **content}
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n", "utf8")


def read_record(path: Path) -> dict[str, object] | None:
    """The job record at `path`; None where there is none that this version reads."""
    try:
        document = json.loads(path.read_text("utf8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_ours = isinstance(document, dict) and document.get("format") == FORMAT
    return document if is_ours and document.get("version") == VERSION else None


def is_finished(shot: Shot, files: ShotFiles) -> bool:
    """Whether the record says that `shot`, as it is now, was made, and its files are still there."""
    record = read_record(files.record)
    if record is None or record.get("state") != DONE:
        return False
    if record.get("settings") != shot_settings(shot):
        return False
    if shot.save_blend and not files.blend.is_file():
        return False
    made, output = record.get("files"), files.output(shot.output)
    if shot.output == "mp4":
        return output.is_file() and made == {output.name: output.stat().st_size}
    return isinstance(made, dict) and all((output / name).is_file() for name in made)
