"""Speech to expression codes: a network for the mouth, seeded blinks for the eyes."""

from .blinks import BLINK_LAYER, Blink, blink_layer, blink_times
from .model import SPEECH_LAYER, Progress, SpeechModel
from .style import SpeechStyle

__all__ = [
    "BLINK_LAYER",
    "SPEECH_LAYER",
    "Blink",
    "Progress",
    "SpeechModel",
    "SpeechStyle",
    "blink_layer",
    "blink_times",
]
