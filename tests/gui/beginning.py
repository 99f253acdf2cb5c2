"""How every walk begins: a Blender as on a new computer, the zip dropped on it, the tab opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from .extension import NoPackage, build_zip
from .pictures import SEEN
from .session import Session
from .window import NoBlender, RealBlender

MODULE = "bl_ext.user_default.gaussian_heads"
# Where the pointer changes nothing: a corner of the view.
NOWHERE = (150, 760)


@contextmanager
def opened_session(
    blender: RealBlender, name: str, prepare: Callable[[Path], object]
) -> Iterator[Session]:
    """A session in a folder with the zip and what `prepare` puts there; skips where none can be had."""
    folder = blender.root / "tmp" / f"gaussian_heads_{name}_{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        build_zip(blender, folder)
        prepare(folder)
        with Session(blender, folder, name) as opened:
            yield opened
    except (NoPackage, NoBlender) as missing:
        pytest.skip(str(missing))
    finally:
        SEEN.mkdir(parents=True, exist_ok=True)
        for left in (*folder.glob("*.log"), *folder.glob("failed.png")):
            shutil.copy(left, SEEN / f"{name}_{left.name}")
        shutil.rmtree(folder)


def drop_zip(session: Session) -> None:
    """Past the first questions of Blender, then the zip dropped on the view: the question of where it goes."""
    session.click("Continue")
    session.rest()
    # The splash screen goes with a click beside it.
    session.hands.click(*NOWHERE)
    session.rest()
    left, _, right, bottom = session.box("VIEW_3D")
    zip_path = session.inside(session.folder / "gaussian_heads.zip")
    session.hands.drop([f"file://{zip_path}"], left + 0.3 * (right - left), bottom - 200)
    session.see("Install from Disk")


def confirm_install(session: Session) -> None:
    """Yes to the question of the zip; returns when the add-on works."""
    session.hands.press("Return")
    session.until(f"{MODULE!r} in bpy.context.preferences.addons", seconds=120)
    # Away from the pop-up.
    left, _, _, bottom = session.box("VIEW_3D")
    session.hands.click(left + 150, bottom - 60)
    session.rest()


def open_tab(session: Session) -> None:
    """Show the sidebar and its tab; while it slides in, a click may miss."""
    session.point(*NOWHERE)
    session.hands.press("n")
    for _ in range(3):
        session.rest(1)
        session.click("Gaussian Heads", turned=True)
        if session.find("Five-Minute Previz"):
            return
    session.see("Five-Minute Previz")


def add_avatar(session: Session) -> None:
    """The first head of the list, near and from the front."""
    session.click("Add", box=session.box("VIEW_3D", "UI"))
    session.until("len(avatars()) == 1")
    session.until("bpy.data.objects['Cube'].hide_get()")
    session.until("view_3d().spaces[0].region_3d.view_distance < 2")
    session.point(*view_middle(session))
    session.hands.press("KP_1")
    session.hands.move(*NOWHERE)
    session.rest(2)


def view_middle(session: Session) -> tuple[float, float]:
    """The middle of what the 3D view shows free of panels."""
    left, top, right, bottom = session.box("VIEW_3D")
    panels = session.box("VIEW_3D", "UI")
    return (left + min(right, panels[0])) / 2, (top + bottom) / 2


def head_pixels(session: Session) -> np.ndarray:
    """The head's part of the screen `[H, W, 3]`."""
    left, top, right, bottom = session.box("VIEW_3D")
    x, y = session.ask("on_screen(0, 0, -0.03)")
    box = [max(left, x - 150), max(top, y - 150), x + 150, min(bottom, y + 150)]
    return np.asarray(session.photograph().crop([int(side) for side in box]), float)


def check_log(session: Session) -> None:
    """Nothing that Blender printed is a fault of the add-on."""
    log = session.log.read_text("utf8", errors="replace")
    for bad in ("Traceback", "SIGSEGV", " ERROR "):
        assert bad not in log, log
