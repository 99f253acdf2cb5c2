# ruff: noqa: E402 (torch may be missing)
"""The sheet of one sentence under several directions: the same moments in every row, lips that touch in all."""

import argparse
import json
import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the sheet needs the training extra")
Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

from gaussian_heads.core.assets import DIRECTION_MODEL, SAMPLE_SENTENCE, avatar_path
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import TrackError
from gaussian_heads.core.spaces import arkit_vector
from gaussian_heads.core.speech.heard import ActedSpeech
from gaussian_heads.training import acting_sheet
from gaussian_heads.training.acting_sheet import (
    CAPTION_PX,
    DIRECTIONS,
    LABEL_PX,
    PAPER,
    directed,
    draw_sheet,
    faces,
    head_camera,
    moments,
)

from ..core.tiny_direction import made_up_speech

needs_network = pytest.mark.skipif(
    not DIRECTION_MODEL.is_file(), reason="this checkout has no trained motion generator"
)


@pytest.fixture(scope="module")
def avatar():
    return Avatar.open(avatar_path("builtin:maya"))


def test_moments_are_the_middles_of_phones():
    phones = json.loads(SAMPLE_SENTENCE.with_suffix(".phones.json").read_text("utf8"))
    second = [(begin + end) / 2 for name, begin, end in phones if name == "p"][1]
    found = moments(["p:1", "ay:0"])
    assert found[0] == ("p", pytest.approx(second)) and found[1][0] == "ay"


@pytest.mark.parametrize("wanted", ["zz:0", "b:99", "b:x", "b", "", "b:-1"])
def test_moments_that_are_not_spoken_are_named(wanted):
    with pytest.raises(TrackError, match=f"'{wanted}' is no moment of .*as in b:0"):
        moments([wanted])


def test_directions_are_expressions_and_neutral_is_plain():
    assert directed("neutral").is_plain
    assert not any(directed(name).is_plain for name in DIRECTIONS[1:])
    full, half = (directed("joy", amount).intensities for amount in (1.0, 0.5))
    assert np.allclose(half, 0.5 * full)
    with pytest.raises(TrackError, match="can be directed"):
        directed("happy")


def test_the_face_fills_the_picture(avatar):
    camera = head_camera(avatar, 100)
    points = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    seen = (points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]) @ camera.K.T
    pixels = seen[:, :2] / seen[:, 2:]
    assert pixels.min() > 5 and pixels.max() < 95
    assert np.ptp(pixels[:, 1]) > 50


def test_directions_stand_below_each_other_and_moments_beside(tmp_path):
    tiles = [[np.full((20, 20, 3), (row + column) / 4, np.float32) for column in range(3)]
             for row in range(2)]  # fmt: skip
    sheet = draw_sheet([("joy", tiles[0]), ("fear", tiles[1])], ["a", "b", "c"], 20)
    assert sheet.size == (LABEL_PX + 60, CAPTION_PX + 40)
    pixels = np.asarray(sheet)
    for row in range(2):
        for column in range(3):
            level = pixels[CAPTION_PX + 20 * row + 10, LABEL_PX + 20 * column + 10]
            assert (level == round(255 * (row + column) / 4)).all()
    assert (pixels[-1, 0] == PAPER).all() and (pixels[:, :LABEL_PX] > 200).any()


class Surprised:
    """Stands for a generator: opens mouth and eyes wherever something is asked for."""

    def act(self, heard, direction, *, seed):
        shown = {} if direction.is_plain else {"jawOpen": 0.5, "eyeWideLeft": 1.0}
        weights = np.tile(arkit_vector(shown), (len(heard.levels), 1))
        return ActedSpeech(weights, np.zeros(len(weights), np.float32), heard.rate_hz)


def test_faces_show_what_the_generator_acts(avatar):
    options, heard = argparse.Namespace(seed=0, side=24), made_up_speech(200)
    still = replace(heard, levels=np.zeros_like(heard.levels))
    plain, moved = (
        faces(avatar, still, Surprised(), directed(name), [0.5, 1.5], options)
        for name in ("neutral", "surprise")
    )
    assert all(pixels.shape == (24, 24, 3) for pixels, _ in plain + moved)
    assert all(0.0 <= pixels.min() and pixels.max() <= 1.0 for pixels, _ in moved)
    assert np.abs(plain[0][0] - moved[0][0]).max() > 0.02
    assert [gap for _, gap in plain] == [0.0, 0.0] and min(gap for _, gap in moved) > 8.0


@needs_network
def test_a_sheet_is_written_and_lips_touch_under_every_direction(tmp_path, capsys):
    out, names = tmp_path / "sheet.jpg", ("neutral", "joy", "anger", "surprise")
    words = ["--side", "24", "--avatars", "builtin:maya", "--moments", "b:0", "ay:0", "p:3"]
    assert acting_sheet.main([*words, "--directions", *names, "--out", str(out)]) == 0
    with Image.open(out) as sheet:
        assert sheet.size == (LABEL_PX + 3 * 24, CAPTION_PX + len(names) * 24)
        assert sheet.format == "JPEG"
    told = re.findall(r"(\w+) Maya: lip gap mm b (\S+), ay (\S+), p (\S+)", capsys.readouterr().out)
    assert [row[0] for row in told] == list(names)
    gaps = np.array([[float(value) for value in row[1:]] for row in told])
    assert gaps[:, [0, 2]].max() < 0.15 * gaps[0, 1] and gaps[:, 1].min() > 0.5 * gaps[0, 1]


@needs_network
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--moments", "b:99"], "no moment of the sample sentence"),
        (["--directions", "happy"], "can be directed"),
        (["--avatars", "builtin:nobody"], "no built-in avatar 'nobody'"),
        (["--side", "0"], "0 x 0 pixels"),
        (["--seed", "-1"], "seed of the acting is -1"),
        (["--model", "missing.onnx"], "no motion generator 'missing.onnx'"),
    ],
)
def test_what_cannot_be_shown_is_said(tmp_path, capsys, words, reason):
    out = tmp_path / "sheet.jpg"
    usual = ["--side", "8", "--avatars", "builtin:maya", "--moments", "b:0", "--directions", "joy"]
    assert acting_sheet.main([*usual, *words, "--out", str(out)]) == 1
    assert reason in capsys.readouterr().err and not out.exists()


@needs_network
def test_a_place_that_cannot_be_written_is_said(tmp_path, capsys):
    (tmp_path / "file").touch()
    words = ["--side", "8", "--avatars", "builtin:maya", "--moments", "b:0", "--directions", "joy"]
    assert acting_sheet.main([*words, "--out", str(tmp_path / "file" / "sheet.jpg")]) == 1
    assert "file" in capsys.readouterr().err
