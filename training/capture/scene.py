"""The studio in Blender: head, strands, materials, light and cameras, for Cycles on a CPU."""

from __future__ import annotations

import bpy
import mathutils
import numpy as np

from ...core.spaces import ARKIT_BLENDSHAPES
from ..strands import Strands
from .eyes import turned_eyes
from .lighting import ADA_RIG, DOME_FROM, DOME_TO, Lamp, Rig
from .material_maps import Surfaces
from .mesh import HeadMesh

BAKE_NODE = "bake target"
BAKED, SKIPPED = 0, 1


class Studio:
    """One scene with one head; expressions are set on it and pictures or bakes taken."""

    def __init__(
        self,
        mesh: HeadMesh,
        strands: dict[str, Strands],
        surfaces: Surfaces,
        rig: Rig = ADA_RIG,
    ) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.mesh, self.strands, self.surfaces, self.rig = mesh, strands, surfaces, rig
        self.scene = bpy.context.scene
        set_up_cycles(self.scene)
        light_scene(self.scene, rig)
        self.material = head_material(surfaces)
        self.head = head_object(mesh, self.material)
        self.curves = {name: strand_object(name, group) for name, group in strands.items()}

    def pose(self, weights: dict[str, float], *, turns_eyes: bool = False) -> np.ndarray:
        """Set an expression; gives the posed vertices [V, 3].

        Controls move the lids only. Pictures want the eyeballs turned too; bakes do not, since light
        belongs to a place in the head.
        """
        vertices = self.mesh.posed(weights, ARKIT_BLENDSHAPES)
        if turns_eyes:
            code = np.array([weights.get(name, 0.0) for name in ARKIT_BLENDSHAPES])
            vertices = turned_eyes(self.mesh, code, vertices)
        self.show(vertices)
        return vertices.astype(np.float32)

    def use_threads(self, count: int) -> None:
        """Let Cycles take `count` processors, 0 for all."""
        self.scene.render.threads_mode = "FIXED" if count else "AUTO"
        if count:
            self.scene.render.threads = count

    def show(self, vertices: np.ndarray) -> None:
        """Move the head to posed `vertices` [V, 3], and the strands with it."""
        vertices = vertices.astype(np.float32)
        before = self.mesh.vertices[self.mesh.triangles]
        after = vertices[self.mesh.triangles]
        self.head.data.vertices.foreach_set("co", vertices.ravel())
        self.head.data.update()
        for name, group in self.strands.items():
            moved = group.carried(before, after).points.astype(np.float32)
            self.curves[name].data.position_data.foreach_set("vector", moved.ravel())
            self.curves[name].data.update_tag()

    def prepare_bake(self) -> None:
        """Cheap materials for baking light alone: no scattering below the skin, plain hair."""
        for slot in self.head.material_slots:
            tree = slot.material.node_tree
            flesh = tree.nodes["Principled BSDF"].inputs["Subsurface Weight"]
            tree.links.remove(flesh.links[0])
            flesh.default_value = 0.0
        plain = bpy.data.materials.new("plain hair")
        shader = plain.node_tree.nodes["Principled BSDF"]
        shader.inputs["Base Color"].default_value = (0.055, 0.032, 0.02, 1.0)
        shader.inputs["Specular IOR Level"].default_value = 0.0
        for item in self.curves.values():
            item.data.materials[0] = plain
        self.scene.cycles.max_bounces = 3
        self.scene.cycles.use_denoising = True

    def look_from(self, viewmat: np.ndarray, k: np.ndarray, size: int) -> None:
        """Place the camera by an OpenCV world-to-camera matrix and intrinsics in pixels."""
        data = bpy.data.cameras.new("camera")
        camera = bpy.data.objects.new("camera", data)
        self.scene.collection.objects.link(camera)
        world = np.linalg.inv(np.diag([1.0, -1.0, -1.0, 1.0]) @ viewmat)
        camera.matrix_world = mathutils.Matrix(world.tolist())
        data.sensor_width, data.sensor_fit = 36.0, "HORIZONTAL"
        data.lens = float(k[0, 0]) * 36.0 / size
        data.shift_x = -(float(k[0, 2]) - size / 2) / size
        data.shift_y = (float(k[1, 2]) - size / 2) / size
        data.clip_start = 0.01
        self.scene.camera = camera
        self.scene.render.resolution_x = self.scene.render.resolution_y = size

    def photograph(self, path: str, samples: int) -> None:
        """Render what the camera sees to a PNG with a transparent background."""
        self.scene.cycles.samples = samples
        self.scene.render.filepath = path
        bpy.ops.render.render(write_still=True)


