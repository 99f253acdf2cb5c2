"""The world's background colour."""

from __future__ import annotations

import bpy
import numpy as np


def world_color(world: bpy.types.World | None) -> np.ndarray:
    """Linear RGB `[3]` behind the heads: the Background node's plain colour, or the world's own."""
    if world is None:
        return np.zeros(3)
    node = _background_node(world)
    if node is None:
        return np.array(world.color, np.float64)
    color = np.array(node.inputs["Color"].default_value[:3], np.float64)
    return color * node.inputs["Strength"].default_value


def make_world(name: str, color_linear: tuple[float, float, float]) -> bpy.types.World:
    """A world of one colour, for nodes and for the viewport alike."""
    world = bpy.data.worlds.new(name)
    world.color = color_linear
    if world.node_tree is None:
        world.use_nodes = True
    node = _background_node(world)
    if node is None:
        tree = world.node_tree
        node = tree.nodes.new("ShaderNodeBackground")
        output = tree.nodes.new("ShaderNodeOutputWorld")
        tree.links.new(node.outputs["Background"], output.inputs["Surface"])
    node.inputs["Color"].default_value = (*color_linear, 1.0)
    return world


def _background_node(world: bpy.types.World) -> bpy.types.Node | None:
    """The Background node that feeds the world's output; None with nodes off or another shader."""
    tree = shader_tree(world)
    output = None if tree is None else tree.get_output_node("ALL")
    if output is None or not output.inputs["Surface"].links:
        return None
    node = output.inputs["Surface"].links[0].from_node
    return node if node.type == "BACKGROUND" else None


def shader_tree(owner: bpy.types.World | bpy.types.Material) -> bpy.types.NodeTree | None:
    """The nodes that make a world or material; None where they are switched off."""
    # From Blender 5.0 on they always are on, and asking is deprecated.
    if bpy.app.version < (5, 0, 0) and not owner.use_nodes:
        return None
    return owner.node_tree
