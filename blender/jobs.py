"""Sounds listened to beside the interface: plain threads that an operator polls, one after another."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.errors import GaussianHeadsError
from ..core.files import new_scratch_folder
from ..core.progress import AnalysisCancelled, Progress, part
from ..core.speech import HeardSpeech
from ..core.timing import SoundPlacement
from .dialogue.records import HeardRecord
from .listeners import stops_with_add_on
from .queued import QueuedJob
from .speech import Analyser, Performance, SpeechRequest, perform_heard, perform_speech

# Sounds of which what was heard is kept at hand, for what the redo panel asks after a bake.
MAX_RECENT = 8


@dataclass(frozen=True)
class Listening:
    """A sound to listen to and for whom; for a line, where its strip lies and what is heard of the sound."""

    request: SpeechRequest
    object_uid: int
    line_id: str = ""
    placement: SoundPlacement | None = None
    record: HeardRecord | None = None


class SpeechJob(QueuedJob):
    """Sounds that one thread listens to; it touches nothing of Blender's.

    Jobs take turns, for one uses the whole computer. The analyser is opened by the thread too. `scratch` is deleted when the thread ends.
    """

    doing = "Listening"

    def __init__(
        self,
        listenings: Sequence[Listening],
        open_analyser: Callable[[], Analyser],
        scratch: tempfile.TemporaryDirectory,
    ) -> None:
        super().__init__()
        self.listenings = tuple(listenings)
        self.finished: list[Performance | GaussianHeadsError] = []
        self._open_analyser = open_analyser
        self._scratch = scratch

    def result(self) -> list[Performance | GaussianHeadsError]:
        """For each sound its performance or why there is none, fewer where the job was stopped; waits."""
        try:
            self._work.result()
        except AnalysisCancelled:
            pass
        return self.finished

    def performances(self) -> list[Performance]:
        """What was performed of every sound; raises the first error."""
        for outcome in self.finished:
            if isinstance(outcome, GaussianHeadsError):
                raise outcome
        return list(self.finished)

    def _do(self, progress: Progress) -> None:
        self._listen_to_all(self._open_analyser(), progress)

    def _run(self, progress: Progress) -> None:
        try:
            super()._run(progress)
        finally:
            # Also where it was stopped before its turn.
            self._scratch.cleanup()

    def _listen_to_all(self, analyser: Analyser, progress: Progress) -> None:
        lengths = [each.request.sound.placement.duration_sec for each in self.listenings]
        done = 0.0
        for listening, length in zip(self.listenings, lengths, strict=True):
            share = length / sum(lengths)
            own = part(progress, done, done + share)
            try:
                self.finished.append(_performed(listening, analyser, own))
            except AnalysisCancelled:
                raise
            except GaussianHeadsError as error:
                self.finished.append(error)
            done += share


_recent: dict[HeardRecord, tuple[Analyser, HeardSpeech]] = {}


def _performed(listening: Listening, analyser: Analyser, progress: Progress) -> Performance:
    """A performance of a sound, which is listened to unless that was done just now, as before an undo."""
    record = listening.record
    known_to, heard = _recent.get(record, (None, None))
    if known_to is analyser:
        return perform_heard(listening.request, heard, progress)
    performance = perform_speech(listening.request, analyser, progress)
    if record is not None and record.digest:
        while len(_recent) >= MAX_RECENT:
            _recent.pop(next(iter(_recent)))
        _recent[record] = (analyser, performance.heard)
    return performance


_jobs: list[QueuedJob] = []


def running_job(obj: bpy.types.Object) -> QueuedJob | None:
    """The job that listens for `obj`, if there is one."""
    uid = obj.session_uid
    return next((job for job in _jobs if any(e.object_uid == uid for e in job.listenings)), None)


def job_of_line(line_id: str) -> QueuedJob | None:
    """The job that listens to a line, if there is one."""
    return next((job for job in _jobs if any(e.line_id == line_id for e in job.listenings)), None)


def running_jobs() -> tuple[QueuedJob, ...]:
    """Every job, the one at work first."""
    return tuple(_jobs)


def add_job(job: QueuedJob) -> None:
    """Remember `job` and start it."""
    _jobs.append(job)
    job.start()


def remove_job(job: QueuedJob) -> None:
    """Forget a job; a thread that was asked to stop may still need a moment to do so."""
    if job in _jobs:
        _jobs.remove(job)


def object_by_uid(uid: int) -> bpy.types.Object:
    """The object that a job works for; raises when it is gone."""
    for obj in bpy.data.objects:
        if obj.session_uid == uid:
            return obj
    raise GaussianHeadsError(
        "The avatar was deleted while its sound or video was analysed: load it again."
    )


def scene_by_uid(uid: int) -> bpy.types.Scene:
    """The scene whose sounds a job listens to; raises when it is gone."""
    for scene in bpy.data.scenes:
        if scene.session_uid == uid:
            return scene
    raise GaussianHeadsError("The scene was deleted while its sound was analysed: bake again.")


def cancel_jobs() -> None:
    """Ask every job to stop."""
    for job in _jobs:
        job.cancel()


def describe_job(job: QueuedJob) -> str:
    """How far a job is, in a few words."""
    if job.is_waiting:
        return "Waiting for its turn"
    left = job.left_sec
    if left is None:
        return f"{job.doing} {job.progress:.0%}"
    minutes, seconds = divmod(round(left), 60)
    return f"{job.doing} {job.progress:.0%}, {f'{minutes} min ' if minutes else ''}{seconds} s left"


@stops_with_add_on
def cancel_all() -> None:
    """Stop every job, before another file is loaded or the add-on goes."""
    for job in list(_jobs):
        job.cancel()
    for job in list(_jobs):
        job.result()
        remove_job(job)


def new_scratch() -> tuple[tempfile.TemporaryDirectory, Path]:
    """A temporary folder for the sounds of one job."""
    folder = new_scratch_folder()
    return folder, Path(folder.name)
