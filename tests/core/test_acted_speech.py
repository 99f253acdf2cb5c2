"""What is acted becomes a layer beside speech, brows and blinks, with all of them together a face."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX, arkit_vector
from gaussian_heads.core.speech import SpeechStyle, heard
from gaussian_heads.core.speech.heard import ActedSpeech

from .tiny_direction import made_up_speech

FPS = Fraction(25)
SMILE, BLINK = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["eyeBlinkLeft"]


@pytest.fixture(scope="module")
def spoken():
    """Twelve seconds of a mouth that moves half as far as it can."""
    whole = made_up_speech(1200)
    return replace(whole, levels=whole.levels // 2)


def acted(spoken, **shapes):
    weights = np.tile(arkit_vector(shapes), (len(spoken.levels), 1))
    return ActedSpeech(weights, spoken.closure_levels / np.float32(65_535), spoken.rate_hz)


def total(track):
    return sum(track.layers.values())


def test_acting_is_a_layer_and_changes_no_other(spoken):
    plain = spoken.perform(fps=FPS, seed=4)
    smiling = spoken.perform(fps=FPS, seed=4, acted=acted(spoken, mouthSmileLeft=0.2))
    assert set(smiling.layers) == set(plain.layers) | {"acting"}
    assert all(np.array_equal(smiling.layers[name], plain.layers[name]) for name in plain.layers)
    assert np.array_equal(smiling.head_pose, plain.head_pose)
    layer = smiling.layers["acting"]
    assert layer.dtype == np.float32 and layer.shape == (300, 52)
    assert np.allclose(layer[:, SMILE], 0.2) and not np.delete(layer, SMILE, axis=1).any()


def test_eyes_that_are_held_shut_blink_no_further(spoken):
    spoken = replace(spoken, levels=np.zeros_like(spoken.levels))
    track = spoken.perform(fps=FPS, seed=1, acted=acted(spoken, eyeBlinkLeft=1.0))
    assert track.layers["blink"][:, BLINK].max() > 0.8
    assert np.allclose(total(track)[:, BLINK], 1.0, atol=1e-6)
    half = spoken.perform(fps=FPS, seed=1, acted=acted(spoken, eyeBlinkLeft=0.5))
    assert total(half)[:, BLINK].max() <= 1.0 + 1e-6
    assert np.median(half.layers["acting"][:, BLINK]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "style",
    [{}, {"articulation": 0.1}, {"articulation": 0.0}, {"lips": 0.0}, {"jaw": 2.0}],
    ids=str,
)
def test_faces_stay_within_their_weights_in_every_style(spoken, style):
    plain = spoken.levels[:, : len(spoken.channels)] / np.float32(65_535)
    weights = np.zeros((len(plain), 52), np.float32)
    weights[:, spoken.channels] = np.where(np.arange(len(plain))[:, None] % 200 < 100, -plain, 0.5)
    acting = ActedSpeech(weights, spoken.closure_levels / np.float32(65_535), spoken.rate_hz)
    track = spoken.perform(fps=FPS, style=SpeechStyle(**style), acted=acting)
    mouth = total(track)[:, [name.startswith(("jaw", "mouth")) for name in ARKIT_BLENDSHAPES]]
    assert mouth.min() >= -1e-6 and mouth.max() <= 1.0 + 1e-6
    assert track.layers["acting"].max() > 0.3


def test_acting_holds_before_and_after_the_sound(spoken):
    weights = np.zeros((1200, 52), np.float32)
    weights[:, SMILE] = np.linspace(0.1, 0.3, 1200)
    acting = ActedSpeech(weights, np.zeros(1200, np.float32), 100)
    still = replace(spoken, levels=np.zeros_like(spoken.levels))
    track = still.perform(fps=FPS, start_sec=-2.0, num_frames=400, acted=acting)
    smile = track.layers["acting"][:, SMILE]
    assert np.allclose(smile[:50], 0.1) and np.allclose(smile[-49:], 0.3)
    assert smile[200] == pytest.approx(0.2, abs=0.001)


def test_acting_is_sampled_alike_in_any_number_of_steps(spoken, monkeypatch):
    random = np.random.default_rng(0)
    weights = random.uniform(0, 0.4, (1200, 52)).astype(np.float32)
    acting = ActedSpeech(weights, spoken.closure_levels / np.float32(65_535), 100)
    times_sec = np.arange(300) / 25.0
    whole = acting.sampled(times_sec, 0.04)
    monkeypatch.setattr(heard, "TRACK_FRAMES", 37)
    assert np.array_equal(acting.sampled(times_sec, 0.04), whole)
    steps = spoken.perform(fps=FPS, acted=acting).layers["acting"]
    monkeypatch.undo()
    assert np.array_equal(spoken.perform(fps=FPS, acted=acting).layers["acting"], steps)


def test_a_delay_moves_acting_and_speech_together(spoken):
    weights = np.zeros((1200, 52), np.float32)
    weights[:, SMILE] = np.linspace(0.1, 0.3, 1200)
    acting = ActedSpeech(weights, np.zeros(1200, np.float32), 100)
    still = replace(spoken, levels=np.zeros_like(spoken.levels))
    plain, late = (
        still.perform(fps=FPS, style=SpeechStyle(sync_ms=ms), acted=acting).layers["acting"]
        for ms in (0.0, 40.0)
    )
    assert np.allclose(late[2:, SMILE], plain[1:-1, SMILE], atol=1e-6)
