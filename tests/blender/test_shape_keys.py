"""Mesh characters: shape keys recognised by name that copy an avatar, follow it live, or speak."""

import bpy
import numpy as np
import pytest
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
)
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.spaces import (
    ARKIT_BLENDSHAPES,
    ARKIT_INDEX,
    META_VISEMES,
    viseme_to_arkit,
)
from gaussian_heads.core.spaces.shape_names import ShapeRow

from ..core.small_heads import small_latent_avatar
from .test_performances import recording

JAW = ARKIT_INDEX["jawOpen"]


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
