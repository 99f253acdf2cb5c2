"""What Blender's start-up file brings and nobody chose: a camera far away, and a cube that a head stands in."""

from __future__ import annotations

import bpy
import numpy as np

CAMERA_M, LENS_MM = (7.358891, -6.925791, 4.958309), 50.0
CUBE_HALF_M = 1.0


def is_startup_camera(obj: bpy.types.Object) -> bool:
    """Whether `obj` is the start-up file's camera where it stood: eleven metres from a head."""
    return (
        obj.type == "CAMERA"
        and _is_untouched(obj)
        and obj.data.lens == LENS_MM
        and np.allclose(obj.location, CAMERA_M, atol=1e-3)
    )


def is_startup_cube(obj: bpy.types.Object) -> bool:
    """Whether `obj` is the start-up file's cube of two metres where it stood."""
    if obj.type != "MESH" or len(obj.data.vertices) != 8 or not _is_untouched(obj):
        return False
    corners = np.array([vertex.co for vertex in obj.data.vertices])
    return np.allclose(np.abs(corners), CUBE_HALF_M) and np.allclose(obj.matrix_world, np.eye(4))


def hide_startup_cube(scene: bpy.types.Scene, head: bpy.types.Object) -> bool:
    """Hide the start-up file's cube where `head` stands in it; whether there was one to hide."""
    if np.abs(head.location).max() > CUBE_HALF_M:
        return False
    cubes = [obj for obj in scene.objects if is_startup_cube(obj) and not obj.hide_render]
    for cube in cubes:
        cube.hide_render = True
        for layer in scene.view_layers:
            if cube.name in layer.objects:
                cube.hide_set(True, view_layer=layer)
    return bool(cubes)


def _is_untouched(obj: bpy.types.Object) -> bool:
    has_more = obj.constraints or obj.modifiers or obj.children
    return obj.animation_data is None and obj.parent is None and not has_more
