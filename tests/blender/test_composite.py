"""Heads over Cycles and EEVEE pictures in one render, against the two pictures laid over each other."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import composite
from gaussian_heads.blender.graphics import has_graphics
from gaussian_heads.blender.world import make_world

from .test_occluders import add_box

EEVEE = "BLENDER_EEVEE" if bpy.app.version >= (5, 0) else "BLENDER_EEVEE_NEXT"


@pytest.fixture
def stage(scene, head, camera):
    """A head on a ground between two boxes under a lamp, for Cycles with few samples."""
    bpy.ops.preferences.addon_enable(module="cycles")
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling = 16, False, False
    cycles.pixel_filter_type, cycles.seed = "BOX", 7
    scene.world = make_world("World", (0.3, 0.35, 0.4))
    camera.location, camera.rotation_euler = (0.0, -0.9, 0.25), (np.pi / 2 - 0.3, 0.0, 0.0)
    add_box(scene, "Ground", at=(0, 0, -0.66), size=1.0, color=(0.5, 0.5, 0.5))
    add_box(scene, "Front", at=(0.12, -0.2, -0.11), size=0.1, color=(0.7, 0.1, 0.1))
    add_box(scene, "Behind", at=(-0.15, 0.25, -0.05), size=0.2, color=(0.1, 0.2, 0.7))
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    lamp.data.energy, lamp.data.angle = 3.0, 0.05
    lamp.rotation_euler = (0.9, 0.3, 0.0)
    scene.collection.objects.link(lamp)
    return scene


def set_up(scene, **options):
    assert bpy.ops.gaussian_heads.setup_composite(**options) == {"FINISHED"}
    return scene.gaussian_heads.heads_scene


def tree_of(scene):
    return getattr(scene, "compositing_node_group", None) or scene.node_tree


def alone(scene, heads_scene, picture):
    """The user's picture and the heads' picture without the compositor."""
    scene.render.use_compositing = False
    below = picture()
    window = bpy.context.window
    window.scene = heads_scene
    settings = heads_scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    heads_scene.render.filepath = scene.render.filepath
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath, check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    above = np.array(image.pixels, np.float32).reshape(image.size[1], image.size[0], 4)[::-1]
    bpy.data.images.remove(image)
    window.scene = scene
    scene.render.use_compositing = True
    return below, above


def laid_over(below, above):
    return above[..., :3] + (1 - above[..., 3:]) * below[..., :3]


def test_the_picture_is_the_heads_over_the_scene(stage, picture):
    heads_scene = set_up(stage, shadows_on_heads=False)
    below, above = alone(stage, heads_scene, picture)
    np.testing.assert_allclose(picture()[..., :3], laid_over(below, above), atol=2e-3)
    # The head stands behind the front box and before the other one.
    assert above[..., 3].max() > 0.9
    front = (below[..., 0] > 3 * below[..., 2]) & (below[..., 0] > 0.05)
    assert front.sum() > 8 and above[front][:, 3].max() < 0.3
    behind = below[..., 2] > 2 * below[..., 0]
    assert above[behind][:, 3].max() > 0.9


@pytest.mark.parametrize(
    "engine",
    [
        "CYCLES",
        pytest.param(EEVEE, marks=pytest.mark.skipif(not has_graphics(), reason="no driver")),
    ],
)
def test_proxies_cast_shadows_and_are_not_seen(stage, head, picture, engine):
    stage.render.engine = engine
    stage.eevee.taa_render_samples = 8
    for name in ("Front", "Behind"):
        bpy.data.objects.remove(bpy.data.objects[name])
    stage.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.1
    set_up(stage, shadows_on_heads=False)
    stage.render.use_compositing = False
    lit = picture()[..., :3].mean(axis=2)
    head.hide_render = True
    empty = picture()[..., :3].mean(axis=2)
    darker = lit < 0.6 * empty
    # A shadow lies on the ground, and nowhere is the mesh itself.
    assert 0.01 < darker.mean() < 0.4
    assert np.median(np.abs(lit - empty)[~darker]) < 0.02
    assert (lit > empty + 0.1).mean() < 0.01


def test_shadows_fall_on_the_heads(stage, head, picture):
    bpy.data.objects["Behind"].hide_render = True
    front = bpy.data.objects["Front"]
    # Between lamp and face, above the camera's view.
    front.location, front.scale = (0.06, -0.3, 0.35), (2.0, 2.0, 0.2)
    stage.cycles.samples = 32
    stage.render.film_transparent = True
    heads_scene = set_up(stage, shadows_on_heads=False)
    plain = picture()
    assert set_up(stage, shadows_on_heads=True) == heads_scene
    assert [layer.name for layer in stage.view_layers if layer.use][1:] == [composite.SHADOW_LAYER]
    shadowed = picture()
    np.testing.assert_allclose(shadowed[..., 3], plain[..., 3], atol=0.02)
    _, above = alone(stage, heads_scene, picture)
    solid = above[..., 3] > 0.95
    ratio = shadowed[solid][:, 1] / np.maximum(plain[solid][:, 1], 1e-4)
    assert (ratio < 0.6).mean() > 0.1 and 0.9 < np.quantile(ratio, 0.9) < 1.4
    # And back: the layer is not rendered and the picture is as before.
    set_up(stage, shadows_on_heads=False)
    np.testing.assert_allclose(picture(), plain, atol=2e-3)


def test_every_frame_of_an_animation(stage, head, camera, tmp_path, picture):
    head.location.x = -0.1
    head.keyframe_insert("location", index=0, frame=1)
    head.location.x = 0.1
    head.keyframe_insert("location", index=0, frame=3)
    set_up(stage, shadows_on_heads=False)
    stage.frame_start, stage.frame_end, stage.frame_step = 1, 3, 2
    singles = [picture(frame) for frame in (1, 3)]
    stage.frame_set(1)
    stage.render.filepath = str(tmp_path / "a####")
    bpy.ops.render.render(animation=True)
    for frame, single in zip((1, 3), singles, strict=True):
        image = bpy.data.images.load(str(tmp_path / f"a{frame:04d}.exr"))
        image.colorspace_settings.name = "Non-Color"
        pixels = np.array(image.pixels, np.float32).reshape(24, 32, 4)[::-1]
        np.testing.assert_allclose(pixels, single, atol=2e-3)
    assert np.abs(singles[0] - singles[1]).max() > 0.1


def test_again_changes_nothing_but_follows_the_scene(stage, head, camera):
    heads_scene = set_up(stage)
    counts = len(tree_of(stage).nodes), len(tree_of(stage).links), len(bpy.data.scenes)
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    own = bpy.data.collections.new("Own")
    stage.collection.children.link(own)
    own.objects.link(other)
    stage.view_layers[0].layer_collection.children["Own"].holdout = True
    stage.timeline_markers.new("Cut", frame=9).camera = camera
    stage.camera, stage.render.resolution_x, stage.frame_end = other, 77, 42
    assert set_up(stage) == heads_scene
    assert (len(tree_of(stage).nodes), len(tree_of(stage).links), len(bpy.data.scenes)) == counts
    assert heads_scene.camera == other and heads_scene.render.resolution_x == 77
    assert heads_scene.frame_end == 42 and heads_scene.timeline_markers[0].camera == camera
    assert heads_scene.view_layers[0].layer_collection.children["Own"].holdout
    assert set(heads_scene.objects) == set(stage.objects)


def test_a_compositor_that_exists_keeps_its_nodes(stage, head, picture):
    composite_tree = set_up(stage, shadows_on_heads=False) and tree_of(stage)
    over = composite_tree.nodes["Gaussian Heads Over"]
    composite_tree.nodes.remove(composite_tree.nodes["Gaussian Heads"])
    composite_tree.nodes.remove(over)
    layer = next(n for n in composite_tree.nodes if n.bl_idname == "CompositorNodeRLayers")
    blur = composite_tree.nodes.new("CompositorNodeInvert")
    output = next(n for n in composite_tree.nodes if n.bl_idname in (
        "NodeGroupOutput", "CompositorNodeComposite"))  # fmt: skip
    composite_tree.links.new(layer.outputs["Image"], blur.inputs["Color"])
    composite_tree.links.new(blur.outputs["Color"], output.inputs[0])
    set_up(stage, shadows_on_heads=False)
    below_input = composite_tree.nodes["Gaussian Heads Over"]
    sources = {link.from_node.name for socket in below_input.inputs for link in socket.links}
    assert sources == {blur.name, "Gaussian Heads"}


def test_refusals(scene, head, camera):
    def refusal():
        with pytest.raises(RuntimeError) as caught:
            bpy.ops.gaussian_heads.setup_composite()
        return str(caught.value)

    assert "Choose Cycles or EEVEE" in refusal()
    scene.render.engine = "BLENDER_WORKBENCH"
    assert "Choose Cycles or EEVEE" in refusal()
    scene.render.engine = EEVEE
    scene.camera = None
    assert "no camera" in refusal()
    bpy.data.objects.remove(head)
    assert "Load an avatar first" in refusal()
    assert len(bpy.data.scenes) == 1
