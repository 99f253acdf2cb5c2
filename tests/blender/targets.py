"""Heads with targets: placed, read once evaluated, and measured in the world."""

import bpy
import numpy as np
from gaussian_heads.blender.avatars import object_avatar
from gaussian_heads.blender.axes import avatar_to_world
from gaussian_heads.blender.codes import expression_code, head_pose
from gaussian_heads.core.aiming import EyeRig, posed, turn_matrix
from gaussian_heads.core.spaces import ARKIT_INDEX
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
