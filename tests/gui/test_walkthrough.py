"""A new user before a real Blender: from the zip to the first video, by mouse and keyboard.

Each test is one step and needs those before it; docs/WALKTHROUGH.md is made of their pictures.
"""

import json
import sys

import numpy as np
import pytest
import soundfile
from PIL import Image

pytest.importorskip("Xlib", reason="needs python-xlib, one of the development extras")

from .beginning import (
    NOWHERE,
    add_avatar,
    check_log,
    confirm_install,
    drop_zip,
    head_pixels,
    open_tab,
    opened_session,
    view_middle,
)
from .pictures import check_picture
from .playback import measure, said
from .session import LOOK_SEC
from .window import ROOT

SOUND = ROOT / "assets" / "audio" / "sample.flac"
DROPPED = "hello.wav"
# Frames of the video: a second, since a software driver takes its time.
VIDEO_FRAMES = 24
# Part of the timeline at which the sample's first word opens the mouth.
WIDE_OPEN = 0.083
# What is keyed of the only head.
CURVES = "curves(avatars()[0])"
FIGURES = ROOT / "out" / "gui" / "playback.json"


@pytest.fixture(scope="module")
def session(blender):
    def prepare(folder):
        soundfile.write(folder / DROPPED, *soundfile.read(SOUND))

    with opened_session(blender, "walk", prepare) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _steps(steps):
    """Every test here is one step of the way."""


@pytest.fixture
def view(session):
    """The middle of what the 3D view shows free of panels."""
    return view_middle(session)


def is_skin(rgb):
    return rgb[0] > rgb[1] + 15 > rgb[2] + 15 and rgb[0] > 120


def face(session):
    """Mean RGB around the nose of the avatar as the screen shows it."""
    x, y = session.ask("on_screen(0, -0.1, -0.03)")
    box = tuple(int(side) for side in (x - 8, y - 8, x + 8, y + 8))
    return np.asarray(session.photograph().crop(box), float).reshape(-1, 3).mean(axis=0)


def test_install_by_dropping_the_zip(session):
    drop_zip(session)
    check_picture(session.photograph(), "01_install")
    confirm_install(session)


def test_the_tab_says_how_to_begin(session):
    open_tab(session)
    check_picture(session.photograph(), "02_tab")


def test_add_an_avatar(session):
    add_avatar(session)
    assert is_skin(face(session)), "Maya is seen from the front"
    check_picture(session.photograph(), "03_avatar")


def test_drop_an_avatar_and_undo(session, view):
    otto = session.ask("file_of('assets', 'avatars', 'otto.uhap')")
    session.hands.drop([f"file://{otto}"], *view)
    session.until("len(avatars()) == 2")
    session.point(*view)
    session.hands.press("Control_L", "z")
    session.until("[avatar.name for avatar in avatars()] == ['Maya']")


def test_drop_a_sound_on_the_head(session):
    sound = session.inside(session.folder / DROPPED)
    session.hands.drop([f"file://{sound}"], *session.ask("on_screen(0, -0.1, -0.03)"))
    session.see("Bake Now")
    check_picture(session.photograph(), "04_sound")


def test_bake(session):
    session.hands.press("Return")
    session.until("len(sounds()) == 1")
    session.until(f"len({CURVES}) > 60", seconds=120)
    counts = session.ask(f"[keys for path, index, keys in {CURVES}]")
    ends = session.ask("[[s.left_handle, s.right_handle] for s in sounds()]")
    assert len(ends) == 1
    assert max(counts) == ends[0][1] - ends[0][0], "a key on every frame of the strip"


def test_undo_and_redo(session, view):
    keyed = session.ask(CURVES)
    session.point(*view)
    session.hands.press("Control_L", "z")
    session.until(f"not {CURVES}")
    assert session.ask("len(sounds())") == 1, "one step takes back the keys alone"
    session.hands.press("Control_L", "Shift_L", "z")
    session.until(CURVES)
    assert session.ask(CURVES) == keyed


def test_play(session, view):
    session.point(*view)
    played = measure(session)
    session.open_panel("Viewport")
    session.click("Show Heads", box=session.box("VIEW_3D", "UI"))
    session.until("not bpy.context.scene.gaussian_heads.show_overlay")
    session.point(*view)
    assert not is_skin(face(session)), "the proxy alone is grey"
    without = measure(session)
    session.click("Show Heads", box=session.box("VIEW_3D", "UI"))
    session.until("bpy.context.scene.gaussian_heads.show_overlay")
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({"heads": played, "no heads": without}, indent=1), "utf8")
    sys.stdout.write(f"\n{said(played)}\nwithout heads: {without['frames_per_sec']:.1f} frames/s\n")
    assert played["frames_drawn"] >= 4 and session.ask("bpy.context.scene.frame_current") > 1
    assert without["seconds_of"]["decode"] == 0 < played["seconds_of"]["decode"]


def test_scrub(session):
    session.open_panel("Speech")
    left, top, right, bottom = session.box("DOPESHEET_EDITOR")

    # From side to side, where the frame numbers stand.
    def place(part):
        return left + part * (right - left), top + 12

    frames, pictures = [], []
    for part in (0.5, WIDE_OPEN):
        session.hands.drag(place(part + 0.1), place(part))
        session.rest(1)
        frames.append(session.ask("bpy.context.scene.frame_current"))
        pictures.append(head_pixels(session))
    assert frames[0] > frames[1] > 1
    assert np.abs(pictures[0] - pictures[1]).max() > 30, "the face at another frame is another"
    session.hands.move(*NOWHERE)
    session.rest(1)
    check_picture(session.photograph(), "05_speech")


