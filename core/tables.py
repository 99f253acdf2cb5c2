"""Tables of numbers in text files as cameras, spreadsheets and scripts write them."""

from __future__ import annotations

import codecs
import csv
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from .errors import TrackError

LOG = logging.getLogger(__name__)

MAX_TEXT_BYTES = 2**28
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
    text = read_text(path)
    first_line = text.lstrip().split("\n", 1)[0]
    separator = max(SEPARATORS, key=first_line.count)
    try:
        lines = (row for row in csv.reader(_lines(text), delimiter=separator) if any(row))
        header = tuple(cell.strip() for cell in next(lines, []))
        kept = [i for i, name in enumerate(header) if is_wanted is None or is_wanted(name)]
        rows = list(_chosen(lines, kept))
    except csv.Error as error:
        raise TrackError(
            f"'{path}' is not a table of text ({error}): export the recording again."
        ) from None
    if not rows or separator not in first_line:
        raise TrackError(f"'{path}' has no table with frames: export the recording again.")
    return Table(tuple(header[i] for i in kept), rows, separator != ",")


def read_text(path: Path) -> str:
    """The text of a file of at most 256 MiB, whatever its byte order mark says it is written in."""
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise TrackError(
                f"'{path}' is larger than {MAX_TEXT_BYTES // 2**20} MiB: cut the recording into parts."
            )
        data = path.read_bytes()
        encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
        return data.decode(encoding)
    except FileNotFoundError:
        raise TrackError(f"There is no file '{path}': check the path.") from None
    except (OSError, UnicodeError) as error:
        raise TrackError(f"'{path}' cannot be read as text ({error}): export it again.") from None


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


def _lines(text: str) -> Iterator[str]:
    """The lines one by one, with their ends; a copy of all of a large file would take four bytes a letter."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _chosen(lines: Iterable[list[str]], kept: list[int]) -> Iterator[list[str]]:
    """The columns `kept` of every line; cells that a short line lacks are empty."""
    for line in lines:
        yield [line[i] if i < len(line) else "" for i in kept]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan
