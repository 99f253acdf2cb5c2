"""Speech to expression codes: a network for the mouth, sampled motion for eyes, brows and head."""

from ..progress import Progress
from .blinks import BLINK_LAYER, Blink, blink_layer, blink_times
from .brows import BROW_LAYER
from .gaze import GAZE_LAYER
from .heard import SPEECH_LAYER, HeardSpeech
from .model import DECODED_PART, SpeechCurves, SpeechModel
from .presence import Presence
from .prosody import Prosody, analyse_prosody
from .style import STYLE_LIMITS, SpeechStyle

__all__ = [
    "BLINK_LAYER",
    "BROW_LAYER",
    "DECODED_PART",
    "GAZE_LAYER",
    "SPEECH_LAYER",
    "STYLE_LIMITS",
    "Blink",
    "HeardSpeech",
    "Presence",
    "Progress",
    "Prosody",
    "SpeechCurves",
    "SpeechModel",
    "SpeechStyle",
    "analyse_prosody",
    "blink_layer",
    "blink_times",
]
