"""Heads in the viewports of a real Blender with a window, on OpenGL and on Vulkan, judged by pixels."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from .window import drive, install

# Where the pictures of the last run are kept, to be looked at.
PICTURES = Path(__file__).resolve().parents[2] / "out" / "gui"


@pytest.fixture(scope="module", params=["opengl", "vulkan"])
def report(request, blender):
    """What the drive through the views reported, with its pictures."""
    folder = blender.root / "tmp" / f"gaussian_heads_gui_{os.getpid()}_{request.param}"
    folder.mkdir(parents=True)
    try:
        install(blender, folder)
        found = drive(blender, folder, request.param)
        PICTURES.mkdir(parents=True, exist_ok=True)
        for picture in folder.glob("*.png"):
            shutil.copy(picture, PICTURES / f"{request.param}_{picture.name}")
        shutil.copy(folder / "blender.log", PICTURES / f"{request.param}.log")
    finally:
        shutil.rmtree(folder)
    found["wanted"], found["prefix"] = request.param, PICTURES / request.param
    return found


def colour(report, name, point):
    """Mean RGB `[3]` (0 to 255) of 5 x 5 pixels around a point of the picture `name`."""
    from PIL import Image

    picture = np.asarray(Image.open(f"{report['prefix']}_{name}.png").convert("RGB"), float)
    x, y = (int(value) for value in report["points"][name][point])
    return picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0)


def is_skin(rgb):
    return rgb[0] > rgb[1] + 15 > rgb[2] + 15 and rgb[0] > 120


def is_grey(rgb):
    return np.ptp(rgb) < 12


def test_everything_was_drawn_on_the_wanted_backend(report):
    assert report["errors"] == [] and report["sentence"] == ""
    assert report["backend"].lower() == report["wanted"]
    log = (report["prefix"].with_suffix(".log")).read_text("utf8", errors="replace")
    assert "Traceback" not in log and "SIGSEGV" not in log


def test_overlay_shows_the_head_and_hides_its_proxy(report):
    assert is_skin(colour(report, "solid", "cheek"))
    assert is_grey(colour(report, "solid_off", "cheek")), "the proxy alone is grey"
    assert is_grey(colour(report, "solid", "empty"))
    again = colour(report, "solid_again", "cheek")
    np.testing.assert_allclose(again, colour(report, "solid", "cheek"), atol=2)


@pytest.mark.parametrize("name", ["solid", "material", "rendered", "rendered_automatic"])
def test_mesh_in_front_hides_the_head(report, name):
    cube = colour(report, name, "cube")
    assert cube[0] > 1.4 * max(cube[1:]), "the cube is red, under AgX a little less"
    if name == "solid":
        np.testing.assert_allclose(cube, colour(report, "solid_off", "cube"), atol=2)


def test_colours_are_the_avatars_own_in_every_mode(report):
    """Whoever draws the rest, and whatever the view transform does to it."""
    expected = colour(report, "solid", "cheek")
    for name in ("rendered", "rendered_automatic", "material"):
        np.testing.assert_allclose(colour(report, name, "cheek"), expected, atol=4)


@pytest.mark.parametrize("name", ["turned", "turned_more", "orthographic", "camera"])
def test_head_follows_the_view(report, name):
    assert is_skin(colour(report, name, "cheek"))


def test_turning_never_decodes_and_a_new_expression_once(report):
    decodes = report["decodes"]
    assert decodes["before turning"] == decodes["while turning"] == decodes["after turning"] == 1
    assert decodes["played from"] == 2, "one for the open mouth, none for the shut one"


def test_setting_a_control_redraws(report):
    shut, opened = (colour(report, name, "mouth") for name in ("mouth_shut", "mouth_open"))
    assert np.abs(shut - opened).max() > 15
    np.testing.assert_allclose(shut, colour(report, "solid_again", "mouth"), atol=2)


def test_state_is_left_as_it_was(report):
    pairs = [json.loads(pair) for pair in report["states"]]
    assert pairs and all(len(pair) == 2 and pair[0] == pair[1] for pair in pairs)


def test_final_frame_beside_the_viewport(report):
    """F12 drew in its own graphics context, and the viewport still draws after it."""
    from PIL import Image

    final = np.asarray(Image.open(f"{report['prefix']}_final_frame.png").convert("RGB"), float)
    middle = final[60:180, 100:220].reshape(-1, 3)
    assert np.mean([is_skin(pixel) for pixel in middle]) > 0.1
    again = colour(report, "rendered_again", "cheek")
    np.testing.assert_allclose(again, colour(report, "rendered", "cheek"), atol=2)


def test_playback_keeps_time_by_dropping_frames(report):
    playback = report["playback"]
    assert report["sync_mode"] == "AUDIO_SYNC"
    assert playback["frames"] == pytest.approx(24 * playback["seconds"], rel=0.25)
    assert 0 < playback["decodes"] < playback["frames"]
