"""Many shots: which are finished, a process for each of the others, and what became of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from ...core.files import replace_on_success
from ...core.job_records import DONE, ShotFiles, is_finished, read_record
from ...core.shots import Shot, write_shots

SUMMARY_FILE = "batch.json"
POLL_SEC = 0.05
EXIT_REFUSED, EXIT_CANCELLED = 1, 130
SENTENCE_START = "gaussian-heads: "
# How much of what a crashed process said goes into its log.
TAIL_CHARACTERS = 20_000

Tell = Callable[[str], None]


@dataclass(frozen=True)
class BatchRequest:
    """Which shots to make in `folder`, `jobs` of them at once."""

    shots: tuple[Shot, ...]
    folder: Path
    jobs: int = 1
    overwrite: bool = False
    stop_on_error: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a shot: done, skipped, failed, cancelled or not started; for a plan, to do.

    `frames` counts all frames, `drawn` those that this run rendered; `seconds` the life of its process.
    """

    name: str
    result: str
    seconds: float = 0.0
    frames: int = 0
    drawn: int = 0
    backend: str = ""
    says: str = ""
    output: str = ""
    log: str = ""


@dataclass
class _Running:
    shot: Shot
    process: subprocess.Popen
    said: BinaryIO
    begun_sec: float


def plan(request: BatchRequest) -> list[Outcome]:
    """What a run would do with each shot."""
    return [_foreseen(request, shot) for shot in request.shots]


def run_batch(request: BatchRequest, tell: Tell) -> list[Outcome]:
    """Make every shot that is not finished, each in a process of its own; `tell` hears of each that ends.

    Ctrl C lets the frames in work finish, then stops; a second one ends their processes. The summary is
    written in either case.
    """
    outcomes = {outcome.name: outcome for outcome in plan(request)}
    waiting = deque(shot for shot in request.shots if outcomes[shot.name].result == "to do")
    request.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, _interruptible():
        queue = _Queue(request, Path(scratch), tell, len(waiting))
        try:
            outcomes |= queue.work(waiting)
        except KeyboardInterrupt:
            tell("Stopping: the frames in work are finished first.")
            outcomes |= queue.stop()
        finally:
            queue.kill()
    rest = "cancelled" if queue.is_stopped else "not started"
    ended = [replace(o, result=rest) if o.result == "to do" else o for o in outcomes.values()]
    _write_summary(request.folder / SUMMARY_FILE, ended)
    return ended


