"""Which sound strip an avatar speaks, and which lines are meant, when nobody says it exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable

import bpy

from ...core.errors import AudioError, GaussianHeadsError
from ..strips import choose_strip, sound_strips, strip_timing
from .lines import Line, line_ids, lines_of, strips_by_line


def choose_spoken_strip(
    scene: bpy.types.Scene, obj: bpy.types.Object, name: str = ""
) -> bpy.types.Strip:
    """The strip called `name`, the avatar's own, its only linked one, the active one or the only one."""
    name = name or obj.gaussian_head.sound_strip
    if name:
        return choose_strip(scene, name)
    strips = strips_by_line(scene)
    own = [strips[line.line_id] for line in lines_of(scene, obj) if line.line_id in strips]
    active = scene.sequence_editor.active_strip if scene.sequence_editor else None
    if not own or (active is not None and active in own):
        return choose_strip(scene)
    is_free = active is not None and active.type == "SOUND" and not line_ids(active)
    if is_free:
        return active
    if len(own) > 1:
        raise AudioError(
            f"'{obj.name}' speaks {len(own)} sound strips: make one of them active, or bake the dialogue."
        )
    return own[0]


def strips_to_link(scene: bpy.types.Scene, name: str = "") -> list[bpy.types.Strip]:
    """The strip called `name`, the selected sound strips, or the active or only one."""
    if name:
        return [choose_strip(scene, name)]
    selected = [strip for strip in sound_strips(scene) if strip.select]
    return selected or [choose_strip(scene)]


def chosen_lines(scene: bpy.types.Scene, name: str = "") -> list[Line]:
    """The lines of the strip called `name`, every line without a name, by their start; raises where none is."""
    lines = [line for line in scene.gaussian_heads.lines if name in ("", line.name)]
    if name and not lines:
        ids = line_ids(choose_strip(scene, name))
        lines = [line for line in scene.gaussian_heads.lines if line.line_id in ids]
    if not lines:
        what = f"The sound strip '{name}' has" if name else "The scene has"
        raise GaussianHeadsError(f"{what} no speaker: link sound strips to avatars first.")
    return by_start(scene, lines)


def by_start(scene: bpy.types.Scene, lines: Iterable[Line]) -> list[Line]:
    """Lines in the order in which their strips begin; those without a strip last."""
    starts = {line_id: strip_timing(strip)[1] for line_id, strip in strips_by_line(scene).items()}
    return sorted(lines, key=lambda line: (starts.get(line.line_id, math.inf), line.line_id))


def line_frames_at(
    scene: bpy.types.Scene, obj: bpy.types.Object, frame: float
) -> tuple[int, int] | None:
    """First and last frame of the line that `obj` speaks at `frame`; None where it is silent."""
    strips = strips_by_line(scene)
    for line in lines_of(scene, obj):
        strip = strips.get(line.line_id)
        if strip is None:
            continue
        _, left, right = strip_timing(strip)
        first, last = math.ceil(left), max(math.ceil(right) - 1, math.ceil(left))
        if first <= frame <= last:
            return first, last
    return None


def active_line(scene: bpy.types.Scene) -> Line:
    """The line that is active in the list; raises where there is none."""
    settings = scene.gaussian_heads
    if settings.active_line >= len(settings.lines):
        raise GaussianHeadsError("No line is active: choose one in the list.")
    return settings.lines[settings.active_line]
