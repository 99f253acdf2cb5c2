"""Files of shots for the command `batch`: CSV or JSON in, `Shot` objects or every fault at once out."""

from __future__ import annotations

import csv
import difflib
import io
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from .errors import GaussianHeadsError, plain_text
from .framing import FRAMINGS
from .json_text import parse_json
from .shot_cells import COLUMNS, STYLE_COLUMNS, Cells, cell_text

MAX_FILE_BYTES = 16 << 20
MAX_SHOTS = 10_000
# Nobody reads more of them at once.
MAX_FAULTS = 200
MAX_COLUMNS, MAX_LINES = 1000, 4 * MAX_SHOTS
# Frames of all shots of a file, which are counted one by one.
MAX_LISTED_FRAMES = 5_000_000
WORDS_ROW = "Command line"
REQUIRED = ("name", "audio")


class ShotsError(GaussianHeadsError):
    """A file of shots with faults; the message has a line for each of them."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        told, rest = self.faults[:MAX_FAULTS], len(self.faults) - MAX_FAULTS
        super().__init__()
        # A line to each fault.
        lines = [plain_text(fault) for fault in told]
        self.args = ("\n".join([*lines, *([f"{rest} more faults."] if rest > 0 else [])]),)


_PLAIN = (
    "avatar",
    "object",
    "camera",
    "sound_frame",
    "output",
    "seed",
    "style_preset",
    "look",
    "view",
    "backend",
)


@dataclass(frozen=True)
class Shot:
    """One shot as `docs/SCRIPTING.md` describes its columns; what is None is the scene's own or usual."""

    name: str
    audio: Path
    avatar: str = ""
    scene: Path | None = None
    object: str = ""
    camera: str = ""
    sound_frame: int | None = None
    frames: tuple[int, ...] | None = None
    fps: Fraction | None = None
    size: tuple[int, int] | None = None
    output: str = "mp4"
    seed: int | None = None
    style_preset: str = ""
    look: str = ""
    performance: Path | None = None
    transparent: bool = False
    view: str = ""
    backend: str = "auto"
    save_blend: bool = False
    style: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Row:
    """Cells as text by column, and how to name the row in a sentence."""

    place: str
    cells: Mapping[str, str]


def read_shots(path: Path, defaults: Mapping[str, str] | None = None) -> list[Shot]:
    """Every shot of the file `path`, in its order; raises `ShotsError` with all of its faults.

    `defaults` holds text for cells that are left empty. Paths in the file are relative to its folder,
    those among the defaults to the working folder.
    """
    words = Cells(WORDS_ROW, {n: text for n, text in (defaults or {}).items() if text}, Path.cwd())
    usual = words.read()
    rows = _read_rows(path)
    faults = [*words.faults] if rows else [f"'{path}' has no shots: give a row to each."]
    read, num_frames = [], 0
    for row in rows:
        cells = Cells(row.place, row.cells, path.absolute().parent)
        values = {n: value for n, value in usual.items() if not row.cells.get(n)} | cells.read()
        faults += cells.faults + _missing(row, values)
        faults += [] if cells.faults else _clashes(row.place, values)
        num_frames += len(values.get("frames") or ())
        if num_frames > MAX_LISTED_FRAMES:
            faults.append(
                f"{row.place}: the frames of all shots are too many; cut the file into parts."
            )
        if len(faults) > MAX_FAULTS or num_frames > MAX_LISTED_FRAMES:
            raise ShotsError(faults)
        read.append(values)
    faults += _twice(rows)
    if faults:
        raise ShotsError(faults)
    return [_shot(values) for values in read]


def shot_as_row(shot: Shot) -> dict[str, object]:
    """`shot` as a row of a JSON file of shots, with absolute paths; it reads back as the same shot."""
    row: dict[str, object] = {"name": shot.name, "audio": os.path.abspath(shot.audio)}
    row |= {"scene": os.path.abspath(shot.scene)} if shot.scene else {}
    row |= {"performance": os.path.abspath(shot.performance)} if shot.performance else {}
    row |= {"size": f"{shot.size[0]}x{shot.size[1]}"} if shot.size else {}
    row |= {"frames": frames_as_text(shot.frames)} if shot.frames else {}
    row |= {"fps": str(shot.fps)} if shot.fps else {}
    for name in _PLAIN:
        row |= {name: getattr(shot, name)} if getattr(shot, name) not in (None, "") else {}
    row |= {"transparent": shot.transparent, "save_blend": shot.save_blend}
    return row | dict(shot.style)