def test_strength_after_the_bake(session, view):
    before = head_pixels(session)
    session.slide("Speech", -60)
    assert session.ask("avatars()[0].gaussian_head.strength_speech") < 0.8
    session.hands.move(*NOWHERE)
    session.rest(1)
    assert np.abs(head_pixels(session) - before).max() > 30, "the mouth opens less"
    session.point(*view)
    session.hands.press("Control_L", "z")
    session.until("avatars()[0].gaussian_head.strength_speech == 1")


def test_save_and_reopen(session, view):
    keyed = session.ask(CURVES)
    session.point(*view)
    session.hands.press("Control_L", "s")
    is_saved = "bpy.data.filepath and len(bpy.context.window_manager.windows) == 1"
    session.click_until("Save Blender File", is_saved)
    session.ask("setattr(bpy.context.scene, 'name', 'Changed')")
    session.click("File", box=(0, 0, 400, 30))
    session.click("Revert")
    session.hands.press("Return")
    session.until("bpy.context.scene.name == 'Scene'")
    session.rest(2)
    assert session.ask(CURVES) == keyed
    assert is_skin(face(session)), "the head is drawn again"


def test_smile(session):
    # The panel Speech has parts whose names begin alike.
    session.open_panel("Exchange")
    session.open_panel("Acting")
    sidebar = session.box("VIEW_3D", "UI")
    session.click("Expressions", box=sidebar)
    session.click("Controls", box=sidebar)
    session.click("Symmetric", box=sidebar)
    session.click("ARKit", box=sidebar)
    session.click("Search", box=sidebar)
    session.hands.type("smile")
    session.hands.press("Return")
    session.rest()
    before = head_pixels(session)
    session.slide("Smile", 30)
    left, right = session.ask(
        "[getattr(avatars()[0].gaussian_head.arkit, 'mouthSmile' + side) for side in ('Left', 'Right')]"
    )
    assert 0.1 < left <= 1 and left == right, "both sides by one slider"
    assert np.abs(head_pixels(session) - before).max() > 15, "the mouth moved"
    session.click("Key Pose", box=sidebar)
    session.until("any('mouthSmile' in path for path, index, keys in curves(avatars()[0]))")
    check_picture(session.photograph(), "06_smile")


def test_set_up_render(session):
    session.open_panel("Render")
    sidebar = session.box("VIEW_3D", "UI")
    session.click("Set Up Render", box=sidebar)
    session.until("bpy.context.scene.render.engine == 'GAUSSIAN_HEADS'")
    session.click("Output", box=sidebar)
    session.click("Fit Range to Sound", box=sidebar)
    last = session.ask("max(s.right_handle for s in sounds()) - 1")
    session.until(f"bpy.context.scene.frame_end == {last}")
    session.click("Video with Sound", box=sidebar)
    session.until("bpy.context.scene.render.image_settings.file_format == 'FFMPEG'")
    session.fill_in("%", "50")
    session.until("bpy.context.scene.render.resolution_percentage == 50")
    session.hands.move(*NOWHERE)
    session.rest()
    check_picture(session.photograph(), "07_render")


def test_render_image(session, view):
    session.hands.move(*view)
    session.hands.press("F12")
    session.until("len(bpy.context.window_manager.windows) == 2")
    session.until("not bpy.app.is_job_running('RENDER')", seconds=120)
    session.rest(2)
    picture = save_render(session)
    middle = np.asarray(picture, float)[picture.height // 3 : -picture.height // 3]
    skin = [is_skin(pixel) for pixel in middle[::7, ::7].reshape(-1, 3)]
    assert picture.size == (960, 540) and np.mean(skin) > 0.15, "the head fills the picture"
    check_picture(session.photograph(), "08_image")
    session.hands.press("Escape")
    session.until("len(bpy.context.window_manager.windows) == 1")


def save_render(session):
    """The render result as a picture."""
    path = session.folder / "render.png"
    session.ask(f"save_render({session.inside(path)!r})")
    return Image.open(path).convert("RGB")


def test_render_video(session):
    video = session.folder / "first_video.mp4"
    session.fill_in("End", str(VIDEO_FRAMES))
    session.until(f"bpy.context.scene.frame_end == {VIDEO_FRAMES}")
    session.fill_in("Output", session.inside(video))
    session.click("Animation", box=session.box("VIEW_3D", "UI"))
    session.until("len(bpy.context.window_manager.windows) == 2")
    session.until("not bpy.app.is_job_running('RENDER')", seconds=180)
    assert session.ask(f"video({session.inside(video)!r})") == [VIDEO_FRAMES, 960, 540, True]


def test_previz_in_a_new_file(session, view):
    # Keys go to the window under the pointer: the render's lies over the view.
    session.hands.move(*view)
    session.hands.press("Escape")
    session.until("len(bpy.context.window_manager.windows) == 1")
    session.point(*NOWHERE)
    session.hands.press("Control_L", "n")
    session.click("General")
    session.see("Save changes before closing?")
    session.hands.press("d")
    session.until("'Cube' in bpy.context.scene.objects and not avatars()")
    open_tab(session)
    session.click("Five-Minute Previz")
    label = session.see("Sound")
    session.point(label.x + 90, label.y)
    session.hands.click(label.x + 90, label.y)
    session.rest(LOOK_SEC)
    session.hands.type(session.inside(session.folder / DROPPED))
    session.hands.press("Return")
    session.rest(1)
    check_picture(session.photograph(), "09_previz")
    session.hands.press("Return")
    session.until(f"avatars() and len({CURVES}) > 60", seconds=120)
    session.rest(2)
    assert session.ask("perspective()") == "CAMERA"
    assert is_skin(face(session)), "the camera sees the head"


def test_nothing_went_wrong(session):
    check_log(session)
