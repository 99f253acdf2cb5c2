"""Splat files as objects, and avatars as splat files."""

import dataclasses

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.axes import AVATAR_TO_OBJECT, avatar_to_world
from gaussian_heads.blender.gathering import gather_visible
from gaussian_heads.blender.splat_export import SplatExport, export_splats
from gaussian_heads.blender.splat_objects import posed_gaussians
from gaussian_heads.core.exporters.splat_ply import write_splats
from gaussian_heads.core.importers.splat_ply import read_splats

from ..core.test_gaussians import covariances, make_gaussians


@pytest.fixture
def statue(tmp_path):
    """A file of 300 splats with colours that depend on the view, and what it holds."""
    g = make_gaussians(300, seed=4)
    sh = np.random.default_rng(4).normal(size=(300, 8, 3)).astype(np.float32) * 0.1
    g = dataclasses.replace(g, means=g.means * np.float32(0.05), sh=sh)
    write_splats(tmp_path / "statue.ply", g)
    return tmp_path / "statue.ply"


def load(path, **options):
    assert bpy.ops.gaussian_heads.import_splats(filepath=str(path), **options) == {"FINISHED"}
    return bpy.context.view_layer.objects.active


@pytest.mark.parametrize(
    ("up_axis", "expected"),
    [
        ("Z", np.eye(3)),
        ("Y", AVATAR_TO_OBJECT[:3, :3]),
        ("-Y", AVATAR_TO_OBJECT[:3, :3] @ np.diag([-1, -1, 1])),
    ],
)
def test_a_file_is_drawn_upright(scene, statue, up_axis, expected):
    obj = load(statue, up_axis=up_axis)
    found = gather_visible(bpy.context.evaluated_depsgraph_get()).gaussians
    original = read_splats(statue)
    np.testing.assert_allclose(found.means, original.means @ expected.T, atol=1e-6)
    np.testing.assert_allclose(
        covariances(found), expected @ covariances(original) @ expected.T, atol=1e-6
    )
    assert found.sh is not None
    # Nothing that another engine would render.
    assert len(obj.data.polygons) == 0 and len(obj.data.edges) == 12


def test_the_engine_draws_a_file(scene, camera, statue, picture):
    load(statue)
    scene.render.film_transparent = True
    assert picture()[..., 3].max() > 0.5


def test_the_scene_remembers_the_file(scene, statue, tmp_path):
    load(statue, up_axis="Z")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert gather_visible(bpy.context.evaluated_depsgraph_get()).gaussians.num_gaussians == 300


def test_speech_for_a_statue_is_refused(scene, statue, track):
    from gaussian_heads.blender.bake import bake_track
    from gaussian_heads.core.errors import CodeSpaceError

    with pytest.raises(CodeSpaceError, match="static"):
        bake_track(load(statue), track(5), 1)


@pytest.mark.parametrize("content", [b"", b"ply\nformat ascii 1.0\nend_header\n"])
def test_a_wrong_file_is_refused_with_a_sentence(scene, tmp_path, content):
    (tmp_path / "wrong.ply").write_bytes(content)
    with pytest.raises(RuntimeError, match="wrong.ply"):
        bpy.ops.gaussian_heads.import_splats(filepath=str(tmp_path / "wrong.ply"))


def key_jaw(head):
    for frame, value in ((1, 0.0), (5, 1.0)):
        head.gaussian_head.arkit.jawOpen = value
        head.gaussian_head.arkit.keyframe_insert("jawOpen", frame=frame)


def test_the_export_of_a_range_has_each_frames_expression(scene, head, tmp_path):
    key_jaw(head)
    scene.frame_start, scene.frame_end, scene.frame_step = 1, 5, 2
    scene.frame_set(3)
    bpy.context.view_layer.objects.active = head
    path = str(tmp_path / "talk.ply")
    bpy.ops.gaussian_heads.export_ply(filepath=path, use_range=True, up_axis="Y")
    assert scene.frame_current == 3
    names = ["talk_0001.ply", "talk_0003.ply", "talk_0005.ply"]
    assert sorted(p.name for p in tmp_path.glob("*.ply")) == names
    for frame, name in zip((1, 3, 5), names, strict=True):
        scene.frame_set(frame)
        expected = posed_gaussians(head.evaluated_get(bpy.context.evaluated_depsgraph_get()))
        np.testing.assert_array_equal(read_splats(tmp_path / name).means, expected.means)
    first, last = (read_splats(tmp_path / name).means for name in (names[0], names[2]))
    assert np.abs(first - last).max() > 1e-3


