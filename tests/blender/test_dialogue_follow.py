"""Keys that follow strips and settings by themselves, through undo and redo, and cost nothing otherwise."""
# ruff: noqa: F811

import time

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import render_jobs
from gaussian_heads.blender.dialogue import follow as dialogue_follow
from gaussian_heads.blender.dialogue.lines import find_line, link_strip
from gaussian_heads.blender.dialogue.state import LineState
from gaussian_heads.blender.keys import shift_keys
from gaussian_heads.blender.strips import strip_timing

from .test_dialogue import FPS, jaw_curve, jaw_peaks, line, move, second, state, strip  # noqa: F401
from .test_strips import add_sound, set_handles


@pytest.fixture
def following(line):
    line.follow = True
    return line


@pytest.fixture
def undo(scene):
    """Undo steps as in a window: `push` after each change, then `ed.undo` and `ed.redo`."""
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="Start")
    return lambda message: bpy.ops.ed.undo_push(message=message)


def update():
    bpy.context.view_layer.update()


def only(name):
    return bpy.context.scene.sequence_editor.strips_all[name]


def test_keys_follow_a_strip_that_moved(scene, following, strip, head, stand_in):
    jaw_curve(head).keyframe_points.insert(3.5, 0.25)
    move(strip, 7)
    update()
    assert jaw_peaks(head) == pytest.approx([18, 38], abs=0.1)
    assert jaw_curve(head).evaluate(10.5) == 0.25, "what was changed by hand moves along"
    assert state(scene, strip) is LineState.CURRENT and len(stand_in.efforts) == 1


def test_following_is_a_choice(scene, line, strip, head):
    move(strip, 7)
    update()
    assert jaw_peaks(head) == pytest.approx([11, 31], abs=0.1)
    assert state(scene, strip) is LineState.MOVED
    line.follow = True
    update()
    move(strip, 0)
    update()
    assert jaw_peaks(head) == pytest.approx([18, 38], abs=0.1)


def test_new_lines_follow_where_the_scene_says_so(scene, head, strip):
    assert not link_strip(scene, strip, head).follow
    scene.gaussian_heads.follow_strips = True
    other = scene.sequence_editor.strips.new_sound("O", strip.sound.filepath, 5, 1)
    assert link_strip(scene, other, head).follow


def test_lines_that_move_together_do_not_run_into_each_other(scene, following, strip, head, clicks):
    strips = [strip]
    for number in range(1, 4):
        strips.append(add_sound(scene, clicks(2.0, [20 / FPS], f"{number}.wav"), 1 + 48 * number))
        link_strip(scene, strips[-1], head).follow = True
    bpy.ops.gaussian_heads.bake_dialogue()
    for by_frames, ordered in ((48, reversed(strips)), (-30, strips)):
        for each in ordered:
            move(each, by_frames)
        update()
    expected = np.array([11, 31, 69, 117, 165]) + 18
    assert jaw_peaks(head) == pytest.approx(list(expected), abs=0.1)
    assert {state(scene, each) for each in strips} == {LineState.CURRENT}


def test_undo_of_the_move_brings_the_keys_back_and_redo_moves_them(
    scene, following, strip, head, undo
):
    name, obj = strip.name, head.name
    move(strip, 7)
    # As in a window: the step is kept first, the keys follow after it.
    undo("Move")
    update()
    assert jaw_peaks(head) == pytest.approx([18, 38], abs=0.1)
    bpy.ops.ed.undo()
    update()
    assert jaw_peaks(bpy.data.objects[obj]) == pytest.approx([11, 31], abs=0.1)
    assert state(bpy.context.scene, only(name)) is LineState.CURRENT
    bpy.ops.ed.redo()
    update()
    assert jaw_peaks(bpy.data.objects[obj]) == pytest.approx([18, 38], abs=0.1)
    assert state(bpy.context.scene, only(name)) is LineState.CURRENT


def test_a_copied_strip_becomes_a_line_by_itself(scene, following, strip, head):
    copy = add_sound(scene, strip.sound.filepath, start=101, channel=2)
    copy["gaussian_heads_line"] = strip["gaussian_heads_line"]
    update()
    assert len(scene.gaussian_heads.lines) == 2 and state(scene, copy) is LineState.NEW
    assert state(scene, strip) is LineState.CURRENT


def test_nothing_follows_inside_a_render(scene, following, strip, head):
    render_jobs._on_begin()
    move(strip, 7)
    update()
    assert jaw_peaks(head) == pytest.approx([11, 31], abs=0.1)
    render_jobs._on_end()
    scene.update_tag()
    update()
    assert jaw_peaks(head) == pytest.approx([18, 38], abs=0.1)


def test_watching_twenty_lines_costs_next_to_nothing(scene, head, clicks, stand_in):
    path = clicks(1.0, [0.5])
    for number in range(20):
        link_strip(scene, add_sound(scene, path, start=1 + 24 * number), head).follow = True
    bpy.ops.gaussian_heads.bake_dialogue()
    times = []
    for _ in range(50):
        started = time.perf_counter()
        dialogue_follow._on_change()
        times.append(time.perf_counter() - started)
    print("DBG", np.median(times) * 1e3)
    # 0.2 ms on an idle computer; a busy one gets room.
    assert np.median(times) < 1e-3


