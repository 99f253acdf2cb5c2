"""Work in stages, each kept in a folder of its own: what is finished is not made again, what was cut short goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ...core.errors import ModelError
from ...core.files import replace_on_success

logger = logging.getLogger(__name__)
RECORD, PARTIAL = "stage.json", ".partial"
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
        record = self._record(final)
        if record is not None and record.get("key") == digest:
            self.reporter.tell(name, 1.0)
            return final, record["result"]
        if (self._record(partial) or {}).get("key") != digest:
            shutil.rmtree(partial, ignore_errors=True)
            self._write(partial, {"key": digest, "made_from": key})
        self.reporter.tell(name, 0.0)
        result = make(partial, self.reporter.of(name)) or {}
        self._write(partial, {"key": digest, "made_from": key, "result": result})
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
        self.reporter.tell(name, 1.0)
        return final, result

    def _record(self, folder: Path) -> dict[str, Any] | None:
        path = folder / RECORD
        if not path.is_file():
            return None
        try:
            record = json.loads(path.read_text("utf8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    @staticmethod
    def _write(folder: Path, record: dict[str, Any]) -> None:
        with replace_on_success(folder / RECORD) as temporary:
            temporary.write_text(json.dumps(record, indent=1, default=str) + "\n", "utf8")


def key_of(key: dict[str, Any]) -> str:
    """A digest of what a stage is made from."""
    text = json.dumps(key, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf8")).hexdigest()


def open_work(folder: Path, reporter: Reporter) -> Work:
    """The work in `folder`, with its log; raises `ModelError` where nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(folder / "log.txt", encoding="utf8")
    except OSError as error:
        raise ModelError(
            f"Nothing can be written in '{folder}' ({error.strerror}): choose another folder with --work."
        ) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger("gaussian_heads").addHandler(handler)
    if reporter.stream is None:
        logging.getLogger("gaussian_heads").addHandler(logging.StreamHandler(sys.stderr))
    logging.getLogger("gaussian_heads").setLevel(logging.INFO)
    return Work(folder, reporter)
