"""Direction and bake: a layer of named, sparse curves, keys that are kept, and lines that know when they are stale."""

import tempfile
from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import jobs
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.codes import expression_code, is_baked_path
from gaussian_heads.blender.dialogue.bake import clear_line
from gaussian_heads.blender.dialogue.follow import follow_strips, update_live
from gaussian_heads.blender.dialogue.keys import KEYED_PREFIX, find_keyed
from gaussian_heads.blender.dialogue.lines import find_line, link_strip
from gaussian_heads.blender.dialogue.records import KeyedRecord, from_text
from gaussian_heads.blender.dialogue.state import LineState, line_status
from gaussian_heads.blender.direction import generating
from gaussian_heads.blender.direction.curves import ADDRESSES, direction_curves
from gaussian_heads.blender.direction.keys import Hold, clear_direction, direct_units
from gaussian_heads.blender.exchange.export import sample_performance
from gaussian_heads.blender.keys import clear_keys
from gaussian_heads.blender.speech import request_strip
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.errors import ModelError
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_INDEX

SMILE, JAW = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["jawOpen"]
ACTING = '["expr_arkit_acting"]'
JOY = {"AU12": 4.0, "AU06": 2.0}
HELD = Hold(11, 40, 4, 4)


@pytest.fixture
def strip(scene, head, clicks, stand_in, generator):
    """A strip of two seconds on frames 5 to 52 that the head speaks, with a click on frame 25."""
    bpy.context.view_layer.objects.active = head
    made = strip_collection(scene).new_sound("Line", str(clicks(2.0, [20 / 24])), 1, 5)
    link_strip(scene, made, head)
    return made


@pytest.fixture
def not_live(scene):
    """Lines wait for Update Keys."""
    scene.gaussian_heads.live_update = False


def line_of(scene, strip):
    return find_line(scene, strip)


def state(scene, strip):
    return line_status(scene, line_of(scene, strip)).state


def acting(obj, index=SMILE):
    return find_channelbag(obj).fcurves.find(ACTING, index=index)


def shown(obj, frame, index=SMILE):
    curve = acting(obj, index)
    return 0.0 if curve is None else curve.evaluate(frame)


def unit_keys(obj):
    """Every key of the direction, by unit."""
    return {
        name: [(round(k.co.x, 3), round(k.co.y, 3)) for k in curve.keyframe_points]
        for name, curve in direction_curves(find_channelbag(obj)).items()
    }


def test_a_directed_line_gets_a_layer_of_named_sparse_curves(scene, head, strip, generator):
    direct_units(head, JOY, HELD)
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    curves = [c for c in find_channelbag(head).fcurves if c.data_path == ACTING]
    moved = {ARKIT_INDEX[n] for n in ("mouthSmileLeft", "mouthSmileRight", "jawOpen")}
    assert {curve.array_index for curve in curves} == moved
    assert acting(head).group.name == "Directed Acting · mouthSmileLeft"
    assert is_baked_path(ACTING)
    assert len(acting(head).keyframe_points) < 24, "nothing changes while it is held"
    assert shown(head, 30) == pytest.approx(0.8, abs=0.01) and shown(head, 8) == 0.0
    direction, seed, temperature = generator.calls[0]
    assert (direction.start_sec, seed, temperature) == (0.0, 0, 1.0)
    assert direction.intensities[20, ACTION_UNITS.index("AU12")] == 4.0


def test_the_direction_lies_on_the_clock_of_what_was_heard(scene, head, strip, generator):
    """Trimmed after it was heard: what shows on a frame stays what is directed there."""
    direct_units(head, {"AU12": 5.0}, Hold(21, 60, 1, 1))
    bpy.ops.gaussian_heads.bake_speech()
    before = [shown(head, frame) for frame in range(15, 53)]
    name = "left_handle" if "left_handle" in strip.bl_rna.properties else "frame_final_start"
    setattr(strip, name, 15)
    assert state(scene, strip) is LineState.MOVED
    bpy.ops.gaussian_heads.update_keys()
    assert generator.calls[-1][0].start_sec == pytest.approx(10 / 24)
    after = [shown(head, frame) for frame in range(15, 53)]
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_negative_weights_are_kept_shown_and_written(scene, head, strip, avatar_file):
    direct_units(head, JOY, HELD)
    bpy.ops.gaussian_heads.bake_speech()
    assert shown(head, 25, JAW) == pytest.approx(-0.4, abs=0.01)
    scene.frame_set(25)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    avatar = load_avatar(avatar_file).avatar
    jaw = avatar.readout(expression_code(evaluated, avatar))[JAW]
    spoken = find_channelbag(head).fcurves.find('["expr_code"]', index=JAW).evaluate(25)
    assert spoken > 0.6 and jaw == pytest.approx(spoken - 0.4, abs=0.01)
    written = sample_performance(scene, head, range(20, 31)).codes()
    assert written.min() >= 0.0 and written[5, JAW] == pytest.approx(jaw, abs=1e-3)
    head.gaussian_head.strength_acting = 0.5
    assert sample_performance(scene, head, range(25, 26)).codes()[0, JAW] == pytest.approx(
        spoken - 0.2, abs=0.01
    )


