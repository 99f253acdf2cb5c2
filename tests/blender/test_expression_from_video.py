"""Faces in movie strips and files become keys: where the strip shows them, as asked, or with a sentence."""

import threading
import time

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import jobs, watching
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.codes import HEAD_MOTION_PROPERTY
from gaussian_heads.blender.movie_strips import choose_movie, movie_path, movie_placement
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.errors import VideoError
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.operators import expression_from_video
from gaussian_heads.panels import video as panel

from .face_videos import BrightnessEncoder, write_ramp
from .layout import draw

JAW = ARKIT_INDEX["jawOpen"]
HEAD = f'["{HEAD_MOTION_PROPERTY}"]'


@pytest.fixture
def encoder(monkeypatch):
    stand_in = BrightnessEncoder()
    monkeypatch.setattr(watching, "face_encoder", lambda: stand_in)
    watching._recent.clear()
    return stand_in


@pytest.fixture
def ramp(tmp_path):
    return write_ramp(tmp_path / "ramp.mp4")


@pytest.fixture
def strip(scene, head, ramp):
    scene.render.fps = 25
    bpy.context.view_layer.objects.active = head
    return strip_collection(scene).new_movie("Face", str(ramp), channel=1, frame_start=11)


def jaw(obj, path='["expr_code"]', index=JAW):
    return find_channelbag(obj).fcurves.find(path, index=index)


def span(curve):
    return curve.keyframe_points[0].co[0], curve.keyframe_points[-1].co[0]


def run(**options):
    return bpy.ops.gaussian_heads.expression_from_video(**{"tolerance": 0.0, **options})


def test_a_strip_is_keyed_where_it_shows_the_face(head, strip, encoder):
    assert run() == {"FINISHED"}
    curve = jaw(head)
    assert span(curve) == (11, 61)
    frames = np.arange(11, 62)
    shown = [curve.evaluate(frame) for frame in frames]
    assert shown == pytest.approx((frames - 11) / 50, abs=0.02)
    turn = jaw(head, HEAD, 1)
    assert turn is not None and turn.evaluate(36) == pytest.approx(0.5, abs=0.02)
    assert not jobs._jobs


def test_trim_and_place_of_the_strip_count(head, strip, encoder):
    is_new = "left_handle" in strip.bl_rna.properties
    left, right = (
        ("left_handle", "right_handle") if is_new else ("frame_final_start", "frame_final_end")
    )
    setattr(strip, left, 21)
    setattr(strip, right, 31)
    assert run() == {"FINISHED"}
    curve = jaw(head)
    assert span(curve) == (21, 30)
    assert [curve.evaluate(f) for f in (21, 30)] == pytest.approx([0.2, 0.38], abs=0.02)
    ((_, choices),) = encoder.calls
    # A long movie is read only where it is shown.
    assert choices.begin_sec == pytest.approx(0.2) and choices.end_sec == pytest.approx(0.96)


def test_reversed_strips_run_backwards(head, strip, encoder):
    strip.use_reverse_frames = True
    run()
    assert jaw(head).evaluate(12) > 0.9 and jaw(head).evaluate(60) < 0.1


@pytest.mark.skipif(
    bpy.app.version < (5, 1), reason="retiming_keys.add crashes Blender 4.5 and 5.0 themselves"
)
def test_a_slower_strip_keys_slower_and_several_speeds_are_refused(scene, head, strip, encoder):
    strip.retiming_keys.add(timeline_frame=40)
    with pytest.raises(VideoError, match="changes its speed"):
        movie_placement(scene, strip)
    strip.retiming_keys[1].remove()
    strip.retiming_keys[-1].timeline_frame = 11 + 102
    run()
    assert span(jaw(head)) == (11, 112)
    assert jaw(head).evaluate(62) == pytest.approx(0.5, abs=0.03)


def test_a_file_begins_where_it_is_told_and_runs_at_its_own_speed(scene, head, ramp, encoder):
    scene.render.fps = 50
    assert run(filepath=str(ramp), first_frame=101) == {"FINISHED"}
    curve = jaw(head)
    assert span(curve)[0] == 101 and span(curve)[1] in (201, 202)
    assert curve.evaluate(151) == pytest.approx(0.5, abs=0.03)


def test_parts_strength_rest_and_smoothing(head, strip, encoder):
    run(parts={"head"}, strength=2.0)
    assert jaw(head, HEAD, 1).evaluate(36) == pytest.approx(1.0, abs=0.03)
    assert jaw(head) is None or not any(p.co[1] for p in jaw(head).keyframe_points)
    run(use_rest=True, smoothing_ms=200.0)
    assert jaw(head).evaluate(36) == pytest.approx(0.4, abs=0.03)
    assert jaw(head).evaluate(11) > -0.1
    # The video was watched once: only what is made of it changed.
    assert len(encoder.calls) == 1


