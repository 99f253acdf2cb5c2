"""Faces in videos before a real Blender: keys from a film, and the dialog of a new person, by mouse and keyboard.

The films show an avatar that ships. Each test is one step and needs those before it.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import Avatar

pytest.importorskip("Xlib", reason="needs python-xlib, one of the development extras")
pytest.importorskip("av", reason="needs PyAV, one of the requirements")

from .beginning import (
    MODULE,
    NOWHERE,
    add_avatar,
    check_log,
    head_pixels,
    opened_session,
    view_middle,
)
from .browsing import (
    BROWSER,
    ask_for_file,
    begin,
    choose,
    keep,
    press_cross,
    see_all,
    sidebar,
    type_into,
)
from .dialogs import MISSING, agree, is_red
from .films import FPS, draw_pictures, openings, write_film
from .session import SIZE

STAND_IN = Path(__file__).parents[1] / "blender" / "people_script.py"
FRAMES, LONG_FRAMES = 50, 750
VIDEO, PERSON = "Expression from Video", "New Person"
JOBS = f"sys.modules['{MODULE}.blender.jobs'].running_jobs()"
PEOPLE = f"sys.modules['{MODULE}.blender.people']"
PREFERENCES = f"bpy.context.preferences.addons['{MODULE}'].preferences"
CURVES = "curves(avatars()[0])"
AGREED = "The person shown agreed to this avatar"
# The only colour of the stand-in's preview.
PREVIEW_RGB = (128, 96, 64)
STATEMENT = "I am Otto and want this avatar"


@pytest.fixture(scope="module")
def session(blender):
    def prepare(folder):
        pictures = draw_pictures()
        write_film(folder / "film.mp4", FRAMES, pictures)
        write_film(folder / "long.mp4", LONG_FRAMES, pictures)
        (folder / "broken.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(range(256)) * 8)
        make_environment(folder, blender.inside(folder))

    with opened_session(blender, "video", prepare) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _steps(steps):
    """Every test here is one step of the way."""


def make_environment(folder, inside):
    """What looks like an environment with PyTorch: its Python does as `behaviour.txt` says."""
    environment = folder / "environment"
    (environment / "bin").mkdir(parents=True)
    shutil.copy(STAND_IN, environment / "run.py")
    shutil.copy(builtin_avatars()["otto"], environment / "small.uhap")
    python = environment / "bin" / "python"
    # Nobody shall draw with it.
    python.write_text(
        '#!/bin/sh\ncase "$*" in *--json-progress*) '
        f'exec python3 {inside}/environment/run.py "$@";; esac\nexit 1\n'
    )
    python.chmod(0o755)


def behave(session, name):
    (session.folder / "environment" / "behaviour.txt").write_text(name)


def jaw_of_keys(session, first, count):
    """How far the jaw is open on each frame by the keyed codes, read by the avatar itself."""
    codes = session.ask(f"codes(avatars()[0], range({first}, {first + count}))")
    maya = Avatar.open(builtin_avatars()["maya"])
    jaw = maya.control_names("arkit52").index("jawOpen")
    return np.array([maya.readout(np.array(code, np.float32))[jaw] for code in codes])


def check_follows_the_film(session, first):
    shown, wanted = jaw_of_keys(session, first, FRAMES), openings(FRAMES)
    assert np.corrcoef(shown, wanted)[0, 1] > 0.9
    assert np.ptp(shown) == pytest.approx(np.ptp(wanted), rel=0.4)


def test_begin(session):
    begin(session)
    session.ask(f"setattr(bpy.context.scene.render, 'fps', {FPS})")


def test_without_a_head_the_panel_says_what_to_do(session):
    session.open_panel(VIDEO)
    see_all(session, VIDEO, "Add or select an avatar, or a mesh", "with shape keys, first.")
    keep(session, "no_head")


def test_with_a_head_it_asks_for_a_film(session):
    session.open_panel("Avatar")
    add_avatar(session)
    session.open_panel(VIDEO)
    lines = ("Add a movie strip in the Video", "Sequencer, or choose a file", "From File…")
    see_all(session, VIDEO, *lines, box=sidebar(session))
    keep(session, "no_film")


def test_the_file_browser_is_left_again(session):
    ask_for_file(session, "From File…")
    session.click("Cancel")
    session.until(f"not {BROWSER}")
    check_log(session)


def test_watching_is_shown_and_stopped_by_the_cross(session):
    labels = ("Key As", "Start", "Parts", "Strength", "Smoothing", "Neutral from Video", "Face")
    choose(session, "From File…", "long.mp4", seen=(*labels, "Error Bound", "Keys"))
    session.until(f"0 < {JOBS}[0].progress < 1")
    keep(session, "watching")
    assert not session.find("From File…", sidebar(session)), "one at a time"
    press_cross(session, VIDEO)
    session.until(f"not {JOBS}")
    session.see("The analysis was stopped; nothing was keyed.")
    assert session.ask(CURVES) == []


def test_escape_stops_it_too(session):
    choose(session, "From File…", "long.mp4")
    session.until(f"{JOBS}[0].progress > 0")
    session.hands.press("Escape")
    session.until(f"not {JOBS}")
    assert session.ask(CURVES) == []


def test_a_broken_film_is_refused_with_a_sentence(session):
    choose(session, "From File…", "broken.mp4")
    session.see("Report: Error")
    keep(session, "broken")
    session.until(f"not {JOBS}")
    assert session.ask(CURVES) == []
    session.hands.press("Escape")
    session.rest(1)
    assert not session.find("Report: Error")


def test_a_film_moves_the_head(session):
    choose(session, "From File…", "film.mp4")
    session.until(f"{CURVES} and not {JOBS}", seconds=300)
    session.rest(1)
    keep(session, "keyed")
    check_follows_the_film(session, 1)
    pictures = []
    for frame in (1, 13):
        session.ask(f"bpy.context.scene.frame_set({frame})")
        session.rest(1)
        pictures.append(head_pixels(session))
    assert np.abs(pictures[0] - pictures[1]).max() > 30, "the mouth opens before one's eyes"


def take_keys_back(session):
    """One undo, over the view; waits until the keys are gone."""
    session.point(*view_middle(session))
    session.hands.press("Control_L", "z")
    session.until(f"not {CURVES}")


def test_one_undo_takes_it_back(session):
    take_keys_back(session)


def test_a_strip_is_offered_and_keyed_where_it_lies(session):
    film = session.inside(session.folder / "film.mp4")
    strips = "bpy.context.scene.sequence_editor_create().strips"
    session.ask(f"{strips}.new_movie('film.mp4', {film!r}, 1, 101) and 1")
    session.open_panel(VIDEO, is_open=True)
    see_all(session, VIDEO, "From 'film.mp4'", "From File…", box=sidebar(session))
    session.click("From 'film.mp4'", box=sidebar(session))
    session.until(f"{CURVES} and not {JOBS}", seconds=300)
    check_follows_the_film(session, 101)


def test_a_dropped_film_is_watched(session):
    take_keys_back(session)
    session.ask("bpy.context.scene.frame_set(1)")
    film = session.inside(session.folder / "film.mp4")
    session.hands.drop([f"file://{film}"], *view_middle(session))
    # Blender asks, since it takes films as pictures of an Empty too.
    left, top, _, bottom = session.box("VIEW_3D")
    session.click(VIDEO, box=(left, top, sidebar(session)[0], bottom))
    session.until(f"{CURVES} and not {JOBS}", seconds=300)
    check_follows_the_film(session, 1)


def test_what_is_chosen_beside_the_file_counts(session):
    take_keys_back(session)
    choose(session, "From File…", "film.mp4", clicked=("Head",))
    session.until(f"{CURVES} and not {JOBS}", seconds=300)
    assert np.ptp(jaw_of_keys(session, 1, FRAMES)) < 0.01
    assert session.ask(f"any('head' in path for path, *_ in {CURVES})")


def test_without_an_environment_it_says_what_to_do(session):
    session.open_panel(PERSON)
    lines = ("A new person needs PyTorch in an", "Preferences", "From Video or Photos…")
    see_all(session, PERSON, *lines[:2], box=sidebar(session))
    assert not session.ask("bpy.ops.gaussian_heads.personalize.poll()")
    keep(session, "no_environment")
    session.click("Preferences", box=sidebar(session))
    session.until("len(bpy.context.window_manager.windows) == 2")
    session.see("Create Accelerator")
    place = session.see("Environment")
    type_into(session, place.x + 250, place.y, session.inside(session.folder / "environment"))
    session.until(f"{PREFERENCES}.accelerator_folder")
    keep(session, "preferences")
    session.ask("close_window(1)")
    session.until("len(bpy.context.window_manager.windows) == 1")
    session.point(*NOWHERE)
    session.see(lines[2], box=sidebar(session))


def test_without_agreement_nothing_begins(session):
    behave(session, "wait")
    choose(session, "From Video or Photos…", "film.mp4", seen=("One video, or some photos",))
    labels = ("Author", "Licence", "Motion", "Face", "Minutes of Fit", "Add to Scene")
    left, top, right, _ = session.box("VIEW_3D")
    lines = ("film.mp4", "Name", "Statement", AGREED, MISSING, *labels, "Make the Avatar")
    see_all(session, *lines, box=(left, top, right, SIZE[1]))
    keep(session, "dialog")
    assert not is_red(session, MISSING)
    session.click("Make the Avatar")
    session.rest(2)
    keep(session, "refused")
    assert is_red(session, MISSING), "it came back and says why"
    assert session.ask(f"{PEOPLE}.current_process() is None")
    assert library(session) == []


def library(session):
    """Files of the user's own avatars; what the stand-in was asked is no part of them."""
    files = session.ask(f"files_in({PEOPLE}.preferences.avatar_folder())")
    return [name for name in files if not name.endswith(".words.json")]


