"""Frames of a saved scene without a window: resumable, any part of the range."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.errors import RenderError
from ..core.files import replace_on_success
from ..core.timing import parse_frames
from .frames import Report, choose_image_format, render_frames
from .registration import ensure_registered

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RenderRequest:
    """Which frames of the scene in `blend` to render, and where to.

    `frames` is text as `parse_frames` reads it, the scene's own range without it. Files go into the
    folder `out`, or where the scene's output path says; those that are there stay unless `overwrite`.
    """

    blend: Path
    frames: str | None = None
    out: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class RenderResult:
    """Where the frames lie, how many were drawn, and how many were there before."""

    folder: Path
    num_rendered: int
    num_skipped: int


def render_file(request: RenderRequest, report: Report) -> RenderResult:
    """Render the frames of a saved scene that `request` names."""
    ensure_registered()
    frames = parse_frames(request.frames) if request.frames else None
    scene = open_scene(request.blend)
    paths = _frame_paths(scene, frames or scene_frames(scene), request)
    drawn = render_frames(scene, paths, report, overwrite=request.overwrite, announce=_announce)
    return RenderResult(paths[0][1].parent, drawn, len(paths) - drawn)


def _announce(path: Path) -> None:
    """The line that render farms look for in a worker's log, as Blender itself writes it."""
    LOG.info("Saved: '%s'", path)


def open_scene(blend: Path) -> bpy.types.Scene:
    """The scene that a file was saved with, opened without its windows."""
    if not blend.is_file():
        raise RenderError(f"There is no scene file '{blend}': check the path.")
    try:
        bpy.ops.wm.open_mainfile(filepath=os.path.abspath(blend), load_ui=False)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0].removeprefix("Error: ")
        raise RenderError(f"'{blend}' cannot be opened as a scene ({reason}).") from None
    return bpy.context.scene


@contextmanager
def replaced_scene(path: Path) -> Iterator[Path]:
    """Give a temporary file beside the .blend `path` to save to, and rename it; Blender's spare copies of it go."""
    final = Path(os.path.abspath(path))
    with replace_on_success(final) as temporary:
        try:
            yield temporary
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0].removeprefix("Error: ")
            raise RenderError(
                f"The scene '{final}' cannot be saved ({reason}): check the disk's room and the folder."
            ) from None
        finally:
            for number in "123456789":
                temporary.with_name(f"{temporary.name}{number}").unlink(missing_ok=True)


def scene_frames(scene: bpy.types.Scene) -> list[int]:
    """The frames of the scene's range."""
    return list(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))


def _frame_paths(
    scene: bpy.types.Scene, frames: Sequence[int], request: RenderRequest
) -> list[tuple[int, Path]]:
    render = scene.render
    if render.is_movie_format:
        if request.out is None:
            raise RenderError(
                f"The scene in '{request.blend}' writes a video: name a folder for its frames."
            )
        choose_image_format(scene, "png", has_alpha=render.film_transparent)
    if request.out is None:
        return [(frame, Path(render.frame_path(frame=frame))) for frame in frames]
    folder = Path(os.path.abspath(request.out))
    return [(frame, folder / f"{frame:04d}{render.file_extension}") for frame in frames]
