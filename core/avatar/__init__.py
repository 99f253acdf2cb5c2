"""Avatar packages (`.uhap`): opened safely, decoded by one interface, written in one call."""

from .avatar import Avatar
from .contents import AvatarContents, write_avatar
from .description import describe, facts
from .linear import LinearBasis
from .manifest import AvatarInfo, Manifest, Provenance
from .members import Controls, Rig, arkit_controls
from .motion import SpeechMotion
from .sparse import SparseBasis, sparse_basis
from .thumbnail import portrait_png

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
