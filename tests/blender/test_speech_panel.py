"""The panels of speech say what to do, what they wait for and what can be set."""

from dataclasses import fields
from types import SimpleNamespace

import bpy
import pytest
from gaussian_heads.blender import jobs
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.blender.style_properties import STYLE_FIELDS
from gaussian_heads.core.speech import SpeechStyle
from gaussian_heads.panels import speech

from .layout import draw


def test_without_a_head_it_says_what_to_do(scene):
    assert "Load or select" in draw(speech.GAUSSIAN_HEADS_PT_speech).labels[0]


def test_speech_without_a_strip_says_what_to_do(scene, head):
    drawn = draw(speech.GAUSSIAN_HEADS_PT_sequencer_speech)
    assert drawn.labels == ["Add a sound in the Video Sequencer"]
    assert "sound_strip" not in drawn.properties


def test_speech_shows_strip_bake_and_strengths(scene, head, clicks):
    strip_collection(scene).new_sound("Line", str(clicks(1.0, [])), channel=1, frame_start=1)
    drawn = draw(speech.GAUSSIAN_HEADS_PT_speech)
    assert drawn.properties == ["sound_strip", "seed", "strength_speech", "strength_upper_face",
                                "strength_blink", "strength_gaze", "strength_head"]  # fmt: skip
    assert drawn.operators == ["gaussian_heads.bake_speech"]


@pytest.mark.parametrize(
    "panel", [speech.GAUSSIAN_HEADS_PT_manner, speech.GAUSSIAN_HEADS_PT_sequencer_manner]
)
def test_manner_shows_what_the_next_bake_does(scene, head, panel):
    assert panel.poll(bpy.context)
    assert draw(panel).properties == [f"style_{name}" for name in STYLE_FIELDS]
    assert set(STYLE_FIELDS) == {field.name for field in fields(SpeechStyle)}


def test_running_analysis_shows_progress_and_cancel(scene, head, monkeypatch):
    monkeypatch.setitem(jobs._jobs, head.session_uid, SimpleNamespace(progress=0.25))
    drawn = draw(speech.GAUSSIAN_HEADS_PT_speech)
    assert drawn.progresses == [0.25] and drawn.operators == ["gaussian_heads.cancel_bake"]
