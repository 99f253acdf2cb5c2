"""Baking lines: onsets of a click track, destinations, ranges, foreign keys, undo, files, overrides."""
# ruff: noqa: F811

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.dialogue.keys import find_keyed
from gaussian_heads.blender.dialogue.lines import find_line, link_strip
from gaussian_heads.blender.dialogue.state import LineState, line_status
from gaussian_heads.blender.keys import baked_range
from gaussian_heads.blender.strips import strip_collection

from .test_dialogue import FPS, jaw_curve, jaw_peaks, line, move, second, state, strip  # noqa: F401
from .test_strips import add_sound, set_handles

RATES = {"23.976": (24, 1.001), "25": (25, 1.0), "29.97": (30, 1.001), "60": (60, 1.0)}
ONSETS_SEC = (0.31, 1.07, 1.83, 2.59, 3.35)


def values(obj, frames):
    curve = jaw_curve(obj)
    return [curve.evaluate(frame) for frame in frames]


@pytest.fixture
def rated(scene, request):
    scene.render.fps, scene.render.fps_base = RATES[request.param]
    return RATES[request.param][0] / RATES[request.param][1]


@pytest.mark.parametrize("rated", RATES, indirect=True)
@pytest.mark.parametrize("case", ["plain", "trimmed", "offset", "moved", "moved later", "meta"])
def test_keys_land_within_half_a_frame_of_known_onsets(scene, head, clicks, stand_in, rated, case):
    strip = add_sound(scene, clicks(4.0, list(ONSETS_SEC)), start=37)
    first, last, start, delay_sec = 0.0, 4.0, 37, 0.0
    if case == "trimmed":
        left, right = round(37 + 0.7 * rated), round(37 + 3.0 * rated)
        set_handles(strip, left, right)
        first, last = 0.7, 3.0
    elif case == "offset":
        strip.sound_offset = delay_sec = 0.2134
    elif case == "moved":
        move(strip, 153)
        start += 153
    elif case == "meta":
        meta = strip_collection(scene).new_meta("Meta", channel=2, frame_start=1)
        strip.move_to_meta(meta)
        set_handles(meta, 37, round(37 + 2.2 * rated))
        last = 2.2
    link_strip(scene, strip, head)
    bpy.ops.gaussian_heads.bake_dialogue()
    if case == "moved later":
        move(strip, 153)
        start += 153
        bpy.ops.gaussian_heads.update_keys()
    expected = [
        start + (onset + delay_sec) * rated
        for onset in ONSETS_SEC
        if first < onset + delay_sec - 0.05 and onset + delay_sec + 0.05 < last
    ]
    np.testing.assert_allclose(jaw_peaks(head), expected, atol=0.5)
    assert len(expected) >= 2


@pytest.mark.parametrize("rated", RATES, indirect=True)
def test_another_frame_rate_needs_no_listening(scene, head, clicks, stand_in, rated):
    strip = add_sound(scene, clicks(4.0, list(ONSETS_SEC)), start=37)
    link_strip(scene, strip, head)
    bpy.ops.gaussian_heads.bake_dialogue()
    scene.render.fps, scene.render.fps_base = 120, 1.0
    status = line_status(scene, find_line(scene, strip))
    assert status.state is LineState.MOVED and status.can_update
    bpy.ops.gaussian_heads.update_keys()
    heard_sec = (
        strip.right_handle if hasattr(strip, "right_handle") else strip.frame_final_end
    ) - 37
    expected = [37 + onset * 120 for onset in ONSETS_SEC if onset * 120 + 6 < heard_sec]
    np.testing.assert_allclose(jaw_peaks(head), expected, atol=0.5)
    assert len(stand_in.efforts) == 1


def test_stereo_is_heard(scene, head, stand_in, tmp_path):
    import soundfile

    waveform = np.zeros((32_000, 2), np.float32)
    waveform[8000:8080, 1] = 0.9
    soundfile.write(tmp_path / "stereo.wav", waveform, 16_000)
    link_strip(scene, add_sound(scene, tmp_path / "stereo.wav"), head)
    bpy.ops.gaussian_heads.bake_dialogue()
    assert jaw_peaks(head, 0.1) == pytest.approx([13], abs=0.5)


