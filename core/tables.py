"""Tables of numbers in text files as cameras, spreadsheets and scripts write them."""

from __future__ import annotations

import codecs
import csv
import itertools
import logging
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from jaxtyping import Float64

from .errors import TrackError

LOG = logging.getLogger(__name__)

MAX_TEXT_BYTES = 2**28
MAX_LINE = 2**20
# A cell takes some 70 bytes of memory while it is text: two hours of 61 columns at 60 frames a second.
MAX_CELLS, MAX_ROWS = 2**25, 2_000_000
SEPARATORS = ",;\t|"
# Where more cells than this part are not numbers, the file is no recording.
MOST_UNREADABLE = 0.5
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Table:
    """Rows of text cells below a header; every row is as long as the header."""

    header: tuple[str, ...]
    rows: list[list[str]]
    has_decimal_commas: bool

    def column(self, name: str) -> list[str]:
        """The cells below `name`."""
        index = self.header.index(name)
        return [row[index] for row in self.rows]

    def numbers(self, names: list[str]) -> Float64[np.ndarray, "T C"]:
        """The columns `names` as numbers; cells that hold none or no finite one are NaN."""
        indices = [self.header.index(name) for name in names]
        values = np.full((len(self.rows), len(names)), np.nan)
        for out, row in zip(values, self.rows, strict=True):
            cells = [row[i] for i in indices]
            if self.has_decimal_commas:
                cells = [cell.replace(",", ".") for cell in cells]
            try:
                out[:] = [float(cell) for cell in cells]
            except ValueError:
                out[:] = [_number(cell) for cell in cells]
        values[~np.isfinite(values)] = np.nan
        return values


def read_table(path: Path, is_wanted: Callable[[str], bool] | None = None) -> Table:
    """The table in the text file `path`: any usual separator, line end and byte order mark.

    `is_wanted` says by its header which column is kept; the others take no memory. All are without it.
    """
    _require_size(path)
    try:
        with path.open(encoding=_encoding(path), newline="") as stream:
            lines = _lines(stream, path)
            first_line = next((line for line in lines if line.strip()), "")
            separator = max(SEPARATORS, key=first_line.count)
            rows = csv.reader(itertools.chain([first_line], lines), delimiter=separator)
            table = _table((row for row in rows if any(row)), is_wanted, path)
    except csv.Error as error:
        raise TrackError(
            f"'{path}' is not a table of text ({error}): export the recording again."
        ) from None
    except (OSError, UnicodeError) as error:
        raise _unreadable(path, error) from None
    if not table.rows or separator not in first_line:
        raise TrackError(f"'{path}' has no table with frames: export the recording again.")
    return Table(table.header, table.rows, separator != ",")


def _table(rows: Iterator[list[str]], is_wanted: Callable[[str], bool] | None, path: Path) -> Table:
    header = tuple(cell.strip() for cell in next(rows, []))
    kept = [i for i, name in enumerate(header) if is_wanted is None or is_wanted(name)]
    chosen: list[list[str]] = []
    for row in rows:
        # Cells that a short line lacks are empty.
        chosen.append([row[i] if i < len(row) else "" for i in kept])
        if len(chosen) > MAX_ROWS or len(chosen) * len(kept) > MAX_CELLS:
            raise TrackError(
                f"'{path}' has more than {MAX_CELLS:,} cells or {MAX_ROWS:,} rows: cut the recording into "
                "parts."
            )
    return Table(tuple(header[i] for i in kept), chosen, False)


def read_text(path: Path) -> str:
    """The text of a file of at most 256 MiB, whatever its byte order mark says it is written in."""
    _require_size(path)
    try:
        return path.read_bytes().decode(_encoding(path))
    except (OSError, UnicodeError) as error:
        raise _unreadable(path, error) from None


def _require_size(path: Path) -> None:
    """Refuse what is no file, and files of more than 256 MiB."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise TrackError(f"There is no file '{path}': check the path.") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise TrackError(f"'{path}' cannot be read, it is no file: choose the file of a recording.")
    if status.st_size > MAX_TEXT_BYTES:
        raise TrackError(
            f"'{path}' is larger than {MAX_TEXT_BYTES // 2**20} MiB: cut the recording into parts."
        )


def _encoding(path: Path) -> str:
    """What the byte order mark says that a text is written in."""
    with path.open("rb") as stream:
        head = stream.read(4)
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def _unreadable(path: Path, error: Exception) -> TrackError:
    return TrackError(f"'{path}' cannot be read as text ({error}): export it again.")


def bridge_gaps(values: Float64[np.ndarray, "T C"], path: Path) -> Float64[np.ndarray, "T C"]:
    """`values` with NaN cells put on the line between their neighbours in time; ends are held."""
    is_missing = np.isnan(values)
    if not is_missing.any():
        return values
    if is_missing.mean() > MOST_UNREADABLE or is_missing.all(axis=0).any():
        raise TrackError(
            f"'{path}' holds no numbers in most of a column: export the recording again."
        )
    LOG.warning("'%s': %d values that are missing were interpolated.", path, is_missing.sum())
    frames = np.arange(len(values))
    whole = values.copy()
    for column in np.flatnonzero(is_missing.any(axis=0)):
        gap = is_missing[:, column]
        whole[gap, column] = np.interp(frames[gap], frames[~gap], values[~gap, column])
    return whole


def _lines(stream: TextIO, path: Path) -> Iterator[str]:
    """The lines one by one, with their ends; none is longer than that of any table."""
    while line := stream.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise TrackError(
                f"'{path}' has a line of more than {MAX_LINE:,} letters: export it again."
            )
        yield line


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan
