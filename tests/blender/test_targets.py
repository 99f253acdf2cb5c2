"""Eyes and head go to their targets: geometry in the world, checked on what is drawn at its frame."""

from fractions import Fraction

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import gathering
from gaussian_heads.blender.avatars import load_avatar, object_avatar
from gaussian_heads.blender.axes import avatar_to_world
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.codes import expression_code, head_pose
from gaussian_heads.blender.gathering import gather_visible
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.target_links import (
    add_gaze_target,
    add_head_control,
    follow_with_head,
    look_at,
    set_head_rest,
)
from gaussian_heads.core.aiming import EyeRig, posed, turn_matrix
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.spaces import ARKIT_INDEX, ARKIT_SPACE
from mathutils import Euler, Matrix, Vector

from ..core.small_heads import NECK_PIVOT

PIVOT = np.array(NECK_PIVOT)
RIG = EyeRig.usual()


def add_empty(scene, name="Target", location=(0.0, -1.0, 0.0)):
    empty = bpy.data.objects.new(name, None)
    scene.collection.objects.link(empty)
    empty.location = location
    return empty


def evaluated(obj):
    return obj.evaluated_get(bpy.context.evaluated_depsgraph_get())


def read(obj):
    """Code and pose of the head as it is evaluated now."""
    seen = evaluated(obj)
    avatar = object_avatar(obj).avatar
    return expression_code(seen, avatar), head_pose(seen, avatar)


def gaze_error_deg(matrix_world, code, pose, point):
    """Largest angle between where the eyes of a posed head look and the point, both in the world."""
    to_world = avatar_to_world(matrix_world)
    pose = np.zeros(6) if pose is None else pose.astype(np.float64)
    errors = []
    for eye, side in enumerate(("Left", "Right")):
        out, inward, up, down = (
            code[ARKIT_INDEX[f"eyeLook{d}{side}"]] * RIG.full_deg[eye, i]
            for i, d in enumerate(("Out", "In", "Up", "Down"))
        )
        left = (out - inward) * (1 if side == "Left" else -1)
        looks = turn_matrix(pose[:3]) @ turn_matrix(np.radians([down - up, left, 0.0]))[:, 2]
        looks = to_world[:3, :3] @ looks
        centre = to_world @ np.r_[posed(RIG.centers_m[eye], pose, PIVOT), 1.0]
        wanted = np.array(point) - centre[:3]
        cosine = looks @ wanted / np.linalg.norm(looks) / np.linalg.norm(wanted)
        errors.append(np.degrees(np.arccos(min(1.0, cosine))))
    return max(errors)


def place_head(head, turn=(0.1, -0.2, 0.6), location=(0.4, 2.0, 1.5), scale=1.0):
    head.matrix_world = Matrix.LocRotScale(Vector(location), Euler(turn), Vector((scale,) * 3))
    return head


@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize("offset", [(0.1, -0.6, 0.1), (-0.2, -1.5, -0.2), (0.4, -4.0, 0.5)])
def test_both_eyes_meet_the_target_from_a_head_that_is_moved_turned_and_posed(
    scene, head, scale, offset
):
    place_head(head, scale=scale)
    head.gaussian_head.head_rotation = (0.1, 0.15, -0.1)
    head.gaussian_head.head_translation = (0.01, 0.0, 0.02)
    target = add_empty(scene)
    target.location = head.matrix_world @ (Vector(offset) * 1.0)
    look_at(head, target)
    code, pose = read(head)
    assert gaze_error_deg(head.matrix_world, code, pose, target.location) < 0.01


def test_nothing_is_added_without_a_target_or_at_zero(scene, head):
    look_at(head, add_empty(scene, location=(0.3, -1.0, 0.0)))
    assert read(head)[0].any()
    head.gaussian_head.gaze_follow = 0.0
    assert not read(head)[0].any()
    head.gaussian_head.gaze_follow = 0.5
    half = read(head)[0]
    head.gaussian_head.gaze_follow = 1.0
    np.testing.assert_allclose(half, 0.5 * read(head)[0], atol=1e-6)
    head.gaussian_head.gaze_target = None
    assert not read(head)[0].any()


def test_lids_follow_up_and_down(scene, head):
    target = add_empty(scene, location=(0.0, -1.0, -0.25))
    look_at(head, target)
    assert read(head)[0][ARKIT_INDEX["eyeBlinkLeft"]] > 0.02
    target.location.z = 0.25
    code = read(head)[0]
    assert code[ARKIT_INDEX["eyeBlinkLeft"]] == 0 and code[ARKIT_INDEX["eyeWideLeft"]] > 0.02


