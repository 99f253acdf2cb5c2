"""Analyses that run beside the interface: plain threads that an operator polls."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import bpy

from ..core.errors import GaussianHeadsError
from ..core.expression import ExpressionTrack
from .speech import Analyser, SpeechRequest, analyse

# Faults of libraries below the analysis; anything else ends the thread with its traceback.
_UNEXPECTED = (OSError, ValueError, TypeError, RuntimeError, MemoryError)


class SpeechJob:
    """One analysis in a thread that touches nothing of Blender's.

    `scratch` is deleted when the thread ends; `object_uid` says whose speech it is.
    """

    def __init__(
        self,
        request: SpeechRequest,
        analyser: Analyser,
        object_uid: int,
        scratch: tempfile.TemporaryDirectory,
    ) -> None:
        self.request = request
        self.object_uid = object_uid
        self.progress = 0.0
        self._analyser = analyser
        self._scratch = scratch
        self._is_cancelled = threading.Event()
        self._track: ExpressionTrack | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._work, name="Gaussian Heads speech", daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the thread to stop; it does so at its next report of progress."""
        self._is_cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled.is_set()

    @property
    def is_running(self) -> bool:
        """Whether the thread still works."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Block until the thread ends."""
        self._thread.join()

    def result(self) -> ExpressionTrack:
        """The track of a finished job, or the error that ended it."""
        if self._error is not None:
            raise self._error
        if self._track is None:
            raise GaussianHeadsError("The analysis of the sound was stopped: start it again.")
        return self._track

    def _work(self) -> None:
        # What goes wrong belongs to the one who waits: `result` raises it in his thread.
        try:
            self._track = analyse(self.request, self._analyser, self._report)
        except (GaussianHeadsError, *_UNEXPECTED) as error:
            self._error = error
        finally:
            self._scratch.cleanup()

    def _report(self, done: float) -> bool:
        self.progress = done
        return not self._is_cancelled.is_set()


_jobs: dict[int, SpeechJob] = {}


def running_job(obj: bpy.types.Object) -> SpeechJob | None:
    """The analysis in work for `obj`, if there is one."""
    return _jobs.get(obj.session_uid)


def add_job(job: SpeechJob) -> None:
    """Remember `job` as its object's own and start it."""
    _jobs[job.object_uid] = job
    job.start()


def remove_job(job: SpeechJob) -> None:
    """Forget a job; a thread that was asked to stop may still need a moment to do so."""
    if _jobs.get(job.object_uid) is job:
        del _jobs[job.object_uid]


def job_object(job: SpeechJob) -> bpy.types.Object:
    """The object that `job` works for; raises when it is gone."""
    for obj in bpy.data.objects:
        if obj.session_uid == job.object_uid:
            return obj
    raise GaussianHeadsError("The avatar was deleted while its sound was analysed: load it again.")


def cancel_all() -> None:
    """Stop every analysis, before another file is loaded or the add-on goes."""
    for job in list(_jobs.values()):
        job.cancel()
        job.wait()
        remove_job(job)


def new_scratch() -> tuple[tempfile.TemporaryDirectory, Path]:
    """A temporary folder for the sound of one job."""
    folder = tempfile.TemporaryDirectory(prefix="gaussian_heads_")
    return folder, Path(folder.name)
