"""The face at rest in a clip, Action Units of weights, and what smoothing leaves of each part of the face."""

import numpy as np
import pytest
from gaussian_heads.core.monocular.action_units import action_units_of
from gaussian_heads.core.monocular.rest import MOST_RMS, resting_code
from gaussian_heads.core.monocular.smoothing import Timing, bridged, smooth_codes, smooth_poses
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_INDEX, au_to_arkit


def clip(num_frames: int = 200):
    """Codes of a mouth that hangs open by .3 at rest, talks half of the time and blinks; its measures."""
    rng = np.random.default_rng(0)
    talking = np.maximum(np.sin(np.arange(num_frames) / 20.0), 0.0)
    openness = talking * (1 + np.sin(np.arange(num_frames) / 1.7)) / 2
    lids = np.full(num_frames, 9.0)
    lids[::40] = 1.0
    codes = rng.normal(0, 0.02, (num_frames, 8))
    codes[:, 0] += 0.3 + 2.0 * openness
    codes[:, 1] += (9.0 - lids) / 4.0
    mouth = np.stack([1.0 + 9.0 * openness, np.full(num_frames, 50.0), lids, lids], 1)
    return codes.astype(np.float32), mouth.astype(np.float32)


def test_the_resting_face_is_found_among_talking_and_blinks():
    codes, mouth = clip()
    rest = resting_code(codes, mouth, np.full(200, 0.9, np.float32))
    assert rest[0] == pytest.approx(0.3, abs=0.1) and np.abs(rest[1:]).max() < 0.05


def test_few_frames_say_little_and_large_codes_are_no_rest():
    codes, mouth = clip()
    sure = np.full(200, 0.9, np.float32)
    assert 0.0 < resting_code(codes[:3], mouth[:3], sure[:3])[0] < 0.15
    assert not resting_code(codes, mouth, np.zeros(200, np.float32)).any()
    grimace = resting_code(codes + np.float32(5.0), mouth, sure)
    assert np.sqrt((grimace**2).mean()) == pytest.approx(MOST_RMS, rel=1e-3)


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_a_units_own_weights_are_that_unit(unit):
    index = ACTION_UNITS.index(unit)
    weights = 3.0 * au_to_arkit()[index : index + 1]
    found = action_units_of(weights)[0]
    assert found[index] == pytest.approx(3.0, abs=0.1)
    assert np.delete(found, index).max() < 0.15


def test_units_are_never_negative_and_at_most_five():
    weights = np.random.default_rng(0).uniform(0, 1, (20, 52)).astype(np.float32)
    found = action_units_of(weights)
    assert found.min() >= 0.0 and found.max() <= 5.0


def test_lips_and_lids_keep_what_lasts_a_frame_while_brows_are_calmed():
    rng = np.random.default_rng(0)
    weights = np.zeros((80, 52))
    jaw, lid, brow = (ARKIT_INDEX[n] for n in ("jawOpen", "eyeBlinkLeft", "browInnerUp"))
    weights[:, jaw], weights[40, jaw] = 0.5, 0.0
    weights[60, lid] = 1.0
    weights[:, brow] = 0.3 + 0.05 * rng.standard_normal(80)
    mouth_mm = np.stack(
        [20 * weights[:, jaw], np.full(80, 50.0), 9 - 8 * weights[:, lid], 9 - 8 * weights[:, lid]],
        1,
    )
    timing = Timing(25.0, np.ones(80), np.zeros(80, np.int32))
    found = smooth_codes(weights, mouth_mm, np.zeros((80, 2, 2)), offsets=np.eye(52), timing=timing)
    assert abs(found[40, jaw]) < 0.05 and found[39, jaw] == pytest.approx(0.5, abs=0.05)
    assert found[60, lid] > 0.9 and found[59, lid] < 0.1
    assert found[:, brow].std() < 0.6 * weights[:, brow].std()


def test_heads_turn_as_they_did_and_depth_is_calmed():
    times = np.arange(60) / 25.0
    turns = np.stack([0.2 * np.sin(4 * times), 0.1 * times, 0 * times], 1)
    noise = 0.01 * np.random.default_rng(0).standard_normal(60)
    places = np.stack([0.05 * times, 0 * times, 0.6 + noise], 1)
    timing = Timing(25.0, np.ones(60), np.zeros(60, np.int32))
    found, moved = smooth_poses(turns, places, timing)
    assert np.abs(found - turns)[3:-3].max() < 0.01
    assert moved[:, 2].std() < 0.45 * noise.std()


def test_unknown_frames_lie_between_known_ones():
    values = np.array([[0.0], [9.0], [9.0], [3.0], [9.0]])
    is_known = np.array([True, False, False, True, False])
    assert bridged(values, is_known)[:, 0] == pytest.approx([0, 1, 2, 3, 3])
