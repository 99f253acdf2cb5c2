"""Meshes and heads in one picture: against Blender's own depth, and flag by flag."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import occluders
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.proxy import create_avatar_object
from mathutils import Matrix

EMPTY_M = np.float32(1e10)


@pytest.fixture(autouse=True)
def fresh():
    occluders.forget_shapes()


def add_box(scene, name="Box", *, at=(0.0, 0.0, 0.0), size=0.1, color=None):
    """A cube with sides of `size` metres, smooth or not, with a plain material."""
    half = size / 2
    corners = [(x, y, z) for x in (-half, half) for y in (-half, half) for z in (-half, half)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    if color is not None:
        material = bpy.data.materials.new(name)
        if material.node_tree is None:
            material.use_nodes = True
        material.node_tree.nodes["Principled BSDF"].inputs[0].default_value = (*color, 1.0)
        mesh.materials.append(material)
    obj = bpy.data.objects.new(name, mesh)
    obj.location = at
    scene.collection.objects.link(obj)
    return obj


def cover(scene):
    """A box that fills the whole picture behind the head."""
    return add_box(scene, "Cover", at=(0, 1.0, 0), size=1.5, color=(0.2, 0.4, 0.1))


def add_text(scene):
    curve = bpy.data.curves.new("Text", "FONT")
    curve.body, curve.size, curve.extrude = "Ag", 0.2, 0.02
    obj = bpy.data.objects.new("Text", curve)
    obj.matrix_world = Matrix.LocRotScale((-0.2, 0.1, 0.05), Matrix.Rotation(1.5, 3, "X"), None)
    scene.collection.objects.link(obj)


def add_tube(scene):
    curve = bpy.data.curves.new("Tube", "CURVE")
    curve.dimensions, curve.bevel_depth = "3D", 0.02
    spline = curve.splines.new("POLY")
    spline.points.add(2)
    points = [(-0.2, 0, -0.15), (0, 0.1, -0.05), (0.2, -0.1, -0.12)]
    spline.points.foreach_set("co", np.array([(*p, 1.0) for p in points]).ravel())
    scene.collection.objects.link(bpy.data.objects.new("Tube", curve))


def add_sphere(scene):
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.06, location=(0.1, -0.1, 0.1))
    ball = bpy.context.object
    ball.scale = (1.0, -0.5, 1.5)
    ball.modifiers.new("Smooth", "SUBSURF").render_levels = 2


def scatter(obj, source=None):
    """Geometry nodes that replace an object's mesh by instances on its points: cones, or `source`."""
    tree = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    for name, direction in (("Geometry", "INPUT"), ("Geometry", "OUTPUT")):
        tree.interface.new_socket(name, in_out=direction, socket_type="NodeSocketGeometry")
    nodes = [
        tree.nodes.new(kind)
        for kind in ("NodeGroupInput", "GeometryNodeInstanceOnPoints", "GeometryNodeMeshCone",
                     "NodeGroupOutput")
    ]  # fmt: skip
    entry, instances, cone, end = nodes
    cone.inputs["Radius Bottom"].default_value, cone.inputs["Depth"].default_value = 0.02, 0.05
    tree.links.new(entry.outputs[0], instances.inputs["Points"])
    instanced = cone.outputs["Mesh"]
    if source is not None:
        info = tree.nodes.new("GeometryNodeObjectInfo")
        info.inputs["Object"].default_value = source
        info.inputs["As Instance"].default_value = True
        instanced = info.outputs["Geometry"]
    tree.links.new(instanced, instances.inputs["Instance"])
    tree.links.new(instances.outputs[0], end.inputs[0])
    obj.modifiers.new("Scatter", "NODES").node_group = tree


def add_metaball(scene):
    meta = bpy.data.metaballs.new("Drop")
    meta.render_resolution = 0.03
    meta.elements.new().radius = 0.15
    obj = bpy.data.objects.new("Drop", meta)
    obj.location = (-0.2, -0.1, -0.15)
    scene.collection.objects.link(obj)


