"""The avatar's object in a scene: a light mesh that gives selection, bounds and snapping."""

from __future__ import annotations

import bpy
import numpy as np

from ..core.avatar import Avatar
from ..core.spaces import ARKIT_BLENDSHAPES
from .avatars import LoadedAvatar
from .axes import to_object_space
from .codes import (
    CODE_PROPERTY,
    HEAD_MOTION_PROPERTY,
    layer_property,
    motion_property,
    weights_property,
)
from .properties import CONTROL_SETS, LAYERS


def create_avatar_object(
    reference: str, loaded: LoadedAvatar, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Add the proxy of an avatar to `collection`, neutral and unposed, and return it."""
    avatar = loaded.avatar
    obj = bpy.data.objects.new(avatar.name, guide_mesh(avatar))
    collection.objects.link(obj)
    set_avatar(obj, reference, loaded)
    return obj


def set_avatar(obj: bpy.types.Object, reference: str, loaded: LoadedAvatar) -> None:
    """Point `obj` at an avatar and give it a speech layer of the right length."""
    obj.gaussian_head.avatar = reference
    obj.gaussian_head.avatar_sha256 = loaded.sha256
    for controls in CONTROL_SETS:
        # From Blender 5.0 on an override keeps nothing of a group that was never written.
        group = getattr(obj.gaussian_head, controls.attribute)
        setattr(group, controls.names[0], getattr(group, controls.names[0]))
    direction = obj.gaussian_head.direction
    direction.AU01 = direction.AU01
    ensure_layer(obj, "speech", loaded.avatar)
    # An override keeps only those properties beyond a save that its library has.
    for layer in LAYERS[1:]:
        ensure_weights(obj, layer)
    if loaded.avatar.motion_dim:
        ensure_motion(obj, loaded.avatar)
    ensure_head_motion(obj)


def ensure_layer(obj: bpy.types.Object, layer: str, avatar: Avatar) -> None:
    """Make the ID property that holds a layer's code, keeping one of the right length."""
    name = layer_property(layer)
    described = "speech" if name == CODE_PROPERTY else layer.replace("_", " ")
    _ensure_array(obj, name, avatar.code_dim, f"Expression code of the {described} layer, unscaled")


def ensure_weights(obj: bpy.types.Object, layer: str) -> None:
    """Make the ID property that holds a layer's ARKit weights."""
    described = f"ARKit weights of the {layer.replace('_', ' ')} layer, unscaled"
    _ensure_array(obj, weights_property(layer), len(ARKIT_BLENDSHAPES), described)


def ensure_motion(obj: bpy.types.Object, avatar: Avatar) -> None:
    """Make the ID property that holds the audio vector of personal motion."""
    described = f"How {avatar.name} moves with the sound that is heard, unscaled"
    _ensure_array(obj, motion_property(avatar), avatar.motion_dim, described)


def ensure_head_motion(obj: bpy.types.Object) -> None:
    """Make the ID property that holds the baked pose of the head."""
    described = "Baked rotation vector (rad) and translation (m) of the head, unscaled"
    _ensure_array(obj, HEAD_MOTION_PROPERTY, 6, described)


def _ensure_array(obj: bpy.types.Object, name: str, length: int, description: str) -> None:
    if name in obj:
        if len(obj[name]) == length:
            return
        # Blender does not let an array change its length.
        del obj[name]
    obj[name] = [0.0] * length
    obj.property_overridable_library_set(f'["{name}"]', True)
    obj.id_properties_ui(name).update(description=description, default=[0.0] * length)


def guide_mesh(avatar: Avatar) -> bpy.types.Mesh:
    """A new mesh of the avatar's proxy."""
    vertices, triangles = avatar.guide_mesh
    mesh = bpy.data.meshes.new(f"{avatar.name} Proxy")
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", to_object_space(vertices).ravel())
    mesh.loops.add(triangles.size)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(triangles, np.int32).ravel())
    mesh.polygons.add(len(triangles))
    mesh.polygons.foreach_set("loop_start", np.arange(0, triangles.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.validate()
    return mesh
