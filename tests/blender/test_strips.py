"""Sound strips: which is chosen, where it lies, and which samples it makes heard."""

from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.sound import strip_sound
from gaussian_heads.blender.speech import SpeechRequest, perform_speech
from gaussian_heads.blender.strips import (
    choose_strip,
    is_retimed,
    placement,
    sound_strips,
    strip_collection,
)
from gaussian_heads.core.errors import AudioError, TimingError
from gaussian_heads.core.spaces import ARKIT_INDEX


def set_handles(strip, left, right):
    """Trim to [left, right) whatever this Blender calls the handles."""
    names = ("left_handle", "right_handle")
    if names[0] not in strip.bl_rna.properties:
        names = ("frame_final_start", "frame_final_end")
    for name, value in zip(names, (left, right), strict=True):
        setattr(strip, name, value)


def add_sound(scene, path, start=1, channel=1):
    return strip_collection(scene).new_sound("Sound", str(path), channel=channel, frame_start=start)


def heard_frames(scene, strip, analyser, tmp_path):
    """Scene frames at which the analysis hears a click."""
    sound = strip_sound(scene, strip, tmp_path)
    track = perform_speech(SpeechRequest(sound, 0), analyser).track
    assert track.num_frames == sound.placement.num_frames
    jaw = track.layers["speech"][:, ARKIT_INDEX["jawOpen"]]
    is_peak = (jaw > 0.1) & (jaw >= np.roll(jaw, 1)) & (jaw > np.roll(jaw, -1))
    return list(sound.placement.first_frame + np.flatnonzero(is_peak))


@pytest.mark.parametrize("rate", [(24, 1.0), (30, 1.001), (25, 1.0)])
def test_click_is_heard_at_its_frame(scene, clicks, analyser, tmp_path, rate):
    scene.render.fps, scene.render.fps_base = rate
    fps = rate[0] / rate[1]
    strip = add_sound(scene, clicks(4.0, [2.2 / fps, 60.2 / fps]), start=31)
    assert heard_frames(scene, strip, analyser, tmp_path) == [33, 91]


def test_exact_rate(scene, clicks):
    scene.render.fps, scene.render.fps_base = 30, 1.001
    strip = add_sound(scene, clicks(1.0, []))
    assert placement(scene, strip).fps == Fraction(30000, 1001)


def test_trim_cuts_and_does_not_shift(scene, clicks, analyser, tmp_path):
    strip = add_sound(scene, clicks(4.0, [12.2 / 24, 40.2 / 24, 80.2 / 24]), start=1)
    set_handles(strip, 20, 60)
    place = placement(scene, strip)
    assert (place.first_frame, place.last_frame) == (20, 59)
    assert heard_frames(scene, strip, analyser, tmp_path) == [41]


def test_moving_a_trimmed_strip_moves_its_sound(scene, clicks, analyser, tmp_path):
    strip = add_sound(scene, clicks(4.0, [40.2 / 24]), start=1)
    set_handles(strip, 20, 60)
    name = "content_start" if "content_start" in strip.bl_rna.properties else "frame_start"
    setattr(strip, name, 101)
    assert heard_frames(scene, strip, analyser, tmp_path) == [141]


def test_offset_delays(scene, clicks, analyser, tmp_path):
    strip = add_sound(scene, clicks(4.0, [10.2 / 24]), start=1)
    strip.sound_offset = 0.5
    assert heard_frames(scene, strip, analyser, tmp_path) == [1 + 10 + 12]


def test_meta_strip_cuts(scene, clicks, analyser, tmp_path):
    inner = add_sound(scene, clicks(4.0, [10.2 / 24, 50.2 / 24]), start=1)
    strips = strip_collection(scene)
    meta = strips.new_meta("Meta", channel=2, frame_start=1)
    inner.move_to_meta(meta)
    set_handles(meta, 1, 31)
    assert sound_strips(scene) == [inner]
    assert placement(scene, inner).last_frame == 30
    assert heard_frames(scene, inner, analyser, tmp_path) == [11]


def test_packed_sound_needs_no_file(scene, clicks, analyser, tmp_path):
    path = clicks(2.0, [10.2 / 24])
    strip = add_sound(scene, path)
    strip.sound.pack()
    path.unlink()
    assert heard_frames(scene, strip, analyser, tmp_path) == [11]


