"""A recording is added to speech, each part of the face in its own layer."""

from fractions import Fraction

import numpy as np
from gaussian_heads.core.acting_over_speech import add_performance
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.spaces import ARKIT_INDEX, ARKIT_SPACE

FPS = Fraction(24)


def track(num_frames, layer="speech", pose=0.0, **weights):
    codes = np.zeros((num_frames, 52), np.float32)
    for name, value in weights.items():
        codes[:, ARKIT_INDEX[name]] = value
    poses = np.full((num_frames, 6), pose, np.float32)
    return ExpressionTrack({layer: codes}, poses, ARKIT_SPACE, FPS)


def test_each_part_goes_to_its_layer():
    speech = track(4, jawOpen=0.5, pose=0.1)
    acting = track(4, jawOpen=0.25, browInnerUp=0.75, eyeBlinkLeft=1.0, pose=0.2)
    both = add_performance(speech, acting)
    for layer, name, value in (
        ("speech", "jawOpen", 0.75),
        ("upper_face", "browInnerUp", 0.75),
        ("blink", "eyeBlinkLeft", 1.0),
    ):
        codes = both.layers[layer]
        assert (codes[:, ARKIT_INDEX[name]] == value).all()
        assert np.count_nonzero(codes.any(axis=0)) == 1
    np.testing.assert_allclose(both.head_pose, 0.3)
    assert (speech.layers["speech"][:, ARKIT_INDEX["jawOpen"]] == 0.5).all()


def test_weights_stay_within_one():
    both = add_performance(track(2, jawOpen=0.75), track(2, jawOpen=0.75))
    assert both.layers["speech"].max() == 1.0


def test_a_long_recording_is_cut_and_a_short_one_let_go():
    long = add_performance(track(3), track(9, mouthSmileLeft=0.5))
    assert long.num_frames == 3
    short = add_performance(track(24), track(6, mouthSmileLeft=0.5))
    smile = short.layers["speech"][:, ARKIT_INDEX["mouthSmileLeft"]]
    np.testing.assert_allclose(smile[:6], 0.5)
    assert (np.diff(smile) <= 0).all() and -np.diff(smile).min() < 0.1
    assert smile[12:].max() == 0.0
