"""Eyes go to their targets: geometry in the world, checked on what is drawn at its frame."""

from fractions import Fraction

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import gathering
from gaussian_heads.blender.acting.target_links import add_gaze_target, look_at
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.codes import expression_code, head_pose
from gaussian_heads.blender.gathering import gather_visible
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.spaces import ARKIT_INDEX, ARKIT_SPACE
from mathutils import Matrix, Vector

from .targets import add_empty, add_rig, gaze_error_deg, place_head, read


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

    monkeypatch.setattr(gathering, "decoder_code", record)
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
