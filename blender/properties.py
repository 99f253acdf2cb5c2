"""What a .blend stores: settings of an avatar object, its named controls, and scene defaults."""

from dataclasses import dataclass

import bpy
from bpy.props import (
    BoolProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..core.spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, META_VISEMES
from ..core.spaces.groups import CONTROL_LABELS, FACS_SCALE, side_of, symmetric_partner
from .acting.properties import ActingSettings
from .acting.target_properties import TargetSettings
from .decoding import DEFAULT_BUDGET_MB, set_budget
from .dialogue.properties import (
    STYLE_OPTIONS,
    DialogueSettings,
    GAUSSIAN_HEADS_PG_line,
    MuteSettings,
)
from .direction.properties import DirectionSettings, GAUSSIAN_HEADS_PG_direction
from .exchange.shape_properties import GAUSSIAN_HEADS_PG_shape_row, ShapeSettings
from .render_properties import HEAD_OPTIONS, LookSettings, RenderSettings, listen
from .style_properties import StyleSettings

LAYERS = ("speech", "acting", "upper_face", "blink", "gaze")


@dataclass(frozen=True)
class ControlSet:
    """A kind of named control: its attribute on the settings, the avatar's word for it, its names."""

    attribute: str
    kind: str
    names: tuple[str, ...]
    soft_max: float


CONTROL_SETS = (
    ControlSet("arkit", "arkit52", ARKIT_BLENDSHAPES, 1.0),
    ControlSet("action_units", "au", ACTION_UNITS, 5.0),
    ControlSet("visemes", "visemes", META_VISEMES, 1.0),
)


def _control_group(class_name: str, controls: ControlSet) -> type:
    from .acting.symmetry import on_control

    annotations = {
        name: FloatProperty(
            name=CONTROL_LABELS[name],
            description=_described(name, controls),
            soft_min=0.0,
            soft_max=controls.soft_max,
            min=-10.0,
            max=10.0,
            **(
                HEAD_OPTIONS | {"update": on_control(name)}
                if symmetric_partner(name)
                else HEAD_OPTIONS
            ),
        )
        for name in controls.names
    }
    return type(
        class_name,
        (bpy.types.PropertyGroup,),
        {"__annotations__": annotations, "__doc__": f"Weights of the controls {controls.kind}."},
    )


def _described(name: str, controls: ControlSet) -> str:
    if controls.attribute == "action_units":
        return f"Adds {CONTROL_LABELS[name]} on top of the speech, with the intensities of FACS: {FACS_SCALE}"
    side = side_of(name)
    whose = f", the person's own {side.lower()}" if side else ""
    return f"Adds {name} on top of the speech{whose}"


ArkitControls = _control_group("GAUSSIAN_HEADS_PG_arkit", CONTROL_SETS[0])
ActionUnitControls = _control_group("GAUSSIAN_HEADS_PG_action_units", CONTROL_SETS[1])
VisemeControls = _control_group("GAUSSIAN_HEADS_PG_visemes", CONTROL_SETS[2])


def _strength(label: str, description: str) -> object:
    return FloatProperty(
        name=label,
        description=description,
        default=1.0,
        soft_min=0.0,
        soft_max=2.0,
        min=-10.0,
        max=10.0,
        **HEAD_OPTIONS,
    )


class GAUSSIAN_HEADS_PG_head(
    LookSettings,
    StyleSettings,
    DirectionSettings,
    MuteSettings,
    TargetSettings,
    ShapeSettings,
    bpy.types.PropertyGroup,
):
    """Settings of an avatar object; `avatar` is empty on every other object."""

    avatar: StringProperty(
        name="Avatar",
        description="The built-in head or the .uhap file that this object stands for",
        **HEAD_OPTIONS,
    )
    avatar_sha256: StringProperty(
        name="Hash",
        description="SHA-256 of the avatar file when it was imported, to notice a changed one",
        **HEAD_OPTIONS,
    )
    sound_strip: StringProperty(
        name="Sound Strip",
        description="The sequencer's sound strip that this head speaks; the active strip when empty",
        **HEAD_OPTIONS,
    )
    seed: IntProperty(
        name="Seed",
        description="Another number gives other glances, nods, brows and blinks with the same sound",
        default=0,
        min=0,
        **STYLE_OPTIONS,
    )
    strength_speech: _strength("Speech", "How strongly the mouth follows the baked speech")
    strength_acting: _strength(
        "Directed Acting", "How strongly what was baked of the acting direction moves the face"
    )
    strength_upper_face: _strength("Upper Face", "How strongly brows and forehead move")
    strength_blink: _strength("Blinks", "How far the baked blinks close the eyes")
    strength_gaze: _strength("Gaze", "How far the baked gaze turns the eyes")
    strength_motion: _strength(
        "Personal Motion", "How far the face moves in the person's own way while it speaks"
    )
    strength_head: _strength("Head", "How far the baked motion turns and shifts the head")
    head_rotation: FloatVectorProperty(
        name="Head Rotation",
        description="Added to the baked motion: turn about the neck as a rotation vector in the avatar's own axes "
        "(X to the person's left, Y up, Z out of the face)",
        size=3,
        subtype="NONE",
        unit="ROTATION",
        **HEAD_OPTIONS,
    )
    head_translation: FloatVectorProperty(
        name="Head Translation",
        description="Added to the baked motion: shift of the head over the shoulders in the avatar's own axes",
        size=3,
        subtype="NONE",
        unit="LENGTH",
        **HEAD_OPTIONS,
    )
    arkit: PointerProperty(type=ArkitControls, **HEAD_OPTIONS)
    action_units: PointerProperty(type=ActionUnitControls, **HEAD_OPTIONS)
    visemes: PointerProperty(type=VisemeControls, **HEAD_OPTIONS)


def apply_decoded_memory(settings: bpy.types.PropertyGroup, _context: object = None) -> None:
    """Make the scene settings' memory limit the one in force."""
    set_budget(settings.decoded_memory_mb)


class GAUSSIAN_HEADS_PG_scene(
    ActingSettings, RenderSettings, DialogueSettings, bpy.types.PropertyGroup
):
    """Settings of a scene."""

    show_overlay: BoolProperty(
        name="Show Heads in Viewports",
        description="Draw the heads over Solid and Material Preview viewports and other engines' "
        "rendered ones, in depth with the scene",
        default=True,
        options={"LIBRARY_EDITABLE"},
        update=listen,
    )
    viewport_density: FloatProperty(
        name="Viewport Density",
        description="Part of the Gaussians that viewports draw, grown so that the head stays solid: "
        "lower it on slow computers. Renders are not touched",
        default=1.0,
        min=0.05,
        max=1.0,
        subtype="FACTOR",
        options={"LIBRARY_EDITABLE"},
        update=listen,
    )
    decoded_memory_mb: IntProperty(
        name="Frame Memory",
        description="Memory in MB for heads that are already decoded, shared by viewports and renders; "
        "a frame of 100,000 Gaussians takes 5.4 MB",
        default=DEFAULT_BUDGET_MB,
        min=0,
        soft_max=8192,
        max=65536,
        options={"LIBRARY_EDITABLE"},
        update=apply_decoded_memory,
    )


CLASSES = (
    ArkitControls,
    ActionUnitControls,
    VisemeControls,
    GAUSSIAN_HEADS_PG_direction,
    GAUSSIAN_HEADS_PG_line,
    GAUSSIAN_HEADS_PG_shape_row,
    GAUSSIAN_HEADS_PG_head,
    GAUSSIAN_HEADS_PG_scene,
)


def attach() -> None:
    """Add the settings to Blender's objects and scenes; the classes must be registered."""
    bpy.types.Object.gaussian_head = PointerProperty(
        type=GAUSSIAN_HEADS_PG_head,
        options={"ANIMATABLE", "LIBRARY_EDITABLE"},
        override={"LIBRARY_OVERRIDABLE"},
    )
    bpy.types.Scene.gaussian_heads = PointerProperty(
        type=GAUSSIAN_HEADS_PG_scene,
        options={"ANIMATABLE", "LIBRARY_EDITABLE"},
        override={"LIBRARY_OVERRIDABLE"},
    )


def detach() -> None:
    """Take the settings away again."""
    del bpy.types.Object.gaussian_head
    del bpy.types.Scene.gaussian_heads
