"""A shot in parts, as farms run it: the bake, chunks of frames, the video; the same frames as in one go."""

import shutil

import bpy
import numpy as np
import pytest
import soundfile
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.cli import main
from gaussian_heads.blender.dialogue.lines import link_strip
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.sound import decode_with_aud
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from PIL import Image

RATE_HZ = 16000
SMALL = ["--fps", "8", "--size", "32", "32", "--backend", "cpu", "--seed", "3"]


@pytest.fixture
def folder(tmp_path, monkeypatch, avatar_file):
    """The working folder, with three quarters of a second of speech as a.wav and a small avatar."""
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    soundfile.write(tmp_path / "a.wav", samples[: 3 * rate // 4], rate)
    shutil.copy(avatar_file, tmp_path / "small.uhap")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frames(folder):
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))}


def loudest_sec(path):
    samples, rate = decode_with_aud(path)
    return np.abs(samples).max(axis=1).argmax() / rate


def test_bake_chunks_and_film_are_the_shot_in_one_go(folder, capsys):
    words = ["a.wav", "--avatar", "small.uhap", *SMALL]
    assert main(["animate", *words, "--out", "whole"]) == 0
    assert main(["animate", *words, "--out", "whole.mp4"]) == 0
    assert main(["bake", *words, "--out", "farm/talk.blend"]) == 0
    assert "1 line keyed" in capsys.readouterr().out
    for chunk in ("4-6", "1-3"):
        assert main(["render", "farm/talk.blend", "--frames", chunk, "--out", "farm/frames"]) == 0
    whole, chunks = frames(folder / "whole"), frames(folder / "farm/frames")
    assert len(whole) == 6 and whole.keys() == chunks.keys()
    for name, pixels in whole.items():
        np.testing.assert_array_equal(pixels, chunks[name])
    film = ["film", "farm/talk.blend", "--pictures", "farm/frames"]
    assert main([*film, "--out", "talk.mp4"]) == 0
    assert loudest_sec(folder / "talk.mp4") == pytest.approx(
        loudest_sec(folder / "whole.mp4"), abs=1e-3
    )
    assert main([*film, "--out", "part.mp4", "--frames", "3-5"]) == 0
    later = loudest_sec(folder / "whole.mp4") - 2 / 8
    assert loudest_sec(folder / "part.mp4") == pytest.approx(later, abs=2e-3)


def save_dialogue(folder, is_linked=True):
    """A scene in its own folder, in which the small head has two lines that nobody listened to."""
    scene = bpy.context.scene
    scene.render.fps = 8
    head = create_avatar_object(
        str(folder / "small.uhap"), load_avatar(folder / "small.uhap"), scene.collection
    )
    for channel, start in ((1, 1), (2, 9)):
        strip = strip_collection(scene).new_sound(
            f"Line {channel}", str(folder / "a.wav"), channel=channel, frame_start=start
        )
        if is_linked:
            link_strip(scene, strip, head)
    (folder / "scenes").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scenes/cut.blend"))


def test_the_lines_of_a_scene_are_baked_into_another_file(folder, capsys):
    save_dialogue(folder)
    before = (folder / "scenes/cut.blend").read_bytes()
    assert main(["bake", "scenes/cut.blend", "--out", "far/away/baked.blend"]) == 0
    assert "2 lines keyed" in capsys.readouterr().out
    assert (folder / "scenes/cut.blend").read_bytes() == before
    assert [path.name for path in (folder / "far/away").iterdir()] == ["baked.blend"]
    assert main(["bake", "far/away/baked.blend", "--out", "twice.blend"]) == 0
    assert "0 lines keyed" in capsys.readouterr().out, "what is up to date is left alone"
    head = next(obj for obj in bpy.data.objects if obj.gaussian_head.avatar)
    assert head.gaussian_head.avatar == "//small.uhap"
    assert len(head.animation_data.action.layers) == 1


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["bake", "none.wav", "--out", "x.blend"], "none.wav"),
        (["bake", "a.wav", "--out", "x.mp4"], "end its name in .blend"),
        (["bake", "none.blend", "--out", "x.blend"], "no scene file 'none.blend'"),
        (["bake", "none.blend", "--out", "x.blend", "--fps", "5", "--jaw", "1"], "--fps, --jaw"),
        (["film", "none.blend", "--pictures", "p", "--out", "x.mp4"], "no scene file"),
        (["film", "none.blend", "--pictures", "p", "--out", "x.avi"], "end its name in .mp4"),
    ],
)
def test_words_that_do_not_fit_are_refused(folder, capsys, words, part):
    assert main(words) == 1
    said = capsys.readouterr().err
    assert part in said and "Traceback" not in said
    assert sorted(path.name for path in folder.iterdir()) == ["a.wav", "small.uhap"]


def test_a_scene_that_cannot_be_baked_or_filmed_says_why(folder, capsys):
    save_dialogue(folder, is_linked=False)
    assert main(["bake", "scenes/cut.blend", "--out", "x.blend"]) == 1
    assert "has no line of a dialogue" in capsys.readouterr().err
    film = ["film", "scenes/cut.blend", "--out", "x.mp4", "--pictures", "scenes", "--frames"]
    assert main([*film, "1-3"]) == 1
    assert "3 of 3 frames are not in 'scenes', 0001.png for one" in capsys.readouterr().err
    assert main([*film, "1-9:2"]) == 1
    assert "leave out the step" in capsys.readouterr().err
    for number in (1, 2):
        Image.new("RGB", (33, 20)).save(folder / f"scenes/{number:04d}.png")
    assert main([*film, "1-2"]) == 1
    assert "even sides" in capsys.readouterr().err and not (folder / "x.mp4").exists()


def test_a_lost_sound_stops_the_bake(folder, capsys):
    save_dialogue(folder)
    (folder / "a.wav").unlink()
    assert main(["bake", "scenes/cut.blend", "--out", "x.blend"]) == 1
    assert not (folder / "x.blend").exists() and "a.wav" in capsys.readouterr().err
