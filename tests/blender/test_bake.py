"""Tracks become f-curves: how many, with which values, and what they leave alone."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.codes import expression_code, head_pose
from gaussian_heads.core.errors import CodeSpaceError, GaussianHeadsError, TrackError
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX

SPEECH, BLINK, MOTION = '["expr_code"]', '["expr_arkit_blink"]', '["head_motion"]'
JAW = ARKIT_INDEX["jawOpen"]


def curve(obj, path, index):
    return find_channelbag(obj).fcurves.find(path, index=index)


def keys(obj, path, index):
    """Keys [T, 2] of a curve: frame, value."""
    points = curve(obj, path, index).keyframe_points
    co = np.empty(2 * len(points), np.float32)
    points.foreach_get("co", co)
    return co.reshape(-1, 2)


def test_every_channel_of_speech_and_the_moving_ones_of_blink(head, track):
    baked = bake_track(head, track(40), 10)
    curves = list(find_channelbag(head).fcurves)
    by_path = [c.data_path for c in curves]
    assert (by_path.count(SPEECH), by_path.count(BLINK), len(by_path)) == (52, 2, 54)
    assert (baked.num_curves, baked.first_frame, baked.last_frame) == (54, 10, 49)
    assert head.animation_data.action.name == baked.action


def test_keys_are_the_tracks_values(head, track):
    made = track(40)
    bake_track(head, made, 10)
    for layer, path in (("speech", SPEECH), ("blink", BLINK)):
        for index in (ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]):
            found = keys(head, path, index)
            np.testing.assert_array_equal(found[:, 0], np.arange(10, 50))
            np.testing.assert_array_equal(found[:, 1], made.layers[layer][:, index])
    points = curve(head, SPEECH, JAW).keyframe_points
    assert {point.interpolation for point in points} == {"LINEAR"}


def test_curves_stand_in_groups_with_names(head, track):
    bake_track(head, track(4), 1)
    assert curve(head, SPEECH, JAW).group.name == "Speech · jawOpen"
    assert curve(head, BLINK, ARKIT_INDEX["eyeBlinkLeft"]).group.name == "Blink · eyeBlinkLeft"
    groups = {c.group.name for c in find_channelbag(head).fcurves}
    assert {f"Speech · {name}" for name in ARKIT_BLENDSHAPES} <= groups and len(groups) == 54


def test_evaluated_code_is_strengths_times_layers(scene, head, track, avatar_file):
    made = track(40)
    bake_track(head, made, 10)
    settings = head.gaussian_head
    settings.strength_speech, settings.strength_blink = 0.5, 2.0
    scene.frame_set(20)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    code = expression_code(evaluated, load_avatar(avatar_file).avatar)
    expected = made.codes({"speech": 0.5, "blink": 2.0})[10]
    np.testing.assert_allclose(code, expected, atol=1e-6)
    assert head_pose(evaluated, load_avatar(avatar_file).avatar) is None


def test_half_frames_lie_between(scene, head, track, avatar_file):
    made = track(5)
    bake_track(head, made, 1)
    scene.frame_set(2, subframe=0.25)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    code = expression_code(evaluated, load_avatar(avatar_file).avatar)
    codes = made.codes()
    np.testing.assert_allclose(code, 0.75 * codes[1] + 0.25 * codes[2], atol=1e-6)


def test_strength_can_be_keyed(scene, head, track, avatar_file):
    made = track(10)
    bake_track(head, made, 1)
    settings = head.gaussian_head
    for frame, value in ((1, 0.0), (10, 1.0)):
        settings.strength_speech = value
        settings.keyframe_insert("strength_speech", frame=frame)
    settings.strength_blink = 0.0
    scene.frame_set(1)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert not expression_code(evaluated, load_avatar(avatar_file).avatar).any()


def test_baking_again_replaces_its_range_only(head, track):
    first, second = track(40, seed=1), track(10, seed=2)
    bake_track(head, first, 1)
    bake_track(head, second, 11)
    expected = first.layers["speech"].copy()
    expected[10:20] = second.layers["speech"]
    for index in (0, JAW, 51):
        found = keys(head, SPEECH, index)
        np.testing.assert_array_equal(found[:, 0], np.arange(1, 41))
        np.testing.assert_array_equal(found[:, 1], expected[:, index])
    assert len(find_channelbag(head).fcurves) == 54


def test_keys_between_frames_in_range_go(head, track):
    bake_track(head, track(5), 1)
    curve(head, SPEECH, JAW).keyframe_points.insert(3.5, 0.9)
    curve(head, SPEECH, JAW).keyframe_points.insert(7.5, 0.8)
    bake_track(head, track(5, seed=3), 1)
    np.testing.assert_array_equal(keys(head, SPEECH, JAW)[:, 0], [1, 2, 3, 4, 5, 7.5])


def test_a_silent_second_bake_silences_the_first(head, track):
    first = track(10)
    bake_track(head, first, 1)
    silent = replace(first, layers={"speech": first.layers["speech"]})
    bake_track(head, silent, 1)
    assert not keys(head, BLINK, ARKIT_INDEX["eyeBlinkLeft"])[:, 1].any()


def test_foreign_curves_and_keys_stay(head, track):
    head.location.x = 1.0
    head.keyframe_insert("location", index=0, frame=5)
    head.gaussian_head.arkit.mouthSmileLeft = 0.6
    head.gaussian_head.arkit.keyframe_insert("mouthSmileLeft", frame=3)
    action = head.animation_data.action
    bake_track(head, track(10), 1)
    assert head.animation_data.action == action
    np.testing.assert_array_equal(keys(head, "location", 0), [[5, 1]])
    found = keys(head, "gaussian_head.arkit.mouthSmileLeft", 0)
    np.testing.assert_allclose(found, [[3, 0.6]])
    assert curve(head, SPEECH, JAW) is not None


def test_handles_of_keys_outside_stay(head, track):
    bake_track(head, track(3), 1)
    point = curve(head, SPEECH, JAW).keyframe_points.insert(20, 0.5)
    point.interpolation = "BEZIER"
    point.handle_left_type = point.handle_right_type = "FREE"
    point.handle_left, point.handle_right = (18, 0.1), (23, 0.7)
    bake_track(head, track(3, seed=2), 1)
    point = curve(head, SPEECH, JAW).keyframe_points[-1]
    assert (point.interpolation, point.handle_left_type) == ("BEZIER", "FREE")
    np.testing.assert_allclose([*point.handle_left, *point.handle_right], [18, 0.1, 23, 0.7])


def test_head_pose_is_keyed_where_the_track_has_one(head, track):
    made = track(6)
    pose = np.zeros((6, 6), np.float32)
    pose[:, 1] = np.linspace(0, 0.3, 6)
    bake_track(head, replace(made, head_pose=pose), 1)
    found = keys(head, MOTION, 1)
    np.testing.assert_array_equal(found[:, 1], pose[:, 1])
    assert curve(head, MOTION, 0) is not None and curve(head, MOTION, 3) is None
    bake_track(head, made, 1)
    assert not keys(head, MOTION, 1)[:, 1].any()


def test_a_turn_keyed_by_hand_is_kept_and_adds_to_the_baked_motion(scene, head, track, avatar_file):
    settings = head.gaussian_head
    for frame, turn in ((1, 0.2), (6, 0.7)):
        settings.head_rotation[1] = turn
        settings.keyframe_insert("head_rotation", index=1, frame=frame)
    pose = np.zeros((6, 6), np.float32)
    pose[:, 1], pose[:, 5] = 0.1, 0.002
    for _ in range(2):
        bake_track(head, replace(track(6), head_pose=pose), 1)
    settings.strength_head = 0.5
    scene.frame_set(6)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose(
        head_pose(evaluated, load_avatar(avatar_file).avatar), [0, 0.75, 0, 0, 0, 0.001], atol=1e-6
    )
    assert len(keys(head, "gaussian_head.head_rotation", 1)) == 2


def test_two_heads_share_an_action_in_slots_of_their_own(scene, head, track, avatar_file):
    from gaussian_heads.blender.proxy import create_avatar_object

    second = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    bake_track(head, track(5, seed=1), 1)
    second.animation_data_create().action = head.animation_data.action
    second.animation_data.action_slot = None
    other = track(5, seed=2)
    bake_track(second, other, 1)
    assert second.animation_data.action_slot != head.animation_data.action_slot
    np.testing.assert_array_equal(keys(head, SPEECH, JAW)[:, 1], track(5).layers["speech"][:, JAW])
    np.testing.assert_array_equal(keys(second, SPEECH, JAW)[:, 1], other.layers["speech"][:, JAW])


def test_track_of_another_space_is_refused(head, track):
    with pytest.raises(CodeSpaceError, match="uhap-1"):
        bake_track(head, replace(track(5), code_space="uhap-1"), 1)
    assert head.animation_data is None


def test_action_of_another_space_is_refused(head, track):
    bake_track(head, track(5), 1)
    head.animation_data.action["gaussian_heads_code_space"] = "uhap-1"
    with pytest.raises(CodeSpaceError, match="holds codes of the space 'uhap-1'"):
        bake_track(head, track(5, seed=2), 1)
    assert keys(head, SPEECH, JAW)[0, 1] == track(5).layers["speech"][0, JAW]


def test_unknown_layer_is_refused(head, track):
    made = track(5)
    with pytest.raises(TrackError, match="layer 'ears'"):
        bake_track(head, replace(made, layers={"ears": made.layers["speech"]}), 1)


def test_linked_action_is_refused(head, track, tmp_path):
    bpy.data.actions.new("Library Action").use_fake_user = True
    bpy.data.libraries.write(str(tmp_path / "l.blend"), {bpy.data.actions["Library Action"]})
    with bpy.data.libraries.load(str(tmp_path / "l.blend"), link=True) as (_, into):
        into.actions = ["Library Action"]
    head.animation_data_create().action = into.actions[0]
    with pytest.raises(GaussianHeadsError, match="belongs to a library"):
        bake_track(head, track(5), 1)


def test_a_minute_of_speech_bakes_in_bulk(head, track):
    import time

    made = track(1800)
    started = time.perf_counter()
    bake_track(head, made, 1)
    # Key by key this takes a second and more for each 90,000 keys.
    assert time.perf_counter() - started < 2.0
    np.testing.assert_array_equal(keys(head, SPEECH, JAW)[:, 1], made.layers["speech"][:, JAW])
