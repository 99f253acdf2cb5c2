"""Scenes of strangers: values of other types and absurd numbers under our names end in a sentence when drawn.

Each is saved, loaded again, evaluated, drawn as panels, gathered as viewports do it, and rendered.
"""

import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import avatars
from gaussian_heads.blender.dialogue.lines import HEARD_PREFIX, stored_heard
from gaussian_heads.blender.gathering import gather_heads
from gaussian_heads.blender.library.status import avatar_status
from gaussian_heads.blender.native_splats import SOURCE_PROPERTY, native_objects
from gaussian_heads.core.errors import AvatarError, GaussianHeadsError
from gaussian_heads.panels import _classes as panel_classes

from .layout import draw

NAN, HUGE = float("nan"), 3e38


def stored(name, value):
    def change(head):
        # Blender keeps the type of what is there.
        head.pop(name, None)
        head[name] = value

    return change


def setting(name, value):
    def change(head):
        setattr(head.gaussian_head, name, value)

    return change


def scaled(factor):
    def change(head):
        head.scale = (factor, factor, factor)

    return change


def looking(matrix_value):
    """At an object whose own matrix is none."""

    def change(head):
        target = bpy.data.objects.new("target", None)
        bpy.context.scene.collection.objects.link(target)
        head.gaussian_head.gaze_target = head.gaussian_head.head_target = target
        head.gaussian_head.gaze_head_share = head.gaussian_head.head_follow = 1.0
        target.scale = head.scale = (matrix_value,) * 3

    return change


def driven(expression):
    """A driver of Blender's own; such scripts run only where the user lets them."""

    def change(head):
        curve = head.gaussian_head.driver_add("strength_speech")
        curve.driver.expression = expression

    return change


def wrong_space(head):
    head.animation_data_create().action = bpy.data.actions.new("a")
    head.animation_data.action["gaussian_heads_code_space"] = {"a": [1, 2]}


def told_heads(_):
    """Bytes, records and owners of lines that are none."""
    line = bpy.context.scene.gaussian_heads.lines.add()
    line.line_id, line.name = "x" * 20, "\x1b[2J"
    line.heard = json.dumps({"digest": 1, "fps": "1e999999999"})
    bpy.context.scene[HEARD_PREFIX + line.line_id] = b"GHHEARD\x00" + b"\xff" * 60
    bpy.context.scene[HEARD_PREFIX] = {"a": 1}


def chained_targets(head):
    """A head that looks at itself."""
    head.gaussian_head.gaze_target = head.gaussian_head.head_target = head
    head.gaussian_head.gaze_head_share = head.gaussian_head.head_follow = 1.0


HOSTILE = {
    "code is text": stored("expr_code", "x" * 52),
    "code is a number": stored("expr_code", 7),
    "code is a table": stored("expr_code", {"a": 1.0}),
    "code is not finite": stored("expr_code", [NAN] * 52),
    "code is absurd": stored("expr_code", [HUGE] * 52),
    "code is short": stored("expr_code", [0.0] * 3),
    "code is long": stored("expr_code", [0.0] * 100_000),
    "code is tables": stored("expr_code", [{"a": 1}] * 52),
    "layer is text": stored("expr_arkit_blink", "x" * 52),
    "layer is not finite": stored("expr_arkit_gaze", [NAN] * 52),
    "motion is text": stored("head_motion", "abcdef"),
    "motion is a number": stored("head_motion", 1e300),
    "motion is not finite": stored("head_motion", [NAN] * 6),
    "motion is long": stored("head_motion", [1.0] * 7),
    "path is nowhere": setting("avatar", "/nowhere/\n\x1b[2J.uhap"),
    "path is long": setting("avatar", "/" + "a" * 900),
    "path is a folder": setting("avatar", "/tmp"),
    "path is endless": setting("avatar", "/dev/zero"),
    "path is above": setting("avatar", "//../../../../../../etc/passwd"),
    "path is no built-in": setting("avatar", "builtin:../../../etc/passwd"),
    "path is a device": setting("avatar", "//./nul"),
    "hash is long": setting("avatar_sha256", "f" * 5000),
    "seed": setting("seed", 2**31 - 1),
    "turn": setting("head_rotation", (HUGE, -HUGE, HUGE)),
    "turn is not finite": setting("head_rotation", (NAN, NAN, NAN)),
    "shift is not finite": setting("head_translation", (NAN, 0.0, 0.0)),
    "scale is zero": scaled(0.0),
    "scale is absurd": scaled(1e30),
    "scale is not finite": scaled(NAN),
    "looks from a point": looking(0.0),
    "looks from nowhere": looking(NAN),
    "looks at itself": chained_targets,
    "space is a table": wrong_space,
    "lines": told_heads,
    "driver": driven("__import__('os').system('touch /tmp/gaussian_heads_was_here')"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_stranger_may_store_ends_in_a_sentence(name, scene, head, tmp_path, capfd):
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.location, scene.camera.rotation_euler = (0.0, -1.0, 0.0), (np.pi / 2, 0.0, 0.0)
    scene.render.resolution_x = scene.render.resolution_y = 16
    scene.render.filepath = str(tmp_path / "a.png")
    HOSTILE[name](head)
    before = {path.name for path in tmp_path.iterdir()} | {"a.blend", "a.png"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    scene = bpy.context.scene
    head = next(obj for obj in scene.objects if obj.type == "MESH")
    bpy.context.view_layer.objects.active = head
    scene.frame_set(2)
    faults = []
    gather_heads(bpy.context.evaluated_depsgraph_get(), [], faults)
    status = avatar_status(head)
    for sentence in [*faults, status.sentence]:
        assert "\n" not in sentence and "\x1b" not in sentence
    for panel in panel_classes():
        if issubclass(panel, bpy.types.Panel) and (
            not hasattr(panel, "poll") or panel.poll(bpy.context)
        ):
            draw(panel)
    try:
        bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        assert str(error).startswith("Error: ") and faults
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err
    assert {path.name for path in tmp_path.iterdir()} <= before
    assert not Path("/tmp/gaussian_heads_was_here").exists()


def test_native_splats_of_no_object_are_passed_over(scene, head):
    if not hasattr(bpy.data, "pointclouds"):
        pytest.skip("this Blender has no point clouds")
    cloud = bpy.data.objects.new("cloud", bpy.data.pointclouds.new("cloud"))
    scene.collection.objects.link(cloud)
    for value in ("text", 7, [1, 2], {"a": 1}):
        cloud[SOURCE_PROPERTY] = value
        assert native_objects() == []
    cloud[SOURCE_PROPERTY] = head
    assert native_objects() == [cloud]


def test_stored_bytes_that_are_no_speech_end_in_a_sentence(scene, head):
    told_heads(head)
    (line,) = scene.gaussian_heads.lines
    with pytest.raises(GaussianHeadsError, match="heard speech is of version"):
        stored_heard(scene, line)


@pytest.mark.parametrize(
    "reference",
    [r"\\server\share\a.uhap", r"\/server/share/a.uhap", r"\\?\UNC\server\share\a.uhap"],
)
def test_a_scene_does_not_make_windows_call_a_server(scene, head, monkeypatch, reference):
    """Windows would tell the server who the user is, before anybody clicked anything."""
    monkeypatch.setattr(avatars, "HAS_SERVER_PATHS", True)
    monkeypatch.setattr(avatars, "_trusted_servers", set())
    with pytest.raises(AvatarError, match="on the server"):
        avatars.avatar_path(reference)
    avatars.reference_to(Path(reference))
    assert str(avatars.avatar_path(reference)) == reference
