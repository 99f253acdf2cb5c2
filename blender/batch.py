"""Frames of a saved scene without a window: resumable, any part of the range."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.errors import RenderError
from .frames import Report, choose_image_format, render_frames
from .registration import ensure_registered


@dataclass(frozen=True)
class RenderResult:
    """Where the frames lie, how many there are, and how many had to be drawn."""

    folder: Path
    num_frames: int
    num_drawn: int


def render_file(
    blend: Path,
    frames: Sequence[int] | None,
    out: Path | None,
    report: Report,
    *,
    overwrite: bool = False,
) -> RenderResult:
    """Render `frames` of the scene in `blend`, all of its range by default.

    Files go into the folder `out`, or where the scene's own output path says; frames that are there
    already are left alone unless `overwrite` is set.
    """
    ensure_registered()
    scene = _open_scene(blend)
    chosen = list(frames) if frames is not None else _scene_frames(scene)
    if not chosen:
        raise RenderError("The range holds no frame: give one such as 1-100.")
    if _is_video(scene):
        choose_image_format(scene, "png", has_alpha=scene.render.film_transparent)
        if out is None:
            raise RenderError(
                f"The scene in '{blend}' writes a video: name a folder for its frames with --out."
            )
    extension = scene.render.file_extension
    if out is not None:
        paths = [(frame, Path(out) / f"{frame:04d}{extension}") for frame in chosen]
    else:
        paths = [(frame, Path(scene.render.frame_path(frame=frame))) for frame in chosen]
    drawn = render_frames(scene, paths, report, overwrite=overwrite)
    return RenderResult(paths[0][1].parent, len(paths), drawn)


def parse_frames(text: str) -> list[int]:
    """Frame numbers of "7", "1-50", "1-50:5" or several of these with commas between."""
    chosen: list[int] = []
    for part in text.split(","):
        span, _, step = part.strip().partition(":")
        # A leading minus belongs to a negative first frame.
        dash = span.find("-", 1)
        first, last = (span, span) if dash < 0 else (span[:dash], span[dash + 1 :])
        try:
            numbers = range(int(first), int(last) + 1, int(step or 1))
        except ValueError:
            raise RenderError(f"'{text}' is no range of frames: write 7, 1-50 or 1-50:5.") from None
        chosen.extend(numbers)
    if not chosen:
        raise RenderError(f"'{text}' holds no frame: the first must not come after the last.")
    return chosen


def _open_scene(blend: Path) -> bpy.types.Scene:
    if not blend.is_file():
        raise RenderError(f"There is no scene file '{blend}': check the path.")
    try:
        bpy.ops.wm.open_mainfile(filepath=os.path.abspath(blend), load_ui=False)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0].removeprefix("Error: ")
        raise RenderError(f"'{blend}' cannot be opened as a scene ({reason}).") from None
    return bpy.context.scene


def _scene_frames(scene: bpy.types.Scene) -> list[int]:
    return list(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))


def _is_video(scene: bpy.types.Scene) -> bool:
    return scene.render.is_movie_format
