"""Personal motion in Blender: a layer of its own on avatars that have it, from heard speech alone."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.codes import decoder_code, expression_code, motion_property
from gaussian_heads.blender.destinations import Destination, baked_curves
from gaussian_heads.blender.gathering import gather_visible
from gaussian_heads.blender.keys import clear_keys
from gaussian_heads.blender.library.replacing import replace_avatar
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.avatar.motion import track_motion
from gaussian_heads.core.spaces import ARKIT_INDEX

from ..core.small_heads import MOTION_DIM, small_motion_avatar

FRAMES = 8


@pytest.fixture(scope="module")
def motion_file(registered, tmp_path_factory):
    pytest.importorskip("onnx", reason="needs the package onnx to make an avatar")
    return small_motion_avatar(tmp_path_factory.mktemp("motion") / "speaker.uhap", 200)


@pytest.fixture
def speaker(scene, motion_file):
    return create_avatar_object(str(motion_file), load_avatar(motion_file), scene.collection)


@pytest.fixture
def heard(track):
    """A track as the speech network hears it."""
    made = track(FRAMES)
    layer = np.zeros((FRAMES, 52), np.float32)
    layer[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0.1, 0.9, FRAMES)
    layer[:, ARKIT_INDEX["mouthPucker"]] = np.linspace(0.5, 0.0, FRAMES) ** 2
    return replace(made, layers={"speech": layer}, is_heard=True)


def shown(scene, obj, frame):
    scene.frame_set(frame)
    return obj.evaluated_get(bpy.context.evaluated_depsgraph_get())


def vectors(scene, obj, motion_file):
    avatar = load_avatar(motion_file).avatar
    codes = [decoder_code(shown(scene, obj, f), avatar) for f in range(1, FRAMES + 1)]
    return np.array(codes)[:, 52:]


def test_heard_speech_keys_the_vector_of_the_avatar(scene, speaker, heard, motion_file):
    result = bake_track(speaker, heard, 1)
    avatar = load_avatar(motion_file).avatar
    wanted = track_motion(heard, avatar.motion)
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(vectors(scene, speaker, motion_file), wanted, atol=1e-6)
    assert result.num_curves == 52 + MOTION_DIM + (6 if heard.head_pose.any() else 0)
    evaluated = shown(scene, speaker, 4)
    np.testing.assert_allclose(
        expression_code(evaluated, avatar), heard.layers["speech"][3], atol=1e-6
    )


def test_pictures_show_what_the_decoder_makes_of_the_vector(scene, speaker, heard, motion_file):
    bake_track(speaker, replace(heard, head_pose=0 * heard.head_pose), 1)
    avatar = load_avatar(motion_file).avatar
    shown(scene, speaker, 5)
    moved = gather_visible(bpy.context.evaluated_depsgraph_get()).gaussians.means
    motion = track_motion(heard, avatar.motion)[4]
    wanted = avatar.decode(np.concatenate([heard.layers["speech"][4], motion])).means
    # Blender's axes: the avatar's Y is up, its Z towards -Y.
    np.testing.assert_allclose(moved[:, [0, 2]], wanted[:, [0, 1]], atol=1e-5)
    plain = avatar.decode(heard.layers["speech"][4]).means
    assert np.abs(wanted - plain).max() > 1e-3


def test_strength_and_mute(scene, speaker, heard, motion_file):
    bake_track(speaker, heard, 1)
    whole = vectors(scene, speaker, motion_file)
    speaker.gaussian_head.strength_motion = 0.5
    np.testing.assert_allclose(vectors(scene, speaker, motion_file), 0.5 * whole, atol=1e-6)
    speaker.gaussian_head.mute_motion = True
    assert vectors(scene, speaker, motion_file).size == 0
    avatar = load_avatar(motion_file).avatar
    code = decoder_code(shown(scene, speaker, 4), avatar)
    np.testing.assert_allclose(code, heard.layers["speech"][3], atol=1e-6)


def test_a_performance_of_a_video_silences_it(scene, speaker, heard, motion_file):
    bake_track(speaker, heard, 1)
    bake_track(speaker, replace(heard, is_heard=False), 1)
    assert not vectors(scene, speaker, motion_file).any()


def test_a_performance_alone_leaves_no_curves(speaker, heard):
    bake_track(speaker, replace(heard, is_heard=False), 1)
    paths = {curve.data_path for curve in baked_curves(find_channelbag(speaker))}
    assert not any("motion_" in path for path in paths)


def test_a_part_of_the_frames_is_the_part_of_the_whole(scene, speaker, heard, motion_file):
    bake_track(speaker, heard, 1, frames=range(3, 6))
    found = vectors(scene, speaker, motion_file)[2:5]
    avatar = load_avatar(motion_file).avatar
    np.testing.assert_allclose(found, track_motion(heard, avatar.motion)[2:5], atol=1e-6)


def test_clearing_takes_the_motion_too(scene, speaker, heard, motion_file):
    bake_track(speaker, heard, 1)
    clear_keys(speaker, 1, FRAMES)
    assert not vectors(scene, speaker, motion_file).any()
    assert not baked_curves(find_channelbag(speaker))


def test_an_nla_strip_carries_the_motion(scene, speaker, heard, motion_file):
    bake_track(speaker, heard, 1, destination=Destination("NLA"))
    avatar = load_avatar(motion_file).avatar
    wanted = track_motion(heard, avatar.motion)
    np.testing.assert_allclose(vectors(scene, speaker, motion_file), wanted, atol=1e-6)


def test_a_saved_file_shows_the_same(scene, speaker, heard, motion_file, tmp_path):
    bake_track(speaker, heard, 1)
    before = vectors(scene, speaker, motion_file)
    name = speaker.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "s.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "s.blend"))
    again = bpy.data.objects[name]
    np.testing.assert_array_equal(vectors(bpy.context.scene, again, motion_file), before)


def test_another_avatar_does_not_read_it(scene, speaker, heard, motion_file, avatar_file, tmp_path):
    bake_track(speaker, heard, 1)
    before = vectors(scene, speaker, motion_file)
    other = small_motion_avatar(tmp_path / "other.uhap", 200, seed=6)
    for path in (avatar_file, other):
        replace_avatar(speaker, str(path), load_avatar(path))
        avatar = load_avatar(path).avatar
        code = decoder_code(shown(scene, speaker, 4), avatar)
        assert not code[52:].any() and code[:52].any()
    replace_avatar(speaker, str(motion_file), load_avatar(motion_file))
    np.testing.assert_array_equal(vectors(scene, speaker, motion_file), before)


def test_the_same_avatar_has_the_same_property(speaker, motion_file, tmp_path):
    copy = small_motion_avatar(tmp_path / "copy.uhap", 200)
    one, two = load_avatar(motion_file).avatar, load_avatar(copy).avatar
    assert motion_property(one) == motion_property(two) in speaker
