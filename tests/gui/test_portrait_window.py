"""A photo that acts as the head does, before a real Blender: the dialog, a stop and going on, by mouse and keyboard.

The photo shows an avatar that ships. Each test is one step and needs those before it.
"""

import numpy as np
import pytest
from gaussian_heads.core.png_files import write_png
from PIL import Image

pytest.importorskip("Xlib", reason="needs python-xlib, one of the development extras")

from ..core.portrait_photos import needs_networks, photo, photo_of, picture, readers
from .beginning import NOWHERE, add_avatar, check_log, opened_session
from .browsing import BROWSER, begin, choose, keep, see_all, status_bar
from .dialogs import MISSING, agree, dialog, fill_beside, is_red, press, tick
from .pictures import SEEN
from .session import SIZE

pytestmark = needs_networks

PANEL, BUTTON = "2D Portrait", "Render 2D Portrait…"
ASKED, AGREED = "A photo of one person", "The person shown agreed to this portrait"
STATEMENT = "Mei agreed to this portrait"
# Drawn in parts of eight: the first is soon there, and at a tenth of a second a frame time is left to stop the others.
FRAMES = range(6, 126)
RUNNING = "'GAUSSIAN_HEADS_OT_render_portrait' in running_operators()"
MOUTH = "avatars()[0].gaussian_head.arkit"


@pytest.fixture(scope="module")
def session(blender):
    def prepare(folder):
        write_png(folder / "mei.png", picture("mei"))

    with opened_session(blender, "portrait", prepare) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _steps(steps):
    """Every test here is one step of the way."""


def film(session):
    """The folder that the frames go to."""
    return session.folder / "film"


def drawn(session):
    """When each finished frame was written, by its name."""
    return {path.name: path.stat().st_mtime_ns for path in sorted(film(session).glob("*.png"))}


def test_begin(session):
    begin(session)
    session.open_panel("Avatar")
    add_avatar(session)
    for name, frame in (("start", FRAMES[0]), ("end", FRAMES[-1])):
        session.ask(f"setattr(bpy.context.scene, 'frame_{name}', {frame})")
    for frame, weight in ((FRAMES[0], 0.0), (FRAMES[-1], 0.9)):
        session.ask(f"setattr({MOUTH}, 'jawOpen', {weight})")
        session.ask(f"{MOUTH}.keyframe_insert('jawOpen', frame={frame})")


def test_the_menu_asks_for_a_photo(session):
    session.click("Render", box=(0, 0, SIZE[0], 30))
    session.see(BUTTON)
    keep(session, "menu")
    session.click(BUTTON)
    session.until(BROWSER)
    session.see(ASKED)
    session.click("Cancel")
    session.until(f"not {BROWSER}")


def test_the_panel_leads_to_the_dialog(session):
    session.open_panel("Render")
    session.open_panel(PANEL)
    keep(session, "panel")
    choose(session, BUTTON, "mei.png", seen=(ASKED,), kind="image")
    keep(session, "dialog")
    session.see("mei.png")
    see_all(session, "Statement", AGREED, MISSING, "Output", "Size", "Render", box=dialog(session))
    assert not is_red(session, MISSING)


def test_without_agreement_it_asks_again(session):
    fill_beside(session, "Statement", STATEMENT)
    fill_beside(session, "Output", session.inside(film(session)))
    press(session, "Render")
    session.rest(2)
    keep(session, "refused")
    assert is_red(session, MISSING), "it came back and says why"
    see_all(session, STATEMENT, AGREED, session.inside(film(session)))
    assert not session.ask(RUNNING) and not film(session).exists()


def test_escape_stops_it_and_keeps_frames(session):
    tick(session, AGREED)
    press(session, "Render")
    session.point(*NOWHERE)
    session.until(RUNNING)
    session.see("Esc: Cancel")
    before = status_bar(session)
    finished = f"[n for n in files_in({session.inside(film(session))!r}) if n.endswith('.png')]"
    session.until(finished, seconds=300)
    later = status_bar(session)
    session.hands.press("Escape")
    session.until(f"not {RUNNING}")
    assert (before != later).any(), "it says how far it is"
    kept = drawn(session)
    assert 0 < len(kept) < len(FRAMES)
    session.see(
        "The portrait was stopped; finished frames are kept, and the same settings go on from there."
    )
    keep(session, "stopped")
    session.rest(2)
    assert drawn(session) == kept, "nothing goes on behind"


def test_pressed_again_it_goes_on(session):
    kept = drawn(session)
    choose(session, BUTTON, "mei.png")
    fill_beside(session, "Output", session.inside(film(session)))
    agree(session, STATEMENT, AGREED)
    press(session, "Render")
    session.until(f"not {RUNNING}", seconds=300)
    counts = f"Drew {len(FRAMES) - len(kept)} frames, {len(kept)} were there"
    session.see(f"{counts}: '{session.inside(film(session))}'.")
    keep(session, "finished")
    assert [*drawn(session)] == [f"{frame:04d}.png" for frame in FRAMES]
    assert drawn(session).items() >= kept.items(), "what was there is not drawn again"


def test_the_frames_show_the_face(session):
    known = photo("mei")
    pictures = [np.asarray(Image.open(film(session) / name)) for name in drawn(session)]
    Image.fromarray(np.hstack(pictures[::20])).save(SEEN / "portrait_frames.png")
    shut, wide = (photo_of(pictures[i], "frame", *readers()).mouth_mm[0] for i in (0, -1))
    assert [one.shape for one in pictures] == [known.picture.shape] * len(FRAMES)
    # The upper third is no part of what moves.
    likeness = [np.abs(one[:80].astype(float) - known.picture[:80]).mean() for one in pictures]
    assert max(likeness) < 10 and wide > shut + 5
    assert STATEMENT in Image.open(film(session) / "0006.png").text["Synthetic"]


def test_nothing_went_wrong(session):
    check_log(session)