def test_without_a_direction_no_generator_is_opened(scene, head, strip, monkeypatch):
    def refuse():
        raise AssertionError("opened")

    monkeypatch.setattr(generating, "motion_generator", refuse)
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    assert acting(head) is None and state(scene, strip) is LineState.CURRENT
    head.gaussian_head.use_direction = False
    direct_units(head, JOY, HELD)
    assert state(scene, strip) is LineState.CURRENT
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}


def test_a_generator_that_cannot_be_opened_is_said(scene, head, strip, monkeypatch):
    def missing():
        raise ModelError("There is no motion generator: reinstall the extension.")

    monkeypatch.setattr(generating, "motion_generator", missing)
    direct_units(head, JOY, HELD)
    with pytest.raises(RuntimeError, match="no motion generator: reinstall"):
        bpy.ops.gaussian_heads.bake_speech()
    assert acting(head) is None and not jobs._jobs


def test_a_bake_leaves_the_keys_of_the_direction_alone(scene, head, strip):
    direct_units(head, JOY, HELD)
    before = unit_keys(head)
    bpy.ops.gaussian_heads.bake_speech()
    bpy.ops.gaussian_heads.bake_speech()
    assert unit_keys(head) == before and set(before) == {"AU06", "AU12"}


def test_clearing_speech_keeps_the_direction(scene, head, strip):
    direct_units(head, JOY, HELD)
    before = unit_keys(head)
    bpy.ops.gaussian_heads.bake_speech()
    assert bpy.ops.gaussian_heads.clear_speech() == {"FINISHED"}
    assert unit_keys(head) == before and acting(head) is None
    bpy.ops.gaussian_heads.bake_speech()
    clear_line(scene, line_of(scene, strip))
    assert unit_keys(head) == before


def test_a_new_action_takes_the_direction_along(scene, head, strip):
    direct_units(head, JOY, HELD)
    curve = direction_curves(find_channelbag(head))["AU12"]
    curve.extrapolation = "LINEAR"
    curve.keyframe_points[1].handle_right_type = "FREE"
    before, former = unit_keys(head), head.animation_data.action
    bpy.ops.gaussian_heads.bake_speech(destination="NEW")
    assert head.animation_data.action != former and unit_keys(head) == before
    copied = direction_curves(find_channelbag(head))["AU12"]
    assert copied.extrapolation == "LINEAR" and copied.group.name == "Direction · Nose and Mouth"
    assert copied.keyframe_points[1].handle_right_type == "FREE"
    assert shown(head, 30) == pytest.approx(0.8, abs=0.01)
    assert state(scene, strip) is LineState.CURRENT
    head.animation_data.action = former
    assert unit_keys(head) == before


def test_an_nla_strip_of_speech_is_steered_by_the_active_action(scene, head, strip):
    direct_units(head, JOY, HELD)
    before = unit_keys(head)
    bpy.ops.gaussian_heads.bake_speech(destination="NLA")
    assert unit_keys(head) == before and state(scene, strip) is LineState.CURRENT
    scene.frame_set(30)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert evaluated["expr_arkit_acting"][SMILE] == pytest.approx(0.8, abs=0.01)
    clear_keys(head, 1, 100)
    assert unit_keys(head) == before


def test_speech_cleared_from_a_strip_keeps_the_direction_in_it(scene, head, strip):
    direct_units(head, JOY, HELD)
    bpy.ops.gaussian_heads.bake_speech()
    animation = head.animation_data
    action, slot = animation.action, animation.action_slot
    pushed = animation.nla_tracks.new().strips.new("Pushed", 5, action)
    pushed.action_slot, pushed.frame_start, pushed.frame_end = slot, 5, 52
    animation.action = None
    assert state(scene, strip) is LineState.CURRENT, "the direction plays from the strip"
    assert clear_keys(head, -100, 100) > 0
    (left,) = head.animation_data.nla_tracks[0].strips
    assert {c.data_path for c in left.action.layers[0].strips[0].channelbags[0].fcurves} == {
        ADDRESSES[name].data_path for name in JOY
    }