def test_a_change_just_made_is_exported(scene, head, tmp_path):
    bpy.context.view_layer.update()
    bpy.context.view_layer.objects.active = head
    meshes = []
    for value in (0.0, 1.0):
        head.gaussian_head.arkit.jawOpen = value
        bpy.ops.gaussian_heads.export_ply(filepath=str(tmp_path / "now"), up_axis="Y")
        meshes.append(read_splats(tmp_path / "now.ply").means)
    assert np.abs(meshes[0] - meshes[1]).max() > 1e-3


def test_an_export_goes_on_where_it_was_stopped(scene, head, tmp_path):
    export = SplatExport(tmp_path / "a.ply", (1, 2, 3, 4))
    steps = export_splats(scene, head, export)
    assert next(steps) == (0.25, tmp_path / "a_0001.ply")
    next(steps)
    steps.close()
    assert scene.frame_current == 1
    assert len(list(tmp_path.glob("*.ply"))) == 2
    (tmp_path / "a_0001.ply").write_bytes(b"kept")
    assert [path and path.name for _, path in export_splats(scene, head, export)] == [
        None,
        None,
        "a_0003.ply",
        "a_0004.ply",
    ]
    assert (tmp_path / "a_0001.ply").read_bytes() == b"kept"
    again = dataclasses.replace(export, overwrite=True)
    assert all(path is not None for _, path in export_splats(scene, head, again))


@pytest.mark.parametrize("up_axis", ["-Y", "Y", "Z"])
@pytest.mark.parametrize("in_world", [False, True])
def test_what_is_exported_and_imported_stands_where_it_stood(
    scene, head, tmp_path, up_axis, in_world
):
    head.location, head.rotation_euler, head.scale = (1.0, 2.0, 3.0), (0.1, 0.4, -0.7), (2, 2, 2)
    bpy.context.view_layer.update()
    bpy.context.view_layer.objects.active = head
    depsgraph = bpy.context.evaluated_depsgraph_get()
    matrix = avatar_to_world(head.matrix_world if in_world else np.eye(4))
    expected = posed_gaussians(head.evaluated_get(depsgraph)).transformed(matrix)
    path = tmp_path / "head.ply"
    options = {"up_axis": up_axis, "in_world": in_world}
    assert bpy.ops.gaussian_heads.export_ply(filepath=str(path), **options) == {"FINISHED"}
    bpy.data.objects.remove(head)
    load(path, up_axis=up_axis)
    found = gather_visible(bpy.context.evaluated_depsgraph_get()).gaussians
    np.testing.assert_allclose(found.means, expected.means, atol=2e-6)
    np.testing.assert_allclose(covariances(found), covariances(expected), atol=1e-7)
    np.testing.assert_allclose(found.opacities, expected.opacities, atol=1e-6)


def test_export_needs_an_avatar(scene):
    assert not bpy.ops.gaussian_heads.export_ply.poll()


def test_export_without_a_name_writes_nothing(scene, head, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match="No file is named"):
        bpy.ops.gaussian_heads.export_ply()
    assert not list(tmp_path.iterdir())


def test_the_command_writes_frames_of_a_saved_scene(scene, head, tmp_path, capsys):
    from gaussian_heads.blender.cli import main

    key_jaw(head)
    blend, out = str(tmp_path / "scene.blend"), str(tmp_path / "out" / "talk.ply")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    words = ["export-ply", blend, "--out", out, "--up", "y"]
    assert main([*words, "--frames", "1-5:4"]) == 0
    first, last = (read_splats(tmp_path / "out" / f"talk_000{n}.ply").means for n in (1, 5))
    assert np.abs(first - last).max() > 1e-3
    assert main([*words, "--frames", "1-5:2"]) == 0
    assert "1 files written, 2 were there" in capsys.readouterr().out
    assert main(words) == 0
    np.testing.assert_array_equal(read_splats(out).means, first)
    assert main([*words, "--object", "Nobody"]) == 1
    assert "it has Small Head" in capsys.readouterr().err
    assert main(["export-ply", blend, "--out", "x.obj"]) == 1