@pytest.mark.skipif(
    bpy.app.version < (5, 1), reason="retiming_keys.add crashes Blender 4.5 and 5.0 themselves"
)
def test_a_slowed_strip_is_keyed_as_it_plays_and_a_new_speed_is_told(scene, head, clicks, stand_in):
    strip = add_sound(scene, clicks(4.0, [40.2 / FPS]), start=1)
    strip.retiming_keys.add(timeline_frame=49)
    strip.retiming_keys[-1].timeline_frame = 49 + 24
    strip.retiming_keys[1].timeline_frame = 25
    link_strip(scene, strip, head)
    bpy.ops.gaussian_heads.bake_dialogue()
    assert np.mean(jaw_peaks(head, 0.1)) == pytest.approx(21, abs=1.5)
    assert state(scene, strip) is LineState.CURRENT
    move(strip, 30)
    assert state(scene, strip) is LineState.MOVED
    bpy.ops.gaussian_heads.update_keys()
    assert np.mean(jaw_peaks(head, 0.1)) == pytest.approx(51, abs=1.5)
    strip.retiming_keys[1].timeline_frame += 10
    assert state(scene, strip) is LineState.SOUND


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="one scene for all before Blender 5.0")
def test_lines_live_with_the_strips_of_another_scene(scene, head, clicks, stand_in):
    edit = bpy.data.scenes.new("Edit")
    bpy.data.workspaces[0].sequencer_scene = edit
    strip = add_sound(edit, clicks(2.0, [10 / FPS]), start=3)
    bpy.ops.gaussian_heads.link_speech()
    assert len(edit.gaussian_heads.lines) == 1 and not len(scene.gaussian_heads.lines)
    edit.gaussian_heads.lines[0].follow = True
    bpy.ops.gaussian_heads.bake_dialogue()
    assert jaw_peaks(head) == pytest.approx([13], abs=0.1)
    move(strip, 7)
    bpy.context.view_layer.update()
    assert jaw_peaks(head) == pytest.approx([20], abs=0.1)


def test_a_new_action_leaves_the_old_one(scene, line, strip, head):
    old = head.animation_data.action
    bpy.ops.gaussian_heads.bake_speech(destination="NEW")
    new = head.animation_data.action
    assert new != old and old.use_fake_user
    assert jaw_peaks(head) == pytest.approx([11, 31], abs=0.1)
    assert find_keyed(head, line.line_id).action == new


def test_a_dialogue_makes_one_new_action_for_each_speaker(
    scene,
    line,
    strip,
    head,
    second,
    clicks,
):
    old = head.animation_data.action
    for number, speaker in enumerate((head, second, second)):
        other = add_sound(scene, clicks(1.0, [0.5], f"{number}.wav"), 61 + 24 * number)
        link_strip(scene, other, speaker)
    strip.sound_offset = 0.125
    bpy.ops.gaussian_heads.bake_dialogue(destination="NEW")
    assert head.animation_data.action != old
    assert jaw_peaks(head) == pytest.approx([14, 34, 73], abs=0.5)
    assert jaw_peaks(second) == pytest.approx([97, 121], abs=0.5)


def test_each_line_gets_an_nla_strip_that_moves_with_it(
    scene,
    head,
    strip,
    clicks,
    stand_in,
):
    other = add_sound(scene, clicks(1.0, [0.5], "other.wav"), 101)
    for each in (strip, other):
        link_strip(scene, each, head)
    scene.gaussian_heads.bake_destination = "NLA"
    bpy.ops.gaussian_heads.bake_dialogue()
    played = {s.name: s for t in head.animation_data.nla_tracks for s in t.strips}
    assert set(played) == {strip.name, other.name}
    assert head.animation_data.action is None
    assert state(scene, strip) is state(scene, other) is LineState.CURRENT
    start = played[strip.name].frame_start
    find_line(scene, strip).follow = True
    move(strip, 9)
    bpy.context.view_layer.update()
    assert played[strip.name].frame_start == start + 9
    assert state(scene, strip) is LineState.CURRENT
    head.gaussian_head.seed = 3
    assert {state(scene, each) for each in (strip, other)} == {LineState.CURRENT}
    played = [s for t in head.animation_data.nla_tracks for s in t.strips]
    assert len(played) == 2 and head.animation_data.action is None
    for frame, is_open in ((20, True), (22, False), (113, True)):
        scene.frame_set(frame)
        jaw = head.evaluated_get(bpy.context.evaluated_depsgraph_get())["expr_code"][17]
        assert (jaw > 0.3) == is_open, frame


def test_from_nla_to_the_active_action_nothing_is_left_behind(scene, line, strip, head):
    bpy.ops.gaussian_heads.bake_speech(destination="NLA")
    assert len(head.animation_data.nla_tracks) == 1 and not find_channelbag(head).fcurves
    bpy.ops.gaussian_heads.bake_speech(destination="ACTIVE")
    assert not head.animation_data.nla_tracks
    assert jaw_peaks(head) == pytest.approx([11, 31], abs=0.1)


