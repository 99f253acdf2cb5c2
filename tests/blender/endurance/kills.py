"""Commands that are killed again and again: what a run leaves, and whether the next one goes on to the same end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .whole_files import READERS, faults, unfinished

STRUCK = Path(__file__).with_name("struck.py")
# Of all kills so many are by each signal; those that ask are let out with a code and a sentence.
SIGNALS = (signal.SIGKILL,) * 6 + (signal.SIGTERM, signal.SIGINT) * 2
CANCELLED = 130
UNCOUNTED = -1
TIMEOUT_SEC = 600


@dataclass(frozen=True)
class Command:
    """What is run: a module or script with its words, in a copy of the folder `inputs`.

    `results` names the files that count, relative to the working folder; `ready` is a line of standard output
    after which time begins to count, where the start does not matter. One that `has_manners` says in a sentence
    that it was asked to stop.
    """

    name: str
    module: str
    words: tuple[str, ...]
    inputs: Path
    results: tuple[str, ...]
    ready: str = ""
    has_manners: bool = True
    python: str = sys.executable


@dataclass
class Tally:
    """What became of one command."""

    name: str
    kills: int = 0
    runs: int = 0
    steps: int = 0
    seconds: float = 0.0
    by_signal: Counter = field(default_factory=Counter)
    at_steps: int = 0
    at_times: int = 0
    first_share: float = 1.0
    last_share: float = 0.0
    left: int = 0
    left_after: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    rude: list[str] = field(default_factory=list)
    finished: int = 0
    identical: int = 0
    differences: list[str] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        """For a table."""
        return {
            "command": self.name,
            "kills": self.kills,
            "by": {signal.Signals(n).name: count for n, count in sorted(self.by_signal.items())},
            "at_writing_steps": self.at_steps,
            "at_times": self.at_times,
            "points": f"{self.first_share:.0%} to {self.last_share:.0%}",
            "runs": self.runs,
            "torn_files": self.torn,
            "runs_that_left_temporary_files": self.left,
            "left_after_the_next_run": self.left_after,
            "not_told_in_a_sentence": self.rude,
            "finished": self.finished,
            "identical": self.identical,
            "differences": self.differences,
        }


def torment(command: Command, work: Path, kills: int, seed: int) -> Tally:
    """Kill `command` so many times, at steps and times drawn with `seed`; every third time it may finish."""
    tally, chance = Tally(command.name), random.Random(seed)
    whole = _fresh(command, work / "whole")
    ended = _run(command, whole, 0, 0)
    _require(ended, whole)
    tally.seconds = ended.seconds
    tally.steps = int((whole / "steps.txt").read_text())
    wanted = digests(command, whole)
    again = _fresh(command, work / "again")
    while tally.kills < kills:
        _strike(command, again, tally, chance)
        sys.stderr.write(f"{command.name}: killed {tally.kills} of {kills} times\n")
        if chance.random() < 0.3 or tally.kills == kills:
            _finish(command, again, tally, wanted)
            again = _fresh(command, work / "again")
    return tally


def digests(command: Command, folder: Path) -> dict[str, object]:
    """What the files say that count."""
    paths = sorted(path for pattern in command.results for path in folder.glob(pattern))
    assert paths, f"{command.name} made nothing"
    return {str(path.relative_to(folder)): READERS[path.suffix](path) for path in paths}


def _fresh(command: Command, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(command.inputs, folder)
    (folder / "tmp").mkdir()
    return folder


def _strike(command: Command, folder: Path, tally: Tally, chance: random.Random) -> None:
    """One run that is killed; where it was done before, that counts as a run that finished."""
    number, tally.runs = chance.choice(SIGNALS), tally.runs + 1
    share = chance.random()
    # Python's audit hooks, which count the steps, are no place to handle a signal in.
    if tally.steps and number == signal.SIGKILL and chance.random() < 0.7:
        ended = _run(command, folder, number, max(1, round(share * tally.steps)))
        tally.at_steps += not ended.is_over
    else:
        strike = partial(_kill_at, after_sec=share * tally.seconds, number=number)
        ended = _run(command, folder, 0, UNCOUNTED, strike)
        tally.at_times += not ended.is_over
    tally.torn += faults(folder)
    if ended.is_over:
        return
    tally.kills += 1
    tally.by_signal[number] += 1
    tally.first_share, tally.last_share = (
        min(tally.first_share, share),
        max(tally.last_share, share),
    )
    tally.left += bool(unfinished(folder))
    is_asked = number != signal.SIGKILL and command.has_manners
    # One that has not yet begun, or is done and ends, is ended by the signal itself.
    if is_asked and (ended.code not in (CANCELLED, -number) or "Traceback" in ended.said):
        tally.rude.append(
            f"{signal.Signals(number).name} at {share:.2f}: {ended.code} {ended.said[-300:]}"
        )


def _finish(command: Command, folder: Path, tally: Tally, wanted: dict[str, object]) -> None:
    tally.runs += 1
    _require(_run(command, folder, 0, UNCOUNTED), folder)
    tally.finished += 1
    tally.torn += faults(folder)
    # What an unkilled run leaves too is not for the next one to remove: a library's own.
    tally.left_after += sorted({*unfinished(folder)} - {*unfinished(folder.parent / "whole")})
    found = digests(command, folder)
    tally.identical += found == wanted
    if found != wanted:
        names = found.keys() | wanted.keys()
        tally.differences += [name for name in names if found.get(name) != wanted.get(name)]


@dataclass(frozen=True)
class _Ended:
    code: int
    said: str
    seconds: float

    @property
    def is_over(self) -> bool:
        """Whether it came to its end before it was struck."""
        return self.code == 0


def _run(
    command: Command,
    folder: Path,
    number: int,
    step: int,
    meanwhile: Callable[[subprocess.Popen], None] = lambda process: None,
) -> _Ended:
    words = [
        command.python,
        STRUCK,
        number,
        step,
        folder / "steps.txt",
        command.module,
        *command.words,
    ]
    environment = os.environ | {
        "TMPDIR": str(folder / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with open(folder / "said.txt", "wb") as said:
        process = subprocess.Popen(
            [str(word) for word in words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if command.ready else said,
            stderr=said,
            env=environment,
            start_new_session=True,
        )
        with process:
            if command.ready:
                _wait_for(process, command.ready)
            began_sec = time.monotonic()
            meanwhile(process)
            process.wait(TIMEOUT_SEC)
    text = (folder / "said.txt").read_text("utf8", "replace")
    return _Ended(process.returncode, text, time.monotonic() - began_sec)


def _wait_for(process: subprocess.Popen, line: str) -> None:
    for told in process.stdout:
        if told.decode().strip() == line:
            return


def _kill_at(process: subprocess.Popen, after_sec: float, number: int) -> None:
    try:
        process.wait(after_sec)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, number)


def _require(ended: _Ended, folder: Path) -> None:
    assert ended.code == 0, f"{folder}: {ended.code}\n{ended.said}"
