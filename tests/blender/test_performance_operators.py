"""Recordings through operators, drops, menus and commands, on linked and overridden heads."""

import json
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.cli import main
from gaussian_heads.blender.exchange.export import (
    sample_performance,
)
from gaussian_heads.blender.exchange.performances import (
    apply_performance,
)
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.importers.performance import read_performance
from gaussian_heads.core.livelink import write_livelink_csv
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES
from gaussian_heads.core.spaces.face_parts import part_indices

from .test_performances import options, recording


def test_the_operators_do_the_same(scene, head, tmp_path):
    made = recording(20)
    write_livelink_csv(made, tmp_path / "in.csv")
    bpy.context.view_layer.objects.active = head
    outcome = bpy.ops.gaussian_heads.import_performance(
        filepath=str(tmp_path / "in.csv"),
        mode="TRACK",
        first_frame=5,
        strength=0.5,
        parts={"mouth", "brows"},
        tolerance=0.0,
    )
    assert outcome == {"FINISHED"}
    outcome = bpy.ops.gaussian_heads.export_performance(
        filepath=str(tmp_path / "out"), use_range=True, frame_start=5, frame_end=24
    )
    assert outcome == {"FINISHED"}
    again = read_performance(tmp_path / "out.csv")
    expected = 0.5 * made.codes()
    expected[:, part_indices(["eyes"])] = 0
    np.testing.assert_allclose(again.codes(), expected, atol=1e-5)
    assert not again.head_pose.any()


def test_one_undo_takes_an_import_back(scene, head, tmp_path):
    write_livelink_csv(recording(20), tmp_path / "in.csv")
    name = head.name
    bpy.context.view_layer.objects.active = head
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.gaussian_heads.import_performance(
        "EXEC_DEFAULT", True, filepath=str(tmp_path / "in.csv")
    )
    assert find_channelbag(bpy.data.objects[name]) is not None
    bpy.ops.ed.undo()
    assert find_channelbag(bpy.data.objects[name]) is None
    bpy.ops.ed.redo()
    assert find_channelbag(bpy.data.objects[name]) is not None


def test_broken_files_are_one_sentence(scene, head, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"facsNames": ["a"], "weightMat": "no"}))
    bpy.context.view_layer.objects.active = head
    with pytest.raises(RuntimeError, match="not a blendshape solve of Audio2Face") as error:
        bpy.ops.gaussian_heads.import_performance(filepath=str(tmp_path / "x.json"))
    assert len(str(error.value).strip().splitlines()) == 1
    assert head.animation_data is None


def test_files_may_be_dropped_where_a_face_is(scene, avatar_file):
    from gaussian_heads.operators.import_performance import GAUSSIAN_HEADS_FH_performance as handler

    def context(kind):
        return SimpleNamespace(
            area=SimpleNamespace(type=kind), scene=scene, view_layer=bpy.context.view_layer
        )

    assert not handler.poll_drop(context("VIEW_3D"))
    create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    assert handler.poll_drop(context("VIEW_3D")) and not handler.poll_drop(context("IMAGE_EDITOR"))
    assert handler.bl_file_extensions == ".csv;.json;.npz"
    assert handler.bl_import_operator == "gaussian_heads.import_performance"


def test_the_menus_have_both():
    from gaussian_heads.operators import _menu_entries

    drawn = []

    def operator(name, text):
        drawn.append(name)

    for menu, draw in _menu_entries():
        if menu in (bpy.types.TOPBAR_MT_file_import, bpy.types.TOPBAR_MT_file_export):
            draw(SimpleNamespace(layout=SimpleNamespace(operator=operator)), bpy.context)
    assert {"gaussian_heads.import_performance", "gaussian_heads.export_performance"} <= set(drawn)


def test_nothing_to_move_says_so(scene):
    assert not bpy.ops.gaussian_heads.import_performance.poll()
    assert not bpy.ops.gaussian_heads.export_performance.poll()


def test_the_command_writes_what_the_function_writes(scene, head, tmp_path, capfd):
    bake_track(head, recording(20), 1)
    scene.frame_start, scene.frame_end = 1, 20
    expected = sample_performance(scene, head)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "s.blend"))
    out = tmp_path / "out.csv"
    words = ["export-performance", str(tmp_path / "s.blend"), "--out", str(out), "--frames", "3-8"]
    assert main([*words, "--object", head.name]) == 0
    again = read_performance(out)
    np.testing.assert_allclose(again.codes(), expected.codes()[2:8], atol=1e-6)
    assert "6 frames at 24 fps" in capfd.readouterr().out
    assert main([*words, "--object", "nobody"]) == 1
    assert (
        main(["export-performance", str(tmp_path / "s.blend"), "--out", str(tmp_path / "o.obj")])
        == 1
    )


def test_recordings_convert_and_measure_on_the_command_line(head, tmp_path, avatar_file):
    document = {
        "exportFps": 30,
        "facsNames": list(ARKIT_BLENDSHAPES),
        "weightMat": recording(8).codes().tolist(),
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    words = ["convert", str(tmp_path / "a.json"), "--avatar", str(avatar_file)]
    assert main([*words, "--out", str(tmp_path / "a.csv")]) == 0
    np.testing.assert_allclose(
        read_performance(tmp_path / "a.csv").codes(), recording(8).codes(), atol=1e-6
    )


@pytest.fixture
def linked(scene, head, tmp_path):
    """The head linked from a library into an empty file."""
    name = head.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "lib.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "lib.blend"), link=True) as (_, given):
        given.objects = [name]
    obj = bpy.data.objects[name]
    bpy.context.scene.collection.objects.link(obj)
    return obj


def test_linked_heads_are_refused(linked):
    with pytest.raises(GaussianHeadsError, match="linked from a library"):
        apply_performance(bpy.context.scene, linked, recording(5), options())


@pytest.mark.parametrize("mode", ["TRACK", "ACTING"])
def test_overridden_heads_perform_before_and_after_a_save(linked, tmp_path, mode):
    head = linked.override_create(remap_local_usages=True)
    scene, made = bpy.context.scene, recording(10)
    scene.render.fps = 24
    apply_performance(scene, head, made, options(mode=mode))
    for _ in range(2):
        again = sample_performance(bpy.context.scene, head, range(1, 11))
        np.testing.assert_allclose(again.codes(), made.codes(), atol=1e-5)
        np.testing.assert_allclose(again.head_pose, made.head_pose, atol=1e-5)
        name = head.name
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
        head = next(o for o in bpy.data.objects if o.name == name and o.override_library)