def test_a_range_is_baked_again_and_the_rest_left(scene, line, strip, head, stand_in):
    scene.gaussian_heads.live_update = False
    before = values(head, range(1, 49))
    head.gaussian_head.style_articulation = 0.5
    bpy.ops.gaussian_heads.bake_speech(frame_start=25, frame_end=60)
    after = values(head, range(1, 49))
    np.testing.assert_allclose(after[:24], before[:24], atol=1e-6)
    np.testing.assert_allclose(after[24:], np.array(before[24:]) / 2, atol=1e-3)
    assert len(stand_in.efforts) == 1, "what was heard of it is kept"
    assert state(scene, strip) is LineState.SETTINGS, "the other frames are as they were"
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = 1, 24
    bpy.ops.gaussian_heads.bake_speech(frames="PREVIEW")
    np.testing.assert_allclose(values(head, range(1, 49)), np.array(before) / 2, atol=1e-3)
    with pytest.raises(RuntimeError, match="none of it within"):
        bpy.ops.gaussian_heads.bake_speech(frame_start=200, frame_end=300)


def test_a_part_of_a_new_line_is_told_to_be_one(scene, head, strip, stand_in):
    bpy.ops.gaussian_heads.bake_speech(frame_start=5, frame_end=20)
    assert jaw_peaks(head) == pytest.approx([11], abs=0.1)
    status = line_status(scene, find_line(scene, strip))
    assert status.state is LineState.SETTINGS and "Not all" in status.sentence
    bpy.ops.gaussian_heads.bake_dialogue()
    assert jaw_peaks(head) == pytest.approx([11, 31], abs=0.1)
    assert state(scene, strip) is LineState.CURRENT and len(stand_in.efforts) == 1


def test_foreign_keys_stay_through_all_of_it(scene, line, strip, head):
    head.gaussian_head.arkit.mouthSmileLeft = 0.6
    head.gaussian_head.arkit.keyframe_insert("mouthSmileLeft", frame=13)
    head.location.x = 1.0
    head.keyframe_insert("location", index=0, frame=20)
    bpy.ops.gaussian_heads.bake_speech()
    head.gaussian_head.seed = 4
    move(strip, 5)
    bpy.ops.gaussian_heads.update_keys()
    bpy.ops.gaussian_heads.clean_speech()
    bpy.ops.gaussian_heads.clear_speech()
    found = {c.data_path: tuple(c.keyframe_points[0].co) for c in find_channelbag(head).fcurves}
    smile = found.pop("gaussian_head.arkit.mouthSmileLeft")
    assert smile == pytest.approx((13, 0.6)) and found == {"location": (20, 1)}


def test_clearing_a_range_and_a_line(scene, line, strip, head, clicks):
    other = add_sound(scene, clicks(1.0, [0.5], "other.wav"), 49)
    link_strip(scene, other, head)
    bpy.ops.gaussian_heads.bake_dialogue()
    bpy.ops.gaussian_heads.clear_speech(frame_start=20, frame_end=40)
    assert jaw_peaks(head) == pytest.approx([11, 61], abs=0.1)
    assert state(scene, strip) is LineState.SETTINGS and state(scene, other) is LineState.CURRENT
    bpy.ops.gaussian_heads.clear_speech(strip=strip.name)
    assert jaw_peaks(head) == pytest.approx([61], abs=0.1)
    status = line_status(scene, find_line(scene, strip))
    assert status.state is LineState.NEW and status.can_update
    bpy.ops.gaussian_heads.clear_speech()
    assert baked_range(head) is None and not bpy.ops.gaussian_heads.clear_speech.poll()


def test_cleaned_keys_stay_within_the_bound_and_current(scene, line, strip, head):
    before, curves = values(head, range(1, 49)), list(find_channelbag(head).fcurves)
    num_before = sum(len(curve.keyframe_points) for curve in curves)
    bpy.ops.gaussian_heads.clean_speech(tolerance=0.02)
    num_after = sum(len(curve.keyframe_points) for curve in curves)
    assert num_after < num_before / 5
    assert np.abs(np.array(values(head, range(1, 49))) - before).max() <= 0.02
    assert state(scene, strip) is LineState.CURRENT
    move(strip, 12)
    bpy.ops.gaussian_heads.update_keys()
    assert sum(len(curve.keyframe_points) for curve in curves) == num_after, "moved as they are"


