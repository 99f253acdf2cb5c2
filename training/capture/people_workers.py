"""Processes that make persons side by side; one that crashes takes one person with it and no more."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType

from ...core.errors import GaussianHeadsError
from .people_plan import Person

STOP_SEC = 60.0


@dataclass(frozen=True)
class Message:
    """What a worker has to say about a person: a finished piece, the end, or why it failed."""

    person: Person
    piece: str = ""
    seconds: float = 0.0
    is_end: bool = False
    failure: str = ""


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    log: Path
    person: Person | None = None


Make = Callable[[Person, Callable[[str, float], None]], None]


def make_persons(
    persons: list[Person], num_workers: int, prepare: Callable[[], Make], logs: Path
) -> Iterator[Message]:
    """Let workers make all persons; yields their messages as they come.

    `prepare()` runs once in every worker and gives what makes one person; it must be picklable.
    """
    logs.mkdir(parents=True, exist_ok=True)
    queue = list(reversed(persons))
    workers = [
        _start(prepare, logs / f"worker{i}.log") for i in range(min(num_workers, len(queue)))
    ]
    try:
        for worker in workers:
            _give(worker, queue)
        while workers:
            ready = wait([worker.pipe for worker in workers])
            for place, worker in list(enumerate(workers)):
                if worker.pipe not in ready:
                    continue
                message = _receive(worker)
                yield message
                if message.failure and not message.is_end:
                    # The process is gone: a new one takes its place.
                    worker.process.join()
                    workers[place] = worker = _start(prepare, worker.log)
                if message.is_end or message.failure:
                    _give(worker, queue)
            workers = [worker for worker in workers if not _is_idle(worker)]
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(STOP_SEC)
            if worker.process.is_alive():
                worker.process.kill()


def _start(prepare: Callable[[], Make], log: Path) -> _Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, prepare, str(log)), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here, log)


def _give(worker: _Worker, queue: list[Person]) -> None:
    worker.person = queue.pop() if queue else None
    worker.pipe.send(worker.person)


def _is_idle(worker: _Worker) -> bool:
    if worker.person is None:
        worker.process.join(STOP_SEC)
    return worker.person is None


def _receive(worker: _Worker) -> Message:
    try:
        return worker.pipe.recv()
    except (EOFError, ConnectionError):
        worker.process.join()
        code = worker.process.exitcode
        return Message(
            worker.person, failure=f"the process ended with code {code}, see {worker.log}"
        )


def _work(pipe: Connection, prepare: Callable[[], Make], log: str) -> None:
    """Body of a worker: Blender's chatter and any traceback go to its log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(handle, stream)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    # A parent that has Blender loaded passes on search paths that hide its module.
    sys.path[:] = [place for place in sys.path if "scripts" not in Path(place).parts]
    make = prepare()
    while (person := pipe.recv()) is not None:

        def report(piece: str, seconds: float, person: Person = person) -> None:
            pipe.send(Message(person, piece, seconds))

        try:
            make(person, report)
            pipe.send(Message(person, is_end=True))
        except GaussianHeadsError as error:
            pipe.send(Message(person, is_end=True, failure=str(error)))


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """Leave through every `finally`, so that no temporary file stays behind."""
    sys.exit(1)
