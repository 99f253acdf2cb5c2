"""Avatar packages (`.uhap`): opened safely, decoded by one interface, written in one call."""

from ..lazy_names import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "avatar": ("Avatar",),
        "contents": (
            "AvatarContents",
            "write_avatar",
        ),
        "description": (
            "describe",
            "facts",
        ),
        "linear": ("LinearBasis",),
        "manifest": (
            "AvatarInfo",
            "Manifest",
            "Provenance",
        ),
        "members": (
            "Controls",
            "Rig",
            "arkit_controls",
        ),
        "motion": ("SpeechMotion",),
        "sparse": (
            "SparseBasis",
            "sparse_basis",
        ),
        "thumbnail": ("portrait_png",),
    },
)

__all__ = [
    "Avatar",
    "AvatarContents",
    "AvatarInfo",
    "Controls",
    "LinearBasis",
    "Manifest",
    "Provenance",
    "Rig",
    "SparseBasis",
    "SpeechMotion",
    "arkit_controls",
    "describe",
    "facts",
    "portrait_png",
    "sparse_basis",
    "write_avatar",
]
