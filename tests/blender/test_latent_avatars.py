"""Avatars whose codes live in a latent space, in Blender: speech, keys, sliders, files and commands."""

import csv
import json
from fractions import Fraction

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar, object_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.cli import main
from gaussian_heads.blender.codes import expression_code, head_pose
from gaussian_heads.blender.proxy import create_avatar_object, set_avatar
from gaussian_heads.blender.splat_objects import posed_gaussians
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from gaussian_heads.core.audio import load_audio
from gaussian_heads.core.errors import CodeSpaceError
from gaussian_heads.core.spaces import arkit_vector
from gaussian_heads.core.spaces.conversion import convert_track
from gaussian_heads.core.speech import SpeechModel

from ..core.small_heads import LATENT_SPACE, small_latent_avatar, small_linear_avatar
from .conftest import make_track

SPEECH = '["expr_code"]'


@pytest.fixture(scope="module")
def latent_file(registered, tmp_path_factory):
    return small_latent_avatar(tmp_path_factory.mktemp("latent") / "latent.uhap")


@pytest.fixture
def latent(scene, latent_file):
    return create_avatar_object(str(latent_file), load_avatar(latent_file), scene.collection)


def evaluated_code(obj):
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return expression_code(evaluated, object_avatar(obj).avatar)


def test_speech_in_arkit_becomes_keys_of_the_latent_channels(scene, latent, latent_file):
    track = make_track(12)
    baked = bake_track(latent, track, 5)
    curves = list(find_channelbag(latent).fcurves)
    assert sum(c.data_path == SPEECH for c in curves) == 64 and baked.last_frame == 16
    groups = {c.group.name for c in curves}
    assert {"Speech · uhap_00", "Speech · uhap_63"} <= groups
    assert latent.animation_data.action["gaussian_heads_code_space"] == LATENT_SPACE
    latent.gaussian_head.strength_blink = 0.25
    scene.frame_set(9)
    expected = convert_track(track, load_avatar(latent_file).avatar).codes({"blink": 0.25})[4]
    np.testing.assert_allclose(evaluated_code(latent), expected, atol=1e-5)


def test_gaze_brows_and_head_motion_reach_latent_channels(scene, latent, latent_file):
    waveform, rate = load_audio(SAMPLE_SENTENCE)
    track = SpeechModel.open(SPEECH_MODEL).track(waveform, rate, fps=Fraction(24))
    bake_track(latent, track, 1)
    latent.gaussian_head.strength_gaze = 0.5
    scene.frame_set(61)
    expected = convert_track(track, load_avatar(latent_file).avatar).codes({"gaze": 0.5})[60]
    np.testing.assert_allclose(evaluated_code(latent), expected, atol=1e-5)
    evaluated = latent.evaluated_get(bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose(
        head_pose(evaluated, load_avatar(latent_file).avatar), track.head_pose[60], atol=1e-6
    )
    assert track.head_pose[60].any() and track.layers["gaze"][60].any()


def test_named_sliders_lie_over_the_keys_and_can_be_keyed(scene, latent):
    avatar = object_avatar(latent).avatar
    track = make_track(12)
    bake_track(latent, track, 1)
    arkit = latent.gaussian_head.arkit
    arkit.jawOpen = 0.0
    arkit.keyframe_insert("jawOpen", frame=1)
    arkit.jawOpen = 0.5
    arkit.keyframe_insert("jawOpen", frame=11)
    latent.gaussian_head.visemes.viseme_aa = 0.4
    scene.frame_set(11)
    added = arkit_vector({"jawOpen": 0.5}) @ avatar.control_offsets("arkit52")
    added += (
        0.4 * avatar.control_offsets("visemes")[avatar.control_names("visemes").index("viseme_aa")]
    )
    expected = convert_track(track, avatar).codes()[10] + added
    np.testing.assert_allclose(evaluated_code(latent), expected, atol=1e-5)


def test_a_slider_opens_the_mouth_as_on_an_arkit_head(scene, latent, head):
    for obj in (latent, head):
        obj.gaussian_head.arkit.jawOpen = 0.8
    graph = bpy.context.evaluated_depsgraph_get()
    ours, theirs = (posed_gaussians(obj.evaluated_get(graph)).means for obj in (latent, head))
    neutral = object_avatar(latent).avatar.decode(np.zeros(64, np.float32)).means
    assert np.abs(ours - neutral).max() > 0.01
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_an_action_of_arkit_weights_is_refused_and_a_new_one_taken(scene, latent, head):
    bake_track(head, make_track(5), 1)
    latent.animation_data_create().action = head.animation_data.action
    with pytest.raises(
        CodeSpaceError, match=f"holds codes of the space 'arkit52'.*'{LATENT_SPACE}'"
    ):
        bake_track(latent, make_track(5), 1)
    latent.animation_data.action = None
    assert bake_track(latent, make_track(5), 1).num_curves > 64


def test_an_object_may_change_to_an_avatar_of_another_space(scene, head, latent_file):
    bake_track(head, make_track(5), 1)
    set_avatar(head, str(latent_file), load_avatar(latent_file))
    head.animation_data.action = None
    assert len(head["expr_code"]) == 64
    bake_track(head, make_track(5), 1)
    scene.frame_set(3)
    expected = convert_track(make_track(5), load_avatar(latent_file).avatar).codes()[2]
    np.testing.assert_allclose(evaluated_code(head), expected, atol=1e-5)


def test_a_saved_scene_keeps_all_of_it(scene, latent, tmp_path):
    bake_track(latent, make_track(8), 1)
    latent.gaussian_head.arkit.mouthSmileLeft = 0.3
    scene.frame_set(4)
    before, name = evaluated_code(latent), latent.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "s.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "s.blend"))
    bpy.context.scene.frame_set(4)
    again = bpy.data.objects[name]
    np.testing.assert_array_equal(evaluated_code(again), before)


def test_animate_and_measure_by_command(latent_file, tmp_path, clicks):
    sound = clicks(0.4, [0.1])
    words = ["--avatar", str(latent_file)]
    out = tmp_path / "frames"
    assert main(["animate", str(sound), *words, "--out", str(out), "--size", "32", "32"]) == 0
    assert len(list(out.glob("*.png"))) == 10
    plain = small_linear_avatar(tmp_path / "plain.uhap")
    tables = []
    for avatar in (latent_file, plain):
        table = tmp_path / f"{avatar.stem}.csv"
        assert main(["measure", str(sound), "--avatar", str(avatar), "--out", str(table)]) == 0
        with table.open(newline="") as stream:
            tables.append(np.array(list(csv.reader(stream))[1:], float))
    np.testing.assert_allclose(tables[0], tables[1], atol=0.01)


def test_info_and_bench_know_latent_heads(latent_file, capsys, monkeypatch):
    monkeypatch.setattr("gaussian_heads.blender.bench.MAX_SEC", 0.05)
    seen = []
    real = load_avatar(latent_file).avatar.decoder.__class__.decode
    monkeypatch.setattr(
        load_avatar(latent_file).avatar.decoder.__class__,
        "decode",
        lambda self, code: seen.append(code) or real(self, code),
    )
    assert main(["info", str(latent_file)]) == 0
    assert f"64 channels in '{LATENT_SPACE}'" in capsys.readouterr().out
    words = ["bench", "--json", "--avatar", str(latent_file), "--backends", "cpu"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["num_gaussians"] == 600
    # However few frames a busy machine draws: the head does not stand still.
    assert np.abs(np.array(seen)).max() > 1e-4