def test_a_direction_that_changed_makes_the_line_stale_and_needs_no_listening(
    scene, head, strip, stand_in, not_live
):
    bpy.ops.gaussian_heads.bake_speech()
    assert state(scene, strip) is LineState.CURRENT
    direct_units(head, JOY, HELD)
    status = line_status(scene, line_of(scene, strip))
    assert status.state is LineState.SETTINGS and status.can_update
    assert "acting direction changed" in status.sentence
    assert bpy.ops.gaussian_heads.update_keys() == {"FINISHED"}
    assert state(scene, strip) is LineState.CURRENT and len(stand_in.efforts) == 1
    assert shown(head, 30) == pytest.approx(0.8, abs=0.01)
    head.gaussian_head.direction_temperature = 0.5
    assert state(scene, strip) is LineState.SETTINGS
    head.gaussian_head.direction_temperature = 1.0
    head.gaussian_head.use_direction = False
    assert state(scene, strip) is LineState.SETTINGS
    bpy.ops.gaussian_heads.update_keys()
    assert shown(head, 30) == 0.0 and state(scene, strip) is LineState.CURRENT


def test_keys_beyond_a_line_leave_it_current(scene, head, strip):
    direct_units(head, JOY, HELD)
    bpy.ops.gaussian_heads.bake_speech()
    direct_units(head, {"AU04": 3.0}, Hold(60, 90), mode="ADD")
    assert state(scene, strip) is LineState.CURRENT
    scene.frame_set(70)
    scene.frame_set(20)
    assert state(scene, strip) is LineState.CURRENT, "whatever frame is shown"


def test_the_redo_panel_and_update_share_what_was_acted(scene, head, strip, generator):
    direct_units(head, JOY, HELD)
    bpy.ops.gaussian_heads.bake_speech()
    scene.gaussian_heads.live_update = False
    head.gaussian_head.style_jaw = 0.5
    bpy.ops.gaussian_heads.update_keys()
    asked = len(generator.calls)
    head.gaussian_head.style_jaw = 0.75
    bpy.ops.gaussian_heads.update_keys()
    assert len(generator.calls) == asked, "another manner needs no acting"
    head.gaussian_head.seed = 3
    bpy.ops.gaussian_heads.update_keys()
    assert len(generator.calls) == asked + 1 and generator.calls[-1][1] == 3
    assert shown(head, 30) == pytest.approx(0.824, abs=0.005)


def test_short_dialogues_follow_the_direction_live(scene, head, strip, generator):
    bpy.ops.gaussian_heads.bake_speech()
    direct_units(head, JOY, HELD)
    assert shown(head, 30) == pytest.approx(0.8, abs=0.01)
    asked = len(generator.calls)
    head.gaussian_head.direction.AU04 = 2.0
    assert len(generator.calls) == asked + 1 and update_live(head) == 0
    clear_direction(head)
    assert shown(head, 30) == 0.0 and state(scene, strip) is LineState.CURRENT
    assert len(generator.calls) == asked + 1, "one change for all units"
    head.gaussian_head.direction.AU12 = 5.0
    assert shown(head, 6) == pytest.approx(1.0, abs=0.01)
    head.gaussian_head.use_direction = False
    assert shown(head, 30) == 0.0


def test_curves_edited_by_hand_wait_for_the_next_change(scene, head, strip):
    direct_units(head, JOY, HELD)
    bpy.ops.gaussian_heads.bake_speech()
    curve = direction_curves(find_channelbag(head))["AU12"]
    curve.keyframe_points[1].co.y = curve.keyframe_points[2].co.y = 2.0
    curve.update()
    assert state(scene, strip) is LineState.SETTINGS and shown(head, 30) > 0.7
    head.gaussian_head.style_jaw = 0.9
    assert shown(head, 30) == pytest.approx(0.4, abs=0.01)


def test_a_direction_that_changed_while_listening_counts(scene, head, strip, analyser, generator):
    from gaussian_heads.blender.dialogue.bake import key_heard, listen_to

    direct_units(head, {"AU12": 1.0}, HELD)
    scratch = tempfile.TemporaryDirectory()
    listening = listen_to(scene, line_of(scene, strip), Path(scratch.name))
    job = jobs.SpeechJob([listening], lambda: analyser, scratch)
    jobs.add_job(job)
    (performance,) = job.result()
    jobs.remove_job(job)
    direct_units(head, {"AU12": 5.0}, HELD)
    key_heard(scene, listening, performance)
    assert shown(head, 30) == pytest.approx(1.0, abs=0.01)
    assert state(scene, strip) is LineState.CURRENT


