"""Recordings on avatars: as the whole track, as acting, in part, and out again."""

from fractions import Fraction

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar, object_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.codes import expression_code, head_pose
from gaussian_heads.blender.destinations import Destination
from gaussian_heads.blender.exchange.export import (
    PerformanceExport,
    export_performance,
    frame_range,
    sample_performance,
)
from gaussian_heads.blender.exchange.performances import (
    PerformanceOptions,
    apply_performance,
    import_performance,
)
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.errors import GaussianHeadsError, TrackError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.importers.performance import read_performance
from gaussian_heads.core.livelink import write_livelink_csv
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.spaces.face_parts import part_indices

from ..core.small_heads import small_latent_avatar

RATES = {24: (24, 1.0), 30: (30, 1.0), 60: (60, 1.0), Fraction(30000, 1001): (30, 1.001)}
JAW, SMILE, BLINK, BROW = (
    ARKIT_INDEX[n] for n in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "browInnerUp")
)


@pytest.fixture
def set_rate(scene):
    def set_rate(fps):
        scene.render.fps, scene.render.fps_base = RATES[fps]

    return set_rate


def recording(num_frames=40, fps=24, seed=1, *, has_head=True):
    """A smooth performance of every control and of the head's three turns."""
    rng = np.random.default_rng(seed)
    times = np.arange(num_frames) / float(fps)
    waves = [np.sin(2 * np.pi * (rng.uniform(0.3, 2) * times + rng.uniform())) for _ in range(55)]
    codes = (0.45 + 0.4 * np.stack(waves[:52], 1)).astype(np.float32)
    pose = np.zeros((num_frames, 6), np.float32)
    if has_head:
        pose[:, :3] = 0.2 * np.stack(waves[52:], 1)
    return ExpressionTrack({"speech": codes}, pose, "arkit52", Fraction(fps))


def options(**given):
    return PerformanceOptions(**{"tolerance": 0.0, **given})


def weights_at(scene, head, frame):
    scene.frame_set(frame)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return expression_code(evaluated, object_avatar(head).avatar)


def keys_of(obj, path, index=0):
    curve = find_channelbag(obj).fcurves.find(path, index=index)
    return np.array([point.co[:] for point in curve.keyframe_points])


@pytest.mark.parametrize("mode", ["TRACK", "ACTING"])
@pytest.mark.parametrize("fps", RATES)
def test_csv_to_scene_to_csv(scene, head, tmp_path, set_rate, fps, mode):
    set_rate(fps)
    made = recording(fps=fps)
    write_livelink_csv(made, tmp_path / "in.csv")
    import_performance(scene, head, tmp_path / "in.csv", options(mode=mode, first_frame=7))
    export = PerformanceExport(tmp_path / "out.csv", range(7, 47))
    export_performance(scene, head, export)
    again = read_performance(tmp_path / "out.csv")
    assert again.fps == fps and again.num_frames == 40
    np.testing.assert_allclose(again.codes(), made.codes(), atol=2e-6)
    np.testing.assert_allclose(again.head_pose, made.head_pose, atol=2e-6)
    assert again.start_sec == pytest.approx(float(7 / Fraction(fps)), abs=1e-4)


@pytest.mark.parametrize("mode", ["TRACK", "ACTING"])
def test_cleaned_keys_stay_within_their_bound(scene, head, mode):
    made = recording(200)
    result = apply_performance(scene, head, made, options(mode=mode, tolerance=0.01))
    assert result.num_keys < 0.7 * 200 * result.num_curves
    again = sample_performance(scene, head, range(1, 201))
    assert np.abs(again.codes() - made.codes()).max() <= 0.01 + 1e-5
    assert np.abs(again.head_pose - made.head_pose).max() <= 0.01 + 1e-5


@pytest.mark.parametrize("source", [60, Fraction(30000, 1001), 25])
def test_other_rates_keep_their_times(scene, head, set_rate, source):
    set_rate(24)
    num_frames = int(20 * source)
    ramp = np.linspace(0.0, 1.0, num_frames)
    made = recording(num_frames, source, has_head=False)
    made.layers["speech"][:] = 0
    made.layers["speech"][:, JAW] = ramp
    apply_performance(scene, head, made, options(first_frame=1))
    length = (num_frames - 1) / float(source)
    for frame in (1, 100, 300, 479):
        expected = min((frame - 1) / 24 / length, 1.0)
        assert weights_at(scene, head, frame)[JAW] == pytest.approx(expected, abs=1e-5)


