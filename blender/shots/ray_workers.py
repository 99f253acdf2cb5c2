"""Shots on the machines of a Ray cluster; they share a folder with this one, under the same path.

Ray (an optional extra, Apache-2.0) finds machines, restarts what a lost one had at work and carries nothing but
the shot's settings: sounds, avatars, frames, records and logs are read and written in the shared folder.
"""

from __future__ import annotations

import logging
import socket
import time
from contextlib import ExitStack, redirect_stdout, suppress
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import GaussianHeadsError
from ...core.files import new_scratch_folder
from ...core.job_records import ShotFiles
from ...core.shots import Shot, write_shots
from .outcomes import EXIT_CANCELLED, Ended, Outcome, outcome_of
from .processes import ShotProcess, start_shot
from .standing import read_progress

if TYPE_CHECKING:
    from .queue import BatchRequest

POLL_SEC, LOOKED_EVERY_SEC, KNOCK_SEC = 0.1, 1.0, 10.0
# A shot that takes its machine down with it is not tried for ever.
MAX_RETRIES = 5
# File servers hold the locks of a machine that vanished for a while; NFS for 90 s.
LOCK_WAIT_SEC = 180


class ClusterError(GaussianHeadsError):
    """A Ray cluster that is not there, or cannot make the shots."""


@dataclass(frozen=True)
class _Task:
    shot: Shot
    reference: Any
    begun_sec: float


def make_shot_there(shot: Shot, folder: Path, *, overwrite: bool) -> Ended:
    """What runs on a machine of the cluster: one shot in a process of its own.

    When Ray cancels it, the process stops after its frame; when this worker is lost, it does so by itself.
    """
    with new_scratch_folder() as scratch:
        job = Path(scratch) / f"{shot.name}.json"
        write_shots([shot], job)
        progress = _progress(folder, shot.name)
        process = start_shot(job, folder, progress, overwrite=overwrite, wait_sec=LOCK_WAIT_SEC)
        try:
            return _wait(process)
        except KeyboardInterrupt:
            process.stop()
            return _wait(process)


def _wait(process: ShotProcess) -> Ended:
    while (ended := process.ended()) is None:
        time.sleep(POLL_SEC)
    return ended


def _progress(folder: Path, name: str) -> Path:
    return folder / f"{name}.progress"


class RayWorkers:
    """Tasks of the Ray cluster that a `BatchRequest` names."""

    def __init__(self, request: BatchRequest) -> None:
        self._ray = _connected(request.ray)
        self._folder, self._jobs, self._cpus = request.folder.absolute(), request.jobs, request.cpus
        self._overwrite = request.overwrite
        self._running: dict[str, _Task] = {}
        self._parts: dict[str, float] = {}
        self._looked_sec = float("-inf")
        self._make = self._ray.remote(make_shot_there).options(
            num_cpus=request.cpus, max_retries=MAX_RETRIES
        )
        if not self._capacity():
            self._ray.shutdown()
            raise ClusterError(
                f"No machine of the Ray cluster has {request.cpus} processor cores for a shot: "
                "give fewer with --cpus, or start machines that have them."
            )
        self._quiet = ExitStack()
        # Ray writes what befell its machines in between; its own logs and the shots' have that too.
        self._quiet.enter_context(redirect_stdout(StringIO()))

    def has_room(self) -> bool:
        """Whether one more shot may start: as many as were asked for, or as the machines have cores for."""
        return len(self._running) < (self._jobs or self._capacity())

    def start(self, shot: Shot) -> None:
        """Put `shot` to work on some machine."""
        reference = self._make.remote(shot, self._folder, overwrite=self._overwrite)
        self._running[shot.name] = _Task(shot, reference, time.monotonic())
        self._parts[shot.name] = 0.0

    def ended(self) -> list[Outcome]:
        """What became of the shots that ended since the last call."""
        names = {task.reference: name for name, task in self._running.items()}
        if not names:
            return []
        ready, _ = self._ray.wait([*names], num_returns=len(names), timeout=0)
        return [self._outcome(names[reference]) for reference in ready]

    def at_work(self) -> dict[str, float]:
        """How far each shot at work is, 0 to 1; looked up once a second, for the folder is far away."""
        if time.monotonic() - self._looked_sec >= LOOKED_EVERY_SEC:
            self._looked_sec = time.monotonic()
            self._parts = {
                name: read_progress(_progress(self._folder, name)) for name in self._running
            }
        return dict(self._parts)

    def stop(self) -> None:
        """Ask every shot at work to stop after its frame."""
        for task in self._running.values():
            self._ray.cancel(task.reference)

    def kill(self) -> None:
        """End what is still at work, and leave the cluster."""
        for name, task in self._running.items():
            self._ray.cancel(task.reference, force=True)
            _progress(self._folder, name).unlink(missing_ok=True)
        self._running.clear()
        self._ray.shutdown()
        self._quiet.close()

    def _capacity(self) -> int:
        """How many shots the machines that are there have cores for."""
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        return sum(int(node["Resources"].get("CPU", 0) // self._cpus) for node in alive)

    def _outcome(self, name: str) -> Outcome:
        task = self._running.pop(name)
        del self._parts[name]
        with suppress(OSError):
            _progress(self._folder, name).unlink(missing_ok=True)
        files = ShotFiles(self._folder, name)
        seconds = round(time.monotonic() - task.begun_sec, 3)
        try:
            return outcome_of(task.shot, files, self._ray.get(task.reference))
        except self._ray.exceptions.TaskCancelledError:
            return outcome_of(task.shot, files, Ended(EXIT_CANCELLED, seconds, ""))
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            says = f"The cluster lost it ({reason}): see the machines' Ray logs, then run again."
            return replace(Outcome(name, "failed", seconds, log=files.log.name), says=says)


def _connected(address: str) -> Any:
    """The module `ray`, connected to the cluster at `address`."""
    try:
        import ray
    except ImportError:
        raise ClusterError(
            "--ray needs the package ray: install it with 'pip install gaussian-heads[blender,ray]'."
        ) from None
    try:
        _knock(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(
            f"There is no Ray cluster at '{address}' ({reason}): start one with 'ray start --head', "
            "and join it here with 'ray start --address HOST:6379'."
        ) from None
    return ray


def _knock(address: str) -> None:
    """Raise where nobody listens, for Ray would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "//" in host:
        raise ValueError("it is neither auto nor HOST:PORT")
    socket.create_connection((host.strip("[]"), int(port)), KNOCK_SEC).close()
