"""What a .blend stores of dialogues: which strip is whose, how keys follow, which layers are muted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..render_properties import HEAD_OPTIONS

_SCENE_OPTIONS = {"options": {"LIBRARY_EDITABLE"}}

DESTINATION_ITEMS = (
    (
        "ACTIVE",
        "Active Action",
        "Key in the Action that the avatar plays, beside what is keyed by hand",
    ),
    (
        "NEW",
        "New Action",
        "Key in an Action of its own and leave the one played so far as it is",
    ),
    (
        "NLA",
        "NLA Strip",
        "Key in an NLA strip under what is acted by hand; every line gets one of its own",
    ),
)


STYLE_LISTENERS: list[Callable[[bpy.types.Object], object]] = []
"""Called with an avatar whose manner, timing, seed or direction changed."""


_held: list[list[bpy.types.Object]] = []


def style_changed(settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    """Tell the listeners, or let them be told once all changes are made."""
    if _held:
        _held[-1].append(settings.id_data)
    else:
        _tell(settings.id_data)


@contextmanager
def one_style_change() -> Iterator[None]:
    """Settings of manner that change within count as one change of each avatar."""
    _held.append([])
    try:
        yield
    finally:
        changed = _held.pop()
        for index, obj in enumerate(changed):
            if obj not in changed[:index]:
                _held[-1].append(obj) if _held else _tell(obj)


def _tell(obj: bpy.types.Object) -> None:
    for react in STYLE_LISTENERS:
        react(obj)


STYLE_OPTIONS = HEAD_OPTIONS | {"update": style_changed}


def _is_avatar(_line: bpy.types.PropertyGroup, obj: bpy.types.Object) -> bool:
    return bool(obj.gaussian_head.avatar)


class GAUSSIAN_HEADS_PG_line(bpy.types.PropertyGroup):
    """A line of the dialogue: a sound strip and who speaks it; `name` is the strip's when last seen."""

    line_id: StringProperty(
        name="Line",
        description="What the strip carries to be found again when it is renamed",
        options={"HIDDEN"},
    )
    speaker: PointerProperty(
        type=bpy.types.Object,
        name="Speaker",
        description="The avatar that speaks the strip",
        poll=_is_avatar,
    )
    keyed_speaker: PointerProperty(
        type=bpy.types.Object,
        name="Keyed Speaker",
        description="The avatar that has the keys of the strip",
        options={"HIDDEN"},
    )
    follow: BoolProperty(
        name="Follow",
        description="Move the keys when the strip is moved",
        default=False,
    )
    heard: StringProperty(
        name="Heard",
        description="What part of which sound was listened to",
        options={"HIDDEN"},
    )


class DialogueSettings:
    """The lines of a scene and how they are baked."""

    lines: CollectionProperty(
        type=GAUSSIAN_HEADS_PG_line, name="Lines", description="Sound strips and who speaks them"
    )
    active_line: IntProperty(
        name="Active Line", description="The line that buttons work on", default=0, min=0
    )
    bake_destination: EnumProperty(
        name="Bake To",
        description="Where the keys of speech go",
        items=DESTINATION_ITEMS,
        **_SCENE_OPTIONS,
    )
    follow_strips: BoolProperty(
        name="Follow New Strips",
        description="Let the keys of strips that are linked from now on move with them",
        default=False,
        **_SCENE_OPTIONS,
    )
    live_update: BoolProperty(
        name="Live Update",
        description="Key short dialogues again at once when manner, timing, seed or direction change",
        default=True,
        **_SCENE_OPTIONS,
    )


def _mute(label: str) -> object:
    return BoolProperty(
        name=f"Mute {label}",
        description=f"Leave {label.lower()} out of what is shown; its keys stay",
        default=False,
        **HEAD_OPTIONS,
    )


class MuteSettings:
    """Layers of an avatar that are left out, `mute_<layer>` beside each `strength_<layer>`."""

    mute_speech: _mute("Speech")
    mute_acting: _mute("Directed Acting")
    mute_upper_face: _mute("Upper Face")
    mute_blink: _mute("Blinks")
    mute_gaze: _mute("Gaze")
    mute_motion: _mute("Personal Motion")
    mute_head: _mute("Head")
