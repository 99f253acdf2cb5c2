"""The panels of speech say what to do, how lines stand, what they wait for and what can be set."""

from dataclasses import fields
from types import SimpleNamespace

import bpy
import pytest
from gaussian_heads.blender import jobs
from gaussian_heads.blender.dialogue.lines import find_line, link_strip
from gaussian_heads.blender.dialogue.scene import statuses
from gaussian_heads.blender.dialogue.state import LineState
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.blender.style_properties import STYLE_FIELDS
from gaussian_heads.core.speech import SpeechStyle
from gaussian_heads.panels import speech, speech_settings

from .layout import Layout, draw

PANELS = {panel.bl_idname: panel for panel in speech_settings.SETTINGS_PANELS}


@pytest.fixture
def strip(scene, clicks):
    return strip_collection(scene).new_sound(
        "Line", str(clicks(1.0, [0.5])), channel=1, frame_start=1
    )


def test_without_a_head_it_says_what_to_do(scene):
    assert "Load or select" in draw(speech.GAUSSIAN_HEADS_PT_speech).labels[0]


def test_speech_without_a_strip_offers_to_add_one(scene, head):
    drawn = draw(speech.GAUSSIAN_HEADS_PT_sequencer_speech)
    assert drawn.labels[0].startswith("Drop a sound file")
    assert drawn.operators == ["gaussian_heads.add_speech"] and not drawn.properties


def test_speech_without_lines_offers_to_bake_or_link(scene, head, strip):
    drawn = draw(speech.GAUSSIAN_HEADS_PT_speech)
    assert drawn.properties == ["sound_strip"]
    assert drawn.operators == ["gaussian_heads.link_speech", "gaussian_heads.bake_speech"]


def test_lines_stand_with_badge_speaker_and_reason(scene, head, strip, stand_in):
    line = link_strip(scene, strip, head)
    drawn = draw(speech.GAUSSIAN_HEADS_PT_speech)
    assert "Press Bake Speech" in drawn.labels
    assert drawn.operators[-1] == "gaussian_heads.bake_speech" and "speaker" in drawn.properties
    row = Layout()
    speech.GAUSSIAN_HEADS_UL_lines.draw_item(
        None, bpy.context, row, scene.gaussian_heads, line, 0, None, ""
    )
    assert row.labels == ["Line", head.name] and row.properties == ["follow"]
    assert row.operators == ["gaussian_heads.resolve_line"]


def test_buttons_stand_where_they_can_do_something(scene, head, strip, stand_in, clicks):
    link_strip(scene, strip, head)
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    assert draw(speech.GAUSSIAN_HEADS_PT_speech).operators[-1] == "gaussian_heads.bake_speech"
    scene.gaussian_heads.live_update = False
    head.gaussian_head.seed = 7
    assert draw(speech.GAUSSIAN_HEADS_PT_speech).operators[-1] == "gaussian_heads.update_keys"
    other = strip_collection(scene).new_sound("Later", str(clicks(1.0, [], "other.wav")), 2, 101)
    link_strip(scene, other, head)
    shown = draw(speech.GAUSSIAN_HEADS_PT_speech).operators[-3:]
    assert shown == [f"gaussian_heads.{n}" for n in ("bake_speech", "bake_dialogue", "update_keys")]


def test_lines_stand_in_the_order_in_which_they_are_spoken(scene, head, strip, clicks):
    first = strip_collection(scene).new_sound("Later", str(clicks(1.0, [])), 2, 101)
    for each in (first, strip):
        link_strip(scene, each, head)
    listed = SimpleNamespace(bitflag_filter_item=1, filter_name="")
    ordered = speech.GAUSSIAN_HEADS_UL_lines.filter_items
    flags, order = ordered(listed, bpy.context, scene.gaussian_heads, "lines")
    assert flags == [] and order == [1, 0]
    listed.filter_name = "Lat"
    flags, order = ordered(listed, bpy.context, scene.gaussian_heads, "lines")
    assert flags == [1, 0] and order == [1, 0]


def test_every_state_has_a_badge_that_blender_draws():
    icons = bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
    assert set(speech.BADGES) == set(LineState)
    assert set(speech.BADGES.values()) <= set(icons.keys())


