"""Movie strips of the sequencer: which one is meant, and where its file lies on the timeline."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.errors import VideoError
from ..core.video_placement import VideoPlacement
from .strips import (
    named_or_active,
    scene_rate,
    scene_with_strips,
    strips_of,
    visible_timing,
)

# Scene frames that all of the content takes, and how much of it is cut off hard at both ends.
_CONTENT_NAMES = (
    ("content_duration", "frame_duration"),
    ("content_trim_start", "animation_offset_start"),
    ("content_trim_end", "animation_offset_end"),
)


def movie_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene with the movie strips: the edited one, the 3D scene, or one that a workspace edits."""
    return scene_with_strips(context, "MOVIE")


def movie_strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """Every movie strip of `scene`, also inside meta strips, from left to right."""
    return strips_of(scene, "MOVIE")


def choose_movie(scene: bpy.types.Scene, name: str = "") -> bpy.types.Strip:
    """The movie strip called `name`; without a name the active one, or the only one."""
    strips = movie_strips(scene)
    if not strips:
        raise VideoError(
            "The sequencer has no movie strip: add one in the Video Sequencer with Add > Movie, or "
            "choose a file."
        )
    chosen = named_or_active(scene, strips, name)
    if chosen is None and name:
        raise VideoError(f"There is no movie strip '{name}': choose one that is there.")
    if chosen is None:
        raise VideoError(
            f"The sequencer has {len(strips)} movie strips: choose the one with the face."
        )
    return chosen


def movie_path(strip: bpy.types.Strip) -> Path:
    """The file that a movie strip plays."""
    return Path(bpy.path.abspath(strip.filepath, library=strip.id_data.library))


def movie_placement(scene: bpy.types.Scene, strip: bpy.types.Strip) -> VideoPlacement:
    """Where the file of `strip` lies in frames of `scene`, with its trim, offset and speed."""
    if len(strip.retiming_keys) > 2:
        raise VideoError(
            f"'{strip.name}' changes its speed on the way: leave the first and the last retiming key "
            "alone, or render it to a file first."
        )
    effects = (other for other in scene.sequence_editor.strips_all if other.type == "SPEED")
    if any(effect.input_1 == strip for effect in effects):
        raise VideoError(
            f"'{strip.name}' has a Speed effect, which cannot be read: retime the strip itself, or "
            "render it to a file first."
        )
    start, left, right = visible_timing(strip)
    duration, skipped, cut = (_property(strip, *names) for names in _CONTENT_NAMES)
    return VideoPlacement(
        fps=scene_rate(scene),
        content_start_frame=start - skipped,
        left_frame=left,
        right_frame=right,
        content_frames=duration + skipped + cut,
        is_reversed=strip.use_reverse_frames,
    )


def file_placement(scene: bpy.types.Scene, first_frame: int) -> VideoPlacement:
    """A whole file at its own speed from `first_frame` on."""
    return VideoPlacement(scene_rate(scene), first_frame, first_frame)


def _property(strip: bpy.types.Strip, name: str, older_name: str) -> float:
    """A property that had another name before Blender 5.1."""
    return getattr(strip, name if name in strip.bl_rna.properties else older_name)
