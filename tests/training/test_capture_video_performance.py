"""What a filmed person says and does: phrases one after the other, and a turn of the head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch", reason="the performance needs the training extra (PyTorch, scipy)")

from gaussian_heads.core.audio import SPEECH_RATE_HZ
from gaussian_heads.core.avatar.pose import pose_points
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.spaces.eye_angles import eye_angles
from gaussian_heads.training.capture.video_performance import (
    Performance,
    asked_for,
    with_turn,
)
from gaussian_heads.training.capture.video_sentences import Speech, phrases_of, speech_of
from gaussian_heads.training.filmed_head import FilmedHead
from gaussian_heads.training.head_folder import HeadFolder, HeadMesh, LightState
from gaussian_heads.training.speech_recordings import Recording


def recordings(folder: Path, count: int) -> list[Recording]:
    """Recordings of three phrases of 2.4, 3.2 and 1.6 s, a pause after each."""
    found = []
    for number in range(count):
        phones, now = [("SIL", 0.0, 0.2)], 0.2
        for length in (2.4, 3.2, 1.6):
            phones += [("AA", now, now + length / 2), ("M", now + length / 2, now + length)]
            phones.append(("SIL", now + length, now + length + 0.3))
            now += length + 0.3
        path = folder / f"r{number}.flac"
        soundfile.write(path, np.full(round(now * SPEECH_RATE_HZ), 0.1), SPEECH_RATE_HZ)
        found.append(Recording(f"r{number}", "multi_en", "reader", "text", path, phones))
    return found


def test_phrases_fill_a_film_and_none_is_said_twice(tmp_path: Path):
    phrases = phrases_of(recordings(tmp_path, 4))
    assert len(phrases) == 12
    assert all(1.2 <= phrase.duration_sec <= 5.0 for phrase in phrases)
    speech, left = speech_of(phrases, 12.0)
    again, rest = speech_of(left, 4.0)
    assert len(left) < len(phrases) and len(rest) < len(left)
    assert len(speech.waveform) == 12 * SPEECH_RATE_HZ
    starts = [start for _, start, _ in speech.phones]
    assert starts == sorted(starts) and speech.phones[-1][2] <= 12.0 + 1e-6
    spoken = sum(end - start for name, start, end in speech.phones if name != "SIL")
    assert spoken > 6.0
    heard = np.abs(speech.waveform).reshape(-1, SPEECH_RATE_HZ // 10).max(1) > 0.05
    assert 0.5 < heard.mean() < 1.0
    assert {(s.phrases[0][2], round(s.phrases[0][0], 2)) for s in (speech, again)}


def still_film(frames: int) -> Performance:
    speech = Speech(np.zeros(frames * 640, np.float32), [], [(0.5, 2.5, "r0"), (3.0, 5.0, "r1")])
    return Performance(
        np.zeros((frames, 52), np.float32),
        np.zeros((frames, 6), np.float32),
        np.arange(frames) / 25.0,
        speech,
    )


def test_the_head_turns_once_to_each_side_and_the_eyes_stay_with_the_camera():
    film = with_turn(still_film(200), 30.0, 0.4, 0.8)
    yaw = np.degrees(film.head_pose[:, 1])
    assert 28.0 < yaw.max() <= 30.5 and -30.5 <= yaw.min() < -28.0
    assert np.abs(yaw[:80]).max() < 1e-4 and np.abs(yaw[161:]).max() < 1e-4
    assert np.abs(np.diff(yaw)).max() < 6.0
    left = int(yaw.argmax())
    eyes = np.degrees(eye_angles(film.controls))[left]
    np.testing.assert_allclose(eyes[[0, 3]], -0.8 * yaw[left], atol=0.5)


def test_requested_expressions_are_shown_and_stay_plausible():
    film = asked_for(still_film(200), seed=5)
    assert 0.0 <= film.controls.min() and film.controls.max() <= 1.0
    assert film.controls.max(axis=0).astype(bool).sum() > 6
    assert np.abs(film.controls[-1]).max() < 0.05
    assert (
        film.controls[:, ARKIT_INDEX["mouthClose"]]
        <= film.controls[:, ARKIT_INDEX["jawOpen"]] + 1e-6
    ).all()


def tiny_head() -> FilmedHead:
    """Two triangles: one of the shoulders, one of the head."""
    vertices = np.array(
        [
            [-0.1, -0.2, 0],
            [0.1, -0.2, 0],
            [0, -0.18, 0.05],
            [-0.05, 0, 0.05],
            [0.05, 0, 0.05],
            [0, 0.1, 0],
        ]
    )
    triangles = np.array([[0, 1, 2], [3, 4, 5]])
    controls = np.zeros((52, 6, 3))
    controls[ARKIT_INDEX["jawOpen"], 3] = (0, -0.02, 0)
    mesh = HeadMesh(
        vertices,
        triangles,
        np.full((2, 3, 2), 0.5),
        np.array([1, 0]),
        ("face", "garment", "sclera_left", "iris_left", "sclera_right", "iris_right", "back_head"),
        controls,
        np.zeros(68, int),
        np.array([0.0, 0, 0, 1, 1, 1]),
        np.array([0.0, -0.1, -0.08]),
        np.array([[0.03, 0, 0], [-0.03, 0, 0]]),
    )
    light = (LightState("neutral", {}, np.zeros((4, 4, 3), np.float32)),)
    return FilmedHead(HeadFolder(mesh, light, {}), np.full((8, 8, 3), 0.5, np.float32))


def test_a_filmed_head_turns_as_an_avatar_does():
    head = tiny_head()
    pose = np.array([0.1, 0.4, -0.05, 0.002, -0.001, 0.003])
    rest = head.vertices(np.zeros(52))
    posed = head.posed(rest, pose)
    pivot = head.mesh.neck_pivot.astype(np.float32)
    np.testing.assert_allclose(
        posed[3:], pose_points(rest[3:].astype(np.float32), pose, pivot), atol=1e-6
    )
    np.testing.assert_array_equal(posed[:3], rest[:3])


def test_controls_move_a_filmed_head():
    head = tiny_head()
    controls = np.zeros(52)
    controls[ARKIT_INDEX["jawOpen"]] = 0.5
    moved = head.vertices(controls) - head.mesh.vertices
    np.testing.assert_allclose(moved[3], [0, -0.01, 0], atol=1e-7)
    assert np.abs(np.delete(moved, 3, axis=0)).max() == 0.0
