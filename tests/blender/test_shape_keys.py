"""Mesh characters: shape keys recognised by name that copy an avatar, follow it live, or speak."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import jobs
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.exchange.export import sample_performance
from gaussian_heads.blender.exchange.shape_drivers import (
    drive_shape_keys,
    is_driven,
    remove_drivers,
)
from gaussian_heads.blender.exchange.shape_keys import (
    copy_to_shape_keys,
    match_shape_keys,
    rows_of,
    set_rows,
    track_to_shape_keys,
)
from gaussian_heads.blender.exchange.shape_speech import request_shape_speech, speak
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.speech import analyse, speech_model
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.livelink import write_livelink_csv
from gaussian_heads.core.spaces import (
    ARKIT_BLENDSHAPES,
    ARKIT_INDEX,
    META_VISEMES,
    viseme_to_arkit,
)
from gaussian_heads.core.spaces.face_parts import part_indices
from gaussian_heads.core.spaces.shape_names import ShapeRow
from gaussian_heads.operators import speech_to_shapes
from gaussian_heads.panels import exchange

from ..core.small_heads import small_latent_avatar
from .layout import draw
from .test_performances import recording

JAW = ARKIT_INDEX["jawOpen"]


@pytest.fixture
def character(scene):
    """Make a mesh character with shape keys of the given names; it becomes the active object."""

    def make(names, name="Character"):
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        obj = bpy.data.objects.new(name, mesh)
        scene.collection.objects.link(obj)
        for key in ("Basis", *names):
            obj.shape_key_add(name=key, from_mix=False)
        bpy.context.view_layer.objects.active = obj
        bpy.context.view_layer.update()
        return obj

    return make


def values_at(scene, obj, frame):
    """Evaluated values of all shape keys by name."""
    scene.frame_set(frame)
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return {block.name: block.value for block in evaluated.data.shape_keys.key_blocks}


def test_arkit_names_copy_one_to_one(scene, head, character):
    made = recording(20)
    bake_track(head, made, 1)
    pascal = [name[0].upper() + name[1:] for name in ARKIT_BLENDSHAPES]
    obj = character(pascal)
    baked = copy_to_shape_keys(scene, head, [obj], range(1, 21), tolerance=0.0)
    assert (baked.num_curves, baked.num_keys) == (52, 52 * 20)
    for frame in (1, 7, 20):
        values = values_at(scene, obj, frame)
        found = [values[name] for name in pascal]
        np.testing.assert_allclose(found, made.codes()[frame - 1], atol=1e-5)


def test_keys_lie_on_the_shape_keys_own_slot(scene, head, character):
    bake_track(head, recording(5), 1)
    obj = character(["jawOpen", 'odd "name"'])
    baked = copy_to_shape_keys(scene, head, [obj], range(1, 6))
    animation = obj.data.shape_keys.animation_data
    assert animation.action.name == baked.action == "Character Shape Keys"
    assert animation.action_slot.target_id_type == "KEY"


def test_odd_names_are_keyed_too(scene, head, character):
    bake_track(head, recording(5), 1)
    obj = character(['Jaw "Open" \\ 1'])
    set_rows(obj, (ShapeRow("jawOpen", 'Jaw "Open" \\ 1', 0.5),))
    copy_to_shape_keys(scene, head, [obj], range(1, 6), tolerance=0.0)
    value = values_at(scene, obj, 3)['Jaw "Open" \\ 1']
    assert value == pytest.approx(0.5 * recording(5).codes()[2, JAW], abs=1e-5)


def test_what_the_avatar_really_does_is_copied(scene, head, character):
    bake_track(head, recording(10), 1)
    head.gaussian_head.strength_speech = 0.5
    head.gaussian_head.arkit.jawOpen = 0.2
    obj = character(["jawOpen"])
    copy_to_shape_keys(scene, head, [obj], range(1, 11), tolerance=0.0)
    expected = sample_performance(scene, head, range(1, 11)).codes()[4, JAW]
    assert expected == pytest.approx(0.5 * recording(10).codes()[4, JAW] + 0.2, abs=1e-5)
    assert values_at(scene, obj, 5)["jawOpen"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("names", [META_VISEMES, [f"Fcl_MTH_{v}" for v in "AIUEO"]])
def test_characters_with_visemes_alone_open_the_same_mouth(scene, head, character, names):
    visemes = dict(zip(names, META_VISEMES, strict=False))
    if len(names) == 5:
        order = ("viseme_aa", "viseme_I", "viseme_U", "viseme_E", "viseme_O")
        visemes = dict(zip(names, order, strict=True))
    spoken = [name for name in visemes.values() if name != "viseme_sil"]
    poses = viseme_to_arkit()[[META_VISEMES.index(name) for name in spoken]]
    made = recording(len(spoken), has_head=False)
    made.layers["speech"][:] = poses
    bake_track(head, made, 1)
    obj = character(list(names))
    copy_to_shape_keys(scene, head, [obj], range(1, len(spoken) + 1), tolerance=0.0)
    for frame, pose in enumerate(poses, start=1):
        values = values_at(scene, obj, frame)
        mixed = sum(
            values[key] * viseme_to_arkit()[META_VISEMES.index(name)]
            for key, name in visemes.items()
        )
        np.testing.assert_allclose(mixed, pose, atol=0.015)


def test_latent_heads_are_copied_too(scene, tmp_path, character):
    path = small_latent_avatar(tmp_path / "latent.uhap")
    latent = create_avatar_object(str(path), load_avatar(path), scene.collection)
    bake_track(latent, recording(6, has_head=False), 1)
    expected = sample_performance(scene, latent, range(1, 7)).codes()
    obj = character(["jaw_open", "mouth_smile_l"])
    copy_to_shape_keys(scene, latent, [obj], range(1, 7), tolerance=0.0)
    assert values_at(scene, obj, 4)["jaw_open"] == pytest.approx(expected[3, JAW], abs=1e-5)
    with pytest.raises(GaussianHeadsError, match="bake the keys"):
        drive_shape_keys(latent, obj)


def test_the_mapping_is_kept_and_edited(scene, head, character, tmp_path):
    obj = character(["jawOpen", "smile", "strange"])
    match = match_shape_keys(obj)
    assert match.unmatched == ("strange",) and "2 shape keys" in obj.gaussian_head.shape_report
    row = obj.gaussian_head.shape_rows.add()
    row.name, row.control, row.factor = "strange", "cheekPuff", 0.5
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "s.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "s.blend"))
    rows = rows_of(bpy.data.objects["Character"])
    assert ShapeRow("cheekPuff", "strange", 0.5) in rows and len(rows) == 4


def test_rows_whose_key_is_gone_are_left_out(scene, head, character):
    bake_track(head, recording(5), 1)
    obj = character(["jawOpen", "mouthClose"])
    match_shape_keys(obj)
    obj.shape_key_remove(obj.data.shape_keys.key_blocks["mouthClose"])
    assert [row.key for row in rows_of(obj)] == ["jawOpen"]
    assert copy_to_shape_keys(scene, head, [obj], range(1, 6)).num_curves == 1


def test_keys_of_others_and_outside_stay(scene, head, character):
    bake_track(head, recording(10), 1)
    obj = character(["jawOpen", "ears"])
    blocks = obj.data.shape_keys.key_blocks
    for name, frame in (("jawOpen", 100), ("ears", 5)):
        blocks[name].value = 0.7
        blocks[name].keyframe_insert("value", frame=frame)
    copy_to_shape_keys(scene, head, [obj], range(1, 11), tolerance=0.0)
    assert values_at(scene, obj, 100)["jawOpen"] == pytest.approx(0.7)
    assert values_at(scene, obj, 5)["ears"] == pytest.approx(0.7)
    expected = recording(10).codes()[4, JAW]
    assert values_at(scene, obj, 5)["jawOpen"] == pytest.approx(expected, abs=1e-5)


def test_cleaned_keys_stay_within_their_bound(scene, head, character):
    bake_track(head, recording(100), 1)
    obj = character(["jawOpen"])
    baked = copy_to_shape_keys(scene, head, [obj], range(1, 101), tolerance=0.02)
    assert baked.num_keys < 70
    expected = recording(100).codes()[:, JAW]
    found = [values_at(scene, obj, frame)["jawOpen"] for frame in range(1, 101)]
    assert np.abs(np.array(found) - expected).max() <= 0.02 + 1e-5


def test_drivers_follow_layers_strengths_and_sliders_live(scene, head, character, track):
    made = track(10)
    bake_track(head, made, 1)
    obj = character(["jawOpen", "eyesClosed", "mouthSmileLeft"])
    settings = head.gaussian_head
    assert drive_shape_keys(head, obj) == 3 and is_driven(obj)
    drivers = obj.data.shape_keys.animation_data.drivers
    assert all(curve.driver.is_simple_expression and curve.driver.is_valid for curve in drivers)
    settings.strength_blink = 0.5
    settings.strength_speech = 0.25
    settings.arkit.mouthSmileLeft = 0.3
    head.update_tag()
    values, row = values_at(scene, obj, 5), 4
    speech, blink = made.layers["speech"][row], made.layers["blink"][row]
    lids = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
    assert values["jawOpen"] == pytest.approx(0.25 * speech[JAW], abs=1e-5)
    closed = float((0.25 * speech + 0.5 * blink)[lids].mean())
    assert values["eyesClosed"] == pytest.approx(closed, abs=1e-5)
    smile = 0.25 * speech[ARKIT_INDEX["mouthSmileLeft"]] + 0.3
    assert values["mouthSmileLeft"] == pytest.approx(smile, abs=1e-5)
    settings.mute_speech = True
    head.update_tag()
    values = values_at(scene, obj, 5)
    assert values["jawOpen"] == 0 and values["eyesClosed"] == pytest.approx(
        float(0.5 * blink[lids].mean()), abs=1e-5
    )
    assert remove_drivers(obj) == 3 and not is_driven(obj)


def test_keys_take_the_place_of_drivers(scene, head, character):
    bake_track(head, recording(10), 1)
    obj = character(["jawOpen"])
    drive_shape_keys(head, obj)
    copy_to_shape_keys(scene, head, [obj], range(1, 11), tolerance=0.0)
    head.gaussian_head.strength_speech = 0.0
    expected = recording(10).codes()[4, JAW]
    assert not is_driven(obj)
    assert values_at(scene, obj, 5)["jawOpen"] == pytest.approx(expected, abs=1e-5)


def test_visemes_cannot_be_driven(head, character):
    obj = character(META_VISEMES)
    with pytest.raises(GaussianHeadsError, match="no driver can do"):
        drive_shape_keys(head, obj)


def test_unknown_names_say_what_to_do(head, scene, character):
    obj = character(["Key 1", "Key 2"])
    with pytest.raises(GaussianHeadsError, match="choose keys by hand"):
        copy_to_shape_keys(scene, head, [obj])
    with pytest.raises(GaussianHeadsError, match="no shape keys"):
        match_shape_keys(head)


def add_sound(scene, path, frame=10):
    return strip_collection(scene).new_sound("voice", str(path), 1, frame)


def test_a_mesh_speaks_its_sound_strip(scene, character, clicks, analyser, tmp_path):
    scene.render.fps = 24
    add_sound(scene, clicks(2.0, [0.5, 1.25]))
    obj = character(["JawOpen"])
    request = request_shape_speech(scene, obj, tmp_path)
    baked = speak([obj], request, analyse(request, analyser), tolerance=0.0)
    assert (baked.first_frame, baked.last_frame) == (10, 57)
    opened = np.array([values_at(scene, obj, f)["JawOpen"] for f in range(10, 58)])
    assert opened[12] > 0.5 and opened[30] > 0.5
    assert opened[:10].max() < 0.1 and opened[16:27].max() < 0.1


def test_the_real_model_moves_a_mesh(scene, character, tmp_path):
    from gaussian_heads.core.assets import SAMPLE_SENTENCE

    add_sound(scene, SAMPLE_SENTENCE, 1)
    obj = character(META_VISEMES)
    request = request_shape_speech(scene, obj, tmp_path)
    track = analyse(request, speech_model())
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
    monkeypatch.setattr(speech_to_shapes, "speech_model", lambda: analyser)
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
    job = SimpleNamespace(progress=0.25, is_waiting=False, left_sec=None)
    monkeypatch.setattr(exchange, "running_job", lambda o: job if o == obj else None)
    drawn = draw(exchange.GAUSSIAN_HEADS_PT_shape_keys)
    assert drawn.progresses == [0.25] and drawn.operators[-1] == "gaussian_heads.cancel_bake"


def test_a_mesh_that_is_listened_to_waits(scene, character, clicks, monkeypatch):
    add_sound(scene, clicks(1.0, []))
    character(["jawOpen"])
    assert bpy.ops.gaussian_heads.speech_to_shape_keys.poll()
    monkeypatch.setattr(speech_to_shapes, "running_job", lambda obj: object())
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