def summary(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """The outcomes and their counts, for programs."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.result] = counts.get(outcome.result, 0) + 1
    return {
        "format": "gaussian_heads.batch",
        "version": 1,
        "counts": counts,
        "shots": [asdict(outcome) for outcome in outcomes],
    }


def as_row(outcome: Outcome) -> tuple[str, ...]:
    """The outcome's cells in a table."""
    was_made = outcome.result in ("done", "skipped")
    return (
        outcome.name,
        outcome.result,
        str(outcome.frames) if was_made else "",
        str(outcome.drawn) if was_made else "",
        f"{outcome.seconds:.1f}" if outcome.seconds else "",
        outcome.backend,
        outcome.says or outcome.output,
    )


def worker_command() -> list[str]:
    """How a process that knows this add-on is started: this Blender again, or this Python."""
    bpy = sys.modules.get("bpy")
    binary = bpy.app.binary_path if bpy is not None else ""
    if not binary:
        return [sys.executable, "-m", f"{__package__.rpartition('.')[0]}.cli"]
    flags = [word for word in ("--command", "-c") if word in sys.argv]
    # What Blender was started with (--addons, --offline-mode …) counts for the shots too.
    given = sys.argv[1 : sys.argv.index(flags[0])] if flags else []
    return [binary, *given, "--command", "gaussian_heads"]


class _Queue:
    """The processes at work."""

    def __init__(self, request: BatchRequest, scratch: Path, tell: Tell, count: int) -> None:
        self.is_stopped = False
        self._request, self._scratch, self._tell, self._count = request, scratch, tell, count
        self._running: list[_Running] = []
        self._ended: dict[str, Outcome] = {}
        self._has_failed = False

    def work(self, waiting: deque[Shot]) -> dict[str, Outcome]:
        """Start shots as places become free until none is left."""
        while self._running or (waiting and not self._is_over):
            while waiting and len(self._running) < self._request.jobs and not self._is_over:
                self._start(waiting.popleft())
            self._collect()
            time.sleep(POLL_SEC)
        return self._ended

    def stop(self) -> dict[str, Outcome]:
        """Ask every process to stop after its frame, and wait for that."""
        self.is_stopped = True
        for running in self._running:
            running.process.stdin.close()
        while self._running:
            self._collect()
            time.sleep(POLL_SEC)
        return self._ended

    def kill(self) -> None:
        """End what is still at work, at once."""
        for running in self._running:
            running.process.kill()
            running.process.wait()
            running.process.stdin.close()
            running.said.close()
        self._running.clear()

    @property
    def _is_over(self) -> bool:
        return self._has_failed and self._request.stop_on_error

    def _start(self, shot: Shot) -> None:
        job = self._scratch / f"{shot.name}.json"
        write_shots([shot], job)
        words = [*worker_command(), "shot", str(job), "--out", str(self._request.folder.absolute())]
        words += ["--stop-with-input", *(["--overwrite"] if self._request.overwrite else [])]
        said = tempfile.TemporaryFile(dir=self._scratch)
        # Ctrl C in a terminal must reach this process alone, which then stops the others in order.
        apart = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT, **apart
        )
        self._running.append(_Running(shot, process, said, time.monotonic()))

    def _collect(self) -> None:
        for running in [r for r in self._running if r.process.poll() is not None]:
            self._running.remove(running)
            running.process.stdin.close()
            with running.said:
                outcome = _outcome(running, ShotFiles(self._request.folder, running.shot.name))
            self._has_failed |= outcome.result == "failed"
            self._ended[outcome.name] = outcome
            what = f": {outcome.says}" if outcome.says else ""
            self._tell(
                f"[{len(self._ended)}/{self._count}] {outcome.name} {outcome.result}, "
                f"{outcome.seconds:.1f} s{what}"
            )


def _foreseen(request: BatchRequest, shot: Shot) -> Outcome:
    files = ShotFiles(request.folder, shot.name)
    if request.overwrite or not is_finished(shot, files):
        return Outcome(shot.name, "to do", output=files.output(shot.output).name)
    return replace(_recorded(shot, files), result="skipped", drawn=0)


def _recorded(shot: Shot, files: ShotFiles) -> Outcome:
    record = read_record(files.record) or {}
    return Outcome(
        shot.name,
        "done" if record.get("state") == DONE else "failed",
        frames=int(record.get("frames", 0)),
        drawn=int(record.get("drawn", 0)),
        backend=str(record.get("backend", "")),
        output=files.output(shot.output).name,
        log=files.log.name,
    )


def _outcome(running: _Running, files: ShotFiles) -> Outcome:
    seconds = round(time.monotonic() - running.begun_sec, 3)
    code = running.process.returncode
    if code == 0:
        return replace(_recorded(running.shot, files), seconds=seconds)
    told = replace(
        Outcome(running.shot.name, "failed", seconds, log=files.log.name),
        output=files.output(running.shot.output).name,
    )
    if code == EXIT_CANCELLED:
        return replace(told, result="cancelled")
    running.said.seek(0)
    text = running.said.read().decode("utf8", "replace")
    lines = [line for line in text.splitlines() if line.startswith(SENTENCE_START)]
    if lines and code in (EXIT_REFUSED, 2):
        return replace(told, says=lines[-1].removeprefix(SENTENCE_START))
    with files.log.open("a", encoding="utf8") as log:
        log.write(f"The process ended with code {code}. It said:\n{text[-TAIL_CHARACTERS:]}\n")
    return replace(told, says=f"Its process ended with code {code}: see '{files.log}'.")


def _write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(summary(outcomes), indent=1) + "\n", "utf8")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl C raise KeyboardInterrupt, which Python inside Blender does not by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
