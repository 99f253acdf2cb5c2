"""A new person from recordings: the process that makes the avatar, followed, stopped and never left behind.

Nothing here touches Blender; the command line uses it without.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import GaussianHeadsError
from .accelerator import end_tree

SCRIPT = Path(__file__).resolve().parent.parent / "training" / "personalize_process.py"
# How much of the whole each stage takes, as far as that can be known before.
STAGE_WEIGHTS = {
    "read": 1,
    "find": 6,
    "encode": 8,
    "guess": 8,
    "fit": 66,
    "motion": 6,
    "export": 4,
    "report": 1,
}
STAGE_WORDS = {
    "read": "Reading",
    "find": "Finding the face",
    "encode": "Reading expressions",
    "guess": "First guess",
    "fit": "Fitting",
    "motion": "Learning to speak",
    "export": "Writing the avatar",
    "report": "Writing the report",
}
# A stopped process writes what it has; then it is ended.
PATIENCE_SEC = 30.0
CONSENT_SENTENCE = (
    'Say who agreed to this avatar and to what, for one "I am Ada Smith and want this avatar of '
    'myself": without the agreement of the person shown no avatar is made.'
)
NO_ENVIRONMENT_SENTENCE = (
    "Personalizing needs PyTorch in an environment of its own: make one with Create Accelerator in the "
    "add-on's preferences, or name one with --python."
)


class PersonalizeError(GaussianHeadsError):
    """A person's avatar that cannot be made."""


class PersonalizeStopped(PersonalizeError):
    """The work was stopped on request; it can go on later."""