def test_a_click_on_the_badge_does_what_is_left_to_do(scene, head, strip, stand_in):
    line_id = link_strip(scene, strip, head).line_id
    resolve = bpy.ops.gaussian_heads.resolve_line
    assert resolve(line_id=line_id) == {"FINISHED"}
    line = find_line(scene, strip)
    assert statuses(scene)[line_id].state is LineState.CURRENT
    scene.gaussian_heads.live_update = False
    head.gaussian_head.seed = 3
    assert resolve(line_id=line_id) == {"FINISHED"} and len(stand_in.efforts) == 1
    assert statuses(scene)[line_id].state is LineState.CURRENT
    strip.select, scene.sequence_editor.active_strip = False, None
    resolve(line_id=line_id)
    assert scene.sequence_editor.active_strip == strip and strip.select
    strip.mute = True
    with pytest.raises(RuntimeError, match="left out of bakes"):
        resolve(line_id=line.line_id)


@pytest.mark.parametrize("prefix", ["", "sequencer_"])
def test_settings_stand_in_panels_in_the_order_of_the_work(scene, head, strip, stand_in, prefix):
    assert not PANELS[f"GAUSSIAN_HEADS_PT_{prefix}speech_result"].poll(bpy.context)
    bpy.ops.gaussian_heads.bake_speech()

    def drawn(name):
        panel = PANELS[f"GAUSSIAN_HEADS_PT_{prefix}{name}"]
        assert panel.poll(bpy.context)
        assert panel.bl_parent_id == f"GAUSSIAN_HEADS_PT_{prefix}speech"
        return draw(panel)

    layers = ("speech", "acting", "upper_face", "blink", "gaze", "head")
    expected = [f"{kind}_{layer}" for layer in layers for kind in ("strength", "mute")]
    assert drawn("speech_result").properties == expected
    manner, timing = drawn("manner").properties, drawn("timing").properties
    assert manner[0] == "seed" and timing == ["style_smoothing_ms", "style_sync_ms"]
    assert {*manner[1:], *timing} == {f"style_{name}" for name in STYLE_FIELDS}
    assert set(STYLE_FIELDS) == {field.name for field in fields(SpeechStyle)}
    assert drawn("baking").properties == ["bake_destination", "live_update", "follow_strips"]
    tools = ["bake_speech", "clean_speech", "clear_speech"]
    assert drawn("speech_keys").operators == [f"gaussian_heads.{name}" for name in tools]


def test_settings_need_a_head(scene):
    assert not any(panel.poll(bpy.context) for panel in PANELS.values())


def test_running_analysis_shows_progress_and_cancel(scene, head, strip, monkeypatch):
    listening = SimpleNamespace(object_uid=head.session_uid, line_id="")
    job = SimpleNamespace(
        listenings=[listening],
        progress=0.25,
        is_waiting=False,
        left_sec=90.0,
        doing="Listening",
    )
    monkeypatch.setattr(jobs, "_jobs", [job])
    drawn = draw(speech.GAUSSIAN_HEADS_PT_speech)
    assert drawn.progresses == [0.25] and "gaussian_heads.cancel_bake" in drawn.operators
    assert not bpy.ops.gaussian_heads.bake_speech.poll()


def test_shipped_manners_apply_in_one_change_and_the_users_are_saved(
    scene, head, strip, stand_in, monkeypatch
):
    from gaussian_heads.blender.presets import presets

    bpy.context.view_layer.objects.active = head
    bpy.ops.gaussian_heads.bake_speech()
    performed = []
    monkeypatch.setattr(
        "gaussian_heads.blender.dialogue.properties.STYLE_LISTENERS", [performed.append]
    )
    found = presets("style")
    assert {"Conversation", "Newsreader", "Storyteller", "Whisper", "Ventriloquist"} <= set(found)
    for name in found:
        bpy.ops.gaussian_heads.apply_preset(kind="style", preset=name)
    assert head.gaussian_head.style_jaw == pytest.approx(0.6), "the last is Whisper"
    assert performed == [head] * len(found)
    bpy.ops.gaussian_heads.apply_preset(kind="style", preset="Conversation")
    from gaussian_heads.blender.style_properties import speech_style

    assert speech_style(head.gaussian_head) == SpeechStyle()
