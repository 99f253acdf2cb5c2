"""Muted layers: left out of what is shown at once, with their keys as they were."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.codes import expression_code, head_pose
from gaussian_heads.blender.properties import LAYERS


@pytest.fixture
def baked(head, track):
    pose = np.full((6, 6), 0.01, np.float32)
    made = replace(track(6), head_pose=pose)
    bake_track(head, made, 1)
    return made


def shown(scene, head, avatar_file):
    scene.frame_set(3)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    avatar = load_avatar(avatar_file).avatar
    return expression_code(evaluated, avatar), head_pose(evaluated, avatar)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_muted_layer_adds_nothing(scene, head, baked, avatar_file, layer):
    setattr(head.gaussian_head, f"mute_{layer}", True)
    code, pose = shown(scene, head, avatar_file)
    np.testing.assert_allclose(code, baked.codes({layer: 0.0})[2], atol=1e-6)
    assert pose is not None


def test_muted_head_motion_leaves_the_turn_made_by_hand(scene, head, baked, avatar_file):
    head.gaussian_head.head_rotation[1] = 0.2
    head.gaussian_head.mute_head = True
    code, pose = shown(scene, head, avatar_file)
    np.testing.assert_allclose(pose, [0, 0.2, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(code, baked.codes()[2], atol=1e-6)


def test_a_mute_can_be_keyed(scene, head, baked, avatar_file):
    head.gaussian_head.mute_speech = True
    head.gaussian_head.keyframe_insert("mute_speech", frame=1)
    head.gaussian_head.mute_speech = False
    np.testing.assert_allclose(
        shown(scene, head, avatar_file)[0], baked.codes({"speech": 0.0})[2], atol=1e-6
    )
