"""Poses are read, written, mirrored and keyed as animators expect it."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.acting.keys import key_change, key_channels
from gaussian_heads.blender.acting.pose import (
    CHANNELS,
    acted_channels,
    blend_pose,
    group_names,
    keyed_channels,
    mirrored_pose,
    read_pose,
    reset_pose,
    write_pose,
)
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.codes import expression_code
from gaussian_heads.blender.destinations import Destination
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.spaces import ARKIT_INDEX


def keys_of(head, name):
    channel = CHANNELS[name]
    curve = find_channelbag(head).fcurves.find(channel.path, index=max(channel.index, 0))
    return [] if curve is None else [(k.co.x, round(k.co.y, 5)) for k in curve.keyframe_points]


def test_every_channel_is_a_property_that_can_be_keyed(head):
    assert len(CHANNELS) == 52 + 18 + 15 + 6
    assert key_channels(head, CHANNELS) == len(CHANNELS)
    assert keyed_channels(head) == set(CHANNELS)
    groups = {group.name for group in find_channelbag(head).groups}
    assert {"ARKit · Mouth", "Action Units · Upper Face", "Head Rotation"} <= groups


def test_a_pose_is_read_as_it_was_written(head):
    pose = {"AU12": 3.0, "mouthSmileLeft": 0.25, "viseme_PP": 1.0, "head_rotation_y": 0.5}
    assert set(write_pose(head, pose)) == set(pose)
    assert read_pose(head) == pytest.approx(pose)
    assert write_pose(head, pose) == []
    assert head.gaussian_head.head_rotation[1] == 0.5
    assert set(reset_pose(head, group_names("action_units"))) == {"AU12"}
    assert "AU12" not in read_pose(head) and len(read_pose(head)) == 3
    reset_pose(head)
    assert read_pose(head) == {}


def test_blending_goes_part_of_the_way(head):
    write_pose(head, {"AU12": 4.0, "viseme_PP": 1.0, "head_rotation_x": 0.2})
    blend_pose(head, {"AU01": 2.0}, factor=0.25)
    expected = {"AU12": 3.0, "AU01": 0.5, "viseme_PP": 1.0, "head_rotation_x": 0.2}
    assert read_pose(head) == pytest.approx(expected)
    blend_pose(head, {"AU12": 1.0}, mode="ADD", factor=0.5)
    assert read_pose(head) == pytest.approx(expected | {"AU12": 3.5})
    blend_pose(head, {"viseme_aa": 1.0})
    kept = {"viseme_aa": 1.0, "head_rotation_x": 0.2}
    assert read_pose(head) == pytest.approx(kept)


def test_a_mirrored_pose_swaps_sides_and_turns_the_head_back(head):
    pose = {"mouthSmileLeft": 0.5, "head_rotation_y": 0.3, "head_rotation_x": 0.1}
    pose |= {"head_rotation_z": 0.2, "head_translation_x": 0.01}
    expected = {"mouthSmileRight": 0.5, "head_rotation_y": -0.3, "head_rotation_x": 0.1}
    expected |= {"head_rotation_z": -0.2, "head_translation_x": -0.01}
    assert mirrored_pose(pose) == expected and mirrored_pose(expected) == pose


def test_groups_that_do_not_exist_are_refused():
    assert group_names("arkit", "Tongue") == ("tongueOut",)
    with pytest.raises(GaussianHeadsError, match="choose one of Jaw, Mouth"):
        group_names("arkit", "Ears")
    with pytest.raises(GaussianHeadsError, match="arkit"):
        group_names("bones")


@pytest.mark.parametrize("interpolation", ["CONSTANT", "LINEAR", "BEZIER"])
def test_new_keys_are_as_the_preferences_say_and_old_ones_stay(scene, head, interpolation):
    edit = bpy.context.preferences.edit
    usual = edit.keyframe_new_interpolation_type
    try:
        edit.keyframe_new_interpolation_type = "SINE"
        write_pose(head, {"AU12": 1.0})
        key_channels(head, ["AU12"], frame=1)
        edit.keyframe_new_interpolation_type = interpolation
        scene.tool_settings.keyframe_type = "EXTREME"
        write_pose(head, {"AU12": 2.0})
        key_channels(head, ["AU12"], frame=1)
        key_channels(head, ["AU12"], frame=9)
    finally:
        edit.keyframe_new_interpolation_type = usual
        scene.tool_settings.keyframe_type = "KEYFRAME"
    points = find_channelbag(head).fcurves[0].keyframe_points
    assert [p.interpolation for p in points] == ["SINE", interpolation]
    assert points[1].type == "EXTREME" and keys_of(head, "AU12") == [(1, 2), (9, 2)]


def test_what_is_keyed_counts_as_acted_even_at_zero(head):
    key_channels(head, ["AU04"])
    write_pose(head, {"viseme_O": 0.5, "jawOpen": 0.1})
    assert acted_channels(head) == ["jawOpen", "AU04", "viseme_O"]


def test_keys_of_acting_live_beside_the_speech_and_a_new_bake_leaves_them(scene, head, track):
    bake_track(head, track(20), 1)
    write_pose(head, {"AU12": 2.5})
    key_channels(head, ["AU12"], frame=5)
    bake_track(head, track(20, seed=3), 1)
    assert keys_of(head, "AU12") == [(5, 2.5)]
    assert keyed_channels(head) == {"AU12"}


def test_sides_are_set_together_where_that_is_asked(scene, head):
    arkit = head.gaussian_head.arkit
    arkit.mouthSmileLeft = 0.25
    assert arkit.mouthSmileRight == 0
    scene.gaussian_heads.acting_symmetric = True
    arkit.mouthSmileRight = 0.75
    assert arkit.mouthSmileLeft == 0.75
    arkit.jawLeft = 0.5
    assert arkit.jawRight == 0, "it would undo the first"
    write_pose(head, {"browDownLeft": 0.5})
    assert arkit.browDownRight == 0, "a pose is what it says"
    assert find_channelbag(head) is None, "nothing is keyed that was not"


def test_a_symmetric_slider_keys_both_sides_where_blender_would_key_one(scene, head):
    scene.gaussian_heads.acting_symmetric = True
    arkit = head.gaussian_head.arkit
    key_channels(head, ["mouthSmileLeft"], frame=1)
    scene.frame_set(10)
    arkit.mouthSmileRight = 0.5
    assert keys_of(head, "mouthSmileRight") == [], "not without Auto Keying"
    scene.tool_settings.use_keyframe_insert_auto = True
    try:
        arkit.mouthSmileLeft = 0.75
        arkit.browDownLeft = 0.5
    finally:
        scene.tool_settings.use_keyframe_insert_auto = False
    assert keys_of(head, "mouthSmileLeft") == [(1, 0), (10, 0.75)]
    assert keys_of(head, "mouthSmileRight") == [(10, 0.75)]
    assert keys_of(head, "browDownRight") == [], "what is not keyed stays without keys"


def test_symmetry_is_no_matter_of_curves(scene, head):
    """Curves never set the other side, whatever the switch says."""
    write_pose(head, {"mouthSmileLeft": 1.0})
    key_channels(head, ["mouthSmileLeft"], frame=5)
    scene.gaussian_heads.acting_symmetric = True
    write_pose(head, {"mouthSmileLeft": 0.0})
    scene.frame_set(5)
    arkit = head.gaussian_head.arkit
    assert (arkit.mouthSmileLeft, arkit.mouthSmileRight) == (1, 0)


def test_a_linked_head_is_refused_with_the_way_out(scene, head, tmp_path):
    path = str(tmp_path / "library.blend")
    bpy.data.libraries.write(path, {head})
    with bpy.data.libraries.load(path, link=True) as (there, here):
        here.objects = there.objects
    with pytest.raises(GaussianHeadsError, match="Library Override"):
        write_pose(here.objects[0], {"AU12": 1.0})
    with pytest.raises(GaussianHeadsError, match="Library Override"):
        key_channels(here.objects[0], ["AU12"])


def test_a_pose_that_is_keyed_leaves_the_poses_keyed_around_it(scene, head):
    """Without that, a control that is keyed for the first time would show before and after its pose."""
    for frame, amount in ((1, 2.0), (20, 1.0)):
        scene.frame_set(frame)
        write_pose(head, {"AU12": amount})
        key_change(head, {}, use_key=True)
    scene.frame_set(10)
    before = read_pose(head)
    blend_pose(head, {"AU04": 3.0})
    assert key_change(head, before, use_key=True) == 2
    assert keys_of(head, "AU04") == [(1, 0), (10, 3), (20, 0)]
    assert [frame for frame, _ in keys_of(head, "AU12")] == [1, 10, 20]
    assert read_pose(head) == pytest.approx({"AU04": 3.0})


def test_auto_keying_keys_what_changed_and_nothing_is_keyed_without_it(scene, head):
    write_pose(head, {"AU01": 1.0})
    before = read_pose(head)
    write_pose(head, {"AU12": 2.0})
    assert key_change(head, before, use_key=False) == 0
    scene.tool_settings.use_keyframe_insert_auto = True
    try:
        assert key_change(head, before, use_key=False) == 1
    finally:
        scene.tool_settings.use_keyframe_insert_auto = False
    assert keyed_channels(head) == {"AU12"}


def test_an_overridden_head_of_a_library_is_acted_and_keyed(scene, head, tmp_path, overridden):
    library, path = str(tmp_path / "library.blend"), str(tmp_path / "scene.blend")
    head = overridden(library)
    pose = {"AU12": 2.0, "browDownRight": 0.5, "viseme_O": 0.25, "head_rotation_x": 0.125}
    write_pose(head, pose)
    key_channels(head, ["AU12"], frame=1)
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    head = next(o for o in bpy.data.objects if o.override_library)
    assert read_pose(head) == pytest.approx(pose)
    assert keyed_channels(head) == {"AU12"}


def test_speech_on_the_nla_and_acting_in_an_action_of_its_own_play_together(
    scene, head, track, avatar_file
):
    made = track(20)
    bake_track(head, made, 1, destination=Destination("NLA"))
    write_pose(head, {"mouthSmileLeft": 0.5})
    key_channels(head, ["mouthSmileLeft"], frame=5)
    assert head.animation_data.nla_tracks and keyed_channels(head) == {"mouthSmileLeft"}
    scene.frame_set(7)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    expected = made.codes()[6].astype(np.float64)
    expected[ARKIT_INDEX["mouthSmileLeft"]] += 0.5
    code = expression_code(evaluated, load_avatar(avatar_file).avatar)
    np.testing.assert_allclose(code, expected, atol=1e-5)


def test_poses_of_an_nla_strip_that_is_edited_stay_too(scene, head):
    """The strip begins 100 frames after its Action does."""
    write_pose(head, {"AU12": 2.0})
    key_channels(head, ["AU12"], frame=1)
    animation = head.animation_data
    action = animation.action
    strip = animation.nla_tracks.new().strips.new("Acting", 101, action)
    strip.action_frame_end, strip.frame_end = 20, 120
    animation.action = None
    strip.select = True
    animation.use_tweak_mode = True
    scene.frame_set(110)
    before = read_pose(head)
    write_pose(head, {"AU04": 3.0})
    key_change(head, before, use_key=True)
    assert keys_of(head, "AU04") == [(1, 0), (10, 3)]
