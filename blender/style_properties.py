"""Settings of how a head moves by itself while it speaks, mixed into the group of `properties`."""

import bpy
from bpy.props import FloatProperty

from ..core.speech import STYLE_LIMITS, SpeechStyle
from .dialogue.properties import STYLE_OPTIONS, one_style_change

_USUAL = SpeechStyle()


def _part(name: str, label: str, description: str) -> object:
    least, most = STYLE_LIMITS[name]
    again = "with the sound listened to again" if name == "effort" else "without a new analysis"
    return FloatProperty(
        name=label,
        description=f"{description}. Counts from the next bake on, {again}",
        default=getattr(_USUAL, name),
        min=least,
        max=most,
        **STYLE_OPTIONS,
    )


class StyleSettings:
    """A `SpeechStyle` on an avatar object, `style_<field>` for each of its fields."""

    style_liveliness: _part(
        "liveliness",
        "Liveliness",
        "How often the head nods, brows rise and eyes glance aside: 1 as in conversation",
    )
    style_head: _part(
        "head", "Head Motion", "How far the head moves with the voice: 0 keeps it still"
    )
    style_brows: _part(
        "brows", "Brow Motion", "How far brows rise on stressed words: 0 keeps them still"
    )
    style_gaze: _part(
        "gaze", "Gaze Motion", "How far the eyes wander from the camera: 0 keeps them still"
    )
    style_blinks_per_min: _part(
        "blinks_per_min",
        "Blink Rate",
        "Mean number of blinks a minute; about 17 at rest and 26 in conversation",
    )
    style_articulation: _part(
        "articulation", "Articulation", "How clearly the mouth speaks: 0.5 mumbles, 1.5 declaims"
    )
    style_effort: _part(
        "effort", "Effort", "How far a louder voice moves the mouth further: 0 speaks evenly"
    )
    style_jaw: _part(
        "jaw", "Jaw", "How far the jaw opens, with lips that close on p, b and m all the same"
    )
    style_lips: _part("lips", "Lips", "How far the lips part, spread and touch the teeth")
    style_rounding: _part(
        "rounding", "Rounding", "How far the lips purse for rounded sounds such as oo and w"
    )
    style_smoothing_ms: _part(
        "smoothing_ms",
        "Smoothing",
        "Milliseconds that the mouth's motion is averaged over, with lips that still close",
    )
    style_sync_ms: _part(
        "sync_ms",
        "Sync Offset",
        "Milliseconds by which the face comes later than the sound, or earlier below 0",
    )


STYLE_FIELDS = tuple(name.removeprefix("style_") for name in StyleSettings.__annotations__)


def speech_style(settings: bpy.types.PropertyGroup) -> SpeechStyle:
    """The style that the settings of an avatar object hold."""
    return SpeechStyle(**{name: getattr(settings, f"style_{name}") for name in STYLE_FIELDS})


def set_speech_style(settings: bpy.types.PropertyGroup, style: SpeechStyle) -> None:
    """Make `style` the one of the settings."""
    with one_style_change():
        for name in STYLE_FIELDS:
            setattr(settings, f"style_{name}", getattr(style, name))
