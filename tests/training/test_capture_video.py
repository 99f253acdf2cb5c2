"""Studio films: light that is mixed, a personal mouth, what is said, how the head turns, and the movie file."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the studio needs the training extra (scipy)")

from gaussian_heads.core.audio import SPEECH_RATE_HZ
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, arkit_vector
from gaussian_heads.training.capture.sources import StudioError
from gaussian_heads.training.capture.video_states import NEUTRAL, STATES
from gaussian_heads.training.capture.video_style import PersonalStyle, one_sided, personal_targets
from gaussian_heads.training.head_folder import LightState
from gaussian_heads.training.light_mix import LightMix, doubled, light_reach
from gaussian_heads.training.studio_films import backdrop, filmed, write_movie

SIDE = 8


def place_grid() -> np.ndarray:
    """Places [R, R, 3] (m) of an atlas whose columns run from the right to the left of a face."""
    x = np.linspace(-0.05, 0.05, SIDE)
    return np.stack([np.tile(x, (SIDE, 1)), np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))], axis=2)


def all_states() -> tuple[LightState, ...]:
    rng = np.random.default_rng(3)
    return tuple(
        LightState(name, dict(weights), rng.random((SIDE, SIDE, 3)).astype(np.float32))
        for name, weights in STATES.items()
    )


def test_every_baked_light_comes_out_as_it_was_baked():
    states = all_states()
    assert states[0].name == NEUTRAL
    mix = LightMix(states, place_grid(), [np.ones((SIDE, SIDE))] * (len(states) - 1))
    for state in states[1:]:
        change = mix.change(arkit_vector(state.controls).astype(np.float64))
        np.testing.assert_allclose(
            states[0].radiance + change, state.radiance, atol=2e-4, err_msg=state.name
        )
    assert np.abs(mix.change(np.zeros(52))).max() == 0.0


def test_light_of_one_side_stays_there():
    states = all_states()
    mix = LightMix(states, place_grid(), [np.ones((SIDE, SIDE))] * (len(states) - 1))
    change = mix.change(arkit_vector({"mouthSmileLeft": 1.0}).astype(np.float64))
    assert np.abs(change[:, :2]).max() < 1e-6 < np.abs(change[:, -2:]).min()


def test_light_changes_only_near_what_moves():
    rest = np.array([[0.0, 0, 0], [0.005, 0, 0], [0.2, 0, 0]])
    reach = light_reach(rest, rest + [[0.0, 0.002, 0], [0, 0, 0], [0, 0, 0]])
    assert reach[0] == 1.0 and reach[1] > 0.9 and reach[2] == 0.0
    assert light_reach(rest, rest).max() == 0.0


def test_an_image_of_twice_the_side_keeps_its_means():
    image = np.random.default_rng(1).random((SIDE, SIDE, 3))
    fine = doubled(image)
    assert fine.shape == (2 * SIDE, 2 * SIDE, 3)
    blocks = fine.reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3))
    np.testing.assert_allclose(blocks.mean(), image.mean(), atol=1e-9)
    np.testing.assert_allclose(doubled(np.ones_like(image)), 1.0)


def test_a_person_always_speaks_alike_and_persons_differ():
    assert PersonalStyle.of(1003) == PersonalStyle.of(1003) != PersonalStyle.of(1005)
    record = PersonalStyle.of(7).record()
    assert PersonalStyle(**record) == PersonalStyle.of(7)


def test_a_personal_mouth_keeps_its_contacts():
    pytest.importorskip("torch")
    from gaussian_heads.training.capture.video_style import personal_motion
    from gaussian_heads.training.speech_visemes import true_motion

    phones = [("SIL", 0.0, 0.2), ("AA", 0.2, 0.4), ("P", 0.4, 0.5), ("AA", 0.5, 0.7)]
    universal, closed = true_motion(phones, 70)
    same, _ = personal_motion(phones, 70, PersonalStyle())
    np.testing.assert_allclose(same, universal, atol=1e-6)
    wide = PersonalStyle(jaw=1.4, lips=1.3, lopsided=0.4, drawn=-0.15)
    own, own_closed = personal_motion(phones, 70, wide)
    jaw = ARKIT_INDEX["jawOpen"]
    assert own[30, jaw] > 1.2 * universal[30, jaw]
    assert own_closed[45] > 0.95 and closed[45] > 0.95
    np.testing.assert_allclose(
        own[45, ARKIT_INDEX["mouthPressLeft"]],
        universal[45, ARKIT_INDEX["mouthPressLeft"]],
        atol=0.02,
    )
    assert own[30, ARKIT_INDEX["mouthRight"]] > 0.05 > own[30, ARKIT_INDEX["mouthLeft"]]


def test_a_lopsided_mouth_moves_its_stronger_side_further():
    frames = np.tile(arkit_vector({"mouthSmile": 0.5}), (2, 1))
    shown = one_sided(frames, np.array([0.0, 1.0], np.float32), PersonalStyle(lopsided=0.4))
    left, right = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]
    np.testing.assert_allclose(shown[0, [left, right]], [0.6, 0.4], atol=1e-6)
    np.testing.assert_allclose(shown[1, [left, right]], 0.5, atol=1e-6)


def test_own_vowels_leave_consonants_alone():
    pytest.importorskip("torch")
    from gaussian_heads.training.coarticulation_parameters import load_parameters
    from gaussian_heads.training.speech_inventory import ALL_PHONES

    targets = load_parameters()["targets"].numpy()
    own = personal_targets(targets, PersonalStyle(vowel_spread=0.1, vowel_seed=4))
    phones = list(ALL_PHONES)
    assert np.abs(own - targets)[:, phones.index("AA")].max() > 0.02
    np.testing.assert_allclose(own[:, phones.index("S")], targets[:, phones.index("S")], atol=1e-6)
    assert own.min() >= 0.0 and own.max() <= 1.0


def test_a_backdrop_is_a_soft_room():
    room = backdrop(1003, 96)
    assert room.shape == (96, 96, 3) and 0.0 <= room.min() < room.max() <= 1.0
    assert np.abs(np.diff(room, axis=1)).max() < 0.06
    np.testing.assert_array_equal(room, backdrop(1003, 96))
    assert np.abs(room - backdrop(1004, 96)).max() > 0.05


def test_the_camera_sees_the_person_before_the_room():
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[4:12, 4:12] = (200, 100, 50, 255)
    seen = filmed(rgba, np.full((16, 16, 3), 0.25), np.random.default_rng(0))
    assert np.abs(seen[6, 6].astype(int) - (200, 100, 50)).max() < 6
    assert np.abs(seen[0, 0].astype(int) - 64).max() < 6


def test_a_movie_has_its_pictures_and_its_sound(tmp_path: Path):
    av = pytest.importorskip("av")
    frames = [np.full((64, 64, 3), 40 + 5 * i, np.uint8) for i in range(15)]
    tone = 0.4 * np.sin(np.arange(round(0.6 * SPEECH_RATE_HZ)) * 0.2).astype(np.float32)
    path = tmp_path / "film.mp4"
    write_movie(path, frames, tone, Fraction(25))
    with av.open(str(path)) as movie:
        assert movie.streams.video[0].average_rate == 25
        seen = [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]
    assert len(seen) == 15 and abs(int(seen[10].mean()) - 90) < 4
    with av.open(str(path)) as movie:
        samples = np.concatenate([f.to_ndarray()[0] for f in movie.decode(audio=0)])
    assert abs(len(samples) - len(tone)) < 4096 and np.abs(samples).max() > 0.2


def test_reserved_persons_and_other_settings_are_refused(tmp_path: Path):
    from gaussian_heads.training.capture.video import Order, _keep_to, check

    with pytest.raises(StudioError, match="never rendered"):
        check(Order(9000))
    with pytest.raises(StudioError, match="even side"):
        check(Order(1003, side_px=101))
    order = Order(1003)
    _keep_to(order, tmp_path)
    _keep_to(order, tmp_path)
    with pytest.raises(StudioError, match="other settings"):
        _keep_to(dataclasses.replace(order, side_px=256), tmp_path)


def test_all_states_name_real_controls():
    for weights in STATES.values():
        assert set(weights) <= set(ARKIT_BLENDSHAPES)
