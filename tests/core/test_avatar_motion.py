"""Avatars with personal motion: an audio vector beside the code, made from heard speech."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar, AvatarContents, facts, write_avatar
from gaussian_heads.core.avatar.motion import SpeechMotion, track_motion
from gaussian_heads.core.errors import AvatarError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.measure import measure_track
from gaussian_heads.core.spaces import ARKIT_INDEX, ARKIT_SPACE
from safetensors.numpy import load, save

from .small_heads import (
    MOTION_DIM,
    MOTION_M,
    small_head,
    small_info,
    small_motion,
    small_motion_avatar,
    small_onnx_avatar,
    small_onnx_model,
)
from .test_avatar_package import members_of, refusal, rewrite, rewrite_tensor

FPS = Fraction(25)


@pytest.fixture(scope="module")
def avatar(tmp_path_factory):
    return Avatar.open(small_motion_avatar(tmp_path_factory.mktemp("motion") / "m.uhap", 200))


@pytest.fixture
def package(tmp_path):
    return small_motion_avatar(tmp_path / "m.uhap", 60)


def speech(num_frames=20, seed=1):
    random = np.random.default_rng(seed)
    layer = np.zeros((num_frames, 52), np.float32)
    for name in ("jawOpen", "mouthClose", "mouthPucker"):
        layer[:, ARKIT_INDEX[name]] = random.uniform(0, 1, num_frames)
    return layer


def heard_track(layer, **changes):
    pose = np.zeros((len(layer), 6), np.float32)
    track = ExpressionTrack({"speech": layer}, pose, ARKIT_SPACE, FPS, is_heard=True)
    return replace(track, **changes)


def test_without_a_vector_the_head_is_the_plain_avatar(avatar, tmp_path):
    plain = Avatar.open(small_onnx_avatar(tmp_path / "plain.uhap", 200))
    code = np.random.default_rng(0).uniform(0, 0.5, 52).astype(np.float32)
    for given in (code, np.concatenate([code, np.zeros(MOTION_DIM, np.float32)])):
        np.testing.assert_array_equal(avatar.decode(given).means, plain.decode(code).means)
        np.testing.assert_array_equal(avatar.landmarks(given), plain.landmarks(code))
    assert (avatar.code_dim, avatar.motion_dim, plain.motion_dim) == (52, MOTION_DIM, 0)
    assert plain.motion is None
    np.testing.assert_array_equal(avatar.readout(np.pad(code, (0, 3))), plain.readout(code))


def test_the_vector_moves_gaussians_and_landmarks(avatar):
    code = np.zeros(52, np.float32)
    moved = avatar.landmarks(np.append(code, [0, 1, 0])) - avatar.landmarks(code)
    np.testing.assert_allclose(moved[60:68], np.tile([0, MOTION_M, 0], (8, 1)), atol=1e-6)
    assert not moved[:17].any()
    means = avatar.decode(np.append(code, [0, 1, 0])).means - avatar.decode(code).means
    assert means.max() == pytest.approx(MOTION_M, abs=1e-6)


def test_codes_of_other_lengths_are_refused(avatar):
    for length in (51, 53, 56):
        with pytest.raises(AvatarError, match="52 numbers"):
            avatar.decode(np.zeros(length, np.float32))
    wild = np.zeros(55, np.float32)
    wild[53] = np.nan
    with pytest.raises(AvatarError, match="motion_01"):
        avatar.decode(wild)


def test_vectors_are_the_network_that_the_page_describes():
    motion, layer = small_motion(), speech()
    found = motion.vectors(layer, FPS)
    frame = 7
    x = np.concatenate([layer[frame + step, motion.channels] for step in (-1, 0, 1)])

    def f(x):
        return motion.weights_out @ np.maximum(motion.weights_in @ x + motion.bias_in, 0)

    np.testing.assert_allclose(found[frame], np.tanh(f(x) - f(0 * x)), atol=1e-5)
    assert found.shape == (20, MOTION_DIM) and np.abs(found).max() < 1


def test_silence_has_no_motion_and_the_ends_hold():
    motion = small_motion()
    assert not motion.vectors(np.zeros((5, 52), np.float32), FPS).any()
    one = motion.vectors(speech(1), FPS)
    np.testing.assert_allclose(one, motion.vectors(np.repeat(speech(1), 4, 0), FPS)[:1], atol=1e-6)


def test_vectors_do_not_depend_on_the_frame_rate():
    motion, layer = small_motion(), speech(30)
    finer = np.empty((59, 52), np.float32)
    finer[::2], finer[1::2] = layer, (layer[1:] + layer[:-1]) / 2
    np.testing.assert_allclose(
        motion.vectors(finer, 2 * FPS)[::2], motion.vectors(layer, FPS), atol=1e-5
    )


def test_only_heard_speech_moves(avatar, tmp_path):
    layer = speech()
    assert track_motion(heard_track(layer), avatar.motion).any()
    assert track_motion(heard_track(layer, is_heard=False), avatar.motion) is None
    assert track_motion(heard_track(layer, code_space="uhap-0123456789ab"), avatar.motion) is None
    assert track_motion(heard_track(layer), None) is None
    heard_track(layer).save(tmp_path / "t.npz")
    assert ExpressionTrack.load(tmp_path / "t.npz").is_heard


def test_measuring_speech_shows_the_motion(avatar):
    track = heard_track(speech())
    moving = measure_track(track, avatar).columns_mm
    still = measure_track(track, avatar, {"motion": 0.0}).columns_mm
    plain = measure_track(replace(track, is_heard=False), avatar).columns_mm
    np.testing.assert_array_equal(still["lip_protrusion"], plain["lip_protrusion"])
    forward = track_motion(track, avatar.motion)[:, 2] * 1e3 * MOTION_M
    np.testing.assert_allclose(
        moving["lip_protrusion"] - still["lip_protrusion"], forward, atol=1e-3
    )


def test_package_round_trip(avatar, package):
    assert facts(avatar)["motion_dim"] == MOTION_DIM
    opened = Avatar.open(package).motion
    for name, array in vars(small_motion()).items():
        np.testing.assert_array_equal(getattr(opened, name), array)
    again = small_motion_avatar(package.with_name("again.uhap"), 60)
    assert again.read_bytes() == package.read_bytes()


def test_writing_what_does_not_belong_together_is_refused(tmp_path):
    head = small_head(60)
    model = small_onnx_model(head).SerializeToString()
    for info, motion in ((small_info(motion_dim=3), None), (small_info(), small_motion())):
        with pytest.raises(AvatarError, match="motion"):
            write_avatar(tmp_path / "x.uhap", AvatarContents(info, model, head.rig, motion=motion))
    with pytest.raises(AvatarError, match="uses MatMul on sizes that do not fit"):
        contents = AvatarContents(small_info(motion_dim=3), model, head.rig, motion=small_motion())
        write_avatar(tmp_path / "x.uhap", contents)
    assert not (tmp_path / "x.uhap").exists()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0, "'motion_dim' must be a whole number from 1 to 64"),
        (65, "'motion_dim' must be a whole number"),
        (2.0, "'motion_dim' must be a whole number"),
        (True, "'motion_dim' must be a whole number"),
        (None, "'motion_dim' must be a whole number"),
        (4, "has shape"),
    ],
)
def test_wrong_manifests_are_refused(package, value, reason):
    rewrite(package, {}, lambda manifest: manifest.update(motion_dim=value))
    assert reason in refusal(package)


def test_a_manifest_without_the_key_or_the_member_is_refused(package):
    whole = package.read_bytes()
    rewrite(package, {}, lambda manifest: manifest.pop("motion_dim"))
    assert "'motion.safetensors' does not belong into it" in refusal(package)
    package.write_bytes(whole)
    rewrite(package, {}, lambda manifest: manifest["members"].pop("motion.safetensors"))
    assert "'motion.safetensors' is missing" in refusal(package)
    package.write_bytes(whole)
    rewrite(package, {}, lambda manifest: manifest.update(decoder="linear"))
    assert "needs a decoder of kind 'onnx'" in refusal(package)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("channels", lambda a: a[::-1].copy(), "ascending"),
        ("channels", lambda a: a + 40, "ARKit's 52"),
        ("channels", lambda a: a - 30, "ARKit's 52"),
        ("channels", lambda a: a[:0], "0 channels"),
        ("channels", lambda a: a.astype(np.int64), "is int64"),
        ("offsets_sec", lambda a: a + 3, "further than 2 s"),
        ("offsets_sec", lambda a: a[:2], "weights_in of shape"),
        ("offsets_sec", lambda a: a[:0], "0 moments"),
        ("weights_in", lambda a: a * np.nan, "not finite"),
        ("weights_in", lambda a: a[:5], "weights_in of shape"),
        ("bias_in", lambda a: None, "is missing"),
        ("bias_in", lambda a: a[:0], "0 hidden"),
        ("weights_out", lambda a: a[:, :5], "weights_out of shape"),
        ("weights_out", lambda a: a[:2], "has shape"),
        ("spare", lambda _: np.zeros(3, np.float32), "does not belong"),
    ],
)
def test_wrong_members_are_refused(package, name, change, reason):
    rewrite_tensor(package, "motion.safetensors", name, change)
    assert reason in refusal(package)


def test_damaged_members_never_crash(package):
    data = members_of(package)["motion.safetensors"]
    random = np.random.default_rng(3)
    for _ in range(150):
        broken = bytearray(data)
        for place in random.integers(0, min(len(data), 700), 3):
            broken[place] = random.integers(256)
        try:
            SpeechMotion.from_bytes(bytes(broken), MOTION_DIM)
        except AvatarError as error:
            assert "\n" not in str(error)
    with pytest.raises(AvatarError):
        SpeechMotion.from_bytes(data[:50], MOTION_DIM)
    assert load(save(load(data))).keys() == load(data).keys()
