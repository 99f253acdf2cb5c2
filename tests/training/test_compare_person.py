"""An avatar beside the clip it was made from: films of a shipped head stand in for a real person's."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")
av = pytest.importorskip("av", reason="needs PyAV")

from gaussian_heads.core.assets import SAMPLE_SENTENCE, avatar_path  # noqa: E402
from gaussian_heads.core.audio import load_audio  # noqa: E402
from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.core.errors import ModelError, TrackError  # noqa: E402
from gaussian_heads.core.monocular.encoded import EncodedVideo  # noqa: E402
from gaussian_heads.core.monocular.pose import VideoCamera  # noqa: E402
from gaussian_heads.core.render import render  # noqa: E402
from gaussian_heads.core.spaces import ARKIT_INDEX  # noqa: E402
from gaussian_heads.core.synthetic import video_note  # noqa: E402
from gaussian_heads.core.video import VideoFile, read_sound  # noqa: E402
from gaussian_heads.training.compare_person import main  # noqa: E402
from gaussian_heads.training.comparison.beside import (  # noqa: E402
    Likeness,
    compare,
    sheet_moments,
)
from gaussian_heads.training.comparison.clip import KnownClip, Moment, _require_same  # noqa: E402
from gaussian_heads.training.comparison.lips import (  # noqa: E402
    Curve,
    Seen,
    avatar_landmarks,
    gap_curve,
    lip_figures,
)
from gaussian_heads.training.comparison.panels import panels  # noqa: E402
from gaussian_heads.training.comparison.speaking import (  # noqa: E402
    Sound,
    Speaker,
    avatar_codes,
    is_video,
    perform,
    speak,
)
from gaussian_heads.training.evaluate_metrics import jitter  # noqa: E402
from gaussian_heads.training.movie_file import SOUND_HZ, movie  # noqa: E402
from gaussian_heads.training.personalization.inputs import classify  # noqa: E402
from gaussian_heads.training.personalization.pictures import PictureWindow  # noqa: E402
from gaussian_heads.training.personalization.stages import key_of  # noqa: E402
from PIL import Image  # noqa: E402

SIDE, FPS, FRAMES = 96, Fraction(25), 10
HELD_OUT = (4, 5)


def silent(share, preview):
    assert 0.0 <= share <= 1.0


@pytest.fixture(scope="module")
def maya():
    return Avatar.open(avatar_path("builtin:maya"), threads=1)


def front():
    viewmat = look_at(np.array([0.0, -0.03, 0.7]), np.array([0.0, -0.03, 0]), np.array([0, 1.0, 0]))
    return Camera(viewmat, intrinsics(1.9 * SIDE, SIDE, SIDE), SIDE, SIDE)


def codes_of(avatar, jaw):
    return np.asarray(jaw, np.float32)[:, None] * avatar.controls.arkit52[ARKIT_INDEX["jawOpen"]]


@pytest.fixture(scope="module")
def filmed(maya, tmp_path_factory):
    """A clip of Maya whose jaw opens and shuts, its first frame empty; codes are what she was drawn with."""
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    camera, jaw = front(), 0.35 * (1 - np.cos(np.arange(FRAMES)))
    moments = []
    gray = np.full(3, 0.2, np.float32)
    with movie(path, FPS, samples=tone(FRAMES / 25), note="a film") as write:
        for row, code in enumerate(codes_of(maya, jaw)):
            pose = np.array([0, 0.02 * row, 0, 0, 0, 0], np.float32)
            drawn = render(maya.decode(code, pose), camera, backend="cpu", background=gray)
            write(np.round(255 * np.clip(drawn.colors, 0, 1)).astype(np.uint8))
            alpha = drawn.alphas.reshape(SIDE, SIDE, 1)
            straight = (drawn.colors - gray * (1 - alpha)) / np.maximum(alpha, 1e-6)
            rgba = np.concatenate([np.clip(straight, 0, 1), alpha], axis=2)
            kind = "held_out" if row in HELD_OUT else "fitted"
            rgba = np.round(255 * rgba).astype(np.uint8)
            moments.append(Moment(row, row / 25, code, pose, kind, rgba))
    gaps = gap_curve(maya, np.arange(FRAMES) / 25, avatar_landmarks(maya, codes_of(maya, jaw))).gap
    window = PictureWindow(0, 0, SIDE, SIDE, SIDE, SIDE)
    masks = {"mouth": np.ones((SIDE, SIDE), bool)}
    encoded = reading(maya, gaps)
    return KnownClip(path, camera, window, encoded, tuple(moments[1:]), lambda *_: masks)


def tone(seconds):
    return np.sin(np.arange(round(seconds * SOUND_HZ)) / 12).astype(np.float32) * 0.3


def reading(avatar, gaps):
    """What an encoder would say of the film; half of the gaps, as a reader may call them."""
    count = len(gaps)
    mouth = np.zeros((count, 4), np.float32)
    mouth[:, 0] = 0.5 * gaps
    rng = np.random.default_rng(0)
    return EncodedVideo(
        FPS, np.arange(count) / 25, np.zeros((count, avatar.code_dim), np.float32),
        avatar.code_space, np.ones(count, np.float32), np.ones(count, bool),
        np.zeros(count, np.int32), rng.uniform(20, 70, (count, 68, 2)).astype(np.float32),
        VideoCamera.of(SIDE, SIDE), np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.float32), np.zeros((count, 2, 2), np.float32), mouth,
    )  # fmt: skip


@pytest.fixture(scope="module")
def compared(filmed, maya, tmp_path_factory):
    """Folder and figures of Maya beside her own film."""
    out = tmp_path_factory.mktemp("compared")
    return out, compare(filmed, maya, Seen({}), out, silent)


def test_a_head_beside_its_own_film_is_like_it_and_moves_its_lips(compared):
    out, figures = compared
    assert figures["frames"] == {"fitted": 7, "held_out": 2, "unused": 0, "without_face": 1}
    assert figures["likeness"]["fitted"]["psnr_db"] > 40
    assert figures["likeness"]["held_out"]["frames"] == 2
    assert figures["lips"]["against_reader"]["r"] == pytest.approx(1.0, abs=1e-3)
    assert figures["jitter_px"]["avatar"] < 3 < figures["jitter_px"]["as_read"]
    with Image.open(out / "sheet.jpg") as sheet:
        assert sheet.width == 8 * 300 and b"made-up person" in sheet.info["comment"]


def test_only_the_frames_that_differ_score_lower(filmed, maya, tmp_path):
    aside = np.float32([0, 0, 0, 0.01, 0, 0])
    wrong = [
        replace(m, head_pose=m.head_pose + aside) if m.row in HELD_OUT else m
        for m in filmed.moments
    ]
    figures = compare(replace(filmed, moments=tuple(wrong)), maya, Seen({}), tmp_path, silent)
    found = figures["likeness"]
    assert found["held_out"]["psnr_db"] < found["fitted"]["psnr_db"] - 10
    assert found["held_out"]["mouth_psnr_db"] < found["fitted"]["mouth_psnr_db"] - 10


def test_the_video_shows_both_with_the_sound_and_says_what_it_is(compared):
    path = compared[0] / "side.mp4"
    frames = [frame.pixels.astype(int) for frame in VideoFile.open(path).frames()]
    assert len(frames) == FRAMES and "Maya" in video_note(path)
    half = frames[0].shape[1] // 2
    # No face was read in the first frame; then both show the same head on other backgrounds.
    assert np.ptp(frames[0][40:, half + 4 : -4]) < 12
    left, right = (frames[3][200:260, x + half // 2 - 30 : x + half // 2 + 30] for x in (0, half))
    assert np.abs(left - right).mean() < 6 and left.std() > 3
    samples, rate = read_sound(path)
    assert (
        len(samples) / rate == pytest.approx(FRAMES / 25, abs=0.06) and np.abs(samples).max() > 0.2
    )


def test_an_interrupted_video_leaves_nothing(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        movie(tmp_path / "a.mp4", FPS, samples=None, note="") as write,
    ):
        write(np.zeros((32, 32, 3), np.uint8))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_panels_stand_side_by_side_at_one_height():
    shown = panels(
        {"a": np.zeros((10, 21, 3), np.uint8), "b": np.full((30, 15, 3), 255, np.uint8)}, 40
    )
    assert shown.shape == (60, 104, 3)
    assert shown[25:, :84].max() < 10 and shown[25:, 84:104].min() > 245


def test_the_sheet_shows_held_out_and_fitted_moments():
    def kinds(*names):
        return [Moment(i, i / 25, np.zeros(2), np.zeros(6), name) for i, name in enumerate(names)]

    chosen = sheet_moments(kinds(*["fitted"] * 20, *["held_out"] * 9, *["unused"] * 9))
    assert [m.kind for m in chosen] == ["fitted"] * 4 + ["held_out"] * 4
    assert len(sheet_moments(kinds("fitted", "unused", "fitted"))) == 2


def test_steady_motion_and_gaps_do_not_jitter():
    line = np.arange(9.0)[:, None, None] * np.ones((1, 68, 2))
    rows = np.arange(9)
    assert jitter(line, rows) == pytest.approx(0.0, abs=1e-9)
    trembling = np.zeros((9, 68, 2))
    trembling[::2, :, 0] = 1.0
    assert jitter(trembling, rows) == pytest.approx(2.0)
    jump = np.repeat([0.0, 9.0], (5, 4))[:, None, None] * np.ones((1, 68, 2))
    assert jitter(jump, np.r_[0:5, 20:24]) == 0.0 < jitter(jump, rows)


def test_lips_are_held_against_all_who_saw_them():
    times_sec = np.arange(0, 2, 0.04)
    gap = np.where(np.abs(times_sec - 1.0) < 0.1, 0.0, 8.0 + np.sin(9 * times_sec))
    phones = (("SIL", 0.0, 0.5), ("M", 0.95, 1.05), ("AA", 1.05, 1.6), ("B", 1.3, 1.4))
    seen = Seen(
        {"tracker": Curve(times_sec, 0.1 * gap), "still": Curve(times_sec, np.ones(50))}, phones
    )
    found = lip_figures(Curve(times_sec, gap), seen)
    assert found["against_tracker"] == {"r": 1.0, "r_in_speech": 1.0}
    assert found["against_still"]["r"] == 0.0
    # B comes while the lips are open.
    assert found["closed"] == {"avatar": "1 of 2", "tracker": "1 of 2", "still": "0 of 2"}
    late = lip_figures(Curve(times_sec + 0.2, gap), seen)
    assert late["against_tracker"]["r"] < 0.5


def test_curves_and_phones_are_found_beside_a_clip(tmp_path):
    clip, tracked = tmp_path / "who.mpg", tmp_path / "mouth_25fps.npz"
    assert Seen.beside(clip) == Seen({})
    np.savez(tracked, who_lip_gap=np.arange(5, dtype=np.float32), other_lip_gap=np.zeros(3))
    (tmp_path / "phones").mkdir()
    words = {"w": [{"w": [{"t": "B", "b": 0.1, "d": 0.05}]}]}
    (tmp_path / "phones/who.json").write_text(json.dumps(words))
    seen = Seen.beside(clip)
    np.testing.assert_allclose(seen.curves["tracker"].at(np.array([0.06])), 1.5)
    assert [name for name, *_ in seen.phones] == ["B"]
    with pytest.raises(TrackError, match="holds no curve 'else_lip_gap'"):
        Seen.beside(tmp_path / "else.mpg", tracked)
    (tmp_path / "phones/who.json").write_text("{")
    with pytest.raises(TrackError, match="cannot be read"):
        Seen.beside(clip)


def test_another_sound_moves_the_lips_in_time(maya, tmp_path):
    waveform, rate = load_audio(SAMPLE_SENTENCE)
    path = tmp_path / "heard.wav"
    import soundfile

    soundfile.write(path, waveform[: round(0.48 * rate)], rate)
    speaker = Speaker.open(path, tmp_path, silent)
    assert speaker.face is None and not is_video(path)
    track = perform(speaker)
    assert track.num_frames == 12 and track.is_heard and np.abs(track.head_pose).max() > 0
    ours = gap_curve(maya, track.times_sec(), avatar_landmarks(maya, avatar_codes(track, maya)))
    np.savez(tmp_path / "mouth_25fps.npz", heard_lip_gap=ours.gap)
    figures = speak(maya, front(), speaker, tmp_path, silent)
    assert figures["lips"]["against_tracker"]["r"] == 1.0 and ours.gap.std() > 0.3
    frames = list(VideoFile.open(tmp_path / "driven.mp4").frames())
    assert len(frames) == 12
    moved = np.abs(frames[-1].pixels.astype(int) - frames[0].pixels).mean()
    assert moved > 0.5 and "Maya" in video_note(tmp_path / "driven.mp4")


def test_the_face_whose_sound_it_is_stands_beside_the_avatar(filmed, maya, tmp_path):
    sound = Sound(np.zeros(6400, np.float32), 16_000)
    speaker = Speaker(filmed.path, sound, FPS, filmed.encoded)
    assert is_video(filmed.path)
    figures = speak(maya, front(), speaker, tmp_path, silent)
    assert set(figures["lips"]) == {"gap_p95_mm", "against_reader"}
    frame = next(VideoFile.open(tmp_path / "driven.mp4").frames()).pixels
    assert frame.shape[1] > frame.shape[0] * 1.5
    # The film's background is darker than the one the avatar is drawn over.
    assert frame[60, 20].max() < 80 < 110 < frame[60, -20].min()


def work_of(folder, video, files=None):
    (folder / "guess").mkdir(parents=True)
    files = files or classify([video]).digest()
    (folder / "guess/stage.json").write_text(json.dumps({"made_from": {"files": files}}))
    return folder


def made_from(video):
    source = f"A video of the person, SHA-256 {key_of(classify([video]).digest())}, made today"
    info = SimpleNamespace(provenance=SimpleNamespace(source=source))
    return SimpleNamespace(name="Me", manifest=SimpleNamespace(info=info))


def test_video_avatar_and_work_must_belong_together(filmed, tmp_path):
    video = filmed.path
    _require_same(video, made_from(video), work_of(tmp_path / "right", video))
    with pytest.raises(ModelError, match="holds no finished personalization"):
        _require_same(video, made_from(video), tmp_path)
    with pytest.raises(ModelError, match="was made from another file"):
        _require_same(video, made_from(video), work_of(tmp_path / "other", video, {"0": "ab"}))
    with pytest.raises(ModelError, match="was made from another file"):
        _require_same(video, made_from(SAMPLE_SENTENCE), tmp_path / "right")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--avatar", "gone.uhap"], "gone.uhap"),
        (["--avatar", str(avatar_path("builtin:maya"))], "does not exist"),
        (["--avatar", str(avatar_path("builtin:maya")), "--phones", "gone.json"], "gone.json"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--video", "gone.mp4", "--out", "out", *words]) == 1
    error = capsys.readouterr().err.strip()
    assert sentence in error and len(error.splitlines()) == 1 and "Traceback" not in error
    assert not list((tmp_path / "out").iterdir())


def test_nothing_measured_leaves_no_likeness():
    assert Likeness().record() == {}
