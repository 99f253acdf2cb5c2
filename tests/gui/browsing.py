"""What a user does with panels and Blender's file browser, and photographs of it to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .beginning import NOWHERE, confirm_install, drop_zip, open_tab
from .pictures import SEEN
from .reading import Box, Found
from .session import SIZE, Session

BROWSER = "region('FILE_BROWSER', 'WINDOW')"
# From a panel's title to its first row, and from the sidebar's right to the cross at the end of a row.
ROW_PX, CROSS_PX = 31, 48


def begin(session: Session) -> None:
    """Install the add-on and open its tab; all of the file browser is to be seen later."""
    drop_zip(session)
    confirm_install(session)
    session.ask("setattr(bpy.context.preferences.view, 'filebrowser_display_type', 'SCREEN')")
    open_tab(session)


def sidebar(session: Session) -> Box:
    """Where the 3D View's sidebar stands."""
    return session.box("VIEW_3D", "UI")


def keep(session: Session, name: str) -> None:
    """A photograph to be looked at."""
    SEEN.mkdir(parents=True, exist_ok=True)
    session.photograph().save(SEEN / f"{session.walk}_{name}.png")


def status_bar(session: Session) -> np.ndarray:
    """The left of the line at the bottom, where work says how far it is, as pixels."""
    return np.asarray(session.photograph().crop((0, SIZE[1] - 25, 300, SIZE[1])))


def see_all(session: Session, *lines: str, box: Box | None = None) -> None:
    """Every line stands on the screen, uncut, in this order from the top."""
    places = [session.see(line, box=box).y for line in lines]
    assert places == sorted(places), dict(zip(lines, places, strict=True))


def ask_for_file(session: Session, button: str) -> Found:
    """Press a button that asks for a file; where its way back stands."""
    session.point(*NOWHERE)
    session.click(button, box=sidebar(session))
    session.until(BROWSER)
    session.rest(1)
    return session.see("Cancel")


def choose(
    session: Session,
    button: str,
    name: str,
    *,
    seen: Sequence[str] = (),
    clicked: Sequence[str] = (),
    kind: str = "movie",
) -> None:
    """Choose the file `name` for a button, look for the labels `seen` and click on some beside it.

    Folders and files of the `kind` are to be shown.
    """
    cancel = ask_for_file(session, button)
    left, top, right, _ = session.box("FILE_BROWSER", "UI")
    type_into(session, (left + right) / 2, top + 22, f"{session.inside(session.folder)}/")
    # The field keeps the keyboard, and would take the next click for itself.
    left, _, right, bottom = session.box("FILE_BROWSER")
    session.hands.click((left + right) / 2, bottom - 40)
    session.rest(1)
    if seen:
        filters = ("use_filter_folder", f"use_filter_{kind}")
        shown = session.ask(f"[getattr(browser().params, name) for name in {filters}]")
        assert shown == [True, True], "folders too, or nobody gets anywhere"
        keep(session, f"choose_{name}")
        see_all(session, *seen)
    for label in clicked:
        session.click(label)
    session.rest(1)
    type_into(session, cancel.x - 400, cancel.y, name)
    session.rest()
    session.hands.press("Return")
    session.until(f"not {BROWSER}")
    session.rest()


def type_into(session: Session, x: float, y: float, text: str) -> None:
    """Type into the field at a place, in place of what stands there."""
    session.point(x, y)
    session.hands.click(x, y, times=2)
    session.rest()
    session.hands.press("Control_L", "a")
    session.hands.type(text)
    session.hands.press("Return")


def press_cross(session: Session, title: str) -> None:
    """Press the cross beside the progress under a panel's title."""
    box = sidebar(session)
    x, y = box[2] - CROSS_PX, session.see(title, box=box).y + ROW_PX
    session.point(x, y)
    session.hands.click(x, y)
