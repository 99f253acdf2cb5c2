"""Work in stages, each kept in a folder of its own: what is finished is not made again, what was cut short goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ...core.errors import GaussianHeadsError, ModelError
from ...core.files import remove_unfinished, replace_on_success
from ...core.locks import held

logger = logging.getLogger(__name__)
RECORD, PARTIAL, DISCARDED, LOCK = "stage.json", ".partial", "discarded", "lock"
# A run that was stopped a moment ago still writes what it has.
LOCK_WAIT_SEC = 10.0
Progress = Callable[[float, Path | None], None]


@dataclass
class Reporter:
    """Tells how far the work is: lines of JSON for a program, or a log for a person."""

    stages: tuple[str, ...]
    stream: TextIO | None = None
    _last: tuple[str, float] = field(default=("", -1.0), init=False)

    def tell(self, stage: str, share: float, preview: Path | None = None) -> None:
        """`share` of `stage` is done, in [0, 1]; `preview` is a picture that shows it."""
        share = min(max(float(share), 0.0), 1.0)
        name, before = self._last
        if name == stage and preview is None and share < 1 and abs(share - before) < 0.005:
            return
        self._last = (stage, share)
        if self.stream is not None:
            line: dict[str, Any] = {"stage": stage, "share": round(share, 4)}
            line["of"] = list(self.stages)
            line["preview"] = str(preview) if preview is not None else None
            self.stream.write(json.dumps(line) + "\n")
            self.stream.flush()
        elif name != stage:
            logger.info("%s …", stage)

    def of(self, stage: str) -> Progress:
        """The callback of one stage."""

        def progress(share: float, preview: Path | None = None) -> None:
            self.tell(stage, share, preview)

        return progress


@dataclass(frozen=True)
class Work:
    """The folder that a personalization is made in."""

    folder: Path
    reporter: Reporter

    def stage(
        self,
        name: str,
        key: dict[str, Any],
        make: Callable[[Path, Progress], dict[str, Any] | None],
    ) -> tuple[Path, dict[str, Any]]:
        """The folder of a finished stage and its record, made now where there is none of the same `key`.

        `make` writes into the folder it is given, which stays after an interruption and is given again.
        """
        digest = key_of(key)
        final, partial = self.folder / name, self.folder / (name + PARTIAL)
        for folder in (final, partial, self._discarded):
            _require_ours(folder)
        self._remove_discarded()
        for folder in (self.folder, partial):
            remove_unfinished(folder)
        record = self._record(final)
        if record is not None and record.get("key") == digest:
            self.reporter.tell(name, 1.0)
            return final, record["result"]
        if (self._record(partial) or {}).get("key") != digest:
            self._discard(partial)
            self._write(partial, {"key": digest, "made_from": key})
        self.reporter.tell(name, 0.0)
        begin, spent_sec = time.monotonic(), self.seconds(name + PARTIAL)
        try:
            result = make(partial, self.reporter.of(name)) or {}
        finally:
            spent_sec += time.monotonic() - begin
            started = {"key": digest, "made_from": key, "seconds": round(spent_sec, 1)}
            self._write(partial, started)
        self._write(partial, started | {"result": result})
        self._discard(final)
        partial.rename(final)
        self.reporter.tell(name, 1.0)
        return final, result

    def forget(self, name: str) -> None:
        """Have a stage made again."""
        _require_ours(self.folder / name)
        self._discard(self.folder / name)

    def seconds(self, name: str) -> float:
        """How long a stage has taken, all of its runs together."""
        return float((self._record(self.folder / name) or {}).get("seconds", 0.0))

    def _record(self, folder: Path) -> dict[str, Any] | None:
        path = folder / RECORD
        if not path.is_file():
            return None
        try:
            record = json.loads(path.read_text("utf8"))
        except (OSError, ValueError, RecursionError):
            return None
        return record if isinstance(record, dict) else None

    @property
    def _discarded(self) -> Path:
        return self.folder / DISCARDED

    def _discard(self, folder: Path) -> None:
        """Delete a stage's folder: in one step it is none any more, however much of it is left."""
        if folder.is_dir():
            self._remove_discarded()
            folder.rename(self._discarded)
            self._remove_discarded()

    def _remove_discarded(self) -> None:
        if self._discarded.is_dir():
            _remove(self._discarded)

    @staticmethod
    def _write(folder: Path, record: dict[str, Any]) -> None:
        with replace_on_success(folder / RECORD) as temporary:
            temporary.write_text(json.dumps(record, indent=1, default=str) + "\n", "utf8")


def _require_ours(folder: Path) -> None:
    """Raise where a folder of this name holds what no stage has made: it would be lost."""
    if not folder.exists() or (folder / RECORD).is_file():
        return
    if not folder.is_dir() or any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ModelError(
            f"'{folder}' is not of this command's making: choose a new folder with --work."
        )


def _remove(folder: Path) -> None:
    """Delete a stage's folder, what tells that it is one at last."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != RECORD:
            path.unlink()
    shutil.rmtree(folder)


def key_of(key: dict[str, Any]) -> str:
    """A digest of what a stage is made from."""
    text = json.dumps(key, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf8")).hexdigest()


class _LogFile(logging.FileHandler):
    """A log that is cut short where the disk is full, without a word."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """The work itself will say so."""


@contextmanager
def open_work(folder: Path, reporter: Reporter) -> Iterator[Work]:
    """The work in `folder`, with its log; raises `ModelError` where nothing can be written there.

    One process at a time: raises `InUseError` where another one stays at work there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _LogFile(folder / "log.txt", encoding="utf8")
    except OSError as error:
        raise ModelError(
            f"Nothing can be written in '{folder}' ({error.strerror}): choose another folder with --work."
        ) from error
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handlers: list[logging.Handler] = [file]
    if reporter.stream is None:
        handlers.append(logging.StreamHandler(sys.stderr))
    project = logging.getLogger("gaussian_heads")
    level = project.level
    project.setLevel(logging.INFO)
    for handler in handlers:
        project.addHandler(handler)
    try:
        with held(folder / LOCK, LOCK_WAIT_SEC):
            yield Work(folder, reporter)
    except GaussianHeadsError as error:
        file.emit(logging.makeLogRecord({"msg": str(error), "levelno": logging.ERROR}))
        raise
    finally:
        project.setLevel(level)
        for handler in handlers:
            project.removeHandler(handler)
            handler.close()
