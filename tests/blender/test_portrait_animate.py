"""`animate` with a photo: frames, resume, the video, and what is refused."""

import json
import signal
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.blender import cli
from gaussian_heads.blender.animate import animate
from gaussian_heads.blender.portraits import animating
from gaussian_heads.blender.shots.requests import AnimateRequest
from gaussian_heads.core.errors import GaussianHeadsError, ModelError, RenderError
from gaussian_heads.core.portrait import order as order_module
from gaussian_heads.core.portrait.order import PortraitOrder
from gaussian_heads.core.synthetic import KIND, video_note
from gaussian_heads.core.video import VideoFile
from PIL import Image

from .portraits import STATEMENT

STILL = {"head": 0.0, "brows": 0.0, "gaze": 0.0, "blinks_per_min": 0.0}


@pytest.fixture
def request_of(avatar_file, clicks, portrait_photo, tmp_path):
    """A request for 24 frames at 48 fps with a click in frame 12."""
    request = AnimateRequest(
        audio=clicks(0.5, [11.5 / 48]),
        out=tmp_path / "out",
        avatar=str(avatar_file),
        fps=Fraction(48),
        style=STILL,
        portrait=PortraitOrder(portrait_photo, STATEMENT),
    )
    return lambda **changes: replace(request, **changes)


def silent(done):
    assert 0.0 <= done <= 1.0


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_the_photo_moves_with_the_sound(request_of, analyser, painter):
    request, told = request_of(), []
    result = animate(request, told.append, analyser)
    assert (result.num_frames, result.num_drawn) == (24, 24)
    assert told == sorted(told) and told[-1] == 1.0
    # Frames 1 to 24 lie in the grid's 0 to 7, 8 to 15, 16 to 23 and 24; neighbours are seen beside them.
    assert painter.drawn == [9, 12, 11, 3]
    names = sorted(path.name for path in request.out.iterdir())
    assert names == [*(f"{frame:04d}.png" for frame in range(1, 25)), "job.json"]
    rest, spoken = (pixels(request.out / f"{frame:04d}.png") for frame in (3, 12))
    assert rest.shape == (256, 256, 3) and np.abs(spoken - rest).max() > 50


def test_frames_say_what_they_are(request_of, analyser, painter):
    request = request_of(frames=(1,))
    animate(request, silent, analyser)
    image = Image.open(request.out / "0001.png")
    image.load()
    assert STATEMENT in image.text["Synthetic"] and image.text["DigitalSourceType"] == KIND