def set_up_cycles(scene: bpy.types.Scene) -> None:
    """CPU Cycles with the Standard view, few bounces and the denoiser."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 4
    scene.cycles.transparent_max_bounces = 12
    scene.cycles.sample_clamp_indirect = 4.0
    scene.cycles.seed = 1
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.view_settings.view_transform = "Standard"


def light_scene(scene: bpy.types.Scene, rig: Rig) -> None:
    """Set up the dome and the lamps of a rig."""
    world = bpy.data.worlds.new("dome")
    scene.world = world
    tree = world.node_tree
    background = tree.nodes.get("Background")
    coordinates = tree.nodes.new("ShaderNodeTexCoord")
    split = tree.nodes.new("ShaderNodeSeparateXYZ")
    ramp = tree.nodes.new("ShaderNodeMapRange")
    mix = tree.nodes.new("ShaderNodeMixRGB")
    # Ceiling brighter than floor; the floor sends back some warmth.
    ramp.inputs["From Min"].default_value = DOME_FROM
    ramp.inputs["From Max"].default_value = DOME_TO
    mix.inputs["Color1"].default_value = (*rig.floor, 1.0)
    mix.inputs["Color2"].default_value = (*rig.ceiling, 1.0)
    tree.links.new(coordinates.outputs["Generated"], split.inputs[0])
    tree.links.new(split.outputs["Y"], ramp.inputs["Value"])
    tree.links.new(ramp.outputs[0], mix.inputs["Fac"])
    tree.links.new(mix.outputs[0], background.inputs["Color"])
    for lamp in rig.lamps:
        add_lamp(scene, lamp)


def add_lamp(scene: bpy.types.Scene, lamp: Lamp) -> None:
    """An area light that points at its target."""
    data = bpy.data.lights.new("lamp", "AREA")
    data.size, data.energy, data.color = lamp.side_m, lamp.power_w, lamp.colour
    item = bpy.data.objects.new("lamp", data)
    back = np.subtract(lamp.place, lamp.target)
    back /= np.linalg.norm(back)
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3] = np.stack([right, np.cross(back, right), back, lamp.place], axis=1)
    item.matrix_world = mathutils.Matrix(matrix.tolist())
    scene.collection.objects.link(item)


def float_image(name: str, values: np.ndarray) -> bpy.types.Image:
    """A linear float image from [R, R, 1 or 3] values with row 0 on top."""
    rows, columns = values.shape[:2]
    image = bpy.data.images.new(name, columns, rows, float_buffer=True, is_data=True)
    pixels = np.ones((rows, columns, 4), np.float32)
    pixels[..., :3] = values
    image.pixels.foreach_set(pixels[::-1].ravel())
    image.update()
    return image


def head_material(surfaces: Surfaces) -> bpy.types.Material:
    """One Principled material for all parts; the atlas says how rough, wet or fleshy each is."""
    material = bpy.data.materials.new("head")
    tree = material.node_tree
    shader = tree.nodes["Principled BSDF"]
    shader.subsurface_method = "BURLEY"

    def texture(name: str, values: np.ndarray) -> bpy.types.NodeSocket:
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image, node.interpolation = float_image(name, values), "Cubic"
        return node.outputs["Color"]

    tree.links.new(texture("colour", surfaces.colour), shader.inputs["Base Color"])
    tree.links.new(texture("roughness", surfaces.roughness), shader.inputs["Roughness"])
    tree.links.new(texture("flesh", surfaces.flesh), shader.inputs["Subsurface Weight"])
    tree.links.new(texture("glow", surfaces.glow), shader.inputs["Emission Color"])
    shader.inputs["Emission Strength"].default_value = 1.0
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.36, 0.20)
    shader.inputs["Subsurface Scale"].default_value = 0.0034
    shader.inputs["Specular IOR Level"].default_value = 0.42
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Distance"].default_value = 1.0
    bump.inputs["Strength"].default_value = 1.0
    tree.links.new(texture("height", surfaces.height), bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    target = tree.nodes.new("ShaderNodeTexImage")
    target.name = BAKE_NODE
    return material


def head_object(mesh: HeadMesh, material: bpy.types.Material) -> bpy.types.Object:
    """The head with its atlas UVs; a second slot holds the same look but takes no bake."""
    data = bpy.data.meshes.new("head")
    data.from_pydata(mesh.vertices.tolist(), [], mesh.triangles.tolist())
    data.polygons.foreach_set("use_smooth", np.ones(len(mesh.triangles), bool))
    layer = data.uv_layers.new(name="atlas")
    layer.data.foreach_set("uv", mesh.uvs.astype(np.float32).ravel())
    data.materials.append(material)
    quiet = material.copy()
    # Cycles bakes into the active image of every slot: this one's is thrown away.
    waste = bpy.data.images.new("waste", 8, 8, float_buffer=True, is_data=True)
    quiet.node_tree.nodes[BAKE_NODE].image = waste
    for each in (material, quiet):
        each.node_tree.nodes.active = each.node_tree.nodes[BAKE_NODE]
    data.materials.append(quiet)
    item = bpy.data.objects.new("head", data)
    bpy.context.scene.collection.objects.link(item)
    return item


def strand_object(name: str, group: Strands) -> bpy.types.Object:
    """One group of strands as Blender hair curves with their albedo as a point attribute."""
    count, points, _ = group.points.shape
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([points] * count)
    curves.position_data.foreach_set("vector", group.points.astype(np.float32).ravel())
    radius = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    radius.data.foreach_set("value", group.radius.astype(np.float32).ravel())
    tint = curves.attributes.new("tint", "FLOAT_COLOR", "POINT")
    opaque = np.ones((count, points, 4), np.float32)
    opaque[..., :3] = group.color
    tint.data.foreach_set("color", opaque.ravel())
    curves.materials.append(hair_material(name))
    item = bpy.data.objects.new(name, curves)
    bpy.context.scene.collection.objects.link(item)
    return item


def hair_material(name: str) -> bpy.types.Material:
    """Principled hair in the colour of the strand."""
    material = bpy.data.materials.new(name)
    tree = material.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    shader = tree.nodes.new("ShaderNodeBsdfHairPrincipled")
    tint = tree.nodes.new("ShaderNodeAttribute")
    tint.attribute_name = "tint"
    shader.inputs["Roughness"].default_value = 0.34
    shader.inputs["Radial Roughness"].default_value = 0.42
    # Fewer white reflections than glass-clear cuticles give: hair is worn, not polished.
    shader.inputs["IOR"].default_value = 1.38
    darker = tree.nodes.new("ShaderNodeVectorMath")
    darker.operation = "SCALE"
    darker.inputs["Scale"].default_value = 0.75
    tree.links.new(tint.outputs["Color"], darker.inputs[0])
    tree.links.new(darker.outputs[0], shader.inputs["Color"])
    tree.links.new(shader.outputs[0], output.inputs[0])
    return material
