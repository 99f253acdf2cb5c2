"""Shots at work on this machine, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...core.job_records import ShotFiles
from ...core.shots import Shot, write_shots
from .outcomes import Ended, Outcome, outcome_of
from .standing import read_progress

# A process whose batch was killed still finishes its frame.
LOCK_WAIT_SEC = 30


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


@dataclass(frozen=True)
class ShotProcess:
    """A process that makes one shot; it stops after its frame when its standard input is closed."""

    process: subprocess.Popen
    said: BinaryIO
    begun_sec: float

    def ended(self) -> Ended | None:
        """How it ended; None while it is at work."""
        code = self.process.poll()
        if code is None:
            return None
        seconds = round(time.monotonic() - self.begun_sec, 3)
        self.process.stdin.close()
        with self.said:
            self.said.seek(0)
            return Ended(code, seconds, self.said.read().decode("utf8", "replace"))

    def stop(self) -> None:
        """Ask it to stop after the frame in work."""
        self.process.stdin.close()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.said.close()


def start_shot(
    job: Path, folder: Path, progress: Path, *, overwrite: bool, wait_sec: int = LOCK_WAIT_SEC
) -> ShotProcess:
    """Start a process for the one shot of the file `job`, which makes it in `folder`.

    It waits `wait_sec` for another process that is at work on the shot.
    """
    words = [*worker_command(), "shot", str(job), "--out", str(folder.absolute())]
    words += ["--stop-with-input", "--progress", str(progress), "--wait", str(wait_sec)]
    words += ["--overwrite"] if overwrite else []
    said = tempfile.TemporaryFile()
    # Ctrl C in a terminal must reach this process alone, which then stops the others in order.
    apart = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT, **apart
    )
    return ShotProcess(process, said, time.monotonic())


class LocalWorkers:
    """At most `jobs` processes on this machine; `scratch` is a folder for what they are told."""

    def __init__(self, folder: Path, scratch: Path, jobs: int, *, overwrite: bool) -> None:
        self._folder, self._scratch, self._jobs = folder, scratch, jobs
        self._overwrite = overwrite
        self._running: dict[str, tuple[Shot, ShotProcess]] = {}

    def has_room(self) -> bool:
        """Whether one more shot may start."""
        return len(self._running) < self._jobs

    def start(self, shot: Shot) -> None:
        """Put `shot` to work."""
        job = self._scratch / f"{shot.name}.json"
        write_shots([shot], job)
        progress = self._progress(shot.name)
        process = start_shot(job, self._folder, progress, overwrite=self._overwrite)
        self._running[shot.name] = shot, process

    def ended(self) -> list[Outcome]:
        """What became of the shots that ended since the last call."""
        over = {name: p.ended() for name, (_, p) in self._running.items()}
        return [self._outcome(name, ended) for name, ended in over.items() if ended is not None]

    def at_work(self) -> dict[str, float]:
        """How far each shot at work is, 0 to 1."""
        return {name: read_progress(self._progress(name)) for name in self._running}

    def stop(self) -> None:
        """Ask every process to stop after its frame."""
        for _, process in self._running.values():
            process.stop()

    def kill(self) -> None:
        """End what is still at work, at once."""
        for _, process in self._running.values():
            process.kill()
        self._running.clear()

    def _outcome(self, name: str, ended: Ended) -> Outcome:
        shot, _ = self._running.pop(name)
        return outcome_of(shot, ShotFiles(self._folder, name), ended)

    def _progress(self, name: str) -> Path:
        return self._scratch / f"{name}.progress"
