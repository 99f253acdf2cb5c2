"""Settings of what a head looks at and what it follows, mixed into the group of `properties`."""

import bpy
from bpy.props import (
    BoolProperty,
    FloatProperty,
    FloatVectorProperty,
    PointerProperty,
    StringProperty,
)

from ..render_properties import HEAD_OPTIONS, listen

IDENTITY = (1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1.0)


def _is_other(settings: bpy.types.PropertyGroup, obj: bpy.types.Object) -> bool:
    return obj != settings.id_data


def _on_gaze(settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    from .target_links import link_gaze

    link_gaze(settings.id_data)


def _on_head(settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    from .target_links import link_head

    link_head(settings.id_data)


def _factor(label: str, description: str, default: float) -> object:
    return FloatProperty(
        name=label,
        description=description,
        default=default,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        **HEAD_OPTIONS,
    )


def _dependency(what: str) -> object:
    """A number whose driver makes Blender evaluate a target that is hidden: only what is needed counts."""
    return FloatProperty(
        name="Dependency",
        description=f"Has Blender evaluate {what} before the head",
        options={"HIDDEN", "ANIMATABLE"},
        override=HEAD_OPTIONS["override"],
    )


class TargetSettings:
    """What an avatar object looks at and what its head follows."""

    gaze_target: PointerProperty(
        name="Look At",
        description="The object that the eyes look at: any object, a camera, or another head's eyes",
        type=bpy.types.Object,
        poll=_is_other,
        **(HEAD_OPTIONS | {"update": _on_gaze}),
    )
    gaze_bone: StringProperty(
        name="Bone",
        description="The bone of the armature that the eyes look at",
        **(HEAD_OPTIONS | {"update": _on_gaze}),
    )
    gaze_follow: _factor(
        "Follow",
        "How far the eyes turn to the target: 0 leaves them to the speech, 1 looks straight at it",
        1.0,
    )
    gaze_head_share: _factor(
        "Head Share",
        "How much of the way to the target the head turns by itself; the eyes do the rest",
        0.0,
    )
    head_target: PointerProperty(
        name="Follow",
        description="The object that carries the head about the neck: an Empty, or an armature with "
        "one of its bones, moved by keys or by any constraint",
        type=bpy.types.Object,
        poll=_is_other,
        **(HEAD_OPTIONS | {"update": _on_head}),
    )
    head_bone: StringProperty(
        name="Bone",
        description="The bone of the armature that carries the head",
        **(HEAD_OPTIONS | {"update": _on_head}),
    )
    head_follow: _factor("Influence", "How far the head goes along with what it follows", 1.0)
    head_use_location: BoolProperty(
        name="Location",
        description="The head is also shifted over the shoulders, not only turned",
        default=True,
        **HEAD_OPTIONS,
    )
    head_rest: FloatVectorProperty(
        name="Rest",
        description="Where the followed object stands, seen from the avatar, while the head is at rest",
        size=16,
        default=IDENTITY,
        **(HEAD_OPTIONS | {"update": listen}),
    )
    gaze_dependency: _dependency("what the eyes look at")
    head_dependency: _dependency("what the head follows")
