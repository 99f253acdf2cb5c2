"""What ships with the add-on: avatars, networks, the sample sentence; and how scenes name an avatar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .errors import AvatarError

ASSETS = Path(__file__).resolve().parent.parent / "assets"
BUILTIN_PREFIX = "builtin:"
SPEECH_MODEL = ASSETS / "speech" / "speech.onnx"
DIRECTION_MODEL = ASSETS / "direction" / "generator.onnx"
SAMPLE_SENTENCE = ASSETS / "audio" / "sample.flac"
# Who speaks where nobody was chosen.
DEFAULT_AVATAR = "maya"


def builtin_avatars() -> Mapping[str, Path]:
    """Name to file of every avatar that ships: the default first, the others in alphabetical order."""
    paths = sorted(
        (ASSETS / "avatars").glob("*.uhap"),
        key=lambda path: (path.stem != DEFAULT_AVATAR, path.stem),
    )
    return {path.stem: path for path in paths}


def default_avatar_reference() -> str:
    """Reference of the avatar to take where none is chosen."""
    names = list(builtin_avatars())
    if not names:
        raise AvatarError("No avatar ships with this installation: name a .uhap file instead.")
    return BUILTIN_PREFIX + names[0]


def avatar_path(reference: str, base: Path | None = None) -> Path:
    """File of an avatar reference: `builtin:NAME`, or a path (relative ones start at `base`)."""
    if not reference:
        raise AvatarError("No avatar is chosen: choose a built-in one or load a .uhap file.")
    if not reference.startswith(BUILTIN_PREFIX):
        return Path(base or ".") / reference
    name = reference.removeprefix(BUILTIN_PREFIX)
    avatars = builtin_avatars()
    if name not in avatars:
        known = ", ".join(avatars) or "none"
        raise AvatarError(f"There is no built-in avatar '{name}': the built-in ones are {known}.")
    return avatars[name]
