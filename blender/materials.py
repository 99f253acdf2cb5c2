"""One plain colour for each material, for a simple picture of the scene's other objects."""

from __future__ import annotations

import bpy
import numpy as np

from .world import shader_tree

# Blender's own colour for objects without a material, linear.
DEFAULT_COLOR = (0.8, 0.8, 0.8)


def slot_colors(obj: bpy.types.Object, mesh: object) -> np.ndarray:
    """Linear RGB `[S, 3]` float32 of the material slots of an evaluated object, at least one."""
    materials = list(getattr(mesh, "materials", ()))
    for index, slot in enumerate(obj.material_slots):
        if index >= len(materials):
            materials.append(slot.material)
        elif slot.link == "OBJECT":
            materials[index] = slot.material
    colors = [material_color(material) for material in materials] or [DEFAULT_COLOR]
    return np.array(colors, np.float32)


def material_color(material: bpy.types.Material | None) -> tuple[float, float, float]:
    """The base colour of a material's surface where it is one value, else its viewport colour, linear."""
    if material is None:
        return DEFAULT_COLOR
    socket = _color_socket(material)
    return tuple((material.diffuse_color if socket is None else socket.default_value)[:3])


def _color_socket(material: bpy.types.Material) -> bpy.types.NodeSocket | None:
    """The unlinked colour input of the shader that makes the surface."""
    tree = shader_tree(material)
    output = None if tree is None else tree.get_output_node("ALL")
    if output is None or not output.inputs["Surface"].links:
        return None
    inputs = output.inputs["Surface"].links[0].from_node.inputs
    socket = inputs.get("Base Color") or inputs.get("Color")
    return None if socket is None or socket.is_linked else socket
