"""The columns of a file of shots: how the text of a cell becomes a value, or one sentence says why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

from .assets import BUILTIN_PREFIX, avatar_path
from .camera import MAX_SIDE_PX
from .errors import GaussianHeadsError
from .render import BACKENDS
from .speech import SpeechStyle
from .timing import MAX_FRAME, frame_rate, parse_frames

MAX_CELL_CHARACTERS = 4096
MAX_NAME_CHARACTERS = 100
MAX_SEED = 2**31 - 1
OUTPUTS = ("mp4", "png", "exr")
VIEWS = ("Standard", "AgX", "Filmic", "Khronos PBR Neutral", "Raw")
YES, NO = ("yes", "true", "1"), ("no", "false", "0")
# Names that Windows keeps for devices, and endings that the batch gives to its own files.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
OWN_ENDINGS = (".mp4", ".frames", ".log", ".json", ".blend")

Read = Callable[[str, Path], object]


@dataclass(frozen=True)
class Column:
    """One column: how its cells are read (text, folder of relative paths), and what it means."""

    read: Read
    meaning: str


class Cells:
    """The texts of one row, by column; what is wrong with them is collected in `faults`."""

    def __init__(self, place: str, texts: Mapping[str, str], base: Path) -> None:
        self.place, self.texts, self.base = place, texts, base
        self.faults: list[str] = []

    def read(self) -> dict[str, object]:
        """The values of the cells that are filled and right; relative paths start at `base`."""
        values = {}
        for name, column in COLUMNS.items():
            try:
                if self.texts.get(name):
                    values[name] = column.read(_clean(self.texts[name]), self.base)
            except GaussianHeadsError as error:
                self.faults.append(f"{self.place}, column '{name}': {error}")
        return values


def _clean(text: str) -> str:
    if len(text) > MAX_CELL_CHARACTERS or not text.isprintable():
        raise GaussianHeadsError(
            "the text is too long or holds control characters; write it again."
        )
    return text


def cell_text(value: object) -> str | None:
    """A value of a JSON file as the text that a CSV would hold; None for what no cell can be."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES[0] if value else NO[0]
    if isinstance(value, int | float | str):
        return str(value).strip()
    is_pair = isinstance(value, list) and len(value) == 2
    if is_pair and all(isinstance(side, int) and not isinstance(side, bool) for side in value):
        return f"{value[0]}x{value[1]}"
    return None


def _name(text: str, base: Path) -> str:
    is_plain = re.fullmatch(r"\w[\w.-]*", text) and not text.endswith(".")
    if not is_plain or len(text) > MAX_NAME_CHARACTERS or DEVICES.fullmatch(text):
        raise GaussianHeadsError(
            f"'{_short(text)}' is no name for files; take letters, digits, -, _ and points."
        )
    if text.lower().endswith(OWN_ENDINGS):
        raise GaussianHeadsError(
            f"'{_short(text)}' ends as the batch's own files do; leave that out."
        )
    return text


def _file(text: str, base: Path) -> Path:
    path = base / text
    try:
        is_there = path.is_file()
    except (OSError, ValueError):
        is_there = False
    if not is_there:
        raise GaussianHeadsError(f"there is no file '{_short(text)}'; check the path.")
    return path


def _scene(text: str, base: Path) -> Path:
    path = _file(text, base)
    if path.suffix.lower() != ".blend":
        raise GaussianHeadsError(f"'{_short(text)}' is no scene file; its name must end in .blend.")
    return path


def _performance(text: str, base: Path) -> Path:
    path = _file(text, base)
    if path.suffix.lower() not in (".csv", ".json", ".npz"):
        raise GaussianHeadsError(f"'{_short(text)}' is no performance; give a .csv, .json or .npz.")
    return path


def _avatar(text: str, base: Path) -> str:
    if text.startswith(BUILTIN_PREFIX):
        avatar_path(text)
        return text
    return str(_file(text, base))


def _text(text: str, base: Path) -> str:
    return text