def test_heads_that_share_an_action_have_lines_of_their_own(scene, line, strip, head, second):
    second.animation_data_create().action = head.animation_data.action
    second.animation_data.action_slot = None
    line.speaker = second
    assert state(scene, strip) is LineState.NEW, "those keys are the other slot's"
    bpy.ops.gaussian_heads.bake_dialogue()
    assert second.animation_data.action == head.animation_data.action
    assert jaw_peaks(second) == pytest.approx([11, 31], abs=0.1)
    assert state(scene, strip) is LineState.CURRENT and baked_range(head) is None


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="one scene for all before Blender 5.0")
def test_strips_of_a_linked_scene_are_baked_without_lines(scene, head, clicks, stand_in, tmp_path):
    edit = bpy.data.scenes.new("Edit")
    add_sound(edit, clicks(2.0, [10 / FPS]), start=3)
    path = str(tmp_path / "edit.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True)
    bpy.data.scenes.remove(edit)
    with bpy.data.libraries.load(path, link=True) as (_, into):
        into.scenes = ["Edit"]
    bpy.data.workspaces[0].sequencer_scene = into.scenes[0]
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    assert jaw_peaks(head) == pytest.approx([13], abs=0.1)
    assert not len(into.scenes[0].gaussian_heads.lines)
    with pytest.raises(RuntimeError, match="linked from a library"):
        bpy.ops.gaussian_heads.link_speech()


def test_a_linked_sound_is_heard(scene, head, clicks, stand_in, tmp_path):
    sound = bpy.data.sounds.load(str(clicks(2.0, [10 / FPS])))
    path = str(tmp_path / "sounds.blend")
    bpy.data.libraries.write(path, {sound}, path_remap="RELATIVE_ALL")
    name = sound.name
    bpy.data.sounds.remove(sound)
    with bpy.data.libraries.load(path, link=True) as (_, into):
        into.sounds = [name]
    strip = add_sound(scene, clicks(2.0, [0.5], "other.wav"))
    strip.sound = into.sounds[0]
    link_strip(scene, strip, head)
    bpy.ops.gaussian_heads.bake_dialogue()
    assert jaw_peaks(head) == pytest.approx([11], abs=0.1)
    assert state(scene, strip) is LineState.CURRENT


def test_a_strip_without_a_sound_does_not_stop_the_others(scene, head, strip, clicks, stand_in):
    other = add_sound(scene, clicks(1.0, [0.5], "other.wav"), 61)
    for each in (strip, other):
        link_strip(scene, each, head)
    other.sound = None
    assert bpy.ops.gaussian_heads.bake_dialogue() == {"FINISHED"}
    assert state(scene, strip) is LineState.CURRENT
    with pytest.raises(RuntimeError, match="has no sound"):
        bpy.ops.gaussian_heads.bake_dialogue()


def everything(scene_name="Scene", name="Small"):
    """All that the operators may change, comparable before and after."""
    scene = bpy.data.scenes[scene_name]
    heads = [obj for obj in bpy.data.objects if obj.gaussian_head.avatar]
    keys = tuple(
        (obj.name, c.data_path, c.array_index, tuple(tuple(k.co) for k in c.keyframe_points))
        for obj in heads
        if find_channelbag(obj)
        for c in find_channelbag(obj).fcurves
    )
    lines = tuple(
        (each.line_id, each.name, each.heard, line_status(scene, each).state)
        for each in scene.gaussian_heads.lines
    )
    carried = tuple(s.get("gaussian_heads_line") for s in scene.sequence_editor.strips_all)
    heard = tuple(sorted(name for name in scene.keys() if name.startswith("gaussian_heads_heard")))
    return keys, lines, carried, heard


STEPS = {
    "link_speech": {"speaker": "second"},
    "unlink_speech": {"clear": True},
    "bake_speech": {"strip": "Sound"},
    "bake_dialogue": {},
    "update_keys": {},
    "clear_speech": {"frame_start": 5, "frame_end": 12},
    "clean_speech": {},
}


@pytest.mark.parametrize("verb", STEPS)
def test_every_button_is_undone_in_one_step(scene, line, strip, head, second, clicks, verb):
    scene.gaussian_heads.live_update = False
    link_strip(scene, add_sound(scene, clicks(1.0, [0.5], "other.wav"), 49), head)
    head.gaussian_head.style_jaw, head.gaussian_head.style_articulation = 0.5, 0.7
    arguments = dict(STEPS[verb])
    if arguments.get("speaker") == "second":
        arguments["speaker"] = second.name
    bpy.context.preferences.edit.use_global_undo = True
    bpy.context.view_layer.objects.active = head
    bpy.ops.ed.undo_push(message="before")
    before = everything()
    assert getattr(bpy.ops.gaussian_heads, verb)("EXEC_DEFAULT", True, **arguments) == {"FINISHED"}
    after = everything()
    assert after != before
    bpy.ops.ed.undo()
    assert everything() == before
    bpy.ops.ed.redo()
    assert everything() == after