def test_settings_change_keys_at_once_in_one_undo_step(scene, line, strip, head, undo):
    obj = head.name
    before = max(point.co[1] for point in jaw_curve(head).keyframe_points)
    head.gaussian_head.style_articulation = 0.5
    undo("Slider")
    assert state(scene, strip) is LineState.CURRENT
    after = max(point.co[1] for point in jaw_curve(head).keyframe_points)
    assert after == pytest.approx(before / 2, abs=1e-3)
    bpy.ops.ed.undo()
    head = bpy.data.objects[obj]
    assert head.gaussian_head.style_articulation == 1.0
    assert max(point.co[1] for point in jaw_curve(head).keyframe_points) == pytest.approx(before)
    assert state(bpy.context.scene, only("Sound")) is LineState.CURRENT


def test_live_update_is_a_choice_and_for_short_dialogues(scene, line, strip, head, monkeypatch):
    scene.gaussian_heads.live_update = False
    head.gaussian_head.seed = 2
    assert state(scene, strip) is LineState.SETTINGS
    scene.gaussian_heads.live_update = True
    monkeypatch.setattr(dialogue_follow, "LIVE_SEC", 1.9)
    head.gaussian_head.seed = 3
    assert state(scene, strip) is LineState.SETTINGS
    monkeypatch.undo()
    head.gaussian_head.seed = 4
    assert state(scene, strip) is LineState.CURRENT


def test_live_update_leaves_moved_lines_and_effort_alone(scene, line, strip, head):
    move(strip, 7)
    head.gaussian_head.style_jaw = 0.5
    assert state(scene, strip) is LineState.MOVED
    assert jaw_peaks(head) == pytest.approx([11, 31], abs=0.1)
    move(strip, -7)
    head.gaussian_head.style_effort = 0.5
    assert state(scene, strip) is LineState.SOUND


def test_a_shifted_range_of_another_avatar_is_its_own(scene, following, strip, head, second):
    link_strip(scene, strip, second)
    bpy.ops.gaussian_heads.bake_dialogue()
    shift_keys(second, 1, 48, 100)
    move(strip, 7)
    update()
    assert jaw_peaks(head) == pytest.approx([18, 38], abs=0.1)
    assert jaw_peaks(second) == pytest.approx([111, 131], abs=0.1)
    assert find_line(scene, strip, head).follow


def test_a_strip_in_a_meta_strip_follows_the_meta_strip(scene, following, strip, head):
    meta = scene.sequence_editor.strips.new_meta("Meta", channel=2, frame_start=1)
    strip.move_to_meta(meta)
    set_handles(meta, 1, 60)
    update()
    move(meta, 12)
    update()
    assert jaw_peaks(head) == pytest.approx([23, 43], abs=0.1)
    assert state(scene, strip) is LineState.CURRENT


def test_a_slipped_strip_is_told_but_not_followed(scene, following, strip, head):
    move(strip, 5)
    set_handles(strip, 6, 49)
    update()
    jaw_peaks(head)
    move(strip, -2)
    set_handles(strip, 6, 49)
    assert not dialogue_follow.moved_lines(scene) and state(scene, strip) is LineState.MOVED


def test_a_duplicated_head_keeps_its_keys_when_the_original_is_baked_again(
    scene, line, strip, head
):
    copy = head.copy()
    copy.animation_data.action = head.animation_data.action.copy()
    scene.collection.objects.link(copy)
    scene.gaussian_heads.live_update = False
    head.gaussian_head.style_articulation = 0.5
    bpy.ops.gaussian_heads.update_keys()
    assert max(p.co[1] for p in jaw_curve(copy).keyframe_points) > 0.7
    assert max(p.co[1] for p in jaw_curve(head).keyframe_points) < 0.5


def shown(head, frames=range(-60, 420)):
    """Jaw at each frame where there are keys about it, 0 elsewhere."""
    curve = jaw_curve(head)
    keyed = {round(point.co[0]) for point in curve.keyframe_points} if curve else set()
    return np.array([curve.evaluate(f) if f in keyed else 0.0 for f in frames])


def disturb(scene, head, strips, random):
    """Something that a user might do."""
    each = strips[random.integers(len(strips))]
    line = find_line(scene, each)
    match random.integers(7):
        case 0 | 1:
            move(each, int(random.integers(-40, 60)))
        case 2:
            left = strip_timing(each)[1]
            set_handles(each, left, left + int(random.integers(10, 48)))
        case 3:
            line.follow = not line.follow
        case 4:
            head.gaussian_head.style_articulation = random.uniform(0.3, 1.5)
        case 5:
            if bpy.ops.gaussian_heads.update_keys.poll():
                bpy.ops.gaussian_heads.update_keys()
        case 6:
            bpy.ops.gaussian_heads.bake_speech(strip=each.name)
    update()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_was_done_a_bake_of_the_dialogue_is_as_one_from_scratch(
    scene, head, clicks, stand_in, seed
):
    random = np.random.default_rng(seed)
    strips = []
    for number in range(3):
        times = list(random.uniform(0.1, 1.9, 3))
        start = 1 + 60 * number
        strips.append(add_sound(scene, clicks(2.0, times, f"{number}.wav"), start, number + 1))
        link_strip(scene, strips[-1], head).follow = bool(number)
    bpy.context.view_layer.objects.active = head
    bpy.ops.gaussian_heads.bake_dialogue()
    for _ in range(12):
        disturb(scene, head, strips, random)
    if bpy.ops.gaussian_heads.bake_dialogue.poll():
        bpy.ops.gaussian_heads.bake_dialogue()
    assert {state(scene, each) for each in strips} == {LineState.CURRENT}
    found = shown(head)
    bpy.ops.gaussian_heads.clear_speech()
    bpy.ops.gaussian_heads.bake_dialogue()
    np.testing.assert_allclose(found, shown(head), atol=2e-3)
