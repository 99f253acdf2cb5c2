"""Linking a head to what it looks at and follows: dependencies, rest poses, and Empties to hold."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ...core.errors import GaussianHeadsError
from ..avatars import object_avatar
from ..axes import to_object_space, world_to_avatar
from ..defaults import GAZE_DISTANCE_M
from .targets import target_matrix

GAZE_SIZE_M, HEAD_SIZE_M = 0.05, 0.15


def link_gaze(obj: bpy.types.Object) -> None:
    """Have Blender evaluate what `obj` looks at whenever it evaluates `obj`."""
    settings = obj.gaussian_head
    _depend(obj, "gaze_dependency", settings.gaze_target, settings.gaze_bone)


def link_head(obj: bpy.types.Object) -> None:
    """The same for what carries the head of `obj`, whose place now becomes the one of rest."""
    settings = obj.gaussian_head
    _depend(obj, "head_dependency", settings.head_target, settings.head_bone)
    if settings.head_target is not None:
        set_head_rest(obj)


def set_head_rest(obj: bpy.types.Object) -> None:
    """Where the head's target stands now is where it leaves the head at rest."""
    settings = obj.gaussian_head
    target = settings.head_target
    if target is None:
        raise GaussianHeadsError(f"'{obj.name}' follows nothing: choose an object to follow first.")
    now = target_matrix(_evaluated(target), settings.head_bone)
    place = world_to_avatar(_evaluated(obj)) @ now
    settings.head_rest = place.ravel().tolist()


def follow_with_head(obj: bpy.types.Object, target: bpy.types.Object, bone: str = "") -> None:
    """Let the head of `obj` go along with `target` (or its bone) from where both are now."""
    _require_bone(target, bone)
    settings = obj.gaussian_head
    if settings.head_bone != bone:
        settings.head_target = None
        settings.head_bone = bone
    settings.head_target = target


def look_at(obj: bpy.types.Object, target: bpy.types.Object, bone: str = "") -> None:
    """Let the eyes of `obj` look at `target` or at its bone."""
    _require_bone(target, bone)
    settings = obj.gaussian_head
    settings.gaze_bone = bone
    settings.gaze_target = target


def add_gaze_target(
    obj: bpy.types.Object, *, distance_m: float = GAZE_DISTANCE_M, parented: bool = False
) -> bpy.types.Object:
    """Add an Empty before the face of `obj` and look at it; returns the Empty."""
    empty = _add_empty(obj, f"{obj.name} Gaze", "SPHERE", GAZE_SIZE_M)
    place = Matrix.Translation(Vector(to_object_space(np.array([[0.0, 0.0, distance_m]]))[0]))
    _place(empty, obj, place, parented)
    look_at(obj, empty)
    return empty


def add_head_control(obj: bpy.types.Object) -> bpy.types.Object:
    """Add an Empty in the neck of `obj`, parented to it, that turns and shifts the head; returns it."""
    pivot = object_avatar(obj).avatar.neck_pivot
    empty = _add_empty(obj, f"{obj.name} Head", "CIRCLE", HEAD_SIZE_M)
    place = Matrix.Translation(Vector(to_object_space(pivot[None])[0]))
    # A ring around the face as seen from the front, whose axes stay those of the object.
    _place(empty, obj, place, parented=True)
    follow_with_head(obj, empty)
    return empty


def _require_bone(target: bpy.types.Object, bone: str) -> None:
    if bone and (target.pose is None or bone not in target.pose.bones):
        raise GaussianHeadsError(
            f"'{target.name}' has no bone '{bone}': choose one of its bones, or none."
        )


def _add_empty(obj: bpy.types.Object, name: str, display: str, size_m: float) -> bpy.types.Object:
    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type, empty.empty_display_size = display, size_m
    # Where the head is, so that both are shown and hidden together; a library takes no new objects.
    homes = [c for c in obj.users_collection if c.is_editable]
    scene = bpy.context.scene
    inside = {scene.collection, *scene.collection.children_recursive}
    home = next((c for c in homes if c in inside), scene.collection)
    home.objects.link(empty)
    return empty


def _place(empty: bpy.types.Object, obj: bpy.types.Object, place: Matrix, parented: bool) -> None:
    """Put the Empty at `place` of the object's own space, carried by the object where asked."""
    if parented:
        empty.parent = obj
        empty.matrix_basis = place
    else:
        empty.location = (_evaluated(obj).matrix_world @ place).translation
    bpy.context.view_layer.update()


def _evaluated(obj: bpy.types.Object) -> bpy.types.Object:
    return obj.evaluated_get(bpy.context.evaluated_depsgraph_get())


def _depend(obj: bpy.types.Object, name: str, target: bpy.types.Object | None, bone: str) -> None:
    """A driver on a hidden number, which makes Blender evaluate `target` before `obj`."""
    path = f"gaussian_head.{name}"
    curves = obj.animation_data.drivers if obj.animation_data else ()
    curve = next((c for c in curves if c.data_path == path), None)
    if target is None:
        if curve is not None:
            obj.driver_remove(path)
        return
    driver = (curve or obj.driver_add(path)).driver
    driver.type = "SUM"
    variable = driver.variables[0] if driver.variables else driver.variables.new()
    variable.type = "TRANSFORMS"
    source = variable.targets[0]
    source.id, source.bone_target = target, bone
    source.transform_type, source.transform_space = "LOC_X", "WORLD_SPACE"
