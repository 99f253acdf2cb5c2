"""Which objects stand for Gaussian heads; cheap enough to ask at every redraw."""

from __future__ import annotations

import bpy

ObjectKey = tuple[str, str | None]
"""Name and library file of an object: what `bpy.data.objects.get` takes."""


def is_avatar(obj: bpy.types.Object | None) -> bool:
    """Whether `obj` stands for a Gaussian head."""
    return obj is not None and obj.type == "MESH" and bool(obj.gaussian_head.avatar)


def is_head(instance: bpy.types.DepsgraphObjectInstance) -> bool:
    """Whether an instance of the depsgraph stands for a Gaussian head."""
    if not is_avatar(instance.object):
        return False
    # What an avatar's own geometry nodes scatter carries its properties but is a plain mesh.
    return not instance.is_instance or instance.parent.original != instance.object.original


def has_avatar(scene: bpy.types.Scene) -> bool:
    """Whether `scene` holds an avatar, visible or not, itself or in a collection it instances."""
    collections = (obj.instance_collection for obj in scene.objects)
    sources = (scene.objects, *(c.all_objects for c in collections if c is not None))
    return any(is_avatar(obj) for objects in sources for obj in objects)


def scene_avatars(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The avatar objects of `scene`, by name."""
    return sorted((obj for obj in scene.objects if is_avatar(obj)), key=lambda obj: obj.name)


def instance_owner(instance: bpy.types.DepsgraphObjectInstance) -> ObjectKey:
    """The object that a viewport shows or hides with this instance: itself, or what instances it."""
    owner = (instance.parent if instance.is_instance else instance.object).original
    return owner.name, owner.library.filepath if owner.library else None
