"""What a mesh stores of its mapping: which shape key gets how much of which control."""

import bpy
from bpy.props import (
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ...core.spaces.shape_names import CONTROLS
from ..render_properties import HEAD_OPTIONS

_COLLECTION_OPTIONS = {
    "options": HEAD_OPTIONS["options"],
    "override": {"LIBRARY_OVERRIDABLE", "USE_INSERTION"},
}


def _control_items() -> list[tuple[str, str, str]]:
    return [
        (name, name.removeprefix("viseme_"), "A viseme: a share of the mouth's whole shape")
        if name.startswith("viseme_") or "_" in name
        else (name, name, "An ARKit control")
        for name in CONTROLS
    ]


class GAUSSIAN_HEADS_PG_shape_row(bpy.types.PropertyGroup):
    """A shape key that follows a control; `name` is the shape key's."""

    control: EnumProperty(
        name="Control",
        description="What the shape key follows: an ARKit control, or a viseme",
        items=_control_items(),
        **HEAD_OPTIONS,
    )
    factor: FloatProperty(
        name="Factor",
        description="How much of the control the shape key gets",
        default=1.0,
        soft_min=0.0,
        soft_max=2.0,
        min=-10.0,
        max=10.0,
        **HEAD_OPTIONS,
    )


def _is_source(_settings: bpy.types.PropertyGroup, obj: bpy.types.Object) -> bool:
    return obj.type == "MESH" and bool(obj.gaussian_head.avatar)


class ShapeSettings:
    """Settings of a mesh whose shape keys follow an avatar or a voice."""

    shape_source: PointerProperty(
        name="Avatar",
        description="The Gaussian head whose face the shape keys copy",
        type=bpy.types.Object,
        poll=_is_source,
        override={"LIBRARY_OVERRIDABLE"},
    )
    shape_rows: CollectionProperty(
        name="Mapping",
        description="Which shape key gets how much of which control",
        type=GAUSSIAN_HEADS_PG_shape_row,
        **_COLLECTION_OPTIONS,
    )
    shape_row_index: IntProperty(
        name="Active Shape Key", description="The selected row of the mapping", **HEAD_OPTIONS
    )
    shape_report: StringProperty(
        name="Recognised", description="What was recognised by name", **HEAD_OPTIONS
    )
