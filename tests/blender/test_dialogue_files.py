"""Lines in files: saved and opened, on linked and overridden avatars, with damaged data."""
# ruff: noqa: F811

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.dialogue.keys import find_keyed
from gaussian_heads.blender.dialogue.lines import find_line, link_strip
from gaussian_heads.blender.dialogue.state import LineState, line_status

from .test_dialogue import FPS, jaw_peaks, line, state, strip  # noqa: F401
from .test_dialogue_bake import values
from .test_strips import add_sound


def test_a_saved_file_knows_its_lines(scene, line, strip, head, stand_in, tmp_path):
    expected = values(head, range(1, 49))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    scene = bpy.context.scene
    line, strip = scene.gaussian_heads.lines[0], scene.sequence_editor.strips_all[0]
    head = line.speaker
    assert state(scene, strip) is LineState.CURRENT
    scene.gaussian_heads.live_update = False
    head.gaussian_head.style_articulation = 0.5
    assert state(scene, strip) is LineState.SETTINGS
    bpy.ops.gaussian_heads.update_keys()
    np.testing.assert_allclose(values(head, range(1, 49)), np.array(expected) / 2, atol=1e-3)
    assert len(stand_in.efforts) == 1


def test_lines_of_an_overridden_avatar(scene, head, clicks, stand_in, tmp_path):
    collection = bpy.data.collections.new("Character")
    collection.objects.link(head)
    path, name = str(tmp_path / "character.blend"), head.name
    bpy.data.libraries.write(path, {collection})
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (_, into):
        into.collections = ["Character"]
    scene = bpy.context.scene
    scene.collection.children.link(into.collections[0])
    linked = into.collections[0].objects[name]
    strip = add_sound(scene, clicks(2.0, [10 / FPS, 30 / FPS]))
    link_strip(scene, strip, linked)
    with pytest.raises(RuntimeError, match="linked from a library"):
        bpy.ops.gaussian_heads.bake_speech(strip=strip.name, speaker=linked.name)
    override = linked.override_create(remap_local_usages=True)
    scene.collection.objects.link(override)
    bpy.context.view_layer.update()
    line = find_line(scene, strip)
    line.speaker = override
    bpy.ops.gaussian_heads.bake_dialogue()
    assert jaw_peaks(override) == pytest.approx([11, 31], abs=0.1)
    override.gaussian_head.style_articulation = 0.5
    assert state(scene, strip) is LineState.CURRENT, "live update keys overrides too"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    scene = bpy.context.scene
    assert line_status(scene, scene.gaussian_heads.lines[0]).state is LineState.CURRENT


@pytest.mark.parametrize("data", [b"", b"GHHEARD\0\1\0", b"\0" * 5000, "text", 7, [1.0, 2.0]])
def test_damaged_speech_in_a_file_is_refused_with_a_sentence(scene, line, strip, head, data):
    scene.gaussian_heads.live_update = False
    name = f"gaussian_heads_heard_{line.line_id}"
    del scene[name]
    scene[name] = data
    head.gaussian_head.seed = 2
    assert line_status(scene, line).state in (LineState.SETTINGS, LineState.SOUND)
    with pytest.raises(RuntimeError, match="no heard speech|analyse the sound again|bake it"):
        bpy.ops.gaussian_heads.update_keys()
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    assert state(scene, strip) is LineState.CURRENT


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"digest": 3}', "null", "x" * 9000])
def test_damaged_records_count_as_nothing_known(scene, line, strip, head, text):
    keyed = find_keyed(head, line.line_id)
    keyed.action[f"gaussian_heads_line_{line.line_id}"] = text
    line.heard = text
    assert state(scene, strip) is LineState.NEW
    bpy.ops.gaussian_heads.bake_dialogue()
    assert state(scene, strip) is LineState.CURRENT