def test_acting_adds_to_the_speech(scene, head):
    speech = recording(20, seed=1, has_head=False)
    bake_track(head, speech, 1)
    acting = recording(20, seed=2, has_head=False)
    apply_performance(scene, head, acting, options(strength=0.5))
    expected = speech.codes()[9] + 0.5 * acting.codes()[9]
    np.testing.assert_allclose(weights_at(scene, head, 10), expected, atol=1e-5)


def test_a_track_takes_the_place_of_the_speech(scene, head):
    bake_track(head, recording(20, seed=1), 1)
    made = recording(20, seed=2)
    apply_performance(scene, head, made, options(mode="TRACK"))
    np.testing.assert_allclose(weights_at(scene, head, 10), made.codes()[9], atol=1e-5)
    head.gaussian_head.strength_blink = 0.0
    assert weights_at(scene, head, 10)[BLINK] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("mode", ["TRACK", "ACTING"])
@pytest.mark.parametrize("part", ["mouth", "eyes", "brows", "head"])
def test_only_the_chosen_part_changes(scene, head, mode, part):
    first, second = recording(20, seed=1), recording(20, seed=2)
    apply_performance(scene, head, first, options(mode=mode))
    apply_performance(scene, head, second, options(mode=mode, parts=(part,)))
    expected = first.codes().copy()
    expected[:, part_indices([part])] = second.codes()[:, part_indices([part])]
    again = sample_performance(scene, head, range(1, 21))
    np.testing.assert_allclose(again.codes(), expected, atol=1e-5)
    pose = second.head_pose if part == "head" else first.head_pose
    np.testing.assert_allclose(again.head_pose, pose, atol=1e-5)


@pytest.mark.parametrize("mode", ["TRACK", "ACTING"])
def test_a_retake_is_punched_in(scene, head, mode):
    first, second = recording(40, seed=1), recording(40, seed=2)
    apply_performance(scene, head, first, options(mode=mode))
    result = apply_performance(
        scene, head, second, options(mode=mode, frames=range(15, 25), tolerance=0.0)
    )
    assert (result.first_frame, result.last_frame) == (15, 24)
    expected = first.codes().copy()
    expected[14:24] = second.codes()[14:24]
    again = sample_performance(scene, head, range(1, 41))
    np.testing.assert_allclose(again.codes(), expected, atol=1e-5)


@pytest.mark.parametrize("mode", ["TRACK", "ACTING"])
def test_a_retake_fades_in_and_out(scene, head, mode):
    first, second = recording(40, seed=1), recording(40, seed=2)
    apply_performance(scene, head, first, options(mode=mode))
    retake = options(mode=mode, frames=range(15, 25), blend_frames=3)
    apply_performance(scene, head, second, retake)
    share = np.array([0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25])[:, None]
    expected = first.codes().copy()
    expected[14:24] += share * (second.codes()[14:24] - expected[14:24])
    again = sample_performance(scene, head, range(1, 41))
    np.testing.assert_allclose(again.codes(), expected, atol=1e-5)


def test_acting_rests_outside_its_frames(scene, head):
    apply_performance(scene, head, recording(20), options(first_frame=10))
    assert not weights_at(scene, head, 9).any() and not weights_at(scene, head, 30).any()
    head.gaussian_head.arkit.jawOpen = 0.0
    points = keys_of(head, "gaussian_head.arkit.jawOpen")
    assert points[0].tolist() == [9, 0] and points[-1].tolist() == [30, 0]


def test_a_slider_set_by_hand_is_what_stays_outside(scene, head):
    head.gaussian_head.arkit.mouthSmileLeft = 0.25
    apply_performance(scene, head, recording(20), options(first_frame=10))
    assert weights_at(scene, head, 5)[SMILE] == pytest.approx(0.25)


def test_foreign_keys_stay(scene, head):
    head.location.x = 1.0
    head.keyframe_insert("location", frame=12)
    settings = head.gaussian_head
    settings.arkit.mouthSmileLeft = 0.6
    settings.arkit.keyframe_insert("mouthSmileLeft", frame=100)
    settings.action_units.keyframe_insert("AU12", frame=12)
    apply_performance(scene, head, recording(20), options())
    assert keys_of(head, "location").tolist() == [[12, 1]]
    assert keys_of(head, "gaussian_head.arkit.mouthSmileLeft")[-1] == pytest.approx([100, 0.6])
    assert len(keys_of(head, "gaussian_head.action_units.AU12")) == 1


