"""One strip becomes keys: at its frames, in the manner of the head, refused with a sentence, stopped on demand."""

import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import jobs, queued
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.speech import request_speech
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.progress import report
from gaussian_heads.core.speech import HeardSpeech, SpeechStyle
from gaussian_heads.operators import bake_speech


@pytest.fixture
def strip(scene, clicks):
    return strip_collection(scene).new_sound(
        "Line", str(clicks(2.0, [10 / 24])), channel=1, frame_start=5
    )


def test_bake_keys_the_strip(scene, head, strip, stand_in):
    bpy.context.view_layer.objects.active = head
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    curve = find_channelbag(head).fcurves.find('["expr_code"]', index=17)
    assert [p.co[0] for p in curve.keyframe_points] == list(range(5, 53))
    values = [curve.evaluate(frame) for frame in range(5, 53)]
    assert np.argmax(values) == 10 and 0.7 < max(values) < 0.9
    assert not jobs._jobs


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="one scene for all before Blender 5.0")
def test_strip_of_the_workspaces_own_sequencer_scene(scene, head, clicks, stand_in):
    edit = bpy.data.scenes.new("Edit")
    bpy.data.workspaces[0].sequencer_scene = edit
    strip_collection(edit).new_sound("Line", str(clicks(1.0, [])), channel=1, frame_start=3)
    edit.render.fps = 30
    with pytest.raises(RuntimeError, match="runs at 24 fps, 'Edit' with the sound at 30"):
        bpy.ops.gaussian_heads.bake_speech()
    edit.render.fps = 24
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    assert tuple(head.animation_data.action.frame_range) == (3, 26)


def test_bake_follows_the_manner_of_the_head(scene, head, strip, stand_in, monkeypatch):
    seen = []
    original = HeardSpeech.perform

    def performing(heard, **options):
        seen.append((options["seed"], options["style"]))
        return original(heard, **options)

    monkeypatch.setattr(HeardSpeech, "perform", performing)
    head.gaussian_head.style_effort = 0.5
    bpy.ops.gaussian_heads.bake_speech()
    settings = head.gaussian_head
    settings.seed, settings.style_head, settings.style_blinks_per_min = 3, 0.5, 26.0
    bpy.ops.gaussian_heads.bake_speech()
    quiet = SpeechStyle(effort=0.5)
    assert seen[0] == (0, quiet) and stand_in.efforts == [0.5], "heard just now"
    assert seen[-1] == (3, replace(quiet, head=0.5, blinks_per_min=26.0))


def test_baked_speech_moves_eyes_brows_and_head(scene, head):
    """The network that ships, on the sample sentence: all layers and the head's motion are keyed."""
    sound = strip_collection(scene).new_sound(
        "Line", str(SAMPLE_SENTENCE), channel=1, frame_start=5
    )
    head.gaussian_head.sound_strip = sound.name
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    curves = list(find_channelbag(head).fcurves)
    moving = {
        curve.data_path for curve in curves if np.ptp([k.co[1] for k in curve.keyframe_points]) > 0
    }
    layers = {'["expr_code"]'} | {f'["expr_arkit_{n}"]' for n in ("upper_face", "blink", "gaze")}
    assert moving == layers | {'["head_motion"]'}
    assert 52 + 3 + 2 + 12 + 6 <= len(curves) <= 52 + 11 + 2 + 12 + 6


def test_bake_of_the_only_avatar_needs_no_selection(scene, head, strip, stand_in):
    bpy.context.view_layer.objects.active = None
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}


def test_bake_without_avatar_is_disabled_and_says_why(scene, strip):
    assert not bpy.ops.gaussian_heads.bake_speech.poll()
    assert (
        bake_speech.GAUSSIAN_HEADS_OT_bake_speech.why_not(bpy.context)
        == "Select an avatar, or load one first."
    )
    with pytest.raises(RuntimeError, match="load one first"):
        bpy.ops.gaussian_heads.bake_speech()


def test_bake_without_strip_is_disabled_and_says_why(scene, head):
    assert "Add a sound strip" in bake_speech.GAUSSIAN_HEADS_OT_bake_speech.why_not(bpy.context)
    with pytest.raises(RuntimeError, match="Add a sound strip"):
        bpy.ops.gaussian_heads.bake_speech()


def test_bake_of_a_text_file_is_refused(scene, head, strip, stand_in, tmp_path):
    (tmp_path / "words.wav").write_text("these are words\n" * 20)
    strip.sound.filepath = str(tmp_path / "words.wav")
    with pytest.raises(RuntimeError, match="text file"):
        bpy.ops.gaussian_heads.bake_speech()
    assert head.animation_data is None and not jobs._jobs


class Endless:
    """Listens until it is told to stop."""

    def __init__(self):
        self.waiting = threading.Event()

    def listen(self, *_, progress, **__):
        while True:
            report(progress, 0.5)
            self.waiting.set()


def make_job(scene, obj, analyser, folder):
    listening = jobs.Listening(request_speech(scene, obj, folder), obj.session_uid)
    return jobs.SpeechJob([listening], lambda: analyser, tempfile.TemporaryDirectory())


def test_cancelled_job_keys_nothing(scene, head, strip, tmp_path):
    endless = Endless()
    job = make_job(scene, head, endless, tmp_path)
    jobs.add_job(job)
    assert endless.waiting.wait(10) and jobs.running_job(head) is job
    assert 0.5 < job.progress < 0.6, "the sound was read, and the analysis is half done"
    assert "being analysed" in bake_speech.GAUSSIAN_HEADS_OT_bake_speech.why_not(bpy.context)
    assert bpy.ops.gaussian_heads.cancel_bake() == {"FINISHED"}
    assert job.result() == [] and job.is_cancelled
    jobs.remove_job(job)
    assert jobs.running_job(head) is None and not bpy.ops.gaussian_heads.cancel_bake.poll()


def test_jobs_take_turns_and_waiting_ones_can_be_stopped(scene, head, strip, analyser, tmp_path):
    endless = Endless()
    first, second, third = (
        make_job(scene, head, each, tmp_path) for each in (endless, analyser, analyser)
    )
    for job in (first, second, third):
        jobs.add_job(job)
        endless.waiting.wait(10)
    assert jobs.describe_job(second) == "Waiting for its turn" and not first.is_waiting
    second.cancel()
    assert second.result() == [] and first.is_running
    first.cancel()
    assert third.result()[0].track.num_frames == 48
    jobs.cancel_all()
    assert not jobs.running_jobs()


def test_time_left_is_told_from_the_time_taken(scene, head, strip, analyser, tmp_path, monkeypatch):
    job = make_job(scene, head, analyser, tmp_path)
    monkeypatch.setattr(queued.time, "monotonic", lambda: 130.0)
    job._began_sec, job._work.progress = 100.0, 0.25
    assert job.left_sec == pytest.approx(90.0)
    assert jobs.describe_job(job) == "Listening 25%, 1 min 30 s left"
    job._work.progress = 0.01
    assert job.left_sec is None and jobs.describe_job(job) == "Listening 1%"
    job._scratch.cleanup()


def test_deleted_avatar_is_said_when_the_job_ends(scene, head, strip, analyser, tmp_path):
    job = make_job(scene, head, analyser, tmp_path)
    uid = head.session_uid
    bpy.data.objects.remove(head)
    jobs.add_job(job)
    assert job.result()[0].track.num_frames == 48 and not Path(job._scratch.name).exists()
    with pytest.raises(GaussianHeadsError, match="was deleted"):
        jobs.object_by_uid(uid)
    jobs.remove_job(job)
