"""Heads go along with what they follow; targets are kept, overridden, deleted."""

import bpy
import numpy as np
from gaussian_heads.blender.acting.target_links import (
    add_gaze_target,
    add_head_control,
    follow_with_head,
    look_at,
    set_head_rest,
)
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.axes import avatar_to_world
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.aiming import posed, turn_matrix

from .targets import PIVOT, add_empty, add_rig, gaze_error_deg, place_head, read


def carried(head, rest_world, now_world, point):
    """Where a point of the head goes that is carried from one world matrix to another."""
    to_world = np.array(avatar_to_world(head.matrix_world))
    moved = np.array(now_world) @ np.linalg.inv(np.array(rest_world))
    return (np.linalg.inv(to_world) @ moved @ to_world @ np.r_[point, 1.0])[:3]


def test_the_head_goes_along_with_what_it_follows_as_its_child_would(scene, head):
    place_head(head)
    head.gaussian_head.head_rotation = (0.0, 0.2, 0.0)
    before = read(head)[1].astype(np.float64)
    target = add_empty(scene, location=(0.3, 1.9, 1.8))
    target.rotation_euler = (0.3, 0.2, 0.1)
    bpy.context.view_layer.update()
    rest = target.matrix_world.copy()
    follow_with_head(head, target)
    np.testing.assert_allclose(read(head)[1], before, atol=1e-6)
    target.rotation_euler = (0.1, 0.5, 0.3)
    target.location.x += 0.02
    bpy.context.view_layer.update()
    _, pose = read(head)
    for point in ((0.0, 0.0, 0.0), (0.05, -0.1, 0.02)):
        expected = carried(head, rest, target.matrix_world, posed(np.array(point), before, PIVOT))
        np.testing.assert_allclose(
            posed(np.array(point), pose.astype(np.float64), PIVOT), expected, atol=1e-5
        )
    head.gaussian_head.head_follow = 0.0
    np.testing.assert_allclose(read(head)[1], before, atol=1e-6)
    head.gaussian_head.head_follow, head.gaussian_head.head_use_location = 1.0, False
    np.testing.assert_allclose(read(head)[1][3:], before[3:], atol=1e-6)
    set_head_rest(head)
    np.testing.assert_allclose(read(head)[1], before, atol=1e-6)


def test_a_constraint_on_the_head_control_turns_the_face_to_its_target(scene, head):
    place_head(head, turn=(0, 0, 0.3), location=(0, 0, 1))
    control = add_head_control(head)
    assert control.parent == head and head.gaussian_head.head_target == control
    target = add_empty(scene, location=(0.6, -1.2, 1.2))
    track = control.constraints.new("TRACK_TO")
    track.target, track.track_axis, track.up_axis = target, "TRACK_NEGATIVE_Y", "UP_Z"
    bpy.context.view_layer.update()
    _, pose = read(head)
    to_world = avatar_to_world(head.matrix_world)
    facing = to_world[:3, :3] @ turn_matrix(pose[:3].astype(np.float64))[:, 2]
    pivot = (to_world @ np.r_[PIVOT, 1.0])[:3]
    wanted = np.array(target.location) - pivot
    assert facing @ wanted / np.linalg.norm(wanted) > 0.99999
    np.testing.assert_allclose(pose[3:], 0, atol=1e-6)


def test_the_head_follows_a_bone(scene, head):
    rig = add_rig(scene)
    follow_with_head(head, rig, "Bone")
    bone = rig.pose.bones["Bone"]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler = (0.0, 0.4, 0.0)
    bpy.context.view_layer.update()
    # The bone stands upright: it turns about the world's Z, the avatar's Y.
    np.testing.assert_allclose(read(head)[1][:3], [0, 0.4, 0], atol=1e-5)
    assert head.gaussian_head.head_bone == "Bone"


def test_targets_are_kept_in_the_file(scene, head, tmp_path):
    target = add_gaze_target(head)
    target.location.x = 0.2
    add_head_control(head).rotation_euler.z = 0.3
    bpy.context.view_layer.update()
    before = read(head)
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    head = bpy.data.objects["Small Head"]
    after = read(head)
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)


def test_an_overridden_head_of_a_library_looks_at_a_target_of_the_scene(
    scene, head, tmp_path, overridden
):
    library, path = str(tmp_path / "library.blend"), str(tmp_path / "scene.blend")
    head = overridden(library)
    bpy.context.view_layer.update()
    target = add_gaze_target(head)
    target.location.x = 0.3
    control = add_head_control(head)
    control.rotation_euler.z = 0.2
    head.gaussian_head.gaze_head_share = 0.25
    head.gaussian_head.keyframe_insert("gaze_follow", frame=1)
    bpy.context.view_layer.update()
    before = read(head)
    assert gaze_error_deg(head.matrix_world, *before, (0.3, -1, 0)) < 0.01
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    head = next(o for o in bpy.data.objects if o.override_library)
    assert head.gaussian_head.gaze_target.name == target_name(head)
    after = read(head)
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)


def target_name(head):
    return f"{head.name} Gaze"


def test_a_target_that_is_deleted_leaves_the_head_as_it_was(scene, head):
    target, control = add_gaze_target(head), add_head_control(head)
    target.location.x, control.rotation_euler.z = 0.3, 0.4
    bpy.context.view_layer.update()
    assert read(head)[0].any() and read(head)[1] is not None
    bpy.data.objects.remove(target)
    bpy.data.objects.remove(control)
    scene.frame_set(3)
    code, pose = read(head)
    assert not code.any() and pose is None
    # A new one takes the place of the old dependency.
    add_gaze_target(head)
    paths = [curve.data_path for curve in head.animation_data.drivers]
    assert paths.count("gaussian_head.gaze_dependency") == 1
    head.gaussian_head.gaze_target = None
    paths = [curve.data_path for curve in head.animation_data.drivers]
    assert "gaussian_head.gaze_dependency" not in paths


def test_targets_make_no_circle_of_dependencies(scene, head, avatar_file, capfd):
    other = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    other.location.y = -1.0
    look_at(head, other)
    look_at(other, head)
    add_head_control(head)
    add_gaze_target(other, parented=True)
    scene.frame_set(2)
    told = "".join(capfd.readouterr())
    assert "ycle" not in told
