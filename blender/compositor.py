"""Compositor nodes that lay one scene's render over another's, in Blender 4.5 and from 5.0 on."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

HEADS, OVER, SHADOWS, SHADED = (
    "Gaussian Heads", "Gaussian Heads Over", "Gaussian Heads Shadows", "Gaussian Heads Shaded",
)  # fmt: skip
SHADOW_PASS = "Shadow Catcher"


@dataclass(frozen=True)
class Layers:
    """What is composited: a view layer of `scene` below, one of `heads_scene` above.

    `shadow_layer` of `scene` holds the shadows that fall on the heads, if any.
    """

    scene: bpy.types.Scene
    main_layer: str
    heads_scene: bpy.types.Scene
    heads_layer: str
    shadow_layer: str | None


def build_over(layers: Layers) -> bpy.types.NodeTree:
    """Put the heads over whatever the compositor of the scene gives out; again only refreshes that."""
    tree = _compositor(layers.scene)
    layers.scene.render.use_compositing = True
    over = tree.nodes.get(OVER)
    if over is None:
        over = _insert_over(tree, layers)
    heads = _render_layers(tree, HEADS, layers.heads_scene, layers.heads_layer)
    heads.location = over.location.x - 600, over.location.y - 300
    picture = heads.outputs["Image"]
    if layers.shadow_layer is not None:
        picture = _shadowed(tree, layers, picture)
    else:
        for name in (SHADED, SHADOWS):
            if name in tree.nodes:
                tree.nodes.remove(tree.nodes[name])
    tree.links.new(picture, _input(over, "Foreground", 2))
    return tree


def _compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """The node tree of the scene's compositor, made if there is none."""
    if not hasattr(scene, "compositing_node_group"):
        scene.use_nodes = True
        return scene.node_tree
    if scene.compositing_node_group is None:
        tree = bpy.data.node_groups.new(f"{scene.name} Compositor", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
    return scene.compositing_node_group


def _insert_over(tree: bpy.types.NodeTree, layers: Layers) -> bpy.types.Node:
    """An Alpha Over before the output, with what went there as its background."""
    output = _output(tree)
    target = output.inputs[0]
    if target.links:
        below = target.links[0].from_socket
    else:
        node = _render_layers(tree, "Scene", layers.scene, layers.main_layer)
        node.location = output.location.x - 900, output.location.y
        below = node.outputs["Image"]
    over = tree.nodes.new("CompositorNodeAlphaOver")
    over.name = over.label = OVER
    over.location = output.location.x - 250, output.location.y
    tree.links.new(below, _input(over, "Background", 1))
    tree.links.new(over.outputs["Image"], target)
    return over


def _output(tree: bpy.types.NodeTree) -> bpy.types.Node:
    is_group = "compositing_node_group" in bpy.types.Scene.bl_rna.properties
    kind = "NodeGroupOutput" if is_group else "CompositorNodeComposite"
    found = [node for node in tree.nodes if node.bl_idname == kind]
    active = [node for node in found if getattr(node, "is_active_output", True)]
    return (active or found or [tree.nodes.new(kind)])[0]


def _render_layers(
    tree: bpy.types.NodeTree, name: str, scene: bpy.types.Scene, layer: str
) -> bpy.types.Node:
    node = tree.nodes.get(name)
    if node is None:
        node = tree.nodes.new("CompositorNodeRLayers")
        node.name = node.label = name
    node.scene = scene
    node.layer = layer
    return node


def _shadowed(
    tree: bpy.types.NodeTree, layers: Layers, picture: bpy.types.NodeSocket
) -> bpy.types.NodeSocket:
    """The heads multiplied by the shadow that falls on their proxies."""
    shadows = _render_layers(tree, SHADOWS, layers.scene, layers.shadow_layer)
    shadows.location = tree.nodes[HEADS].location.x, tree.nodes[HEADS].location.y - 350
    mix = tree.nodes.get(SHADED)
    if mix is None:
        mix = tree.nodes.new("ShaderNodeMix")
        mix.name = mix.label = SHADED
        mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    mix.location = tree.nodes[HEADS].location.x + 300, tree.nodes[HEADS].location.y
    factor, first, second = (
        next(s for s in mix.inputs if s.name == name and s.type == kind)
        for name, kind in (("Factor", "VALUE"), ("A", "RGBA"), ("B", "RGBA"))
    )
    factor.default_value = 1.0
    tree.links.new(picture, first)
    tree.links.new(shadows.outputs[SHADOW_PASS], second)
    return next(s for s in mix.outputs if s.type == "RGBA")


def _input(node: bpy.types.Node, name: str, index: int) -> bpy.types.NodeSocket:
    """An input by its name from Blender 5.0 on, by its place before."""
    return node.inputs.get(name) or node.inputs[index]
