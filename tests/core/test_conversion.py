"""Tracks of one code space on avatars of another."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar, known_spaces
from gaussian_heads.core.errors import CodeSpaceError, TrackError
from gaussian_heads.core.exporters.splat_ply import write_splats
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.importers.splat_ply import open_avatar
from gaussian_heads.core.measure import measure_track
from gaussian_heads.core.spaces import ARKIT_SPACE
from gaussian_heads.core.spaces.conversion import arkit_track, convert_track

from .small_heads import LATENT_SPACE, small_latent_avatar, small_linear_avatar, small_onnx_avatar

OTHER_SPACE = "uhap-ba9876543210"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("spaces")


@pytest.fixture(scope="module", params=["linear", "onnx"])
def latent(request, folder):
    if request.param == "onnx":
        pytest.importorskip("onnx")
    return Avatar.open(small_latent_avatar(folder / f"{request.param}.uhap", kind=request.param))


@pytest.fixture(scope="module")
def plain(folder):
    return Avatar.open(small_linear_avatar(folder / "plain.uhap"))


@pytest.fixture
def ships(monkeypatch, folder):
    """Makes avatars of the two latent spaces count as shipped."""
    paths = {
        space: small_latent_avatar(folder / f"{space}.uhap", code_space=space)
        for space in (LATENT_SPACE, OTHER_SPACE)
    }
    monkeypatch.setattr(known_spaces, "builtin_avatars", lambda: paths)
    known_spaces.shipped_controls.cache_clear()
    yield paths
    known_spaces.shipped_controls.cache_clear()


def arkit(num_frames=9, seed=3):
    random = np.random.default_rng(seed)
    layers = {
        name: random.uniform(0, 0.5, (num_frames, 52)).astype(np.float32)
        for name in ("speech", "blink")
    }
    pose = random.normal(0, 0.1, (num_frames, 6)).astype(np.float32)
    return ExpressionTrack(layers, pose, ARKIT_SPACE, Fraction(30), 0.5)


def test_an_arkit_track_moves_a_latent_head_as_it_moves_an_arkit_head(latent, plain):
    track = arkit()
    converted = convert_track(track, latent)
    assert (converted.code_space, converted.code_dim) == (LATENT_SPACE, 64)
    assert (converted.fps, converted.start_sec) == (track.fps, track.start_sec)
    np.testing.assert_array_equal(converted.head_pose, track.head_pose)
    strengths = {"speech": 1.4, "blink": 0.3}
    for code, weights in zip(converted.codes(strengths), track.codes(strengths), strict=True):
        np.testing.assert_allclose(
            latent.decode(code).means, plain.decode(weights).means, atol=2e-5
        )
        np.testing.assert_allclose(latent.landmarks(code), plain.landmarks(weights), atol=1e-6)


def test_a_latent_track_leaves_as_the_weights_it_was_made_from(latent, ships):
    track = arkit()
    back = arkit_track(convert_track(track, latent))
    assert back.code_space == ARKIT_SPACE
    np.testing.assert_allclose(back.layers["blink"], track.layers["blink"], atol=1e-5)
    np.testing.assert_allclose(back.codes(), track.codes(), atol=1e-5)


def test_a_track_of_the_avatars_space_passes_unchanged(latent, plain):
    track = arkit()
    assert convert_track(track, plain) is track
    converted = convert_track(track, latent)
    assert convert_track(converted, latent) is converted


def test_the_read_out_is_what_the_avatar_says_of_each_code(latent):
    random = np.random.default_rng(7)
    codes = random.normal(0, 1, (5, 64)).astype(np.float32)
    layers = {"speech": codes, "blink": 0.2 * codes[::-1].copy()}
    track = ExpressionTrack(layers, np.zeros((5, 6), np.float32), LATENT_SPACE, Fraction(25))
    weights = arkit_track(track, latent).codes()
    assert weights.min() > -1e-5 and weights.max() < 1 + 1e-5
    for row, code in zip(weights, track.codes(), strict=True):
        np.testing.assert_allclose(row, latent.readout(code), atol=1e-5)


def test_two_latent_spaces_meet_through_arkit_and_say_so(ships, caplog):
    first, second = (Avatar.open(path) for path in ships.values())
    track = arkit()
    there = convert_track(convert_track(track, first), second)
    assert there.code_space == OTHER_SPACE and f"'{LATENT_SPACE}' were read" in caplog.text
    np.testing.assert_allclose(there.codes(), convert_track(track, second).codes(), atol=1e-4)
    assert np.abs(there.codes() - convert_track(track, first).codes()).max() > 0.1


def test_a_latent_track_drives_an_arkit_head(ships, latent, plain):
    track = arkit()
    driven = convert_track(convert_track(track, latent), plain)
    np.testing.assert_allclose(driven.codes(), track.codes(), atol=1e-5)


def test_an_unknown_space_is_refused(plain):
    track = convert_free_track("uhap-ffffffffffff")
    with pytest.raises(CodeSpaceError, match="'uhap-ffffffffffff', which no avatar at hand"):
        convert_track(track, plain)


def test_tracks_of_the_wrong_length_are_refused(latent):
    with pytest.raises(TrackError, match="has 3 channels, codes of 'arkit52' have 52"):
        convert_track(convert_free_track(ARKIT_SPACE, 3), latent)
    with pytest.raises(TrackError, match="has 3 channels.*have 64"):
        arkit_track(convert_free_track(LATENT_SPACE, 3), latent)


def test_splats_take_no_track(plain, tmp_path):
    write_splats(tmp_path / "s.ply", plain.decode(np.zeros(52, np.float32)))
    still = open_avatar(tmp_path / "s.ply")
    with pytest.raises(CodeSpaceError, match="has no ARKit controls"):
        convert_track(arkit(), still)


def convert_free_track(code_space, channels=64):
    codes = np.zeros((2, channels), np.float32)
    return ExpressionTrack(
        {"speech": codes}, np.zeros((2, 6), np.float32), code_space, Fraction(25)
    )


def test_the_mouth_of_a_latent_head_is_measured_from_arkit(latent, plain):
    track = arkit()
    ours, theirs = measure_track(track, latent), measure_track(track, plain)
    assert np.ptp(theirs.columns_mm["lip_gap"]) > 1
    for name, column in theirs.columns_mm.items():
        np.testing.assert_allclose(ours.columns_mm[name], column, atol=2e-3)


def test_the_onnx_kind_is_the_same_head(folder):
    pytest.importorskip("onnx")
    a = Avatar.open(small_onnx_avatar(folder / "plain_onnx.uhap"))
    b = Avatar.open(small_latent_avatar(folder / "latent_onnx.uhap", kind="onnx"))
    code = convert_track(arkit(), b).codes()[4]
    np.testing.assert_allclose(b.decode(code).means, a.decode(arkit().codes()[4]).means, atol=2e-5)
