"""Many shots: which are finished, workers for the others, and what became of them."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ...core.files import new_scratch_folder, replace_on_success
from ...core.job_records import ShotFiles, is_finished
from ...core.shots import Shot
from .outcomes import Outcome, recorded, summary
from .processes import LocalWorkers
from .standing import Reckoning, Standing

SUMMARY_FILE = "batch.json"
POLL_SEC = 0.05

Tell = Callable[[str], None]
Show = Callable[[Standing], None]


@dataclass(frozen=True)
class BatchRequest:
    """Which shots to make in `folder`, `jobs` of them at once.

    `ray` is the address of a Ray cluster that makes them ("auto", "HOST:6379"), this machine without one;
    there `cpus` processor cores are set aside for each shot, and `jobs` of 0 is as many as that allows.
    """

    shots: tuple[Shot, ...]
    folder: Path
    jobs: int = 1
    overwrite: bool = False
    stop_on_error: bool = False
    ray: str = ""
    cpus: int = 2


class Workers(Protocol):
    """What makes the shots of a batch."""

    def has_room(self) -> bool:
        """Whether one more shot may start."""

    def start(self, shot: Shot) -> None:
        """Put `shot` to work."""

    def ended(self) -> list[Outcome]:
        """What became of the shots that ended since the last call."""

    def at_work(self) -> dict[str, float]:
        """How far each shot at work is, 0 to 1."""

    def stop(self) -> None:
        """Ask every shot at work to stop after its frame."""

    def kill(self) -> None:
        """End what is still at work, at once."""


def plan(request: BatchRequest) -> list[Outcome]:
    """What a run would do with each shot."""
    return [_foreseen(request, shot) for shot in request.shots]


def run_batch(
    request: BatchRequest, tell: Tell, show: Show = lambda standing: None
) -> list[Outcome]:
    """Make every shot that is not finished, each in a process of its own.

    `tell` hears of each shot that ends, `show` many times a second how far all is. Ctrl C lets the frames
    in work finish, then stops; a second one ends their processes. The summary is written in either case.
    """
    outcomes = {outcome.name: outcome for outcome in plan(request)}
    waiting = [shot for shot in request.shots if outcomes[shot.name].result == "to do"]
    request.folder.mkdir(parents=True, exist_ok=True)
    with new_scratch_folder() as scratch, _interruptible():
        queue = _Queue(request, _workers(request, Path(scratch)), waiting, (tell, show))
        try:
            outcomes |= queue.work()
        except KeyboardInterrupt:
            tell("Stopping: the frames in work are finished first.")
            outcomes |= queue.stop()
        finally:
            queue.kill()
    rest = "cancelled" if queue.is_stopped else "not started"
    ended = [replace(o, result=rest) if o.result == "to do" else o for o in outcomes.values()]
    _write_summary(request.folder / SUMMARY_FILE, ended)
    if queue.is_stopped:
        there = sum(outcome.result in ("done", "skipped") for outcome in ended)
        tell(f"Stopped: {there} of {len(ended)} shots are there; the same command goes on.")
    return ended


def _workers(request: BatchRequest, scratch: Path) -> Workers:
    if not request.ray:
        return LocalWorkers(
            request.folder, scratch, max(request.jobs, 1), overwrite=request.overwrite
        )
    from .ray_workers import RayWorkers

    return RayWorkers(request)


class _Queue:
    """The shots that wait, those at work, and those that ended."""

    def __init__(
        self, request: BatchRequest, workers: Workers, shots: Sequence[Shot], out: tuple[Tell, Show]
    ) -> None:
        self.is_stopped = False
        self._workers, self._waiting, self._count = workers, deque(shots), len(shots)
        self._stops_on_error = request.stop_on_error
        self._tell, self._show = out
        self._reckoning = Reckoning(shots)
        self._ended: dict[str, Outcome] = {}
        self._has_failed = False

    def work(self) -> dict[str, Outcome]:
        """Start shots as there is room until none is left."""
        while self._workers.at_work() or (self._waiting and not self._is_over):
            while self._waiting and not self._is_over and self._workers.has_room():
                self._workers.start(self._waiting.popleft())
            self._collect()
        return self._ended

    def stop(self) -> dict[str, Outcome]:
        """Ask every worker to stop after its frame, and wait for that."""
        self.is_stopped = True
        self._workers.stop()
        while self._workers.at_work():
            self._collect()
        return self._ended

    def kill(self) -> None:
        """End what is still at work, at once."""
        self._workers.kill()

    @property
    def _is_over(self) -> bool:
        return self._has_failed and self._stops_on_error

    def _collect(self) -> None:
        for outcome in self._workers.ended():
            self._has_failed |= outcome.result == "failed"
            self._ended[outcome.name] = outcome
            what = f": {outcome.says}" if outcome.says else ""
            self._tell(
                f"[{len(self._ended)}/{self._count}] {outcome.name} {outcome.result}, "
                f"{outcome.seconds:.1f} s{what}"
            )
        results = {name: outcome.result for name, outcome in self._ended.items()}
        self._show(self._reckoning.standing(results, self._workers.at_work()))
        time.sleep(POLL_SEC)


def _foreseen(request: BatchRequest, shot: Shot) -> Outcome:
    files = ShotFiles(request.folder, shot.name)
    if request.overwrite or not is_finished(shot, files):
        return Outcome(shot.name, "to do", output=files.output(shot.output).name)
    return replace(recorded(shot, files), result="skipped", drawn=0)


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
