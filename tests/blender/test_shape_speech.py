"""Mesh characters that speak and take recordings, through functions, operators and panels."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import jobs, speech
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.exchange.shape_drivers import (
    is_driven,
)
from gaussian_heads.blender.exchange.shape_keys import (
    track_to_shape_keys,
)
from gaussian_heads.blender.exchange.shape_speech import request_shape_speech, speak
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.speech import perform_speech, speech_model
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.livelink import write_livelink_csv
from gaussian_heads.core.spaces import (
    ARKIT_INDEX,
    META_VISEMES,
    viseme_to_arkit,
)
from gaussian_heads.core.spaces.face_parts import part_indices
from gaussian_heads.panels import exchange

from .layout import draw
from .test_performances import recording
from .test_shape_keys import JAW, values_at


def add_sound(scene, path, frame=10):
    return strip_collection(scene).new_sound("voice", str(path), 1, frame)


def test_a_mesh_speaks_its_sound_strip(scene, character, clicks, analyser, tmp_path):
    scene.render.fps = 24
    add_sound(scene, clicks(2.0, [0.5, 1.25]))
    obj = character(["JawOpen"])
    request = request_shape_speech(scene, obj, tmp_path)
    baked = speak([obj], request, perform_speech(request, analyser).track, tolerance=0.0)
    assert (baked.first_frame, baked.last_frame) == (10, 57)
    opened = np.array([values_at(scene, obj, f)["JawOpen"] for f in range(10, 58)])
    assert opened[12] > 0.5 and opened[30] > 0.5
    assert opened[:10].max() < 0.1 and opened[16:27].max() < 0.1


def test_the_real_model_moves_a_mesh(scene, character, tmp_path):
    from gaussian_heads.core.assets import SAMPLE_SENTENCE

    add_sound(scene, SAMPLE_SENTENCE, 1)
    obj = character(META_VISEMES)
    request = request_shape_speech(scene, obj, tmp_path)
    track = perform_speech(request, speech_model()).track
    speak([obj], request, track, tolerance=0.0)
    mouth = part_indices(["mouth"])
    weights = np.clip(track.codes(), 0, 1)
    found = np.zeros_like(weights)
    for frame in range(len(weights)):
        values = values_at(scene, obj, 1 + frame)
        found[frame] = sum(values[n] * viseme_to_arkit()[i] for i, n in enumerate(META_VISEMES))
    assert weights[:, JAW].max() > 0.15
    assert np.corrcoef(found[:, JAW], weights[:, JAW])[0, 1] > 0.9
    assert np.abs(found - weights)[:, mouth].mean() < 0.05


def test_the_operators(scene, head, character, clicks, analyser, monkeypatch, tmp_path):
    bake_track(head, recording(10), 1)
    obj = character(["jawOpen", "mouthClose", "other"])
    scene.frame_start, scene.frame_end = 1, 10
    assert bpy.ops.gaussian_heads.match_shapes() == {"FINISHED"}
    assert len(obj.gaussian_head.shape_rows) == 2
    assert bpy.ops.gaussian_heads.copy_to_shape_keys(tolerance=0.0) == {"FINISHED"}
    expected = recording(10).codes()[4, JAW]
    assert values_at(scene, obj, 5)["jawOpen"] == pytest.approx(expected, abs=1e-5)
    obj.active_shape_key_index = 3
    assert bpy.ops.gaussian_heads.add_shape_row() == {"FINISHED"}
    settings = obj.gaussian_head
    assert settings.shape_rows[settings.shape_row_index].name == "other"
    assert bpy.ops.gaussian_heads.remove_shape_row() == {"FINISHED"}
    assert [row.name for row in settings.shape_rows] == ["jawOpen", "mouthClose"]
    assert bpy.ops.gaussian_heads.copy_to_shape_keys(use_drivers=True) == {"FINISHED"}
    assert is_driven(obj)
    assert bpy.ops.gaussian_heads.remove_shape_drivers() == {"FINISHED"}
    assert not bpy.ops.gaussian_heads.remove_shape_drivers.poll()
    assert not bpy.ops.gaussian_heads.speech_to_shape_keys.poll()
    add_sound(scene, clicks(1.0, [0.5]))
    monkeypatch.setattr(speech, "speech_model", lambda: analyser)
    assert bpy.ops.gaussian_heads.speech_to_shape_keys(tolerance=0.0) == {"FINISHED"}
    assert values_at(scene, obj, 22)["jawOpen"] > 0.5
    bpy.context.view_layer.objects.active = head
    assert not bpy.ops.gaussian_heads.match_shapes.poll()


def test_one_undo_takes_the_copy_back(scene, head, character):
    bake_track(head, recording(10), 1)
    name = character(["jawOpen"]).name
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.gaussian_heads.copy_to_shape_keys("EXEC_DEFAULT", True)
    keys = bpy.data.objects[name].data.shape_keys
    assert keys.animation_data.action is not None
    bpy.ops.ed.undo()
    obj = bpy.data.objects[name]
    assert obj.data.shape_keys.animation_data is None and not len(obj.gaussian_head.shape_rows)


def test_recordings_go_straight_to_a_mesh(scene, character, tmp_path):
    made = recording(10, fps=24)
    write_livelink_csv(made, tmp_path / "in.csv")
    scene.render.fps = 24
    obj = character(["jawOpen"])
    outcome = bpy.ops.gaussian_heads.import_performance(
        filepath=str(tmp_path / "in.csv"), first_frame=3, tolerance=0.0
    )
    assert outcome == {"FINISHED"}
    expected = made.codes()[4, JAW]
    assert values_at(scene, obj, 7)["jawOpen"] == pytest.approx(expected, abs=1e-5)
    assert track_to_shape_keys([obj], made, 1).last_frame == 10


def test_parts_of_a_recording_are_punched_into_a_mesh(scene, character, tmp_path):
    first, second = recording(20, seed=1), recording(20, seed=2)
    obj = character(["jawOpen", "browInnerUp"])
    for name, made in (("a", first), ("b", second)):
        write_livelink_csv(made, tmp_path / f"{name}.csv")
    bpy.ops.gaussian_heads.import_performance(
        filepath=str(tmp_path / "a.csv"), first_frame=1, tolerance=0.0
    )
    bpy.ops.gaussian_heads.import_performance(
        filepath=str(tmp_path / "b.csv"),
        first_frame=1,
        strength=0.5,
        parts={"mouth"},
        use_range=True,
        range_start=5,
        range_end=8,
        tolerance=0.0,
    )
    brow = ARKIT_INDEX["browInnerUp"]
    for frame in (4, 5, 8, 9):
        values = values_at(scene, obj, frame)
        is_new = 5 <= frame <= 8
        jaw = 0.5 * second.codes()[frame - 1, JAW] if is_new else first.codes()[frame - 1, JAW]
        assert values["jawOpen"] == pytest.approx(jaw, abs=1e-5)
        assert values["browInnerUp"] == pytest.approx(first.codes()[frame - 1, brow], abs=1e-5)
    with pytest.raises(GaussianHeadsError, match="choose other parts"):
        track_to_shape_keys([obj], first, 1, parts=("eyes",))


def test_the_source_is_the_chosen_avatar(scene, head, character, avatar_file):
    other = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    bake_track(other, recording(5, seed=3), 1)
    obj = character(["jawOpen"])
    assert not bpy.ops.gaussian_heads.copy_to_shape_keys.poll()
    obj.gaussian_head.shape_source = other
    assert bpy.ops.gaussian_heads.copy_to_shape_keys(tolerance=0.0) == {"FINISHED"}
    expected = recording(5, seed=3).codes()[2, JAW]
    assert values_at(scene, obj, 3)["jawOpen"] == pytest.approx(expected, abs=1e-5)


def test_the_panels_say_what_to_do(scene, character):
    drawn = draw(exchange.GAUSSIAN_HEADS_PT_exchange)
    assert drawn.labels == ["Select an avatar or a mesh with shape keys"]
    assert draw(exchange.GAUSSIAN_HEADS_PT_shape_keys).labels == [
        "Make a mesh with shape keys active"
    ]
    obj = character(["jawOpen"])
    assert not draw(exchange.GAUSSIAN_HEADS_PT_exchange).labels
    drawn = draw(exchange.GAUSSIAN_HEADS_PT_shape_keys)
    assert drawn.labels == ["No mapping yet: recognise names, or add keys"]
    bpy.ops.gaussian_heads.match_shapes()
    drawn = draw(exchange.GAUSSIAN_HEADS_PT_shape_keys)
    assert drawn.labels == ["1 shape key recognised (ARKit)"]
    assert drawn.properties == ["name", "control", "factor", "shape_source"]
    assert drawn.operators[-2:] == [
        "gaussian_heads.copy_to_shape_keys",
        "gaussian_heads.speech_to_shape_keys",
    ]
    assert obj.gaussian_head.shape_row_index == 0


def test_the_panel_shows_how_far_listening_is(scene, character, monkeypatch):
    obj = character(["jawOpen"])
    job = SimpleNamespace(progress=0.25, is_waiting=False, left_sec=None, doing="Listening")
    monkeypatch.setattr(jobs, "running_job", lambda o: job if o == obj else None)
    drawn = draw(exchange.GAUSSIAN_HEADS_PT_shape_keys)
    assert drawn.progresses == [0.25] and drawn.operators[-1] == "gaussian_heads.cancel_bake"


def test_a_mesh_that_is_listened_to_waits(scene, character, clicks, monkeypatch):
    add_sound(scene, clicks(1.0, []))
    character(["jawOpen"])
    assert bpy.ops.gaussian_heads.speech_to_shape_keys.poll()
    monkeypatch.setattr(jobs, "running_job", lambda obj: object())
    assert not bpy.ops.gaussian_heads.speech_to_shape_keys.poll()
    assert not jobs.running_jobs()


def test_teeth_and_lashes_in_meshes_of_their_own_follow(scene, head, character):
    bake_track(head, recording(5), 1)
    lashes = character(["eyeBlinkLeft", "eyeBlinkRight"], "Lashes")
    hat = character(["wobble"], "Hat")
    twin = bpy.data.objects.new("Twin", lashes.data)
    scene.collection.objects.link(twin)
    face = character(["jawOpen"], "Face")
    for obj in (lashes, hat, twin, face):
        obj.select_set(True)
    assert bpy.ops.gaussian_heads.copy_to_shape_keys(
        use_range=True, frame_start=1, frame_end=5, tolerance=0.0
    ) == {"FINISHED"}
    codes = recording(5).codes()[2]
    assert values_at(scene, face, 3)["jawOpen"] == pytest.approx(codes[JAW], abs=1e-5)
    closed = codes[ARKIT_INDEX["eyeBlinkLeft"]]
    assert values_at(scene, lashes, 3)["eyeBlinkLeft"] == pytest.approx(closed, abs=1e-5)
    assert hat.data.shape_keys.animation_data is None
    assert bpy.ops.gaussian_heads.copy_to_shape_keys(use_drivers=True) == {"FINISHED"}
    assert is_driven(face) and is_driven(lashes) and not is_driven(hat)
    assert bpy.ops.gaussian_heads.remove_shape_drivers() == {"FINISHED"}
    assert not is_driven(face) and not is_driven(lashes)