@pytest.mark.parametrize("hidden", [False, True])
def test_renders_look_where_the_target_is_at_their_frame(
    scene, head, camera, monkeypatch, tmp_path, hidden
):
    """Through the render's own depsgraph: the target is animated, parented, constrained, and may be hidden."""
    place_head(head, turn=(0, 0, 0.1), location=(0, 0.3, 0))
    parent, target = add_empty(scene, "Carrier", (0, -1, 0)), add_empty(scene, "Target", (0, 0, 0))
    target.parent = parent
    for frame, x in ((1, -0.3), (9, 0.5)):
        parent.location.x = x
        parent.keyframe_insert("location", frame=frame)
    limit = target.constraints.new("LIMIT_LOCATION")
    limit.use_max_x, limit.max_x = True, 0.25
    target.hide_viewport = target.hide_render = hidden
    parent.hide_viewport = parent.hide_render = hidden
    look_at(head, target)
    drawn = {}

    def record(obj, avatar):
        code = expression_code(obj, avatar)
        drawn[bpy.context.scene.frame_current] = (
            np.array(obj.matrix_world),
            code,
            head_pose(obj, avatar),
            obj.gaussian_head.gaze_target.matrix_world.translation.copy(),
        )
        return code

    monkeypatch.setattr(gathering, "expression_code", record)
    scene.frame_set(5)
    drawn.clear()
    scene.frame_start, scene.frame_end, scene.frame_step = 1, 9, 8
    scene.render.filepath = str(tmp_path / "frame_")
    bpy.ops.render.render(animation=True)
    assert set(drawn) == {1, 9}
    for frame, x in ((1, -0.3), (9, 0.25)):
        matrix, code, pose, place = drawn[frame]
        assert place.x == pytest.approx(x, abs=1e-5)
        assert gaze_error_deg(matrix, code, pose, (x, -1.0, 0.0)) < 0.01


def test_a_hidden_target_counts_in_viewports_too(scene, head):
    target = add_empty(scene)
    for frame, x in ((1, -0.3), (11, 0.3)):
        target.location.x = x
        target.keyframe_insert("location", frame=frame)
    look_at(head, target)
    target.hide_set(True)
    for frame, x in ((1, -0.3), (11, 0.3)):
        scene.frame_set(frame)
        code, pose = read(head)
        assert gaze_error_deg(head.matrix_world, code, pose, (x, -1, 0)) < 0.01


def test_moving_only_the_target_updates_what_is_drawn_and_says_so(scene, head):
    target = add_empty(scene, location=(0.2, -1.0, 0.0))
    look_at(head, target)
    bpy.context.view_layer.update()
    told = []
    listener = lambda *_: told.append(True)  # noqa: E731
    bpy.app.handlers.depsgraph_update_post.append(listener)
    try:
        target.location.x = -0.2
        bpy.context.view_layer.update()
    finally:
        bpy.app.handlers.depsgraph_update_post.remove(listener)
    assert told, "viewports draw again when this handler is called"
    code, pose = read(head)
    assert gaze_error_deg(head.matrix_world, code, pose, (-0.2, -1.0, 0.0)) < 0.01


def add_rig(scene):
    """An armature of one upright bone whose head stands before the face."""
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones.new("Bone")
    bone.head, bone.tail = (0.1, -0.8, 0.1), (0.1, -0.8, 0.4)
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def test_a_bone_is_looked_at_where_it_is_posed(scene, head):
    rig = add_rig(scene)
    rig.location = (0.0, -0.1, 0.0)
    look_at(head, rig, "Bone")
    bone = rig.pose.bones["Bone"]
    for frame, x in ((1, 0.0), (5, -0.2)):
        bone.location = (x, 0.0, 0.0)
        bone.keyframe_insert("location", frame=frame)
    for frame, x in ((1, 0.1), (5, -0.1)):
        scene.frame_set(frame)
        code, pose = read(head)
        assert gaze_error_deg(head.matrix_world, code, pose, (x, -0.9, 0.1)) < 0.05
    with pytest.raises(GaussianHeadsError, match="no bone 'Nose'"):
        look_at(head, rig, "Nose")