def test_a_new_action_and_a_strip(scene, head):
    bake_track(head, recording(20, seed=1), 1)
    old = head.animation_data.action
    made = recording(20, seed=2)
    apply_performance(scene, head, made, options(destination=Destination("NEW", "Take 2")))
    assert head.animation_data.action.name == "Take 2" and old.use_fake_user
    head.animation_data.action = None
    result = apply_performance(
        scene, head, made, options(mode="TRACK", destination=Destination("NLA", "Take 3"))
    )
    assert result.num_keys == 20 * result.num_curves
    assert [s.name for t in head.animation_data.nla_tracks for s in t.strips] == ["Take 3"]
    np.testing.assert_allclose(weights_at(scene, head, 10), made.codes()[9], atol=1e-5)
    with pytest.raises(GaussianHeadsError, match="as a track"):
        apply_performance(scene, head, made, options(destination=Destination("NLA")))


@pytest.mark.parametrize("mode", ["TRACK", "ACTING"])
def test_latent_heads_take_and_give_performances(scene, tmp_path, mode):
    path = small_latent_avatar(tmp_path / "latent.uhap")
    latent = create_avatar_object(str(path), load_avatar(path), scene.collection)
    made = recording(12, has_head=False)
    made.layers["speech"][:, 14:] *= 0.3
    apply_performance(scene, latent, made, options(mode=mode))
    avatar = object_avatar(latent).avatar
    expected = [avatar.readout(row @ avatar.control_offsets("arkit52")) for row in made.codes()]
    again = sample_performance(scene, latent, range(1, 13))
    np.testing.assert_allclose(again.codes(), expected, atol=1e-4)


def test_our_own_tracks_keep_their_layers(scene, head, tmp_path, track):
    made = track(20)
    made.save(tmp_path / "t.npz")
    import_performance(scene, head, tmp_path / "t.npz", options(mode="TRACK"))
    head.gaussian_head.strength_blink = 0.0
    expected = made.codes({"blink": 0.0})[9]
    np.testing.assert_allclose(weights_at(scene, head, 10), expected, atol=1e-5)


def test_tracks_in_a_heads_own_codes_are_keyed_as_they_are(scene, tmp_path):
    path = small_latent_avatar(tmp_path / "latent.uhap")
    latent = create_avatar_object(str(path), load_avatar(path), scene.collection)
    codes = np.random.default_rng(7).normal(0, 1, (8, 64)).astype(np.float32)
    pose = np.zeros((8, 6), np.float32)
    space = object_avatar(latent).avatar.code_space
    ExpressionTrack({"speech": codes}, pose, space, Fraction(24)).save(tmp_path / "t.npz")
    import_performance(scene, latent, tmp_path / "t.npz", options(mode="TRACK"))
    np.testing.assert_allclose(weights_at(scene, latent, 5), codes[4], atol=1e-6)


def test_what_really_moves_is_written(scene, head, tmp_path):
    bake_track(head, recording(20, seed=1), 1)
    settings = head.gaussian_head
    settings.strength_speech = 0.5
    settings.arkit.browInnerUp = 0.4
    settings.action_units.AU12 = 1.0
    settings.head_rotation = (0.0, 0.3, 0.0)
    scene.frame_set(4)
    again = sample_performance(scene, head, range(1, 21))
    assert scene.frame_current == 4
    for frame in (1, 10, 20):
        code = weights_at(scene, head, frame)
        np.testing.assert_allclose(again.codes()[frame - 1], np.clip(code, 0, 1), atol=1e-6)
        evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        pose = head_pose(evaluated, object_avatar(head).avatar)
        np.testing.assert_allclose(again.head_pose[frame - 1], pose, atol=1e-6)


def test_exports_have_their_own_rate_and_no_head_on_request(scene, head, tmp_path, set_rate):
    set_rate(24)
    bake_track(head, recording(24), 1)
    export = PerformanceExport(tmp_path / "t.npz", range(1, 25), Fraction(60), has_head=False)
    export_performance(scene, head, export)
    again = ExpressionTrack.load(tmp_path / "t.npz")
    assert again.fps == 60 and again.num_frames == 59 and not again.head_pose.any()


def test_impossible_requests_are_refused_and_change_nothing(scene, head, tmp_path):
    made = recording(20)
    for wrong, reason in (
        (options(parts=()), "No part"),
        (options(parts=("ears",)), "no part of the face"),
        (options(frames=range(50, 60)), "outside the frames"),
    ):
        with pytest.raises(TrackError, match=reason):
            apply_performance(scene, head, made, wrong)
    assert head.animation_data is None
    with pytest.raises(TrackError, match="change the name's ending"):
        export_performance(scene, head, PerformanceExport(tmp_path / "t.json"))
    with pytest.raises(GaussianHeadsError, match="empty"):
        export_performance(scene, head, PerformanceExport(tmp_path / "t.csv", range(5, 5)))
    with pytest.raises(GaussianHeadsError, match="one range"):
        frame_range("1-10:2")
    assert not list(tmp_path.iterdir())
