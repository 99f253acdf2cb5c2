"""The main job end to end: scene, keys, frames, video, saved file; and picking work up again."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import frames as frames_module
from gaussian_heads.blender.animate import animate
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.batch import RenderRequest, render_file
from gaussian_heads.blender.shots.requests import AnimateRequest
from gaussian_heads.blender.sound import decode_with_aud
from gaussian_heads.core.audio import load_audio
from gaussian_heads.core.errors import AudioError, AvatarError, GaussianHeadsError, RenderError
from gaussian_heads.core.synthetic import video_note
from PIL import Image

STILL = {"head": 0.0, "brows": 0.0, "gaze": 0.0, "blinks_per_min": 0.0}


@pytest.fixture
def request_of(avatar_file, clicks, tmp_path):
    """A request for 12 frames at 24 fps of 32 x 24 pixels with a click in frame 6, and else a still face."""
    request = AnimateRequest(
        audio=clicks(0.5, [5.5 / 24]),
        out=tmp_path / "out",
        avatar=str(avatar_file),
        fps=Fraction(24),
        width=32,
        height=24,
        style=STILL,
    )
    return lambda **changes: replace(request, **changes)


def silent(done):
    assert 0.0 <= done <= 1.0


def pixels(path):
    return np.asarray(Image.open(path))


def test_frames_follow_the_sound(request_of, analyser):
    request = request_of()
    result = animate(request, silent, analyser)
    names = sorted(path.name for path in request.out.iterdir())
    assert names == [*(f"{frame:04d}.png" for frame in range(1, 13)), "job.json"]
    assert (result.num_frames, result.num_drawn) == (12, 12)
    assert (result.bake.first_frame, result.bake.last_frame) == (1, 12)
    open_mouth, rest = pixels(request.out / "0006.png"), pixels(request.out / "0001.png")
    assert open_mouth.shape == (24, 32, 3)
    assert np.abs(open_mouth.astype(int) - rest).max() > 30
    np.testing.assert_array_equal(pixels(request.out / "0012.png"), rest)


def test_a_folder_may_have_a_dot_in_its_name(request_of, analyser, tmp_path):
    animate(request_of(out=tmp_path / "shot.010"), silent, analyser)
    assert (tmp_path / "shot.010" / "0012.png").is_file()


def test_progress_grows_to_one(request_of, analyser):
    told = []
    animate(request_of(), told.append, analyser)
    assert told == sorted(told) and told[-1] == 1.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_work_goes_on(request_of, analyser, monkeypatch, number):
    request = request_of()
    drawn = []

    def counting(scene, frame, path):
        drawn.append(frame)
        original(scene, frame, path)
        if len(drawn) == 4:
            signal.raise_signal(number)

    original = frames_module.render_frame
    monkeypatch.setattr(frames_module, "render_frame", counting)
    with pytest.raises(KeyboardInterrupt):
        animate(request, silent, analyser)
    assert sorted(p.name for p in request.out.glob("*.png")) == [f"000{i}.png" for i in range(1, 5)]
    assert not list(request.out.glob(".*"))
    result = animate(request, silent, analyser)
    assert drawn == list(range(1, 13))
    assert result.num_drawn == 8


def test_frames_of_another_job_are_not_mixed(request_of, analyser):
    animate(request_of(), silent, analyser)
    with pytest.raises(GaussianHeadsError, match="frames of another job"):
        animate(request_of(seed=5), silent, analyser)
    with pytest.raises(GaussianHeadsError, match="frames of another job"):
        animate(request_of(style=STILL | {"head": 0.5}), silent, analyser)
    job = json.loads((request_of().out / "job.json").read_text())
    assert job["seed"] is None and len(job["sha256"]["audio"]) == 64


def test_leftovers_of_an_unfinished_video_are_discarded(request_of, analyser, tmp_path):
    animate(request_of(out=tmp_path / "first"), silent, analyser)
    leftover = (tmp_path / "first").rename(tmp_path / "talk.frames")
    request = request_of(out=tmp_path / "talk.mp4", seed=7)
    assert animate(request, silent, analyser).num_drawn == 12
    assert request.out.is_file() and not leftover.exists()


def test_a_folder_with_other_pictures_is_left_alone(request_of, analyser, tmp_path):
    other = tmp_path / "talk.frames" / "holiday.png"
    other.parent.mkdir()
    other.write_bytes(b"mine")
    with pytest.raises(GaussianHeadsError, match="another job"):
        animate(request_of(out=tmp_path / "talk.mp4"), silent, analyser)
    assert other.read_bytes() == b"mine"


def test_transparent_exr(request_of, analyser):
    request = request_of(is_transparent=True, frame_format="exr")
    animate(request, silent, analyser)
    image = bpy.data.images.load(str(request.out / "0001.exr"))
    rgba = np.array(image.pixels[:]).reshape(24, 32, 4)
    assert rgba[-1, 0].tolist() == [0, 0, 0, 0] and rgba[..., 3].max() > 0.99


def test_video_with_sound(request_of, analyser, tmp_path):
    request = request_of(out=tmp_path / "talk.mp4", width=64, height=64, fps=Fraction(30000, 1001))
    result = animate(request, silent, analyser)
    assert result.num_frames == 15 and sorted(p.suffix for p in tmp_path.iterdir()) == [
        ".mp4",
        ".wav",
    ]
    scene = bpy.data.scenes.new("Reader")
    scene.render.fps, scene.render.fps_base = 30, 1.001
    strips = scene.sequence_editor_create().strips
    movie = strips.new_movie("Movie", str(request.out), channel=1, frame_start=1)
    element = movie.elements[0]
    assert (element.orig_width, element.orig_height) == (64, 64)
    assert element.orig_fps == pytest.approx(30000 / 1001, abs=1e-3)
    samples, rate = decode_with_aud(request.out)
    assert rate == 48000
    loudest = np.abs(samples).max(axis=1).argmax() / rate
    # A tenth of a frame, and what AAC smears.
    assert loudest == pytest.approx(5.5 / 24, abs=0.01)
    assert "Small Head" in video_note(request.out)
    # The last frame outlasts the sound: what follows it is silence.
    assert np.abs(samples[int(0.499 * rate) :]).max() < 1e-3


def test_sound_of_a_video_is_read_too(request_of, analyser, tmp_path):
    request = request_of(out=tmp_path / "talk.mp4")
    animate(request, silent, analyser)
    waveform, rate = load_audio(request.out, decode_with_aud)
    assert len(waveform) / rate == pytest.approx(0.5, abs=0.05)


def test_saved_scene_renders_the_same_frames(request_of, analyser, tmp_path):
    request = request_of(save_blend=tmp_path / "scenes" / "talk.blend")
    animate(request, silent, analyser)
    assert [p.name for p in (tmp_path / "scenes").iterdir()] == ["talk.blend"]
    told = []
    result = render_file(RenderRequest(request.save_blend, "5-7", tmp_path / "again"), told.append)
    assert (result.num_rendered, result.num_skipped, told[-1]) == (3, 0, 1.0)
    for name in ("0005.png", "0006.png", "0007.png"):
        np.testing.assert_array_equal(pixels(tmp_path / "again" / name), pixels(request.out / name))
    obj = next(o for o in bpy.data.objects if o.gaussian_head.avatar)
    assert obj.gaussian_head.avatar.startswith("//")
    assert [sound.filepath for sound in bpy.data.sounds] == ["//../clicks.wav"]
    assert len(find_channelbag(obj).fcurves) == 52


def test_saved_scene_renders_in_a_plain_background_process(request_of, analyser, tmp_path):
    request = request_of(save_blend=tmp_path / "talk.blend")
    animate(request, silent, analyser)
    script = (
        "import bpy, gaussian_heads; gaussian_heads.register();"
        f"bpy.ops.wm.open_mainfile(filepath={str(request.save_blend)!r});"
        f"bpy.context.scene.render.filepath = {str(tmp_path / 'plain' / '####')!r};"
        "bpy.ops.render.render(animation=True)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120, capture_output=True)
    for frame in (1, 6, 12):
        np.testing.assert_array_equal(
            pixels(tmp_path / "plain" / f"{frame:04d}.png"),
            pixels(request.out / f"{frame:04d}.png"),
        )


def test_render_file_names_each_file_for_farms(request_of, analyser, tmp_path, caplog):
    request = request_of(save_blend=tmp_path / "s.blend")
    animate(request, silent, analyser)
    with caplog.at_level("INFO"):
        render_file(RenderRequest(request.save_blend, "2-3", tmp_path / "b"), silent)
    saved = [line for line in caplog.messages if line.startswith("Saved: ")]
    assert saved == [f"Saved: '{tmp_path / 'b' / f'{frame:04d}.png'}'" for frame in (2, 3)]


def test_render_file_skips_what_is_there(request_of, analyser, tmp_path):
    request = request_of(save_blend=tmp_path / "talk.blend")
    animate(request, silent, analyser)
    first = render_file(RenderRequest(request.save_blend, "1-4", tmp_path / "b"), silent)
    second = render_file(RenderRequest(request.save_blend, "3-6", tmp_path / "b"), silent)
    third = render_file(RenderRequest(request.save_blend, "3-6", tmp_path / "b", True), silent)
    assert [r.num_rendered for r in (first, second, third)] == [4, 2, 4]
    # Its own output path holds all twelve already.
    assert render_file(RenderRequest(request.save_blend), silent).num_skipped == 12


def test_render_file_of_a_video_scene_wants_a_folder(request_of, analyser, tmp_path):
    request = request_of(out=tmp_path / "a.mp4", save_blend=tmp_path / "talk.blend")
    animate(request, silent, analyser)
    with pytest.raises(RenderError, match="writes a video"):
        render_file(RenderRequest(request.save_blend), silent)


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "no scene file"), (b"not a scene", "cannot be opened")]
)
def test_bad_scene_files_are_refused(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "a.blend").write_bytes(content)
    with pytest.raises(RenderError, match=sentence):
        render_file(RenderRequest(tmp_path / "a.blend"), silent)


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"audio": Path("/nowhere/a.wav")}, AudioError, "no sound file"),
        ({"audio": Path(__file__)}, AudioError, "text file"),
        ({"avatar": "/nowhere/a.uhap"}, AvatarError, "is missing"),
        ({"width": 0}, RenderError, "sides from 1"),
        ({"out": Path("a.mp4"), "width": 33}, RenderError, "even sides"),
        ({"out": Path("a.mp4"), "is_transparent": True}, RenderError, "no transparency"),
        ({"out": Path("a.mov")}, RenderError, "is no .mp4"),
        ({"save_blend": Path("a.txt")}, RenderError, "no scene file"),
        ({"frame_format": "gif"}, RenderError, "no frame format 'gif'"),
        ({"camera": "wide"}, RenderError, "no framing 'wide'"),
        ({"scene": Path("/nowhere/a.blend")}, RenderError, "no scene file"),
        ({"out": Path("a.mp4"), "frames": (1, 3)}, RenderError, "every frame"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_written(
    request_of, analyser, tmp_path, changes, error, sentence
):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=sentence):
        animate(request_of(**changes), silent, analyser)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_was_killed_while_it_cleared_up_goes_on(
    request_of, analyser, tmp_path, monkeypatch
):
    """The frames of a finished video go before the file that says whose they are."""
    request, deleted = request_of(out=tmp_path / "talk.mp4"), []
    unlink = Path.unlink

    def killed(path, missing_ok=False):
        if path.parent.suffix == ".frames" and path.suffix == ".png" and "~" not in path.name:
            deleted.append(path)
            if len(deleted) == 5:
                raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", killed)
        animate(request, silent, analyser)
    assert len(list((tmp_path / "talk.frames").glob("*.png"))) == 8
    assert animate(request, silent, analyser).num_drawn == 4
    assert request.out.is_file() and not (tmp_path / "talk.frames").exists()