def test_a_part_baked_with_another_direction_leaves_the_line_stale(scene, head, strip, not_live):
    direct_units(head, {"AU12": 1.0}, HELD)
    bpy.ops.gaussian_heads.bake_speech()
    direct_units(head, {"AU12": 5.0}, HELD)
    bpy.ops.gaussian_heads.bake_speech(frame_start=25, frame_end=52)
    assert shown(head, 30) == pytest.approx(1.0, abs=0.01)
    assert shown(head, 20) == pytest.approx(0.2, abs=0.01)
    assert state(scene, strip) is LineState.SETTINGS
    bpy.ops.gaussian_heads.update_keys()
    assert state(scene, strip) is LineState.CURRENT and shown(head, 20) > 0.9


def test_a_dialogue_is_directed_line_by_line(scene, head, strip, clicks, generator):
    later = strip_collection(scene).new_sound("Later", str(clicks(1.0, [0.5], "b.wav")), 1, 101)
    link_strip(scene, later, head)
    direct_units(head, {"AU12": 5.0}, Hold(95, 130, 2, 2))
    assert bpy.ops.gaussian_heads.bake_dialogue() == {"FINISHED"}
    assert shown(head, 30) == 0.0 and shown(head, 112) == pytest.approx(1.0, abs=0.01)
    assert len(generator.calls) == 1, "the first line has none"
    assert {state(scene, each) for each in (strip, later)} == {LineState.CURRENT}


def test_a_line_that_moves_meets_another_direction(scene, head, strip):
    line_of(scene, strip).follow = True
    direct_units(head, {"AU12": 5.0}, HELD)
    bpy.ops.gaussian_heads.bake_speech()
    if "content_start" in strip.bl_rna.properties:
        strip.content_start += 10
    else:
        strip.frame_start += 10
    follow_strips(scene)
    assert find_keyed(head, line_of(scene, strip).line_id).record.first_frame == 15
    assert state(scene, strip) is LineState.SETTINGS, "the direction stays on its frames"


def test_records_of_older_files_are_read_and_current(scene, head, strip):
    bpy.ops.gaussian_heads.bake_speech()
    action = head.animation_data.action
    name = KEYED_PREFIX + line_of(scene, strip).line_id
    assert ', "direction": ""' in action[name]
    action[name] = action[name].replace(', "direction": ""', "")
    assert from_text(KeyedRecord, action[name]).direction == ""
    assert state(scene, strip) is LineState.CURRENT


def test_the_state_survives_a_save(scene, head, strip, tmp_path):
    direct_units(head, JOY, HELD)
    bpy.ops.gaussian_heads.bake_speech()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    opened = bpy.context.scene
    (line,) = opened.gaussian_heads.lines
    assert line_status(opened, line).state is LineState.CURRENT
    assert set(unit_keys(line.speaker)) == set(JOY)


def test_undo_brings_direction_and_state_back(scene, head, strip):
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.gaussian_heads.direct_expression("EXEC_DEFAULT", True, name="joy") == {
        "FINISHED"
    }
    name, line_id = head.name, line_of(scene, strip).line_id
    bpy.ops.ed.undo()
    again = bpy.data.objects[name]
    assert not direction_curves(find_channelbag(again))
    assert bpy.context.scene.gaussian_heads.lines[0].line_id == line_id
    bpy.ops.ed.redo()
    assert "AU12" in direction_curves(find_channelbag(bpy.data.objects[name]))


def test_a_request_carries_the_direction_into_a_thread(scene, head, strip, tmp_path):
    direct_units(head, JOY, HELD)
    request = request_strip(scene, strip, head, tmp_path)
    assert request.direction.direction.intensities.shape == (48, 18)
    assert not any(
        isinstance(value, bpy.types.bpy_struct) for value in vars(request.direction).values()
    )


def test_an_override_of_a_linked_head_is_directed_and_baked(
    scene, head, overridden, tmp_path, clicks, stand_in, generator
):
    local = overridden(str(tmp_path / "library.blend"))
    here = bpy.context.scene
    bpy.context.view_layer.objects.active = local
    strip_collection(here).new_sound("Line", str(clicks(2.0, [0.5])), 1, 5)
    bpy.ops.gaussian_heads.direct_expression(name="joy", frame_start=5, frame_end=50)
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    assert shown(local, 30) == pytest.approx(0.8, abs=0.01)
    local.gaussian_head.direction.AU04 = 3.0
    local.gaussian_head.use_direction = False
    name = local.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    again = next(o for o in bpy.data.objects if o.name == name and o.library is None)
    assert again.gaussian_head.direction.AU04 == 3.0 and not again.gaussian_head.use_direction