def test_heads_look_into_each_others_eyes(scene, head, avatar_file):
    other = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    other.matrix_world = Matrix.Translation((0.2, -0.9, 0.1)) @ Matrix.Rotation(np.pi, 4, "Z")
    other.gaussian_head.head_translation = (0.0, 0.05, 0.0)
    bpy.context.view_layer.update()
    look_at(head, other)
    look_at(other, head)
    code, pose = read(head)
    assert gaze_error_deg(head.matrix_world, code, pose, (0.2, -0.9, 0.15)) < 0.01
    code, pose = read(other)
    assert gaze_error_deg(other.matrix_world, code, pose, (0, 0, 0)) < 0.01


def test_saccades_stay_and_what_the_bake_did_for_the_turning_head_is_not_done_twice(scene, head):
    """The baked gaze of one frame: 4 degrees aside, less the 10 degrees that the head turns there."""
    codes = np.zeros((2, 52), np.float32)
    gaze = codes.copy()
    gaze[:, ARKIT_INDEX["eyeLookInLeft"]] = gaze[:, ARKIT_INDEX["eyeLookOutRight"]] = 6.0 / 34.0
    motion = np.zeros((2, 6), np.float32)
    motion[:, 1] = np.radians(10.0)
    bake_track(
        head, ExpressionTrack({"speech": codes, "gaze": gaze}, motion, ARKIT_SPACE, Fraction(24)), 1
    )
    scene.frame_set(1)
    target = add_empty(scene, location=(0.0, -2.0, 0.0))
    look_at(head, target)
    code, pose = read(head)
    # The eyes look 4 degrees to the left of the target.
    aside = (2.0 * np.tan(np.radians(4.0)), -2.0, 0.0)
    assert gaze_error_deg(head.matrix_world, code, pose, aside) < 0.2
    head.gaussian_head.gaze_follow = 0.0
    assert read(head)[0] == pytest.approx(gaze[0], abs=1e-6)


def test_the_head_takes_its_share_of_the_way(scene, head):
    target = add_empty(scene, location=(0.7, -1.0, 0.2))
    look_at(head, target)
    alone, still = read(head)
    assert still is None
    head.gaussian_head.gaze_head_share = 0.6
    code, pose = read(head)
    assert pose[1] > 0.2 and pose[0] < -0.02
    name = ARKIT_INDEX["eyeLookOutLeft"]
    assert 0 < code[name] < 0.6 * alone[name]
    assert gaze_error_deg(head.matrix_world, code, pose, target.location) < 0.01


def test_a_target_behind_leaves_the_eyes_alone(scene, head):
    look_at(head, add_empty(scene, location=(0.0, 2.0, 0.0)))
    assert np.abs(read(head)[0]).max() < 0.05


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


def test_heads_that_share_a_scene_have_targets_of_their_own(scene, head, avatar_file):
    other = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    other.location.x = 0.5
    first, second = add_gaze_target(head), add_gaze_target(other)
    bpy.context.view_layer.update()
    assert first.matrix_world.translation[:] == pytest.approx((0, -1, 0), abs=1e-6)
    assert second.matrix_world.translation[:] == pytest.approx((0.5, -1, 0), abs=1e-6)
    first.location.x = 0.3
    bpy.context.view_layer.update()
    assert gaze_error_deg(head.matrix_world, *read(head), (0.3, -1, 0)) < 0.01
    assert gaze_error_deg(other.matrix_world, *read(other), (0.5, -1, 0)) < 0.01


def test_instances_share_the_look_of_their_original(scene, head):
    shared = bpy.data.collections.new("Shared")
    scene.collection.objects.unlink(head)
    shared.objects.link(head)
    for index in range(2):
        instance = add_empty(scene, f"Instance {index}", (0.5 * index, 0, 0))
        instance.instance_type, instance.instance_collection = "COLLECTION", shared
    look_at(head, add_empty(scene, location=(0.2, -1.0, 0.0)))
    gathered = gather_visible(bpy.context.evaluated_depsgraph_get())
    assert gathered.num_heads == 2
    half = gathered.gaussians.num_gaussians // 2
    means = gathered.gaussians.means
    np.testing.assert_allclose(means[half:] - means[:half], [[0.5, 0, 0]] * half, atol=1e-5)


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


def test_an_overridden_head_of_a_library_looks_at_a_target_of_the_scene(scene, head, tmp_path):
    library, path = str(tmp_path / "library.blend"), str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(library, link=True) as (_, here):
        here.objects = ["Small Head"]
    bpy.context.scene.collection.objects.link(here.objects[0])
    head = here.objects[0].override_create(remap_local_usages=True)
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
