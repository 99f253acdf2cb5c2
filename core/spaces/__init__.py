"""Code spaces and the named controls over them: ARKit-52, FACS Action Units, visemes."""

from ..lazy_names import lazy_names
from .arkit import ARKIT_BLENDSHAPES, ARKIT_INDEX, ARKIT_SPACE, expand_sides
from .facs import ACTION_UNITS, AU_LABELS
from .visemes import META_VISEMES, PHONE_TO_VISEME

__getattr__ = lazy_names(
    __name__,
    {
        "matrices": (
            "arkit_vector",
            "au_to_arkit",
            "viseme_to_arkit",
        ),
    },
)

__all__ = [
    "ACTION_UNITS",
    "ARKIT_BLENDSHAPES",
    "ARKIT_INDEX",
    "ARKIT_SPACE",
    "AU_LABELS",
    "META_VISEMES",
    "PHONE_TO_VISEME",
    "arkit_vector",
    "au_to_arkit",
    "expand_sides",
    "viseme_to_arkit",
]