def add_collection_instance(scene):
    source = bpy.data.collections.new("Source")
    box = add_box(scene, "Inner", size=0.05)
    scene.collection.objects.unlink(box)
    source.objects.link(box)
    empty = bpy.data.objects.new("Instance", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", source
    empty.matrix_world = Matrix.LocRotScale(
        (0.22, 0.1, -0.1), Matrix.Rotation(0.5, 3, "Y"), (1.0, 2.0, 1.3)
    )
    scene.collection.objects.link(empty)


def add_everything(scene):
    add_box(scene, at=(-0.1, 0.2, 0.0), size=0.15).rotation_euler = (0.4, 0.5, 0.6)
    add_text(scene)
    add_tube(scene)
    add_sphere(scene)
    add_metaball(scene)
    add_collection_instance(scene)
    scatter(add_box(scene, "Points", at=(0.15, 0.0, 0.0), size=0.12))


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_depths_are_those_of_cycles(scene, head, camera, layers, kind):
    add_everything(scene)
    head.hide_render = True
    bpy.ops.preferences.addon_enable(module="cycles")
    scene.render.resolution_x, scene.render.resolution_y = 160, 120
    scene.render.pixel_aspect_y = 1.25
    camera.data.type, camera.data.ortho_scale, camera.data.lens = kind, 0.7, 32
    camera.data.shift_x, camera.data.shift_y = 0.05, -0.08
    camera.rotation_euler[1] = 0.1
    scene.view_layers[0].use_pass_z = True
    ours = layers()["Depth.Z"]
    scene.render.engine = "CYCLES"
    # One ray through the middle of each pixel.
    scene.cycles.samples, scene.cycles.pixel_filter_type = 1, "BOX"
    scene.cycles.filter_width, scene.cycles.use_denoising = 0.01, False
    theirs = layers()["Depth.Z"]
    assert 0.15 < (theirs < EMPTY_M / 2).mean() < 0.9
    # The outlines agree but for rays that graze an edge, and so do the depths inside.
    assert ((ours < EMPTY_M / 2) != (theirs < EMPTY_M / 2)).mean() < 0.001
    both = (ours < EMPTY_M / 2) & (theirs < EMPTY_M / 2)
    wrong = np.abs(ours - theirs)[both] > 1e-3
    assert wrong.mean() < 0.004, wrong.mean()
    assert np.median(np.abs(ours - theirs)[both]) < 2e-6


def test_a_surface_cuts_what_lies_behind_it(scene, head, camera, layers):
    scene.view_layers[0].use_pass_z = True
    alone = layers()
    # The box's face stands at y = -0.3, 30 cm before the camera, over the left half of the picture.
    add_box(scene, at=(-0.5, -0.05, -0.02), size=1.0).scale.y = 0.5
    both = layers()
    left, right = np.s_[:, :16], np.s_[:, 16:]
    assert alone["Head Alpha.A"][left].max() > 0.9
    assert not both["Head Alpha.A"][left].any()
    np.testing.assert_allclose(both["Depth.Z"][left], 0.3, atol=1e-6)
    for name in ("Head Alpha.A", "Depth.Z", "Combined.R"):
        np.testing.assert_array_equal(both[name][right], alone[name][right])


def test_a_surface_behind_the_head_shows_around_it(scene, head, camera, layers):
    scene.view_layers[0].use_pass_z = True
    alone = layers()
    cover(scene)
    both = layers()
    np.testing.assert_allclose(both["Head Alpha.A"], alone["Head Alpha.A"], atol=1e-6)
    solid = alone["Head Alpha.A"] >= 0.5
    np.testing.assert_array_equal(both["Depth.Z"][solid], alone["Depth.Z"][solid])
    np.testing.assert_allclose(both["Depth.Z"][~solid], 0.6 + 0.25, atol=1e-6)


def test_a_plain_material_keeps_its_hue_under_the_light(scene, head, camera, picture):
    color = np.array([0.2, 0.4, 0.1])
    cover(scene)
    corner = picture()[0, 0]
    assert corner[3] == 1.0
    light = corner[:3] / color
    np.testing.assert_allclose(light, light[0], rtol=1e-4)
    assert 0.7 < light[0] < 1.0


def test_viewport_colour_stands_for_a_linked_base_colour(scene, head, camera, picture):
    material = cover(scene).data.materials[0]
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexNoise")
    tree.links.new(texture.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    material.diffuse_color = (0.1, 0.1, 0.5, 1.0)
    corner = picture()[0, 0]
    assert corner[2] / corner[0] == pytest.approx(5.0, rel=1e-3)


def test_smooth_normals_shade_without_facets(scene, head, camera, picture):
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.15, segments=12, ring_count=8)
    ball = bpy.context.object
    ball.location.y = -0.2
    scene.render.resolution_x = scene.render.resolution_y = 96

    def levels():
        shown = picture()[..., 1]
        return len(np.unique(shown[shown > 0]))

    flat = levels()
    ball.data.shade_smooth()
    assert flat < 60 and levels() > 1000


def test_holdout_leaves_a_hole(scene, head, camera, picture):
    scene.gaussian_heads.meshes = "HOLDOUT"
    scene.render.film_transparent = True
    expected = picture()
    add_box(scene, at=(0, 1.0, 0), size=1.5)
    np.testing.assert_allclose(picture(), expected, atol=1e-6)
    add_box(scene, at=(-0.5, -0.05, -0.02), size=1.0).scale.y = 0.5
    cut = picture()
    assert not cut[:, :16].any() and cut[:, 16:, 3].max() > 0.9


def set_flag(box, owner, name, value):
    """A flag of the box itself, or of its collection in the view layer."""
    collections = bpy.context.scene.view_layers[0].layer_collection.children
    setattr(box if owner == "object" else collections["Own"], name, value)


@pytest.fixture
def own_cover(scene):
    """The box behind the head, in a collection of its own."""
    box = cover(scene)
    own = bpy.data.collections.new("Own")
    scene.collection.children.link(own)
    scene.collection.objects.unlink(box)
    own.objects.link(box)
    return box


@pytest.mark.parametrize(
    "flag",
    [
        ("object", "hide_render", True),
        ("object", "visible_camera", False),
        ("collection", "indirect_only", True),
        ("collection", "exclude", True),
    ],
)
def test_what_a_camera_does_not_see(scene, head, camera, picture, own_cover, flag):
    shown = picture()
    set_flag(own_cover, *flag)
    hidden = picture()
    assert shown[0, 0, 1] > 0.1 and not hidden[0, 0, :3].any() and hidden[0, 0, 3] == 1.0


@pytest.mark.parametrize(
    "flag",
    [
        ("object", "is_holdout", True),
        ("object", "is_shadow_catcher", True),
        ("collection", "holdout", True),
    ],
)
def test_what_only_cuts(scene, head, camera, picture, own_cover, flag):
    add_box(scene, "Front", at=(0.3, -0.2, -0.02), size=0.5, color=(0.5, 0.1, 0.1))
    set_flag(own_cover, *flag)
    shown = picture()
    assert not shown[0, 0].any()
    assert shown[12, 30, 0] > 0.1 and shown[12, 30, 3] == 1.0


def test_an_avatars_own_mesh_is_never_drawn(scene, head, camera, picture, avatar_file):
    scene.gaussian_heads.meshes = "IGNORE"
    alone = picture()
    scene.gaussian_heads.meshes = "SHADED"
    np.testing.assert_array_equal(picture(), alone)
    head.modifiers.new("Bigger", "SOLIDIFY").thickness = 0.05
    np.testing.assert_array_equal(picture(), alone)


def test_what_an_avatar_scatters_is_mesh_and_not_heads(scene, head, camera):
    scatter(head)
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    from gaussian_heads.blender.gathering import gather_visible

    assert gather_visible(depsgraph).num_heads == 1
    meshes = occluders.gather_meshes(depsgraph, holdout=False)
    assert len(meshes.normal_matrices) == len(head.data.vertices)


def test_geometry_nodes_place_heads(scene, head, camera, picture, avatar_file):
    points = bpy.data.meshes.new("Points")
    points.from_pydata([(-0.15, 0.1, 0.0), (0.15, 0.2, 0.05)], [], [])
    holder = bpy.data.objects.new("Holder", points)
    holder.rotation_euler.z = 0.3
    scene.collection.objects.link(holder)
    scatter(holder, head)
    head.hide_render = True
    placed = picture()
    holder.hide_render = True
    copies = []
    for point in points.vertices:
        copy = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
        copy.matrix_world = holder.matrix_world @ Matrix.Translation(point.co)
        copies.append(copy)
    expected = picture()
    assert expected[:, :16, 0].max() > 0.1 and expected[:, 16:, 0].max() > 0.1
    np.testing.assert_allclose(placed, expected, atol=1e-4)


def test_two_texts_of_one_font_curve_keep_their_own_modifiers(scene, head):
    add_text(scene)
    text = bpy.data.objects["Text"]
    other = bpy.data.objects.new("Other", text.data)
    scene.collection.objects.link(other)
    other.modifiers.new("More", "ARRAY").count = 3
    depsgraph = bpy.context.evaluated_depsgraph_get()
    counts = np.bincount(occluders.gather_meshes(depsgraph, holdout=True).owners)
    assert sorted(counts) == [counts.min(), 3 * counts.min()]


def test_unchanged_shapes_are_kept_and_changed_ones_read_again(scene, head):
    box = add_box(scene)
    key = (box.name_full, 0)

    def gather():
        occluders.gather_meshes(bpy.context.evaluated_depsgraph_get(), holdout=False)
        return occluders._kept[key]

    first = gather()
    box.location.x = 2.0
    bpy.context.view_layer.update()
    assert gather() is first
    box.data.vertices[0].co.x -= 0.1
    box.data.update()
    moved = gather()
    assert moved is not first and moved.corners is first.corners
    assert moved.vertices[0, 0] == pytest.approx(-0.15)
    box.data.shade_smooth()
    box.data.update()
    smooth = gather()
    assert smooth.normals.shape == (8, 3) and moved.normals.shape == (6, 3)
    box.data.flip_normals()
    box.data.update()
    assert gather().corners is not smooth.corners


def test_a_picture_of_meshes_alone_when_the_head_is_hidden(scene, head, camera, picture, capfd):
    cover(scene)
    head.hide_render = True
    shown = picture()
    assert shown[..., 1].min() > 0.1
    assert capfd.readouterr().out.count("Every avatar is hidden") == 1


def test_head_in_a_head_is_sorted_by_depth_and_not_by_object(
    scene, head, camera, picture, avatar_file
):
    other = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    other.location = (0.02, 0.01, 0.01)
    other.gaussian_head.tint = (1.0, 0.1, 0.1)
    mixed = picture()
    scene.gaussian_heads.backend = "reference"
    np.testing.assert_allclose(mixed, picture(), atol=2e-3)
    # Neither head lies before the other: both orders of whole heads give another picture.
    scene.gaussian_heads.backend = "auto"
    scene.render.film_transparent = True
    layer = {}
    for shown, hidden in ((head, other), (other, head)):
        shown.hide_render, hidden.hide_render = False, True
        layer[shown.name] = picture()
    head.hide_render = other.hide_render = False
    mixed = picture()
    front, back = layer[head.name], layer[other.name]
    for a, b in ((front, back), (back, front)):
        over = a + (1 - a[..., 3:]) * b
        assert np.abs(over - mixed).max() > 0.05


def test_each_view_layer_shows_its_own_objects(scene, head, camera, layers):
    """One layer without the head is no reason to stop the other."""
    own = bpy.data.collections.new("Heads")
    scene.collection.children.link(own)
    scene.collection.objects.unlink(head)
    own.objects.link(head)
    cover(scene)
    meshes_only = scene.view_layers.new("Meshes")
    meshes_only.layer_collection.children["Heads"].exclude = True
    images = layers()
    assert images["ViewLayer.Head Alpha.A"].max() > 0.9
    assert not images["Meshes.Head Alpha.A"].any()
    assert images["Meshes.Combined.G"].min() > 0.1
    corner = np.s_[0, 0]
    assert images["Meshes.Combined.G"][corner] == images["ViewLayer.Combined.G"][corner]