def test_parts_that_are_not_asked_for_keep_their_keys(head, strip, encoder):
    run(parts={"mouth"})
    before = [jaw(head).evaluate(f) for f in range(11, 62)]
    assert jaw(head, HEAD, 1) is None
    run(parts={"head"}, strength=0.5)
    assert [jaw(head).evaluate(f) for f in range(11, 62)] == pytest.approx(before)
    assert jaw(head, HEAD, 1).evaluate(61) == pytest.approx(0.5, abs=0.02)


def test_as_acting_on_top_of_the_speech(head, strip, encoder):
    run(mode="ACTING")
    assert jaw(head) is None
    paths = {curve.data_path for curve in find_channelbag(head).fcurves}
    assert any("expr_acting" in path or "gaussian_head" in path for path in paths)


@pytest.mark.parametrize("destination", ("NEW", "NLA"))
def test_destinations(head, strip, encoder, destination):
    head.animation_data_create().action = bpy.data.actions.new("Mine")
    run(destination=destination)
    animation = head.animation_data
    if destination == "NLA":
        assert animation.nla_tracks and animation.action.name == "Mine"
    else:
        assert animation.action.name != "Mine" and bpy.data.actions["Mine"].use_fake_user


def test_mesh_characters_take_it_too(scene, character, ramp, encoder):
    obj = character(["jawOpen"])
    scene.render.fps = 25
    assert run(filepath=str(ramp), first_frame=1) == {"FINISHED"}
    bag = find_channelbag(obj.data.shape_keys)
    curve = bag.fcurves.find('key_blocks["jawOpen"].value')
    assert curve.evaluate(26) == pytest.approx(0.5, abs=0.03)


def test_notes_of_the_encoder_are_reported(head, strip, encoder, capfd):
    encoder.notes = ("The face is only 40 pixels large: lips and lids are read roughly.",)
    run()
    assert "only 40 pixels" in capfd.readouterr().out


def test_a_strip_that_covers_the_render_is_told(scene, head, strip, encoder, capfd):
    run()
    assert "in place of the head" in capfd.readouterr().out
    strip.mute = True
    run()
    assert "in place of the head" not in capfd.readouterr().out


def test_what_cannot_work_is_said(scene, head, strip, encoder, ramp, tmp_path):
    with pytest.raises(RuntimeError, match="no movie strip 'Other'"):
        run(strip="Other")
    strip_collection(scene).new_movie("Second", str(ramp), channel=2, frame_start=1)
    scene.sequence_editor.active_strip = None
    with pytest.raises(VideoError, match="2 movie strips"):
        choose_movie(scene)
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(range(256)) * 8)
    with pytest.raises(RuntimeError, match="no video that can be read|holds no"):
        run(filepath=str(tmp_path / "broken.mp4"))
    assert not jobs._jobs


def test_without_a_face_to_move_the_button_says_so(scene):
    assert expression_from_video.GAUSSIAN_HEADS_OT_expression_from_video.why_not(
        bpy.context
    ).startswith("Add or select an avatar")
    assert not bpy.ops.gaussian_heads.expression_from_video.poll()


def test_cancelling_keys_nothing(head, strip, encoder):
    begun, go_on = threading.Event(), threading.Event()

    def wait():
        begun.set()
        go_on.wait(20)

    encoder.before_frame = wait
    request = watching.WatchRequest(movie_path(strip), movie_placement(bpy.context.scene, strip))
    job = watching.WatchingJob(watching.Watching(request, head.session_uid), lambda: encoder)
    jobs.add_job(job)
    assert begun.wait(20) and jobs.running_job(head) is job
    assert (
        "being analysed"
        in expression_from_video.GAUSSIAN_HEADS_OT_expression_from_video.why_not(bpy.context)
    )
    assert jobs.describe_job(job).startswith("Watching")
    jobs.cancel_jobs()
    go_on.set()
    assert job.result() == [] and job.is_cancelled
    jobs.cancel_all()
    assert not jobs._jobs


def test_jobs_are_stopped_when_the_add_on_goes(head, strip, encoder):
    encoder.before_frame = lambda: time.sleep(0.02)
    request = watching.WatchRequest(movie_path(strip), movie_placement(bpy.context.scene, strip))
    jobs.add_job(
        watching.WatchingJob(watching.Watching(request, head.session_uid), lambda: encoder)
    )
    jobs.cancel_all()
    assert not jobs._jobs


def test_the_panel_offers_the_strip_and_a_file(head, strip, encoder):
    view, sequencer = panel.CLASSES
    for cls in (view, sequencer):
        drawn = draw(cls)
        assert "gaussian_heads.expression_from_video" in drawn.operators
    bpy.context.scene.sequence_editor.strips.remove(strip)
    assert "choose a file" in " ".join(draw(view).labels)


def test_the_panel_says_what_is_missing(scene):
    assert "Add or select an avatar" in " ".join(draw(panel.CLASSES[0]).labels)