def _one_of(*words: str) -> Read:
    def read(text: str, base: Path) -> str:
        found = [word for word in words if word.lower() == text.lower()]
        if not found:
            raise GaussianHeadsError(f"'{_short(text)}' is none of {', '.join(words)}.")
        return found[0]

    return read


def _yes(text: str, base: Path) -> bool:
    if text.lower() not in YES + NO:
        raise GaussianHeadsError(f"'{_short(text)}' is neither yes nor no.")
    return text.lower() in YES


def _whole(low: int, high: int) -> Read:
    def read(text: str, base: Path) -> int:
        # Python reads digits of every script and underscores; files of shots hold plain numbers.
        if not re.fullmatch(r"[+-]?[0-9]{1,12}(\.0+)?", text):
            raise GaussianHeadsError(f"'{_short(text)}' is no whole number.")
        number = int(float(text))
        if not low <= number <= high:
            raise GaussianHeadsError(f"{number} is too small or too great; give {low} to {high}.")
        return number

    return read


def _frames(text: str, base: Path) -> tuple[int, ...]:
    return tuple(parse_frames(text))


def _fps(text: str, base: Path) -> Fraction:
    if len(text) > 40:
        raise GaussianHeadsError(f"'{_short(text)}' is no frame rate; write 25 or 30000/1001.")
    return frame_rate(text)


def _size(text: str, base: Path) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,6}) *[x× ] *([0-9]{1,6})", text)
    if not found:
        raise GaussianHeadsError(f"'{_short(text)}' is no size in pixels; write 1920x1080.")
    width, height = int(found[1]), int(found[2])
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise GaussianHeadsError(
            f"{width} x {height} cannot be drawn; give sides of 1 to {MAX_SIDE_PX}."
        )
    return width, height


def _style(name: str) -> Read:
    def read(text: str, base: Path) -> float:
        try:
            value = float(text)
        except ValueError:
            raise GaussianHeadsError(f"'{_short(text)}' is no number.") from None
        SpeechStyle(**{name: value})
        return value

    return read


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


STYLE_COLUMNS = tuple(field.name for field in fields(SpeechStyle))
COLUMNS = {
    "name": Column(_name, "the shot's name, which names its files"),
    "audio": Column(_file, "the sound file that the head speaks"),
    "avatar": Column(_avatar, "`builtin:NAME` or a file; the first built-in one by default"),
    "scene": Column(_scene, "a .blend to stage the shot in; an empty scene by default"),
    "object": Column(_text, "the avatar's object in that scene, where it has several"),
    "camera": Column(_text, "close-up, portrait, medium, or the name of a camera of the scene"),
    "sound_frame": Column(
        _whole(-MAX_FRAME, MAX_FRAME), "frame at which the sound starts; 1, or the scene's first"
    ),
    "frames": Column(_frames, "`a-b`, `a-b:step` or a list; all of the sound by default"),
    "fps": Column(_fps, "25, 29.97, 30000/1001 …; 25, or the scene's"),
    "size": Column(_size, "`1920x1080`; 512x512, or the scene's"),
    "output": Column(_one_of(*OUTPUTS), "mp4 (with sound), or a folder of png or exr"),
    "seed": Column(_whole(0, MAX_SEED), "of glances, brows, blinks and head motion"),
    "style_preset": Column(_text, "a preset of the manner of speaking, by its name"),
    "look": Column(_text, "a preset of the head's look, by its name"),
    "performance": Column(_performance, "a recorded face (.csv, .json, .npz) to add to the speech"),
    "transparent": Column(_yes, "yes: no background behind the head"),
    "view": Column(_one_of(*VIEWS), "view transform; Standard, or the scene's"),
    "backend": Column(_one_of(*BACKENDS), "what draws the heads"),
    "save_blend": Column(_yes, "yes: also write the scene"),
    **{name: Column(_style(name), f"manner of speaking, as `--{name.replace('_', '-')}`")
       for name in STYLE_COLUMNS},
}  # fmt: skip