def make(session):
    """Fill in the dialog, and confirm it."""
    agree(session, STATEMENT, AGREED)
    session.click("Make the Avatar")
    session.until(f"{PEOPLE}.current_process() is not None")


def test_with_agreement_it_begins_and_is_stopped(session):
    make(session)
    session.point(*NOWHERE)
    session.see("Finding the face 50%", box=sidebar(session))
    keep(session, "making")
    press_cross(session, PERSON)
    session.until(f"{PEOPLE}.current_process() is None")
    lines = (
        "From Video or Photos…",
        "The work was stopped; it goes on",
        "from there when the same recording",
    )
    see_all(session, PERSON, *lines, box=sidebar(session))
    keep(session, "stopped")
    assert library(session) == [] and session.ask("len(avatars())") == 1


def test_a_person_is_seen_and_arrives(session):
    behave(session, "show")
    choose(session, "From Video or Photos…", "film.mp4")
    make(session)
    session.until(f"{PEOPLE}.preview_icon()")
    session.until(f"{PEOPLE}.current_process().standing.doing == 'Fitting 50%'")
    session.rest(1)
    keep(session, "preview")
    shown = np.asarray(session.photograph().crop(sidebar(session)), float)
    assert (np.abs(shown - PREVIEW_RGB).max(axis=-1) < 6).sum() > 10_000, "its picture is seen"
    behave(session, "work")
    session.until("[avatar.name for avatar in avatars()] == ['Maya', 'Otto']")
    see_all(session, PERSON, "'Film' stands in your library.", box=sidebar(session))
    see_all(session, "Add", box=sidebar(session))
    see_all(session, "Report", box=sidebar(session))
    keep(session, "arrived")
    assert STATEMENT in session.ask(
        f"text_of({PEOPLE}.preferences.avatar_folder(), 'Film.words.json')"
    )
    assert library(session) == ["Film.png", "Film.report.html", "Film.uhap"]


def test_nothing_went_wrong(session):
    check_log(session)