def test_mixdown_hears_the_chosen_strip_alone(scene, clicks, analyser, tmp_path, monkeypatch):
    monkeypatch.setattr("gaussian_heads.blender.sound.is_retimed", lambda strip: True)
    strip = add_sound(scene, clicks(4.0, [40.2 / 24]), start=7)
    other = add_sound(scene, clicks(4.0, [1.02], "other.wav"), channel=3)
    muted = add_sound(scene, clicks(4.0, [1.52], "muted.wav"), channel=4)
    muted.mute = True
    scene.frame_start, scene.frame_end = 5, 9
    set_handles(strip, 20, 60)
    assert heard_frames(scene, strip, analyser, tmp_path) == [47]
    assert (scene.frame_start, scene.frame_end) == (5, 9)
    assert [s.mute for s in (strip, other, muted)] == [False, False, True]


@pytest.mark.skipif(
    bpy.app.version < (5, 1), reason="retiming_keys.add crashes Blender 4.5 and 5.0 themselves"
)
def test_retimed_strip_is_heard_as_it_plays(scene, clicks, analyser, tmp_path):
    strip = add_sound(scene, clicks(4.0, [40.2 / 24]), start=1)
    add_sound(scene, clicks(4.0, [1.0], "other.wav"), channel=3)
    scene.frame_start, scene.frame_end = 5, 9
    strip.retiming_keys.add(timeline_frame=49)
    strip.retiming_keys[-1].timeline_frame = 49 + 24
    strip.retiming_keys[1].timeline_frame = 25
    assert is_retimed(strip)
    frames = heard_frames(scene, strip, analyser, tmp_path)
    # Twice as fast: half of 40 frames after the start, give or take the stretching's own blur.
    assert frames and abs(np.mean(frames) - 21) <= 1.5
    assert (scene.frame_start, scene.frame_end) == (5, 9)
    assert not any(other.mute for other in sound_strips(scene))


def test_aac_is_read_by_blenders_own_library(scene, clicks, analyser, tmp_path):
    path = tmp_path / "click.aac"
    source = add_sound(scene, clicks(2.0, [20.2 / 24]))
    scene.frame_start, scene.frame_end = 1, 48
    bpy.ops.sound.mixdown(
        filepath=str(path), check_existing=False, container="AAC", codec="AAC", mixrate=48000
    )
    strip_collection(scene).remove(source)
    strip = add_sound(scene, path, channel=2)
    frames = heard_frames(scene, strip, analyser, tmp_path)
    # The coder delays by 1024 samples or so, one frame here.
    assert frames and frames[0] in (21, 22)


def test_choice_by_name_then_active_then_only(scene, clicks):
    first = add_sound(scene, clicks(1.0, []), channel=1)
    scene.sequence_editor.active_strip = None
    assert choose_strip(scene) == first
    second = add_sound(scene, clicks(1.0, []), channel=2)
    scene.sequence_editor.active_strip = None
    with pytest.raises(AudioError, match="2 sound strips"):
        choose_strip(scene)
    scene.sequence_editor.active_strip = second
    assert choose_strip(scene) == second
    assert choose_strip(scene, first.name) == first
    with pytest.raises(AudioError, match="no sound strip 'gone'"):
        choose_strip(scene, "gone")


def test_no_strip_says_what_to_do(scene):
    with pytest.raises(AudioError, match="Add > Sound"):
        choose_strip(scene)


def test_strip_outside_its_meta_has_no_length(scene, clicks):
    inner = add_sound(scene, clicks(4.0, []), start=1)
    meta = strip_collection(scene).new_meta("Meta", channel=2, frame_start=1)
    inner.move_to_meta(meta)
    set_handles(meta, 1, 31)
    set_handles(inner, 40, 60)
    with pytest.raises(TimingError, match="has no length"):
        placement(scene, inner)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"These are words.\n" * 9, "text file"), (b"", "empty"), (None, "no sound file")],
)
def test_bad_files_are_refused(scene, clicks, analyser, tmp_path, content, sentence):
    path = Path(clicks(1.0, []))
    strip = add_sound(scene, path)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(AudioError, match=sentence):
        heard_frames(scene, strip, analyser, tmp_path)
