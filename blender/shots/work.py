"""One shot of a batch in this process: its log, its files, and last of all its record."""

from __future__ import annotations

import logging
import os
import platform
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import bpy

from ...core.errors import GaussianHeadsError
from ...core.job_records import (
    DONE,
    STARTED,
    ShotFiles,
    addon_version,
    read_record,
    shot_settings,
    write_record,
)
from ...core.locks import held
from ...core.shots import Shot
from ..animate import LISTENING_PART, RENDERING_PART, AnimateResult, animate
from ..engine import frame_listeners
from ..frame import FrameReport
from ..frames import Report
from .processes import LOCK_WAIT_SEC
from .requests import AnimateRequest

LOG = logging.getLogger(__name__)
POLL_SEC = 0.1
STDIN = 0


def make_shot(
    shot: Shot,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: Report | None = None,
    wait_sec: float = LOCK_WAIT_SEC,
) -> Path:
    """Make the files of `shot` in `folder` and return its job record; `progress` is told how much is done.

    Waits `wait_sec` for another process that is at work on the shot.
    Frames that an interrupted run left are kept; those of other settings are replaced.
    """
    files = ShotFiles(Path(os.path.abspath(folder)), shot.name)
    files.folder.mkdir(parents=True, exist_ok=True)
    with held(files.log, wait_sec), _logged_into(files.log):
        made_with = ", ".join(f"{name} {version}" for name, version in _makers().items())
        LOG.info("Shot '%s' on %s with %s.", shot.name, platform.node(), made_with)
        try:
            _make(shot, files, overwrite, _Stages(progress))
        except KeyboardInterrupt:
            LOG.warning("Stopped: finished frames are kept.")
            raise
        except (GaussianHeadsError, OSError) as error:
            LOG.error("Failed: %s", error)
            raise
    return files.record


@contextmanager
def stopped_with_input() -> Iterator[None]:
    """Interrupt the block as Ctrl C does when standard input ends, because the batch it serves is gone."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    is_over = threading.Event()
    watch = threading.Thread(target=_interrupt_at_end, args=(is_over,), name="Gaussian Heads input")
    watch.start()
    try:
        yield
    finally:
        # A thread that is still there when Blender 4.5 ends keeps it from ending.
        is_over.set()
        watch.join()
        signal.signal(signal.SIGINT, before or signal.default_int_handler)


def _interrupt_at_end(is_over: threading.Event) -> None:
    import _thread

    while not is_over.wait(POLL_SEC):
        if _has_input_ended():
            _thread.interrupt_main(signal.SIGINT)
            return


def _has_input_ended() -> bool:
    # Not through sys.stdin, whose lock a thread must not hold while the program ends.
    if sys.platform == "win32":
        import _winapi
        import msvcrt

        try:
            _winapi.PeekNamedPipe(msvcrt.get_osfhandle(STDIN), 0)
        except OSError:
            return True
        return False
    return bool(select.select([STDIN], [], [], 0)[0]) and not os.read(STDIN, 4096)


def _make(shot: Shot, files: ShotFiles, overwrite: bool, stages: _Stages) -> None:
    output = files.output(shot.output)
    if output.exists() and not overwrite and read_record(files.record) is None:
        raise GaussianHeadsError(
            f"'{output}' is there without a job record: move it away, or allow to overwrite it."
        )
    settings = {"name": shot.name, "settings": shot_settings(shot), "made_with": _makers()}
    write_record(files.record, STARTED, settings)
    seen = _Seen()
    frame_listeners.append(seen)
    try:
        result = animate(_request(shot, files, overwrite), stages)
    finally:
        frame_listeners.remove(seen)
    seconds = stages.seconds()
    backend = seen.backend or str(_previous(files).get("backend", ""))
    write_record(
        files.record,
        DONE,
        settings
        | {
            "backend": backend,
            "frames": result.num_frames,
            "drawn": result.num_drawn,
            "seconds": seconds,
            "warnings": seen.warnings,
            "output": output.name,
            "files": _made(shot, files, result),
            "finished_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    LOG.info(
        "Done: %d frames, %d of them drawn with %s; %s.",
        result.num_frames,
        result.num_drawn,
        backend or "nothing",
        ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items()),
    )


def _previous(files: ShotFiles) -> dict[str, object]:
    return read_record(files.record) or {}


def _made(shot: Shot, files: ShotFiles, result: AnimateResult) -> dict[str, int]:
    """Size in bytes of every file of the output, by name."""
    output = files.output(shot.output)
    if shot.output == "mp4":
        return {output.name: output.stat().st_size}
    return {path.name: path.stat().st_size for path in result.frames}


def _request(shot: Shot, files: ShotFiles, overwrite: bool) -> AnimateRequest:
    width, height = shot.size or (None, None)
    return AnimateRequest(
        audio=shot.audio,
        out=files.output(shot.output),
        avatar=shot.avatar,
        fps=shot.fps,
        width=width,
        height=height,
        backend=shot.backend,
        seed=shot.seed,
        style=shot.style,
        save_blend=files.blend if shot.save_blend else None,
        is_transparent=shot.transparent,
        frame_format="exr" if shot.output == "exr" else "png",
        scene=shot.scene,
        object=shot.object,
        camera=shot.camera,
        sound_frame=shot.sound_frame,
        frames=shot.frames,
        style_preset=shot.style_preset,
        look=shot.look,
        performance=shot.performance,
        view=shot.view,
        leftovers="discard" if overwrite else "replace",
    )


def _makers() -> dict[str, str]:
    return {
        "gaussian_heads": addon_version(),
        "blender": bpy.app.version_string,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
    }


class _Seen:
    """What the engine told of its frames: which backend drew, and every warning once."""

    def __init__(self) -> None:
        self.backend = ""
        self.warnings: list[str] = []

    def __call__(self, report: FrameReport) -> None:
        if report.backend != self.backend:
            LOG.info("Drawing with the backend '%s'.", report.backend)
        self.backend = report.backend
        for warning in report.warnings:
            if warning not in self.warnings:
                self.warnings.append(warning)
                LOG.warning("%s", warning)


class _Stages:
    """Times the parts of `animate` by its progress, and passes that on."""

    def __init__(self, progress: Report | None) -> None:
        self._progress = progress
        self._begun_sec = time.monotonic()
        self._ends_sec: dict[str, float] = {}

    def __call__(self, done: float) -> None:
        if self._progress is not None:
            self._progress(done)
        for name, end in (("listening", LISTENING_PART), ("drawing", RENDERING_PART)):
            if done >= end and name not in self._ends_sec:
                self._ends_sec[name] = time.monotonic()
                LOG.info("The %s is done.", name)

    def seconds(self) -> dict[str, float]:
        """Seconds of each part, and of the whole."""
        now_sec = time.monotonic()
        heard = self._ends_sec.get("listening", now_sec)
        drawn = self._ends_sec.get("drawing", now_sec)
        parts = {"listening": heard - self._begun_sec, "drawing": drawn - heard}
        parts |= {"writing": now_sec - drawn, "all": now_sec - self._begun_sec}
        return {name: round(value, 3) for name, value in parts.items()}


@contextmanager
def _logged_into(path: Path) -> Iterator[None]:
    """Everything that is logged, and Python's warnings, go into the file `path` too, with UTC times."""
    handler = logging.FileHandler(path, encoding="utf8")
    form = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    root = logging.getLogger()
    level = root.level
    root.setLevel(min(level, logging.INFO) or logging.INFO)
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
