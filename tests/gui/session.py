"""One user before one Blender: looks, clicks what is read on the screen, asks what came of it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from .hands import Hands
from .reading import Box, Found, find, trimmed
from .window import NoBlender, RealBlender

SIZE = (1440, 900)
# A software driver on a busy computer: what takes a second elsewhere may take many here.
PATIENCE_SEC = float(os.environ.get("GAUSSIAN_HEADS_GUI_PATIENCE_SEC", "60"))
LOOK_SEC = 0.3


class NotSeen(AssertionError):
    """What a user was told to look for does not appear on the screen."""


class Session:
    """A Blender with a window on a screen of its own, with a user before it; use as `with Session(...)`.

    `walk` names what the user does there.
    """

    def __init__(
        self, blender: RealBlender, folder: Path, walk: str, backend: str = "opengl"
    ) -> None:
        self.folder, self.walk = folder, walk
        self._blender, self._backend = blender, backend
        self._name = ""
        self._letters: dict[str, np.ndarray] = {}
        self._running: list[subprocess.Popen] = []
        self.hands: Hands | None = None

    def __enter__(self) -> Session:
        """Switch the screen on and start Blender as on a new computer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("witness.py", "stopwatch.py"):
            shutil.copy(Path(__file__).with_name(name), self.folder)
        size = f"{SIZE[0]}x{SIZE[1]}x24"
        words = ["Xvfb", "-displayfd", "1", "-screen", "0", size, "+extension", "GLX"]
        screen = subprocess.Popen(
            self._blender.command(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._running.append(screen)
        with ExitStack() as undo:
            undo.callback(self.__exit__)
            # The screen says its number when it is ready, nothing when it is not.
            number = screen.stdout.readline().decode("ascii").strip()
            if not number:
                raise NoBlender("Xvfb ended at once: no virtual screen can be had here")
            self._name = f":{number}"
            self.hands = Hands(self._name)
            self._start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self.hands is not None:
            self.hands.close()
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._running.clear()

    def _start(self) -> None:
        """Start Blender as on a new computer; the add-on is not there yet, so it cannot be at fault."""
        inside = self._blender.inside(self.folder)
        environment = {
            **os.environ,
            "DISPLAY": self._name,
            "HOME": f"{inside}/home",
            "BLENDER_USER_RESOURCES": f"{inside}/home/user",
            "GAUSSIAN_HEADS_GUI": inside,
        }
        (self.folder / "home").mkdir()
        window = ["--window-geometry", "0", "0", *(str(side) for side in SIZE)]
        words = [self._blender.binary, "--gpu-backend", self._backend, *window]
        with self.log.open("w") as log:
            command = self._blender.command(*words, "--python", f"{inside}/witness.py")
            self._running.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
            )
        try:
            self.ask("bpy.app.version_string")
        except NotSeen as error:
            raise NoBlender(f"Blender opens no window here: {error}") from error

    @property
    def log(self) -> Path:
        """What Blender printed."""
        return self.folder / "blender.log"

    def inside(self, path: Path) -> str:
        """The name that Blender knows `path` by."""
        return self._blender.inside(path)

    def ask(self, question: str) -> object:
        """The value of an expression inside Blender (`witness.py` has what it may use)."""
        answer = self.folder / "answer"
        part = self.folder / "question.part"
        part.write_text(question, "utf8")
        part.replace(self.folder / "question")
        self._until(answer.exists, f"Blender did not answer {question!r}; it may have ended")
        found = json.loads(answer.read_text("utf8"))
        answer.unlink()
        if "error" in found:
            raise AssertionError(found["error"])
        return found["value"]

    def until(self, question: str, *, seconds: float = PATIENCE_SEC) -> object:
        """Wait until the expression inside Blender is true; its value."""
        values = []

        def is_true() -> bool:
            values[:] = [self.ask(question)]
            return bool(values[0])

        self._until(is_true, f"never true: {question}", seconds)
        return values[0]

    def find(self, words: str, box: Box | None = None, *, turned: bool = False) -> list[Found]:
        """Where the words stand now, from top to bottom; `turned`: as on the sidebar's tabs."""
        if words not in self._letters:
            width, height, data = self.ask(f"words({words!r})")
            pixels = np.frombuffer(base64.b64decode(data), np.uint8)
            self._letters[words] = trimmed(pixels.reshape(height, width))
        letters = self._letters[words]
        return find(self.photograph(), np.rot90(letters, -1) if turned else letters, box)

    def see(
        self,
        words: str,
        *,
        box: Box | None = None,
        turned: bool = False,
        seconds: float = PATIENCE_SEC,
    ) -> Found:
        """Wait until the words stand on the screen, uncut; where, the topmost first."""
        places: list[Found] = []

        def is_there() -> bool:
            places[:] = self.find(words, box, turned=turned)
            return bool(places)

        self._until(is_there, f"{words!r} never appeared on the screen", seconds)
        return places[0]

    def click(
        self, words: str, *, box: Box | None = None, turned: bool = False, dx: float = 0.0
    ) -> Found:
        """Click the words on the screen, `dx` pixels to the right of their middle."""
        self.see(words, box=box, turned=turned)
        # What just appeared may still move: menus and pop-ups do.
        place = self.see(words, box=box, turned=turned)
        self.point(place.x + dx, place.y)
        self.hands.click(place.x + dx, place.y)
        self.rest(LOOK_SEC)
        return place

    def click_until(self, words: str, question: str, *, box: Box | None = None) -> None:
        """Click until something comes of it: a window that just opened may take the first click for itself."""
        for _ in range(3):
            self.click(words, box=box)
            end = time.monotonic() + PATIENCE_SEC / 6
            while time.monotonic() < end:
                if self.ask(question):
                    return
                time.sleep(LOOK_SEC)
        self.until(question, seconds=0)

    def point(self, x: float, y: float) -> None:
        """Move the pointer there and wait until Blender has seen it: a press counts only then."""
        self.hands.move(x, y)
        self.rest(LOOK_SEC)

    def open_panel(self, title: str, *, is_open: bool = False) -> None:
        """Open this panel of the sidebar and close all others, as Ctrl and a click on a closed one do."""
        self.scroll_to(title)
        if is_open:
            self.click(title, box=self.box("VIEW_3D", "UI"))
        self.hands.hold("Control_L", lambda: self.click(title, box=self.box("VIEW_3D", "UI")))
        self.rest()

    def scroll_to(self, words: str) -> Found:
        """Turn the wheel over the sidebar until the words are seen there."""
        box = self.box("VIEW_3D", "UI")
        middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        for clicks in (0, *[-12] * 2, *[3] * 20):
            self.hands.scroll(*middle, clicks)
            self.rest(LOOK_SEC)
            places = self.find(words, box)
            if places:
                return places[0]
        return self.see(words, box=box, seconds=0)

    def slide(self, label: str, pixels: float) -> None:
        """Drag the slider beside `label` in the sidebar to the right."""
        x, y = self._field(label)
        self.point(x, y)
        self.hands.drag((x, y), (x + pixels, y))
        self.rest()

    def fill_in(self, label: str, text: str) -> None:
        """Type into the field beside `label` in the sidebar."""
        x, y = self._field(label)
        self.point(x, y)
        self.hands.click(x, y, times=2)
        self.rest(LOOK_SEC)
        self.hands.press("Control_L", "a")
        self.hands.type(text)
        self.hands.press("Return")
        self.rest()

    def _field(self, label: str) -> tuple[float, float]:
        """Where the field beside `label` begins: rows are split at two fifths, panels have names above."""
        box = self.box("VIEW_3D", "UI")
        self.scroll_to(label)
        return box[0] + 0.49 * (box[2] - box[0]), self.find(label, box)[-1].y

    def photograph(self) -> Image.Image:
        return self.hands.photograph()

    def rest(self, seconds: float = 0.5) -> None:
        """Let Blender draw."""
        time.sleep(seconds)
        self.ask("None")

    def box(self, area: str, region: str = "WINDOW") -> Box:
        """Where a region stands on the screen."""
        found = self.ask(f"region({area!r}, {region!r})")
        if found is None:
            raise NotSeen(f"There is no {region} of {area}.")
        return tuple(found)

    def _until(
        self, is_true: Callable[[], bool], complaint: str, seconds: float = PATIENCE_SEC
    ) -> None:
        end = time.monotonic() + seconds
        while not is_true():
            ended = [process for process in self._running if process.poll() is not None]
            if ended or time.monotonic() > end:
                self._complain(complaint, bool(ended))
            time.sleep(0.05)

    def _complain(self, complaint: str, has_ended: bool) -> None:
        tail = ""
        if self.log.exists():
            tail = "\n".join(self.log.read_text("utf8", errors="replace").splitlines()[-15:])
        if self.hands is not None and not has_ended:
            self.photograph().save(self.folder / "failed.png")
        raise NotSeen(f"{complaint}{' (a process ended)' if has_ended else ''}\n{tail}")