@dataclass(frozen=True)
class PersonalizeRequest:
    """What to make from which recordings; `options` are further words of the command."""

    inputs: tuple[Path, ...]
    out: Path
    consent: str = ""
    is_synthetic: bool = False
    name: str = ""
    author: str = ""
    licence: str = ""
    options: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse with a sentence what cannot work."""
        if not self.is_synthetic and len(self.consent.strip()) < 3:
            raise PersonalizeError(CONSENT_SENTENCE)
        if self.out.suffix != ".uhap":
            raise PersonalizeError(
                f"'{self.out}' must end in .uhap: change the name of the avatar."
            )
        if not self.inputs:
            raise PersonalizeError("Name a video, photos, or a folder with pictures or a scan.")
        for path in self.inputs:
            if not path.exists():
                raise PersonalizeError(f"There is no file or folder '{path}': check the path.")

    def words(self) -> list[str]:
        """The words of `training/personalize.py`."""
        words = [os.path.abspath(path) for path in self.inputs]
        words += ["--out", os.path.abspath(self.out), "--json-progress"]
        words += ["--synthetic"] if self.is_synthetic else ["--consent", self.consent.strip()]
        for name in ("name", "author", "licence"):
            if getattr(self, name):
                words += [f"--{name}", getattr(self, name)]
        return [*words, *self.options]


@dataclass(frozen=True)
class Standing:
    """How far the work is: share of the whole, what it does, and the last preview picture."""

    share: float = 0.0
    doing: str = "Starting"
    preview: Path | None = None


class PersonalizeProcess:
    """One run of the command in `python`; `standing` says how far it is, `result` waits for its end."""

    def __init__(self, request: PersonalizeRequest, python: Path, log_path: Path) -> None:
        request.check()
        self.request, self.log_path = request, log_path
        self.standing = Standing()
        self._is_cancelled = False
        self._errors: collections.deque[str] = collections.deque(maxlen=40)
        self._process = _started(request, python)
        self._readers = [
            threading.Thread(target=target, daemon=True) for target in (self._follow, self._log)
        ]
        for reader in self._readers:
            reader.start()
        atexit.register(self.kill)

    @property
    def is_running(self) -> bool:
        """Whether the process still works."""
        return self._process.poll() is None

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._is_cancelled

    def cancel(self) -> None:
        """Ask it to stop; it keeps its work and ends soon, or is ended."""
        self._is_cancelled = True
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        threading.Thread(target=self._end_soon, daemon=True).start()

    def kill(self) -> None:
        """End it at once with all that it started; harmless when it has ended."""
        atexit.unregister(self.kill)
        if self.is_running:
            self._is_cancelled = True
            end_tree(self._process)
        self._wait()

    def result(self) -> Path:
        """The avatar; waits, and raises the process's own sentence where there is none."""
        code = self._wait()
        atexit.unregister(self.kill)
        if code == 0 and self.request.out.is_file():
            return self.request.out
        if self._is_cancelled:
            raise PersonalizeStopped(
                "The work was stopped; it goes on from there when the same recording is given again."
            )
        raise PersonalizeError(self._reason(code))

    def _wait(self) -> int:
        code = self._process.wait()
        for reader in self._readers:
            reader.join()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        return code

    def _reason(self, code: int) -> str:
        if code < 0:
            return (
                f"The process was ended from outside (signal {-code}), perhaps for want of memory: give the same "
                f"recording again, it goes on from there. See {self.log_path}."
            )
        lines = [line for line in self._errors if line.strip()]
        if not lines:
            return f"The process ended with code {code} and no word: see {self.log_path}."
        is_traceback = any(line.startswith("Traceback") for line in lines)
        last = lines[-1].strip()
        return f"The process failed ({last}): see {self.log_path}." if is_traceback else last

    def _end_soon(self) -> None:
        try:
            self._process.wait(PATIENCE_SEC)
        except subprocess.TimeoutExpired:
            end_tree(self._process)

    def _follow(self) -> None:
        """Runs in a thread: lines of JSON on standard output."""
        with self._process.stdout as lines:
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self.standing = _told(json.loads(line), self.standing)

    def _log(self) -> None:
        """Runs in a thread: what it says on standard error, into the log too."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._process.stderr as lines, self.log_path.open("w", encoding="utf8") as log:
            for line in lines:
                self._errors.append(line.rstrip())
                log.write(line)
                log.flush()


def torch_python(environment: Path | None = None) -> Path:
    """The Python to personalize with: of `environment` where that is given, else this one if it has PyTorch."""
    from ..core.render.cuda import environment_python

    if environment is not None:
        python = environment_python(environment)
        if not python.is_file():
            raise PersonalizeError(f"'{environment}' holds no Python: choose another environment.")
        return python
    if importlib.util.find_spec("torch") is not None:
        return Path(sys.executable)
    raise PersonalizeError(NO_ENVIRONMENT_SENTENCE)


def free_path(folder: Path, name: str) -> Path:
    """A file for an avatar called `name` that is not there yet."""
    stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in name.strip()) or "person"
    candidates = (folder / f"{stem}{number}.uhap" for number in _numbers())
    return next(path for path in candidates if not path.exists())


def _numbers() -> Iterator[str]:
    yield ""
    number = 2
    while True:
        yield f"_{number}"
        number += 1


def _told(message: dict, before: Standing) -> Standing:
    stage, share = message["stage"], float(message["share"])
    stages = message.get("of") or list(STAGE_WEIGHTS)
    weights = {name: STAGE_WEIGHTS.get(name, 1) for name in stages}
    done = sum(weights[name] for name in stages[: stages.index(stage)])
    whole = (done + weights[stage] * min(max(share, 0.0), 1.0)) / sum(weights.values())
    preview = Path(message["preview"]) if message.get("preview") else before.preview
    doing = f"{STAGE_WORDS.get(stage, stage.title())} {share:.0%}"
    return Standing(max(whole, before.share), doing, preview)


def _started(request: PersonalizeRequest, python: Path) -> subprocess.Popen:
    native = importlib.util.find_spec("gaussian_heads_native")
    words = [str(python), "-I", str(SCRIPT)]
    if native is not None:
        words += ["--native", str(Path(native.origin).parent)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    try:
        return subprocess.Popen(
            [*words, *request.words()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf8",
            errors="replace",
            env=environment | {"PYTHONIOENCODING": "utf8"},
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise PersonalizeError(
            f"'{python}' cannot be started ({error.strerror}): choose another environment."
        ) from None