def write_shots(shots: Iterable[Shot], path: Path) -> None:
    """Write `shots` as a JSON file that `read_shots` reads."""
    document = {"shots": [shot_as_row(shot) for shot in shots]}
    path.write_text(json.dumps(document, indent=1) + "\n", "utf8")


def frames_as_text(frames: tuple[int, ...]) -> str:
    """Frame numbers as `parse_frames` reads them: one range, or a list with commas."""
    steps = {b - a for a, b in zip(frames, frames[1:], strict=False)}
    if len(steps) == 1 and (step := steps.pop()) > 0:
        return f"{frames[0]}-{frames[-1]}" + (f":{step}" if step > 1 else "")
    return ",".join(str(frame) for frame in frames)


def _shot(values: dict[str, object]) -> Shot:
    style = {name: values.pop(name) for name in STYLE_COLUMNS if name in values}
    return Shot(**values, style=style)


def _missing(row: _Row, values: Mapping[str, object]) -> list[str]:
    empty = [name for name in REQUIRED if name not in values and not row.cells.get(name)]
    return [f"{row.place}, column '{name}': it is empty; give one to every shot." for name in empty]


def _clashes(place: str, values: Mapping[str, object]) -> list[str]:
    """Cells that are right alone and wrong together."""
    faults = []
    is_video = values.get("output", "mp4") == "mp4"
    size = values.get("size")
    if is_video and size and (size[0] % 2 or size[1] % 2):
        even = f"{size[0] + size[0] % 2}x{size[1] + size[1] % 2}"
        faults.append(f"{place}, column 'size': a video needs even sides; write {even}.")
    if is_video and values.get("transparent"):
        faults.append(
            f"{place}, column 'transparent': a video has no transparency; write png or exr for output."
        )
    frames = values.get("frames")
    if is_video and frames and frames != tuple(range(frames[0], frames[-1] + 1)):
        faults.append(
            f"{place}, column 'frames': a video needs every frame from first to last; leave out the step."
        )
    if not values.get("scene"):
        if values.get("object"):
            faults.append(
                f"{place}, column 'object': it names an object of a scene; give the scene."
            )
        faults += _camera_without_scene(place, str(values.get("camera", "")))
    return faults


def _camera_without_scene(place: str, camera: str) -> list[str]:
    if not camera or camera in FRAMINGS:
        return []
    known = ", ".join(FRAMINGS)
    return [
        f"{place}, column 'camera': '{camera}' is none of {known}; or give the scene that has it."
    ]


def _twice(rows: list[_Row]) -> list[str]:
    """Names that stand twice; case does not count, as on the disks of Windows and macOS."""
    first: dict[str, str] = {}
    faults = []
    for row in rows:
        name = row.cells.get("name", "")
        there = first.setdefault(name.casefold(), row.place)
        if name and there != row.place:
            faults.append(
                f"{row.place}, column 'name': '{name}' is the name of {there.lower()} already; choose another."
            )
    return faults


def _read_rows(path: Path) -> list[_Row]:
    text = _read_text(path)
    kind = path.suffix.lower()
    if kind not in (".csv", ".json"):
        raise ShotsError([f"'{path}' is no file of shots: end its name in .csv or .json."])
    rows = _csv_rows(path, text) if kind == ".csv" else _json_rows(path, text)
    _require_count(path, rows)
    return rows


def _require_count(path: Path, rows: list) -> None:
    if len(rows) > MAX_SHOTS:
        raise ShotsError([f"'{path}' has {len(rows)} shots: give at most {MAX_SHOTS} to a file."])


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ShotsError(
                [f"'{path}' is larger than {MAX_FILE_BYTES >> 20} MiB: it is no file of shots."]
            )
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ShotsError([f"'{path}' is not text in UTF-8: save it again as UTF-8."]) from None
    except OSError as error:
        reason = error.strerror or error
        raise ShotsError([f"'{path}' cannot be read ({reason}): check the path."]) from None


