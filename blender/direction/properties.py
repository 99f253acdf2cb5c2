"""Settings of what an actor is asked to show while speaking, mixed into the group of `properties`."""

import bpy
from bpy.props import BoolProperty, FloatProperty, PointerProperty

from ...core.spaces import ACTION_UNITS
from ...core.spaces.facs import MAX_INTENSITY
from ...core.spaces.groups import CONTROL_LABELS, FACS_SCALE
from ..dialogue.properties import STYLE_OPTIONS
from ..render_properties import HEAD_OPTIONS

MAX_TEMPERATURE = 1.5


def _unit(name: str) -> object:
    return FloatProperty(
        name=CONTROL_LABELS[name],
        description=f"Directs {CONTROL_LABELS[name]} while speaking, once keys are made anew, with the "
        f"intensities of FACS: {FACS_SCALE}",
        default=0.0,
        min=0.0,
        max=MAX_INTENSITY,
        precision=2,
        **STYLE_OPTIONS,
    )


GAUSSIAN_HEADS_PG_direction = type(
    "GAUSSIAN_HEADS_PG_direction",
    (bpy.types.PropertyGroup,),
    {
        "__annotations__": {name: _unit(name) for name in ACTION_UNITS},
        "__doc__": "Intensities (0 to 5) of the Action Units that the next bake performs beside the speech.",
    },
)


class DirectionSettings:
    """The direction of an avatar, whether it counts, and how much what it brings about varies."""

    direction: PointerProperty(type=GAUSSIAN_HEADS_PG_direction, **HEAD_OPTIONS)
    use_direction: BoolProperty(
        name="Use Direction",
        description="Let the acting direction steer the next bake; its keys stay either way",
        default=True,
        **STYLE_OPTIONS,
    )
    direction_temperature: FloatProperty(
        name="Variation",
        description="How much directed motion varies: 0 is the likeliest motion, 1 as people differ. Another "
        "Seed gives another variation",
        default=1.0,
        min=0.0,
        max=MAX_TEMPERATURE,
        **STYLE_OPTIONS,
    )