def test_a_part_of_the_film_is_as_in_the_whole(request_of, analyser, painter, tmp_path):
    animate(request_of(), silent, analyser)
    animate(request_of(out=tmp_path / "part", frames=(9, 16)), silent, analyser)
    part, whole = bytes_of(tmp_path / "part"), bytes_of(tmp_path / "out")
    assert len(part) == 2 and part == {name: whole[name] for name in part}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_work_goes_on_to_the_same_end(
    request_of,
    analyser,
    painter,
    tmp_path,
    monkeypatch,
    number,
):
    animate(request_of(out=tmp_path / "whole"), silent, analyser)
    draw = type(painter).draw

    def interrupted(self, *arguments, **options):
        pictures = draw(self, *arguments, **options)
        if len(self.drawn) == 6:
            signal.raise_signal(number)
        return pictures

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(painter), "draw", interrupted)
        animate(request_of(), silent, analyser)
    kept = bytes_of(tmp_path / "out")
    assert 0 < len(kept) < 24 and not list((tmp_path / "out").glob(".*"))
    result = animate(request_of(), silent, analyser)
    assert result.num_drawn == 24 - len(kept)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_an_interrupt_while_landmarks_are_sampled_draws_nothing(
    request_of,
    analyser,
    painter,
    monkeypatch,
):
    sample = animating.SampledPoints.sample

    def interrupted(self, *arguments):
        for number, done in enumerate(sample(self, *arguments)):
            if number == 3:
                signal.raise_signal(signal.SIGINT)
            yield done

    monkeypatch.setattr(animating.SampledPoints, "sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        animate(request_of(), silent, analyser)
    assert not painter.drawn


def test_frames_of_another_photo_or_statement_are_not_mixed(
    request_of,
    analyser,
    painter,
    portrait_photo,
):
    request = request_of()
    animate(request, silent, analyser)
    job = json.loads((request.out / "job.json").read_text())
    assert job["portrait"]["consent"] == STATEMENT and len(job["portrait"]["photo"]) == 64
    others = [
        PortraitOrder(portrait_photo, f"{STATEMENT}, once"),
        PortraitOrder(portrait_photo, STATEMENT, side_px=128),
        None,
    ]
    for other in others:
        with pytest.raises(GaussianHeadsError, match="frames of another job"):
            animate(request_of(portrait=other), silent, analyser)
    portrait_photo.write_bytes(portrait_photo.read_bytes() + b"more")
    with pytest.raises(GaussianHeadsError, match="frames of another job"):
        animate(request_of(), silent, analyser)


def test_video_with_sound_and_note(request_of, analyser, painter, tmp_path):
    order = replace(request_of().portrait, side_px=320)
    request = request_of(out=tmp_path / "talk.mp4", portrait=order)
    animate(request, silent, analyser)
    info = VideoFile.open(request.out).info
    assert (info.width, info.height, info.num_frames, info.has_sound) == (320, 320, 24, True)
    assert STATEMENT in video_note(request.out)
    assert not (tmp_path / "talk.frames").exists()


def test_a_saved_scene_does_not_write_over_the_portrait(
    request_of,
    analyser,
    painter,
    tmp_path,
):
    import bpy

    request = request_of(out=tmp_path / "talk.mp4", save_blend=tmp_path / "talk.blend")
    animate(request, silent, analyser)
    bpy.ops.wm.open_mainfile(filepath=str(request.save_blend))
    assert bpy.context.scene.render.filepath == "//talk_head.mp4"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"is_transparent": True}, "leave out --transparent"),
        ({"frame_format": "exr"}, "written as PNG, not EXR"),
        ({"camera": "medium"}, "--camera would say how a head is drawn"),
        ({"look": "Warm", "view": "AgX"}, "--look and --view would say"),
        ({"backend": "cpu"}, "--backend would say"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    request_of,
    analyser,
    painter,
    tmp_path,
    changes,
    sentence,
):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RenderError, match=sentence):
        animate(request_of(**changes), silent, analyser)
    assert sorted(tmp_path.rglob("*")) == before


def test_without_agreement_nothing_is_made(request_of, analyser, painter, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    order = replace(request_of().portrait, consent=" ")
    with pytest.raises(RenderError, match="without the agreement"):
        animate(request_of(portrait=order), silent, analyser)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_build_without_the_network_says_so(request_of, analyser, painter, monkeypatch):
    def missing():
        raise ModelError("The portrait network is not part of this build.")

    monkeypatch.setattr(order_module, "require_networks", missing)
    with pytest.raises(ModelError, match="not part of this build"):
        animate(request_of(), silent, analyser)


def words(portrait_photo, clicks, tmp_path, *more):
    sound = str(clicks(0.2, [0.1]))
    out = str(tmp_path / "words")
    return ["animate", sound, "--portrait", str(portrait_photo), "--out", out, *more]


def test_the_command_draws_a_photo(
    clicks, avatar_file, portrait_photo, portrait_networks, tmp_path, capsys
):
    more = ["--avatar", str(avatar_file), "--fps", "25", "--size", "64", "64"]
    line = words(portrait_photo, clicks, tmp_path, *more, "--consent", STATEMENT)
    assert cli.main(line) == 0, capsys.readouterr().err
    assert pixels(tmp_path / "words" / "0001.png").shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([], "without the agreement of the person shown no portrait is made"),
        (["--consent", STATEMENT, "--size", "64", "48"], "A portrait is square, not 64 x 48"),
        (["--consent", STATEMENT, "--size", "2048", "2048"], "choose 16 to 1024"),
        (["--consent", STATEMENT, "--transparent"], "leave out --transparent"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    portrait_networks,
    clicks,
    portrait_photo,
    tmp_path,
    capsys,
    more,
    sentence,
):
    assert cli.main(words(portrait_photo, clicks, tmp_path, *more)) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and sentence in said[0]
    assert not (tmp_path / "words").exists()


def test_agreement_without_a_photo_is_refused(clicks, tmp_path, capsys):
    out = str(tmp_path / "o")
    assert cli.main(["animate", str(clicks(0.2, [0.1])), "--out", out, "--synthetic"]) == 1
    assert "name a photo with --portrait" in capsys.readouterr().err
