"""The folder of frames in work: whose frames lie in it, and what is done with those of another job."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import bpy

from ...core.assets import DIRECTION_MODEL, default_avatar_reference
from ...core.direction.words import table_of
from ...core.errors import GaussianHeadsError
from ...core.files import remove_unfinished, replace_on_success
from ...core.job_records import file_sha256, input_sha256
from .requests import AnimateRequest, Leftovers

JOB_FILE = "job.json"
JOB_VERSION = 2
_FRAME_FILE = re.compile(r"-?\d{4,}\.(png|exr)")


def claim_folder(request: AnimateRequest) -> None:
    """Write the job file of `request` beside its frames; see `claim`."""
    claim(request.frames_folder, _job(request), request.leftovers, is_video=request.is_video)


def claim(
    folder: Path, settings: dict[str, object], leftovers: Leftovers, *, is_video: bool
) -> None:
    """Write the job file of what is decided by `settings` beside its frames.

    Frames of another job are refused or discarded, as the request says; what was kept for a video that was
    never finished is discarded. Files of others are never touched.
    """
    job = {"format": "gaussian_heads.job", "version": JOB_VERSION, **settings}
    path = folder / JOB_FILE
    if folder.is_dir():
        remove_unfinished(folder)
        present = _read_job(path)
        if present == job and leftovers != "discard":
            return
        is_ours = present is not None and present.get("format") == job["format"]
        if is_ours and (is_video or leftovers != "keep"):
            discard_frames(folder)
        elif is_ours or any(folder.glob("*.png")) or any(folder.glob("*.exr")):
            raise GaussianHeadsError(
                f"The folder '{folder}' holds the frames of another job: delete it or choose another."
            )
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(job, indent=1) + "\n", "utf8")


def discard_frames(folder: Path) -> None:
    """Delete the frames in `folder` and the job file, and the folder if nothing else is in it."""
    for path in [*folder.iterdir()]:
        if _FRAME_FILE.fullmatch(path.name):
            path.unlink()
    # Last, for frames without it are somebody else's.
    (folder / JOB_FILE).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _job(request: AnimateRequest) -> dict[str, object]:
    """What a frame depends on, so that those of another request are never mixed in."""
    reference = request.avatar or ("" if request.scene else default_avatar_reference())
    settings = asdict(request) | {
        "avatar": reference,
        "fps": str(request.fps or ""),
        "style": dict(sorted(request.style.items())),
        "blender": bpy.app.version_string,
    }
    for name in (*_PLACES, "frames"):
        settings.pop(name)
    if request.direction:
        settings["direction"] = _directed(request.direction)
    if request.portrait is not None:
        settings["portrait"] = request.portrait.settings()
    return {**settings, "sha256": input_sha256(request, reference)}


# What does not change a frame, or is known by its hash; a direction where there is none.
_PLACES = ("audio", "out", "scene", "performance", "save_blend", "leftovers", "direction")
_PLACES += ("portrait",)


def _directed(words: str) -> list[str]:
    """What a direction depends on: the expression or the table's content, and the generator."""
    table = table_of(words)
    return [words if table is None else file_sha256(table), file_sha256(DIRECTION_MODEL)]


def _read_job(path: Path) -> dict[str, object] | None:
    try:
        job = json.loads(path.read_text("utf8"))
    except (OSError, ValueError, RecursionError):
        return None
    return job if isinstance(job, dict) else None
