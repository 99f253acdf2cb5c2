"""Objects that stand for splats: made from a file, and read at the frame the depsgraph shows."""

from __future__ import annotations

import bpy
import mathutils
import numpy as np

from ..core.gaussians import Gaussians
from ..core.up_axis import FILE_TO_AVATAR
from .avatars import LoadedAvatar, object_avatar
from .axes import AVATAR_TO_OBJECT, to_object_space
from .codes import decoder_code, head_pose, require_code_space
from .decoding import decoded


def create_splat_object(
    reference: str, loaded: LoadedAvatar, up_axis: str, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Add an object that draws a splat file upright; it is a box of edges, which no engine renders."""
    obj = bpy.data.objects.new(loaded.avatar.name, _box_of_edges(loaded))
    obj.gaussian_head.avatar = reference
    obj.gaussian_head.avatar_sha256 = loaded.sha256
    obj.matrix_world = mathutils.Matrix(
        AVATAR_TO_OBJECT @ FILE_TO_AVATAR[up_axis] @ np.linalg.inv(AVATAR_TO_OBJECT)
    )
    collection.objects.link(obj)
    return obj


def posed_gaussians(evaluated: bpy.types.Object) -> Gaussians:
    """What an evaluated avatar object shows, in the avatar frame; the arrays are shared and read-only."""
    loaded = object_avatar(evaluated)
    require_code_space(evaluated, loaded.avatar)
    code = decoder_code(evaluated, loaded.avatar)
    return decoded(evaluated, loaded, code, head_pose(evaluated, loaded.avatar))


def _box_of_edges(loaded: LoadedAvatar) -> bpy.types.Mesh:
    corners, _ = loaded.avatar.guide_mesh
    edges = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]
    mesh = bpy.data.meshes.new(f"{loaded.avatar.name} Bounds")
    mesh.from_pydata(to_object_space(corners).tolist(), edges, [])
    return mesh
