"""The operators as a script calls them, in background mode."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import properties
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.axes import to_object_space
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.operators import base


def test_import_makes_a_proxy_that_faces_the_front(scene, avatar_file):
    scene.cursor.location = (1.0, 2.0, 3.0)
    assert bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file)) == {"FINISHED"}
    obj = bpy.context.view_layer.objects.active
    assert obj.gaussian_head.avatar == str(avatar_file) and len(obj["expr_code"]) == 52
    vertices, triangles = Avatar.open(avatar_file).guide_mesh
    found = np.array([v.co for v in obj.data.vertices])
    np.testing.assert_allclose(found, to_object_space(vertices), atol=1e-7)
    assert len(obj.data.polygons) == len(triangles)
    assert tuple(obj.location) == (1.0, 2.0, 3.0) and obj.select_get()
    # +Z out of the face becomes -Y, +Y up becomes +Z, the person's left stays +X.
    np.testing.assert_array_equal(
        to_object_space([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]), [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    )


def test_normals_of_the_proxy_point_outwards(scene, avatar_file):
    bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))
    mesh = bpy.context.view_layer.objects.active.data
    centre = np.mean([v.co for v in mesh.vertices], axis=0)
    outward = [np.dot(p.normal, np.array(p.center) - centre) > 0 for p in mesh.polygons]
    assert np.mean(outward) > 0.99


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filepath": "/nowhere/x.uhap"}, "missing"),
        ({"builtin": "nobody"}, "no built-in avatar 'nobody'"),
        ({"filepath": __file__}, "test_operators.py"),
    ],
)
def test_import_refuses_with_a_sentence(scene, options, sentence):
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.gaussian_heads.import_avatar(**options)
    assert not bpy.data.objects


def test_import_is_relative_to_a_saved_scene(scene, avatar_file):
    bpy.ops.wm.save_as_mainfile(filepath=str(avatar_file.parent / "scene.blend"))
    bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))
    obj = bpy.context.view_layer.objects.active
    assert obj.gaussian_head.avatar == f"//{avatar_file.name}"


def test_setup_render_changes_what_is_missing(scene, head):
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.view_transform = "AgX"
    scene.world = None
    assert bpy.ops.gaussian_heads.setup_render() == {"FINISHED"}
    assert scene.render.engine == "GAUSSIAN_HEADS"
    assert scene.view_settings.view_transform == "Standard"
    assert scene.camera is not None and scene.world is not None
    assert scene.sync_mode == "AUDIO_SYNC", "playback drops frames rather than lag"
    scene.sync_mode = "FRAME_DROP"
    camera, world = scene.camera, scene.world
    bpy.ops.gaussian_heads.setup_render()
    assert (scene.camera, scene.world) == (camera, world) and len(bpy.data.cameras) == 1
    assert scene.sync_mode == "FRAME_DROP", "a choice of the user's own stays"


def test_setup_render_leaves_a_camera_that_somebody_placed(avatar_file):
    """That of Blender's start-up file, far away from everything, is nobody's choice."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene = bpy.context.scene
    create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    factory = scene.camera
    factory.location.x += 0.5
    bpy.ops.gaussian_heads.setup_render()
    assert scene.camera == factory
    factory.location.x -= 0.5
    bpy.ops.gaussian_heads.setup_render()
    assert scene.camera.name == "Portrait" and factory.name in scene.objects


def test_the_start_up_files_cube_does_not_hide_the_head():
    """One that somebody moved, or that the head does not stand in, stays."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene, cube = bpy.context.scene, bpy.data.objects["Cube"]
    cube.location.x = 0.5
    bpy.ops.gaussian_heads.import_avatar(builtin="ada")
    assert not cube.hide_render and not cube.hide_get()
    cube.location.x = 0.0
    scene.cursor.location = (3, 0, 0)
    bpy.ops.gaussian_heads.import_avatar(builtin="ada")
    assert not cube.hide_render
    scene.cursor.location = (0, 0, 0)
    bpy.ops.gaussian_heads.import_avatar(builtin="ada")
    assert cube.hide_render and cube.hide_get()


@pytest.mark.parametrize("size", [(64, 64), (96, 54), (54, 96)])
def test_portrait_holds_the_head(scene, head, picture, size):
    scene.render.resolution_x, scene.render.resolution_y = size
    head.location, head.rotation_euler, head.scale = (1, 2, 3), (0, 0, 0.7), (2, 2, 2)
    scene.render.film_transparent = True
    bpy.ops.gaussian_heads.setup_render()
    covered = picture()[..., 3] > 0.5
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    height, width = covered.shape
    # Nothing is cut off at the top and the sides, and the head fills a good part of the picture.
    assert rows[0] > 0 and columns[0] > 0 and columns[-1] < width - 1
    assert len(rows) > 0.4 * height or len(columns) > 0.4 * width
    assert abs((columns[0] + columns[-1]) / 2 - (width - 1) / 2) < 0.1 * width


def test_setup_without_avatar_is_disabled(scene):
    with pytest.raises(RuntimeError, match="Load an avatar first"):
        bpy.ops.gaussian_heads.setup_render()


def test_faults_become_one_sentence_outside_tests(scene, avatar_file, monkeypatch, caplog):
    from gaussian_heads.operators import import_avatar

    def broken(path):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(import_avatar, "load_avatar", broken)
    monkeypatch.setattr(base, "reraise_unexpected", False)
    with pytest.raises(
        RuntimeError, match="Import Avatar failed; the reason stands in the console"
    ):
        bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))
    assert "a fault" in caplog.text


def test_every_operator_and_property_explains_itself(scene):
    for name in ("import_avatar", "bake_speech", "cancel_bake", "setup_render"):
        rna = getattr(bpy.ops.gaussian_heads, name).get_rna_type()
        assert len(rna.description.split()) >= 4 and not rna.description.endswith("."), name
    for group in (properties.GAUSSIAN_HEADS_PG_head, properties.GAUSSIAN_HEADS_PG_scene):
        for prop in group.bl_rna.properties:
            if prop.identifier not in ("rna_type", "name") and prop.type != "POINTER":
                assert prop.description, prop.identifier
