"""What is directed on which frame: keys, values, slots and NLA strips as Blender plays them, without moving the frame."""

from fractions import Fraction

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.direction import sampling
from gaussian_heads.blender.direction.curves import ADDRESSES, direction_curves
from gaussian_heads.blender.direction.properties import GAUSSIAN_HEADS_PG_direction
from gaussian_heads.blender.direction.sampling import (
    direction_digest,
    direction_on,
    sample_direction,
)
from gaussian_heads.core.spaces import ACTION_UNITS
from gaussian_heads.core.timing import SoundPlacement

SMILE, BROWS = ACTION_UNITS.index("AU12"), ACTION_UNITS.index("AU04")
PLACE = SoundPlacement(Fraction(24), 5, 5, 29)


def key(obj, unit, keys, interpolation="LINEAR"):
    for frame, value in keys.items():
        setattr(obj.gaussian_head.direction, unit, value)
        obj.keyframe_insert(ADDRESSES[unit].data_path, frame=frame)
    curve = find_channelbag(obj).fcurves.find(ADDRESSES[unit].data_path)
    for point in curve.keyframe_points:
        point.interpolation = interpolation
    curve.update()
    return curve


def played(scene, obj, frames, unit="AU12"):
    """What Blender itself makes of the unit."""
    before = scene.frame_current
    shown = []
    for frame in frames:
        scene.frame_set(frame)
        evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
        shown.append(getattr(evaluated.gaussian_head.direction, unit))
    scene.frame_set(before)
    return np.array(shown)


def pushed_down(obj, unit, keys, start, name="Strip"):
    """An NLA strip of an Action of its own, from `start` on."""
    animation = obj.animation_data_create()
    former = animation.action
    animation.action = bpy.data.actions.new(name)
    key(obj, unit, keys)
    action, slot = animation.action, animation.action_slot
    animation.action = former
    strip = animation.nla_tracks.new().strips.new(name, start, action)
    strip.action_slot = slot
    return strip


def test_every_action_unit_can_be_keyed_within_its_scale(head):
    group = head.gaussian_head.direction
    properties = GAUSSIAN_HEADS_PG_direction.bl_rna.properties
    for unit in ACTION_UNITS:
        assert getattr(group, unit) == 0.0
        assert (properties[unit].hard_min, properties[unit].hard_max) == (0.0, 5.0)
        assert properties[unit].is_animatable and "3 C (marked)" in properties[unit].description
        assert head.keyframe_insert(ADDRESSES[unit].data_path, frame=1)
    assert len(direction_curves(find_channelbag(head))) == len(ACTION_UNITS) == 18
    settings = head.gaussian_head
    assert settings.use_direction and settings.direction_temperature == 1.0


def test_a_head_that_nobody_directed_asks_for_nothing(head):
    assert sample_direction(head, PLACE) is None and direction_digest(head, PLACE) == ""
    key(head, "AU12", {1: 0.0, 40: 0.0})
    assert sample_direction(head, PLACE) is None and direction_digest(head, PLACE) == ""


def test_keys_are_sampled_on_the_frames_of_the_strip_without_moving_the_frame(scene, head):
    scene.frame_set(3)
    key(head, "AU12", {5: 0.0, 15: 4.0})
    directed = sample_direction(head, PLACE, 1.5)
    direction = directed.direction
    assert scene.frame_current == 3
    assert direction.intensities.shape == (24, 18) and direction.intensities.dtype == np.float32
    assert (direction.fps, direction.start_sec) == (Fraction(24), 1.5)
    expected = np.minimum(np.arange(24) * 0.4, 4.0)
    np.testing.assert_allclose(direction.intensities[:, SMILE], expected, atol=1e-5)
    assert not np.delete(direction.intensities, SMILE, axis=1).any()
    # Second 1.5 of what was heard is the first frame.
    assert direction.at(np.array([1.5 + 5 / 24]))[0, SMILE] == pytest.approx(2.0, abs=1e-4)


def test_a_value_that_is_set_holds_all_along_and_the_switch_counts(head):
    head.gaussian_head.direction.AU04 = 2.0
    found = direction_on(head, range(5, 9))
    np.testing.assert_array_equal(found[:, BROWS], [2.0] * 4)
    head.gaussian_head.use_direction = False
    assert direction_on(head, range(5, 9)) is None and sample_direction(head, PLACE) is None
    assert direction_digest(head, PLACE) == ""


def test_muted_curves_leave_the_value_that_is_set(head):
    curve = key(head, "AU12", {5: 1.0, 15: 4.0})
    head.gaussian_head.direction.AU12 = 3.0
    curve.mute = True
    np.testing.assert_array_equal(direction_on(head, range(5, 9))[:, SMILE], [3.0] * 4)


def test_only_the_slot_that_the_head_plays_counts(head):
    key(head, "AU12", {5: 2.0})
    action = head.animation_data.action
    other = bpy.data.objects.new("Other", None)
    animation = other.animation_data_create()
    animation.action = action
    animation.action_slot = action.slots.new(id_type="OBJECT", name="Other")
    key(other, "AU04", {5: 5.0})
    found = direction_on(head, range(5, 6))[0]
    assert found[SMILE] == 2.0 and found[BROWS] == 0.0
    assert direction_on(other, range(5, 6))[0, BROWS] == 5.0


