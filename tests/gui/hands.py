"""A user's hands and eyes on a virtual screen: mouse, keyboard, files dropped from outside, photographs.

Everything goes through the X server as if it came from devices: XTEST for mouse and keys, XDND for drops.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PIL import Image
from Xlib import XK, X, Xatom, display
from Xlib.error import DisplayError
from Xlib.ext import xtest
from Xlib.protocol import event

# Between two events, so that a slow software driver sees each.
PAUSE_SEC = 0.05
DROP_TIMEOUT_SEC = 30
NAMES = {" ": "space", ".": "period", "/": "slash", "-": "minus", "_": "underscore", ":": "colon"}


class NoScreen(Exception):
    """The virtual screen is not there or not yet."""


class Hands:
    """Mouse, keyboard and eyes of one user; places are pixels from the top left."""

    def __init__(self, name: str) -> None:
        try:
            self._display = display.Display(name)
        except (DisplayError, OSError) as error:
            raise NoScreen(f"The virtual screen {name} does not answer: {error}") from error
        self._root = self._display.screen().root

    def close(self) -> None:
        self._display.close()

    def move(self, x: float, y: float) -> None:
        """Move the pointer there; in two steps, since the first may only wake what lies below."""
        for offset in (3, 0):
            xtest.fake_input(self._display, X.MotionNotify, x=int(x) + offset, y=int(y))
            self._settle()

    def click(self, x: float, y: float, *, button: int = 1, times: int = 1) -> None:
        self.move(x, y)
        for _ in range(times):
            self._button(button, True)
            self._button(button, False)

    def drag(
        self, start: tuple[float, float], end: tuple[float, float], *, steps: int = 12
    ) -> None:
        """Hold the left button from one place to another, as devices tell it: by how far, not where.

        Blender moves a pointer that drags a slider back now and then, and counts the way.
        """
        self.move(*start)
        self._button(1, True)
        gone = [0, 0]
        for step in range(1, steps + 1):
            way = [round((b - a) * step / steps) for a, b in zip(start, end, strict=True)]
            x, y = (new - old for new, old in zip(way, gone, strict=True))
            xtest.fake_input(self._display, X.MotionNotify, detail=1, x=x, y=y)
            self._settle()
            gone = way
        self._settle(3)
        self._button(1, False)

    def scroll(self, x: float, y: float, clicks: int) -> None:
        """Turn the wheel over a place; positive: down."""
        self.move(x, y)
        for _ in range(abs(clicks)):
            self._button(5 if clicks > 0 else 4, True)
            self._button(5 if clicks > 0 else 4, False)

    def press(self, *keys: str) -> None:
        """Press keys together, by their X names: press("Control_L", "s")."""
        codes = [self._keycode(key) for key in keys]
        for code in codes:
            self._key(code, True)
        for code in reversed(codes):
            self._key(code, False)

    def hold(self, key: str, act: Callable[[], object]) -> None:
        """Do something while a key is held down."""
        code = self._keycode(key)
        self._key(code, True)
        try:
            act()
        finally:
            self._key(code, False)

    def type(self, text: str) -> None:
        for letter in text:
            name = NAMES.get(letter, letter)
            code = self._keycode(name)
            is_shifted = self._display.keycode_to_keysym(code, 0) != XK.string_to_keysym(name)
            self.press(*(("Shift_L",) if is_shifted else ()), name)

    def photograph(self) -> Image.Image:
        """What is on the screen."""
        size = self._root.get_geometry()
        raw = self._root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
        side = size.width, size.height
        return Image.frombytes("RGB", side, raw.data, "raw", "BGRX")

    def drop(self, uris: list[str], x: float, y: float) -> None:
        """Drag files in from another program and let them fall there."""
        self.move(x, y)
        _Drop(self._display, uris).run(int(x), int(y))

    def _button(self, button: int, is_down: bool) -> None:
        kind = X.ButtonPress if is_down else X.ButtonRelease
        xtest.fake_input(self._display, kind, button)
        self._settle()

    def _key(self, code: int, is_down: bool) -> None:
        xtest.fake_input(self._display, X.KeyPress if is_down else X.KeyRelease, code)
        self._settle(0.2)

    def _keycode(self, name: str) -> int:
        code = self._display.keysym_to_keycode(XK.string_to_keysym(name))
        if not code:
            raise ValueError(f"This keyboard has no key {name!r}.")
        return code

    def _settle(self, factor: float = 1.0) -> None:
        self._display.sync()
        time.sleep(PAUSE_SEC * factor)


class _Drop:
    """The source's side of XDND, version 5, with one type of data."""

    def __init__(self, opened: display.Display, uris: list[str]) -> None:
        self._display = opened
        self._root = opened.screen().root
        self._data = "".join(f"{uri}\r\n" for uri in uris).encode("utf8")
        self._window = self._root.create_window(-10, -10, 1, 1, 0, X.CopyFromParent)
        self._kind = self._atom("text/uri-list")

    def run(self, x: int, y: int) -> None:
        target = self._target()
        self._window.set_selection_owner(self._atom("XdndSelection"), X.CurrentTime)
        self._send(target, "XdndEnter", 5 << 24, self._kind, 0, 0)
        copy = self._atom("XdndActionCopy")
        for step in range(6):
            place = (x - 5 + step) << 16 | y
            self._send(target, "XdndPosition", 0, place, X.CurrentTime, copy)
            self._answer("XdndStatus")
            time.sleep(2 * PAUSE_SEC)
        self._send(target, "XdndDrop", 0, X.CurrentTime, 0, 0)
        self._answer("XdndFinished")
        self._window.destroy()
        self._display.sync()

    def _atom(self, name: str) -> int:
        return self._display.intern_atom(name)

    def _target(self) -> object:
        """The window under the pointer that takes drops."""
        window = self._root
        while window:
            if window.get_full_property(self._atom("XdndAware"), X.AnyPropertyType):
                return window
            window = window.query_pointer().child
        raise NoScreen("No window under the pointer takes drops.")

    def _send(self, target: object, name: str, *words: int) -> None:
        message = event.ClientMessage(
            window=target, client_type=self._atom(name), data=(32, [self._window.id, *words])
        )
        target.send_event(message)
        self._display.flush()

    def _answer(self, name: str) -> None:
        """Hand out the data when asked, until the target says `name`."""
        end = time.monotonic() + DROP_TIMEOUT_SEC
        while time.monotonic() < end:
            while self._display.pending_events():
                received = self._display.next_event()
                if received.type == X.SelectionRequest:
                    self._hand_out(received)
                elif received.type == X.ClientMessage and received.client_type == self._atom(name):
                    return
            time.sleep(0.01)
        raise NoScreen(f"The window did not answer the drop with {name}.")

    def _hand_out(self, request: object) -> None:
        if request.target == self._atom("TARGETS"):
            request.requestor.change_property(request.property, Xatom.ATOM, 32, [self._kind])
        else:
            request.requestor.change_property(request.property, self._kind, 8, self._data)
        notify = event.SelectionNotify(
            time=request.time,
            requestor=request.requestor,
            selection=request.selection,
            target=request.target,
            property=request.property,
        )
        request.requestor.send_event(notify)
        self._display.flush()
