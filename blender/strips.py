"""Sound and movie strips of the sequencer, with the differences between Blender's versions in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..core.errors import AudioError, TimingError

if TYPE_CHECKING:
    from ..core.timing import SoundPlacement

# Names of (content start, left handle, right handle) from 5.1 on, and before.
_TIMING_NAMES = (
    ("content_start", "left_handle", "right_handle"),
    ("frame_start", "frame_final_start", "frame_final_end"),
)


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene with the sound strips: the edited one, the 3D scene, or one that a workspace edits.

    From 5.0 on every workspace names the scene that its Sequencer shows, which may differ from the 3D
    scene; without any sound strip this is the 3D scene.
    """
    return scene_with_strips(context, "SOUND")


def scene_with_strips(context: bpy.types.Context, kind: str) -> bpy.types.Scene:
    """The first of those scenes that has strips of a kind; the 3D scene where none has."""
    edited = [getattr(context, "sequencer_scene", None), context.scene]
    edited += [getattr(workspace, "sequencer_scene", None) for workspace in bpy.data.workspaces]
    return next((scene for scene in edited if scene and strips_of(scene, kind)), context.scene)


def require_same_rate(scene: bpy.types.Scene, edited: bpy.types.Scene) -> None:
    """Raise unless the frames of the sequencer's scene are those of the avatar's."""
    ours, theirs = scene_rate(scene), scene_rate(edited)
    if ours != theirs:
        raise TimingError(
            f"The scene '{scene.name}' runs at {float(ours):.6g} fps, '{edited.name}' with the sound "
            f"at {float(theirs):.6g}: give both the same frame rate."
        )


def strip_collection(scene: bpy.types.Scene) -> bpy.types.bpy_prop_collection:
    """The sequencer's own strips of `scene`, made on first use; `new_sound` adds to it."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips


def sound_strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """Every sound strip of `scene`, also inside meta strips, from left to right."""
    return strips_of(scene, "SOUND")


def strips_of(scene: bpy.types.Scene, kind: str) -> list[bpy.types.Strip]:
    """Every strip of a kind ("SOUND", "MOVIE"), also inside meta strips, from left to right."""
    if scene.sequence_editor is None:
        return []
    found = [strip for strip in scene.sequence_editor.strips_all if strip.type == kind]
    return sorted(found, key=lambda strip: (strip_timing(strip)[1], strip.channel))


def choose_strip(scene: bpy.types.Scene, name: str = "") -> bpy.types.Strip:
    """The sound strip called `name`; without a name the active one, or the only one."""
    strips = sound_strips(scene)
    if not strips:
        raise AudioError(
            "The sequencer has no sound strip: add one in the Video Sequencer with Add > Sound."
        )
    chosen = named_or_active(scene, strips, name)
    if chosen is None and name:
        raise AudioError(f"There is no sound strip '{name}': choose one that is there.")
    if chosen is None:
        raise AudioError(
            f"The sequencer has {len(strips)} sound strips: choose which one the head speaks."
        )
    return chosen


def named_or_active(
    scene: bpy.types.Scene, strips: list[bpy.types.Strip], name: str = ""
) -> bpy.types.Strip | None:
    """Of some `strips` the one called `name`; without a name the active one, or the only one."""
    if name:
        return next((strip for strip in strips if strip.name == name), None)
    active = scene.sequence_editor.active_strip
    if active is not None and active.type == strips[0].type:
        return active
    return strips[0] if len(strips) == 1 else None


def placement(scene: bpy.types.Scene, strip: bpy.types.Strip) -> SoundPlacement:
    """Where `strip` lies in frames of `scene`, cut to the meta strips around it."""
    from ..core.timing import SoundPlacement

    content_start, left, right = visible_timing(strip)
    if right <= left:
        raise TimingError(
            f"The sound strip '{strip.name}' has no length: drag its right handle to the right."
        )
    return SoundPlacement(
        fps=scene_rate(scene),
        content_start_frame=content_start,
        left_frame=left,
        right_frame=right,
        sound_offset_sec=strip.sound_offset,
    )


def scene_rate(scene: bpy.types.Scene) -> object:
    """Exact frames per second of `scene` as a Fraction."""
    from ..core.timing import frame_rate

    return frame_rate(scene.render.fps, scene.render.fps_base)


def is_retimed(strip: bpy.types.Strip) -> bool:
    """Whether the strip plays faster or slower than its file, so that the file's clock does not fit."""
    return len(strip.retiming_keys) > 0 or getattr(strip, "pitch", 1.0) != 1.0


def is_muted(strip: bpy.types.Strip) -> bool:
    """Whether the strip, a meta strip around it, or a channel of one of them is muted."""
    editor = strip.id_data.sequence_editor
    while strip is not None:
        parent = strip.parent_meta()
        channels = editor.channels if parent is None else parent.channels
        if strip.mute or channels[strip.channel].mute:
            return True
        strip = parent
    return False


def visible_timing(strip: bpy.types.Strip) -> tuple[float, float, float]:
    """Content start, and the handles as far as the meta strips around it let them be seen."""
    content_start, left, right = strip_timing(strip)
    parent = strip.parent_meta()
    while parent is not None:
        _, parent_left, parent_right = strip_timing(parent)
        left, right = max(left, parent_left), min(right, parent_right)
        parent = parent.parent_meta()
    return content_start, left, right


def strip_timing(strip: bpy.types.Strip) -> tuple[float, float, float]:
    """Content start, left handle and right handle in frames."""
    names = next(n for n in _TIMING_NAMES if n[0] in strip.bl_rna.properties)
    return tuple(getattr(strip, name) for name in names)
