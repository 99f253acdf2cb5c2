"""Speech to expression codes: a network for the mouth, sampled motion for eyes, brows and head."""

from ..lazy_names import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "blinks": (
            "BLINK_LAYER",
            "Blink",
            "blink_layer",
            "blink_times",
        ),
        "brows": ("BROW_LAYER",),
        "gaze": ("GAZE_LAYER",),
        "heard": (
            "SPEECH_LAYER",
            "HeardSpeech",
        ),
        "model": (
            "DECODED_PART",
            "SpeechCurves",
            "SpeechModel",
        ),
        "presence": ("Presence",),
        "prosody": (
            "Prosody",
            "analyse_prosody",
        ),
        "style": (
            "STYLE_LIMITS",
            "SpeechStyle",
        ),
    },
)

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
    "Prosody",
    "SpeechCurves",
    "SpeechModel",
    "SpeechStyle",
    "analyse_prosody",
    "blink_layer",
    "blink_times",
]