STRIPS = {
    "moved": {},
    "scaled": {"scale": 2.0},
    "repeated": {"repeat": 3.0},
    "reversed": {"use_reverse": True},
    "fading": {"blend_in": 4.0, "blend_out": 6.0},
    "weak": {"use_animated_influence": True, "influence": 0.25},
    "added": {"blend_type": "ADD"},
    "subtracted": {"blend_type": "SUBTRACT"},
    "multiplied": {"blend_type": "MULTIPLY"},
    "combined": {"blend_type": "COMBINE"},
    "held forward": {"extrapolation": "HOLD_FORWARD"},
    "muted": {"mute": True},
}


@pytest.mark.parametrize("case", STRIPS)
def test_strips_count_as_blender_plays_them(scene, head, case):
    lower = pushed_down(head, "AU12", {1: 1.0, 60: 3.0}, 1, "Lower")
    lower.extrapolation = "HOLD"
    strip = pushed_down(head, "AU12", {1: 0.5, 10: 2.0, 13: 1.0}, 21)
    strip.extrapolation = "NOTHING"
    for name, value in STRIPS[case].items():
        setattr(strip, name, value)
    if case == "weak":
        strip.fcurves.find("influence").keyframe_points.insert(21, 0.25)
    frames = range(1, 80)
    np.testing.assert_allclose(
        direction_on(head, frames)[:, SMILE], played(scene, head, frames), atol=1e-4
    )


@pytest.mark.parametrize("blend", ["REPLACE", "ADD"])
@pytest.mark.parametrize("extrapolation", ["HOLD", "NOTHING"])
def test_the_active_action_lies_above_the_strips(scene, head, blend, extrapolation):
    pushed_down(head, "AU12", {1: 1.0, 60: 3.0}, 1).extrapolation = "HOLD"
    key(head, "AU12", {20: 0.0, 30: 2.0})
    animation = head.animation_data
    animation.action_blend_type, animation.action_extrapolation = blend, extrapolation
    animation.action_influence = 0.5
    frames = range(1, 50)
    np.testing.assert_allclose(
        direction_on(head, frames)[:, SMILE], played(scene, head, frames), atol=1e-4
    )


def test_solo_and_muted_tracks_count_as_blender_plays_them(scene, head):
    pushed_down(head, "AU12", {1: 1.0}, 1).extrapolation = "HOLD"
    pushed_down(head, "AU12", {1: 4.0}, 1).extrapolation = "HOLD"
    lower, upper = head.animation_data.nla_tracks
    assert direction_on(head, range(3, 4))[0, SMILE] == 4.0
    lower.is_solo = True
    assert direction_on(head, range(3, 4))[0, SMILE] == 1.0 == played(scene, head, [3])[0]
    lower.is_solo = False
    upper.mute = True
    assert direction_on(head, range(3, 4))[0, SMILE] == 1.0 == played(scene, head, [3])[0]


def test_beyond_a_strip_that_is_not_held_the_unit_is_at_rest(head):
    strip = pushed_down(head, "AU12", {1: 4.0, 11: 4.0}, 11)
    strip.extrapolation = "NOTHING"
    found = direction_on(head, range(5, 30))[:, SMILE]
    np.testing.assert_array_equal(found, [0.0] * 6 + [4.0] * 11 + [0.0] * 8)


def test_the_digest_tells_what_is_directed_on_these_frames_and_no_more(head):
    curve = key(head, "AU12", {5: 0.0, 15: 4.0, 60: 4.0})
    first = direction_digest(head, PLACE)
    assert first and first == sample_direction(head, PLACE).digest
    curve.keyframe_points[2].co.y = 3.9999
    curve.update()
    assert direction_digest(head, PLACE) == first, "not on these frames by as much as counts"
    curve.keyframe_points[1].co.y = 3.9
    curve.update()
    second = direction_digest(head, PLACE)
    assert second != first
    head.gaussian_head.direction_temperature = 0.5
    assert direction_digest(head, PLACE) not in (first, second)


def test_strips_that_are_moved_change_the_digest(head):
    strip = pushed_down(head, "AU12", {1: 0.0, 21: 4.0}, 1)
    first = direction_digest(head, PLACE)
    strip.frame_start, strip.frame_end = 3, 23
    assert direction_digest(head, PLACE) != first


def test_asking_for_the_digest_again_samples_nothing(head, monkeypatch):
    key(head, "AU12", {5: 0.0, 15: 4.0})
    first = direction_digest(head, PLACE)

    def sampled(*_):
        raise AssertionError("sampled again")

    monkeypatch.setattr(sampling, "_sampled", sampled)
    assert direction_digest(head, PLACE) == first
    # Scrubbing changes the value of a unit that is keyed, which says nothing.
    head.gaussian_head.direction.AU12 = 1.234
    assert direction_digest(head, PLACE) == first


def test_curves_with_modifiers_are_sampled_anew(head):
    curve = key(head, "AU12", {5: 1.0, 15: 1.0})
    first = direction_digest(head, PLACE)
    noise = curve.modifiers.new("NOISE")
    second = direction_digest(head, PLACE)
    noise.strength = 3.0
    assert len({first, second, direction_digest(head, PLACE)}) == 3
