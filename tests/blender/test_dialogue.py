"""Lines: strips and their speakers, badges that say how keys stand, and keys made anew without listening."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import jobs
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.dialogue.keys import find_keyed
from gaussian_heads.blender.dialogue.lines import (
    HEARD_PREFIX,
    adopt_duplicates,
    find_line,
    line_ids,
    link_strip,
    strips_by_line,
    unlink_line,
)
from gaussian_heads.blender.dialogue.state import LineState, line_status
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.operators import bake_dialogue

from .test_strips import add_sound, set_handles

JAW = ARKIT_INDEX["jawOpen"]
FPS = 24


def jaw_curve(obj):
    return find_channelbag(obj).fcurves.find('["expr_code"]', index=JAW)


def jaw_peaks(obj, least=0.3):
    """Frames, not rounded, at which the jaw is widest: the middles of what rises above `least`."""
    points = jaw_curve(obj).keyframe_points
    co = np.array([point.co for point in points])
    pieces = np.split(np.arange(len(co)), np.flatnonzero(np.diff(co[:, 1] > 0.02)) + 1)
    return [
        float(np.average(co[piece, 0], weights=co[piece, 1]))
        for piece in pieces
        if co[piece, 1].max() > least
    ]


def move(strip, by_frames):
    name = "content_start" if "content_start" in strip.bl_rna.properties else "frame_start"
    setattr(strip, name, getattr(strip, name) + by_frames)


def state(scene, strip, speaker=None):
    return line_status(scene, find_line(scene, strip, speaker)).state


@pytest.fixture
def second(scene, avatar_file):
    """Another speaker."""
    return create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)


@pytest.fixture
def strip(scene, clicks):
    """Clicks on frames 11 and 31."""
    return add_sound(scene, clicks(2.0, [10 / FPS, 30 / FPS]))


@pytest.fixture
def line(scene, head, strip, stand_in):
    """A line that is baked."""
    bpy.context.view_layer.objects.active = head
    bpy.ops.gaussian_heads.bake_speech()
    return find_line(scene, strip)


def test_linking_makes_one_line_for_each_speaker(scene, head, second, strip):
    first = link_strip(scene, strip, head).line_id
    assert link_strip(scene, strip, head).line_id == first
    other = link_strip(scene, strip, second).line_id
    assert line_ids(strip) == (first, other) and len(scene.gaussian_heads.lines) == 2
    assert find_line(scene, strip, second).line_id == other
    unlink_line(scene, first)
    assert line_ids(strip) == (other,)
    unlink_line(scene, other)
    assert "gaussian_heads_line" not in strip and not len(scene.gaussian_heads.lines)


def test_only_avatars_speak(scene, strip):
    mesh = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    with pytest.raises(GaussianHeadsError, match="choose one as the speaker"):
        link_strip(scene, strip, mesh)


def test_a_renamed_strip_is_found(scene, head, strip):
    line = link_strip(scene, strip, head)
    strip.name = "Hello"
    assert strips_by_line(scene)[line.line_id] == strip
    adopt_duplicates(scene)
    assert find_line(scene, strip).name == "Hello"


def test_a_copy_becomes_a_line_of_its_own_that_needs_no_listening(scene, line, strip, clicks, head):
    copy = add_sound(scene, strip.sound.filepath, start=101, channel=2)
    copy["gaussian_heads_line"] = strip["gaussian_heads_line"]
    original = line.line_id
    assert adopt_duplicates(scene) == 1 and adopt_duplicates(scene) == 0
    assert line_ids(strip) == (original,) and line_ids(copy) != (original,)
    fresh = find_line(scene, copy)
    assert fresh.speaker == head and state(scene, strip) is LineState.CURRENT
    status = line_status(scene, fresh)
    assert status.state is LineState.NEW and status.can_update
    assert bpy.ops.gaussian_heads.bake_dialogue() == {"FINISHED"}
    assert jaw_peaks(head) == pytest.approx([11, 31, 111, 131], abs=0.1)


def test_a_bake_links_and_remembers(scene, line, strip, head):
    assert line.speaker == head and line.name == strip.name
    assert state(scene, strip) is LineState.CURRENT
    assert isinstance(scene[HEARD_PREFIX + line.line_id], bytes)
    keyed = find_keyed(head, line.line_id)
    assert keyed.frames == (1, 48) and keyed.action == head.animation_data.action


def test_a_moved_strip_is_told_and_its_keys_follow_on_demand(scene, line, strip, head, stand_in):
    jaw_curve(head).keyframe_points.insert(3.5, 0.25)
    move(strip, 7)
    status = line_status(scene, line)
    assert status.state is LineState.MOVED and "moved or cut" in status.sentence
    assert bpy.ops.gaussian_heads.update_keys() == {"FINISHED"}
    assert jaw_peaks(head) == pytest.approx([18, 38], abs=0.1)
    assert jaw_curve(head).evaluate(10.5) == 0.25, "what was changed by hand moves along"
    assert state(scene, strip) is LineState.CURRENT and len(stand_in.efforts) == 1


def test_a_shorter_strip_needs_no_listening_a_longer_one_does(scene, head, strip, stand_in):
    set_handles(strip, 6, 40)
    bpy.context.view_layer.objects.active = head
    bpy.ops.gaussian_heads.bake_speech()
    set_handles(strip, 21, 40)
    assert state(scene, strip) is LineState.MOVED
    bpy.ops.gaussian_heads.update_keys()
    assert jaw_peaks(head) == pytest.approx([31], abs=0.1)
    assert jaw_curve(head).keyframe_points[0].co[0] == 21, "the rest of the earlier bake is gone"
    assert len(stand_in.efforts) == 1
    set_handles(strip, 2, 40)
    status = line_status(scene, find_line(scene, strip))
    assert status.state is LineState.SOUND and "heard were" in status.sentence
    assert not bpy.ops.gaussian_heads.update_keys.poll()
    bpy.ops.gaussian_heads.bake_dialogue()
    assert jaw_peaks(head) == pytest.approx([11, 31], abs=0.1) and len(stand_in.efforts) == 2


@pytest.mark.parametrize("name", ["style_articulation", "style_sync_ms", "seed"])
def test_settings_are_told_and_keyed_without_listening(scene, line, strip, head, stand_in, name):
    scene.gaussian_heads.live_update = False
    value = {"style_articulation": 0.5, "style_sync_ms": 1000 / FPS, "seed": 4}[name]
    setattr(head.gaussian_head, name, value)
    assert state(scene, strip) is LineState.SETTINGS
    before = max(point.co[1] for point in jaw_curve(head).keyframe_points)
    bpy.ops.gaussian_heads.update_keys()
    assert state(scene, strip) is LineState.CURRENT and len(stand_in.efforts) == 1
    after = max(point.co[1] for point in jaw_curve(head).keyframe_points)
    assert after == pytest.approx(before * (0.5 if name == "style_articulation" else 1), abs=1e-3)
    late = 1 if name == "style_sync_ms" else 0
    assert jaw_peaks(head, 0.2) == pytest.approx([11 + late, 31 + late], abs=0.1)


def test_effort_is_part_of_listening(scene, line, strip, head):
    head.gaussian_head.style_effort = 0.5
    status = line_status(scene, line)
    assert status.state is LineState.SOUND and "Effort" in status.sentence
    bpy.ops.gaussian_heads.bake_dialogue()
    assert state(scene, strip) is LineState.CURRENT


def test_another_sound_is_told_but_not_a_copied_or_packed_one(scene, line, strip, clicks, tmp_path):
    copied = tmp_path / "elsewhere.wav"
    copied.write_bytes(Path(strip.sound.filepath).read_bytes())
    strip.sound.filepath = str(copied)
    assert state(scene, strip) is LineState.CURRENT
    strip.sound.pack()
    copied.unlink()
    assert state(scene, strip) is LineState.CURRENT
    strip.sound.unpack(method="REMOVE")
    assert state(scene, strip) is LineState.CURRENT, "nobody can tell while the file is missing"
    strip.sound.filepath = str(clicks(2.0, [0.5], "other.wav"))
    status = line_status(scene, line)
    assert status.state is LineState.SOUND and "another than" in status.sentence


def test_what_is_gone_or_muted_is_told(scene, line, strip, head):
    strip.mute = True
    assert state(scene, strip) is LineState.MUTED
    assert not bpy.ops.gaussian_heads.bake_dialogue.poll()
    with pytest.raises(RuntimeError, match="muted and not heard"):
        bpy.ops.gaussian_heads.bake_speech(strip=strip.name)
    strip.mute = False
    scene.sequence_editor.channels[strip.channel].mute = True
    assert state(scene, strip) is LineState.MUTED
    scene.sequence_editor.channels[strip.channel].mute = False
    scene.collection.objects.unlink(head)
    assert line_status(scene, line).sentence.startswith("The speaker is gone")
    scene.collection.objects.link(head)
    scene.sequence_editor.strips.remove(strip)
    status = line_status(scene, scene.gaussian_heads.lines[0])
    assert status.state is LineState.MISSING and "was deleted" in status.sentence
    assert bpy.ops.gaussian_heads.unlink_speech(clear=True) == {"FINISHED"}
    assert not len(scene.gaussian_heads.lines) and not find_channelbag(head).fcurves


def test_a_dialogue_is_baked_in_one_click(scene, head, second, strip, clicks, stand_in):
    reply = add_sound(scene, clicks(1.0, [12 / FPS], "reply.wav"), start=61, channel=2)
    last = add_sound(scene, clicks(1.0, [6 / FPS], "last.wav"), start=91)
    for each, speaker in ((strip, head), (reply, second), (last, head)):
        bpy.ops.gaussian_heads.link_speech(strip=each.name, speaker=speaker.name)
    assert [state(scene, each) for each in (strip, reply, last)] == [LineState.NEW] * 3
    assert bpy.ops.gaussian_heads.bake_dialogue() == {"FINISHED"}
    assert jaw_peaks(head) == pytest.approx([11, 31, 97], abs=0.1)
    assert jaw_peaks(second) == pytest.approx([73], abs=0.1)
    assert not bpy.ops.gaussian_heads.bake_dialogue.poll()
    assert len(stand_in.efforts) == 3


def test_one_bad_sound_does_not_stop_the_others(scene, head, strip, clicks, stand_in, tmp_path):
    (tmp_path / "words.wav").write_text("these are words\n" * 20)
    other = add_sound(scene, clicks(1.0, [12 / FPS], "other.wav"), start=61)
    other.sound.filepath = str(tmp_path / "words.wav")
    for each in (strip, other):
        bpy.ops.gaussian_heads.link_speech(strip=each.name)
    assert bpy.ops.gaussian_heads.bake_dialogue() == {"FINISHED"}
    assert [state(scene, each) for each in (strip, other)] == [LineState.CURRENT, LineState.NEW]
    with pytest.raises(RuntimeError, match="text file"):
        bpy.ops.gaussian_heads.bake_dialogue()


def test_a_line_given_to_another_leaves_its_former_speaker(scene, line, strip, head, second):
    line.speaker = second
    assert state(scene, strip) is LineState.NEW
    bpy.ops.gaussian_heads.bake_dialogue()
    assert jaw_peaks(second) == pytest.approx([11, 31], abs=0.1)
    assert not find_channelbag(head).fcurves


def test_where_lines_of_one_speaker_overlap_the_later_is_heard(scene, line, strip, head, clicks):
    over = add_sound(scene, clicks(1.0, [0.25], "over.wav"), start=25, channel=2)
    link_strip(scene, over, head)
    bpy.ops.gaussian_heads.bake_dialogue()
    assert jaw_peaks(head) == pytest.approx([11, 31], abs=0.1)
    assert state(scene, strip) is state(scene, over) is LineState.CURRENT
    bpy.ops.gaussian_heads.bake_speech(strip=strip.name)
    assert state(scene, over) is LineState.SETTINGS
    bpy.ops.gaussian_heads.bake_dialogue()
    assert state(scene, strip) is state(scene, over) is LineState.CURRENT
    move(over, 100)
    bpy.ops.gaussian_heads.update_keys()
    assert jaw_peaks(head) == pytest.approx([11, 31, 131], abs=0.1), "the covered end comes back"
    assert state(scene, strip) is state(scene, over) is LineState.CURRENT


def test_swapped_lines_do_not_lose_keys(scene, line, strip, head, clicks):
    other = add_sound(scene, clicks(2.0, [20 / FPS], "other.wav"), start=49)
    link_strip(scene, other, head)
    bpy.ops.gaussian_heads.bake_dialogue()
    other.channel = 3
    move(other, -48)
    move(strip, 48)
    bpy.ops.gaussian_heads.update_keys()
    assert jaw_peaks(head) == pytest.approx([21, 59, 79], abs=0.1)
    assert state(scene, strip) is state(scene, other) is LineState.CURRENT


def test_a_cancelled_dialogue_keeps_what_was_heard_to_its_end(
    scene, head, strip, clicks, stand_in, monkeypatch
):
    other = add_sound(scene, clicks(1.0, [0.5], "other.wav"), start=61)
    for each in (strip, other):
        link_strip(scene, each, head)
    listen = stand_in.listen

    def cancelled_at_the_second(*sound, **options):
        if stand_in.efforts:
            jobs.cancel_jobs()
        return listen(*sound, **options)

    monkeypatch.setattr(stand_in, "listen", cancelled_at_the_second)
    assert bpy.ops.gaussian_heads.bake_dialogue() == {"FINISHED"}
    assert [state(scene, each) for each in (strip, other)] == [LineState.CURRENT, LineState.NEW]
    monkeypatch.undo()
    assert not jobs.running_jobs()


def test_a_dialogue_cancelled_at_once_keys_nothing(scene, head, strip, stand_in, monkeypatch):
    link_strip(scene, strip, head)
    listen = stand_in.listen
    monkeypatch.setattr(
        stand_in,
        "listen",
        lambda *sound, **options: (jobs.cancel_jobs(), listen(*sound, **options))[1],
    )
    assert bpy.ops.gaussian_heads.bake_dialogue() == {"CANCELLED"}
    assert head.animation_data is None and state(scene, strip) is LineState.NEW


def test_a_line_that_is_unlinked_while_it_is_heard_is_said(
    scene, head, strip, clicks, stand_in, monkeypatch
):
    other = add_sound(scene, clicks(1.0, [0.5], "other.wav"), start=61)
    for each in (strip, other):
        link_strip(scene, each, head)
    finish = bake_dialogue.GAUSSIAN_HEADS_OT_bake_dialogue.finish

    def finish_later(operator, context, job):
        unlink_line(scene, find_line(scene, strip).line_id)
        return finish(operator, context, job)

    monkeypatch.setattr(bake_dialogue.GAUSSIAN_HEADS_OT_bake_dialogue, "finish", finish_later)
    assert bpy.ops.gaussian_heads.bake_dialogue() == {"FINISHED"}
    assert state(scene, other) is LineState.CURRENT and len(scene.gaussian_heads.lines) == 1