def _csv_rows(path: Path, text: str) -> list[_Row]:
    if "\0" in text:
        raise ShotsError([f"'{path}' holds zero bytes: it is no CSV text."])
    head = text.partition("\n")[0]
    # Spreadsheets write semicolons where the comma is the decimal sign.
    delimiter = ";" if ";" in head and "," not in head else ","
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = list(itertools.islice(reader, MAX_LINES + 1))
    except csv.Error as error:
        raise ShotsError([f"'{path}' is no CSV text ({error}): check its quotes."]) from None
    header = [name.strip() for name in lines[0]] if lines else []
    if len(header) > MAX_COLUMNS or len(lines) > MAX_LINES:
        raise ShotsError(
            [
                f"'{path}' has more than {MAX_LINES} rows or {MAX_COLUMNS} columns: cut it into parts."
            ]
        )
    faults = _header_faults(header, "Row 1")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) > len(header):
            faults.append(
                f"Row {number}: it has {len(line)} cells for {len(header)} columns; put quotes around commas."
            )
        cells = dict(zip(header, (cell.strip() for cell in line), strict=False))
        rows.append(_Row(f"Row {number}", cells))
    if faults:
        raise ShotsError(faults)
    return rows


def _header_faults(header: list[str], place: str) -> list[str]:
    faults = [_unknown(place, name) for name in dict.fromkeys(header) if name not in COLUMNS]
    counts = Counter(header)
    double = sorted(name for name, count in counts.items() if count > 1 and name in COLUMNS)
    return faults + [
        f"{place}: the column '{name}' stands there twice; keep one." for name in double
    ]


def _unknown(place: str, name: str) -> str:
    if not name:
        return f"{place}: a column has no name; name it or take it out."
    near = difflib.get_close_matches(name.lower(), COLUMNS, 1, 0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"the columns are {', '.join(COLUMNS)}."
    return f"{place}: there is no column '{name[:60]}'; {hint}"


def _json_rows(path: Path, text: str) -> list[_Row]:
    doubles: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        counts = Counter(name for name, _ in pairs)
        doubles.extend(sorted(name for name, count in counts.items() if count > 1))
        return dict(pairs)

    def refuse(constant: str) -> object:
        raise ValueError(f"it holds {constant}")

    try:
        document = parse_json(text, object_pairs_hook=unique, parse_constant=refuse)
    except ValueError as error:
        raise ShotsError([f"'{path}' is no JSON text ({error}): correct it."]) from None
    usual = document.get("defaults", {}) if isinstance(document, dict) else {}
    listed = document.get("shots") if isinstance(document, dict) else document
    is_shaped = isinstance(listed, list) and isinstance(usual, dict)
    if not is_shaped or (isinstance(document, dict) and set(document) - {"defaults", "shots"}):
        raise ShotsError(
            [f'\'{path}\' must hold a list of shots, or an object with "shots" and "defaults".']
        )
    _require_count(path, listed)
    faults = [f"'{path}' names '{name[:60]}' twice in one object; keep one." for name in doubles]
    rows = []
    for number, row in enumerate(listed, 1):
        place = f"Shot {number}"
        if not isinstance(row, dict) or len(row) + len(usual) > MAX_COLUMNS:
            faults.append(f"{place}: it is no object with columns and values; write {{...}}.")
            continue
        if len(faults) > MAX_FAULTS:
            break
        faults += [_unknown(place, name) for name in row if name not in COLUMNS]
        rows.append(_Row(place, _json_cells(place, usual | row, faults)))
    faults += [_unknown("The defaults", n) for n in [*usual][:MAX_COLUMNS] if n not in COLUMNS]
    if faults:
        raise ShotsError(faults)
    return rows


def _json_cells(place: str, row: Mapping[str, object], faults: list[str]) -> dict[str, str]:
    cells = {}
    for name, value in row.items():
        text = cell_text(value)
        if text is None:
            faults.append(f"{place}, column '{name[:60]}': give text, a number, true or false.")
        else:
            cells[name] = text
    return cells
