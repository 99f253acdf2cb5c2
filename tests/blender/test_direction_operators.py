"""Verbs of the direction: expressions over frames, keys, clearing, tables and videos; and what they refuse."""

from fractions import Fraction

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import jobs, watching
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.dialogue.lines import link_strip
from gaussian_heads.blender.direction.curves import ADDRESSES, direction_curves
from gaussian_heads.blender.direction.keys import (
    Hold,
    apply_direction,
    direct_units,
    write_direction,
)
from gaussian_heads.blender.direction.sampling import direction_on
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.direction import ActingDirection
from gaussian_heads.core.direction.expressions import DIRECTED_EXPRESSIONS, direction_units
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.spaces import ACTION_UNITS

from .face_videos import BrightnessEncoder, SeenFace, write_ramp

SMILE = ACTION_UNITS.index("AU12")


@pytest.fixture(autouse=True)
def active(scene, head):
    scene.frame_start, scene.frame_end = 1, 100
    bpy.context.view_layer.objects.active = head


def curve_of(obj, unit="AU12"):
    return direction_curves(find_channelbag(obj)).get(unit)


def keys_of(obj, unit="AU12"):
    return [(k.co.x, pytest.approx(k.co.y, abs=1e-4)) for k in curve_of(obj, unit).keyframe_points]


def directed(obj, frames, unit="AU12"):
    found = direction_on(obj, frames)
    return None if found is None else found[:, ACTION_UNITS.index(unit)]


class TestExpressions:
    def test_it_comes_holds_and_goes_with_ease(self, head):
        run = bpy.ops.gaussian_heads.direct_expression
        assert run(
            name="courtesy", frame_start=11, frame_end=50, onset_frames=8, offset_frames=10
        ) == {"FINISHED"}
        assert keys_of(head) == [(11, 0.0), (19, 3.0), (40, 3.0), (50, 0.0)]
        smile = directed(head, range(1, 60))
        assert not smile[:11].any() and not smile[49:].any()
        np.testing.assert_allclose(smile[18:40], 3.0, atol=1e-4)
        assert smile[14] == pytest.approx(1.5, abs=0.05), "half way in the middle"
        assert 0 < smile[11] < 0.2, "slow to begin with"
        assert set(direction_curves(find_channelbag(head))) == {"AU12", "AU25"}
        assert {k.interpolation for k in curve_of(head).keyframe_points} == {"BEZIER"}

    def test_it_lasts_as_long_as_the_line_at_the_current_frame(self, scene, head, clicks):
        strip = strip_collection(scene).new_sound("Line", str(clicks(1.0, [0.5])), 1, 31)
        link_strip(scene, strip, head)
        scene.frame_set(40)
        bpy.ops.gaussian_heads.direct_expression(name="joy")
        assert [k.co.x for k in curve_of(head).keyframe_points][::3] == [31, 54]

    def test_in_silence_it_lasts_as_long_as_the_preview_or_the_scene(self, scene, head):
        scene.use_preview_range = True
        scene.frame_preview_start, scene.frame_preview_end = 21, 60
        bpy.ops.gaussian_heads.direct_expression(name="joy")
        assert [k.co.x for k in curve_of(head).keyframe_points][::3] == [21, 60]
        scene.use_preview_range = False
        bpy.ops.gaussian_heads.direct_expression(name="joy")
        assert [k.co.x for k in curve_of(head).keyframe_points][::3] == [1, 100]

    def test_replacing_takes_the_place_of_what_was_directed_there(self, head):
        direct_units(head, {"AU12": 4.0, "AU04": 2.0}, Hold(1, 80, 0, 0))
        run = bpy.ops.gaussian_heads.direct_expression
        run(name="sadness", frame_start=30, frame_end=60, onset_frames=4, offset_frames=4)
        assert not directed(head, range(34, 57)).any()
        np.testing.assert_allclose(directed(head, range(34, 57), "AU15"), 3.0, atol=1e-4)
        for frames in (range(1, 31), range(60, 81)):
            np.testing.assert_allclose(directed(head, frames), 4.0, atol=1e-3)
            np.testing.assert_allclose(directed(head, frames, "AU04"), 2.0, atol=1e-3)

    def test_adding_puts_it_on_top_within_the_scale(self, head):
        direct_units(head, {"AU12": 3.0, "AU04": 2.0}, Hold(1, 80, 0, 0))
        run = bpy.ops.gaussian_heads.direct_expression
        run(name="courtesy", mode="ADD", frame_start=30, frame_end=60, onset_frames=4)
        assert directed(head, range(45, 46))[0] == 5.0
        assert directed(head, range(45, 46), "AU04")[0] == pytest.approx(2.0)
        assert directed(head, range(45, 46), "AU25")[0] == pytest.approx(1.0)
        assert directed(head, range(20, 21))[0] == pytest.approx(3.0, abs=1e-3)

    def test_intensity_scales_it(self, head):
        bpy.ops.gaussian_heads.direct_expression(name="courtesy", intensity=0.5)
        assert max(directed(head, range(1, 100))) == pytest.approx(1.5)

    @pytest.mark.parametrize("length", [0, 1, 3, 19])
    def test_short_ranges_share_their_frames(self, head, length):
        direct_units(head, {"AU12": 4.0}, Hold(10, 10 + length))
        smile = directed(head, range(1, 60))
        assert max(smile) == pytest.approx(4.0, abs=1e-3)
        assert not smile[:9].any() and not smile[10 + length :].any()

    def test_a_value_that_was_set_stays_around_it(self, head):
        head.gaussian_head.direction.AU12 = 1.0
        direct_units(head, {"AU12": 4.0}, Hold(20, 40, 4, 4))
        assert directed(head, range(5, 6))[0] == 1.0 == directed(head, range(60, 61))[0]
        assert directed(head, range(30, 31))[0] == 4.0

    @pytest.mark.parametrize("name", DIRECTED_EXPRESSIONS)
    def test_every_expression_can_be_directed(self, head, name):
        assert bpy.ops.gaussian_heads.direct_expression(name=name) == {"FINISHED"}
        wanted = {unit for unit, value in direction_units(name).items() if value}
        assert set(direction_curves(find_channelbag(head))) == wanted

    def test_what_cannot_work_is_said(self, head):
        with pytest.raises(RuntimeError, match="let the last frame come after the first"):
            bpy.ops.gaussian_heads.direct_expression(name="joy", frame_start=50, frame_end=40)
        with pytest.raises(TypeError, match="wink"):
            bpy.ops.gaussian_heads.direct_expression(name="wink")
        with pytest.raises(GaussianHeadsError, match="no Action Unit 'AU99'"):
            direct_units(head, {"AU99": 1.0}, Hold(1, 2))
        with pytest.raises(GaussianHeadsError, match="less than 0 frames"):
            Hold(1, 5, -1)
        assert curve_of(head) is None


class TestKeys:
    def test_all_units_are_keyed_where_they_stand(self, scene, head):
        scene.frame_set(7)
        head.gaussian_head.direction.AU12 = 2.5
        assert bpy.ops.gaussian_heads.key_direction() == {"FINISHED"}
        curves = direction_curves(find_channelbag(head))
        assert set(curves) == set(ACTION_UNITS)
        assert keys_of(head) == [(7, 2.5)] and keys_of(head, "AU04") == [(7, 0.0)]
        assert curves["AU04"].group.name == "Direction · Brows"

    def test_clearing_takes_all_or_a_range(self, head):
        clear = bpy.ops.gaussian_heads.clear_direction
        assert not clear.poll()
        direct_units(head, {"AU12": 4.0}, Hold(10, 40, 4, 4))
        head.gaussian_head.direction.AU04 = 1.0
        clear(frame_start=30, frame_end=60)
        assert keys_of(head) == [(10, 0.0), (14, 4.0)]
        clear()
        assert curve_of(head) is None and direction_on(head, range(1, 50)) is None
        assert head.gaussian_head.direction.AU04 == 0.0 and not clear.poll()

    def test_clearing_leaves_all_other_keys(self, head, track):
        from gaussian_heads.blender.bake import bake_track

        bake_track(head, track(20), 1)
        others = {(c.data_path, c.array_index) for c in find_channelbag(head).fcurves}
        direct_units(head, {"AU12": 4.0}, Hold(10, 40))
        bpy.ops.gaussian_heads.clear_direction()
        assert {(c.data_path, c.array_index) for c in find_channelbag(head).fcurves} == others

    def test_a_linked_head_is_refused_with_a_sentence(self, scene, head, tmp_path):
        path = str(tmp_path / "library.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        with bpy.data.libraries.load(path, link=True) as (_, here):
            here.objects = ["Small Head"]
        (linked,) = here.objects
        bpy.context.scene.collection.objects.link(linked)
        bpy.context.view_layer.objects.active = linked
        for name in ("direct_expression", "key_direction", "clear_direction"):
            with pytest.raises(RuntimeError, match="Library Override"):
                getattr(bpy.ops.gaussian_heads, name)()
        with pytest.raises(GaussianHeadsError, match="linked from a library"):
            write_direction(linked, np.ones((4, 18), np.float32), 1)

    def test_without_a_head_the_buttons_say_so(self, head):
        bpy.data.objects.remove(head)
        for name in ("direct_expression", "key_direction", "direction_from_file"):
            with pytest.raises(RuntimeError, match="Select an avatar"):
                getattr(bpy.ops.gaussian_heads, name)()


def test_recordings_are_keyed_where_curves_turn(head):
    intensities = np.zeros((100, 18), np.float32)
    intensities[:50, SMILE] = np.linspace(0, 4, 50)
    intensities[50:, SMILE] = 4.0
    num_keys = write_direction(head, intensities, 11, tolerance=0.05)
    assert num_keys == 3 and [k.co.x for k in curve_of(head).keyframe_points] == [
        10,
        11,
        pytest.approx(60, abs=1),
        110,
        111,
    ]
    np.testing.assert_allclose(directed(head, range(11, 111)), intensities[:, SMILE], atol=0.051)
    assert direction_on(head, range(112, 120)) is None
    assert set(direction_curves(find_channelbag(head))) == {"AU12"}


def test_a_direction_of_one_row_is_set_and_others_are_keyed(head):
    direct_units(head, {"AU04": 4.0}, Hold(10, 40))
    head.gaussian_head.use_direction = False
    apply_direction(head, ActingDirection.constant(AU12=3.0), range(1, 5), 24)
    assert head.gaussian_head.direction.AU12 == 3.0 and head.gaussian_head.use_direction
    assert not direction_curves(find_channelbag(head))
    rows = np.zeros((3, 18), np.float32)
    rows[:, SMILE] = (0, 1, 2)
    apply_direction(head, ActingDirection(rows, Fraction(2)), range(11, 36), 24)
    assert directed(head, range(23, 24))[0] == pytest.approx(1.0, abs=0.05)


class TestFiles:
    @pytest.fixture
    def table(self, tmp_path):
        """OpenFace's table of two seconds at 10 fps: a smile that rises to 4, brows lowered at 2 throughout."""
        times = np.arange(21) / 10
        rows = [f"{i + 1},{t:.1f},0.98,1,{2 * t:.3f},2.0" for i, t in enumerate(times)]
        header = "frame, timestamp, confidence, success, AU12_r, AU04_r"
        path = tmp_path / "take.csv"
        path.write_text("\n".join([header, *rows]))
        return path

    def run(self, path, **options):
        return bpy.ops.gaussian_heads.direction_from_file(filepath=str(path), **options)

    def test_a_table_is_keyed_at_its_own_speed(self, scene, head, table):
        scene.render.fps = 30
        assert self.run(table, first_frame=11, use_held=False) == {"FINISHED"}
        frames = np.arange(11, 72)
        np.testing.assert_allclose(directed(head, range(11, 72)), 2 * (frames - 11) / 30, atol=0.11)
        np.testing.assert_allclose(directed(head, range(11, 72), "AU04"), 2.0, atol=1e-3)
        assert len(curve_of(head).keyframe_points) <= 4, "a line needs no keys on its way"
        assert set(direction_curves(find_channelbag(head))) == {"AU12", "AU04"}

    def test_units_that_the_table_lacks_keep_their_keys(self, head, table):
        direct_units(head, {"AU15": 2.0, "AU12": 1.0}, Hold(1, 100))
        before = keys_of(head, "AU15")
        self.run(table, first_frame=11)
        assert keys_of(head, "AU15") == before

    def test_strength_and_what_is_held_beneath_the_speech(self, scene, head, tmp_path):
        scene.render.fps = 25
        times = np.arange(101) / 25
        chatter = 1.0 + 1.5 * (np.sin(2 * np.pi * 4 * times) > 0)
        rows = [f"{t:.2f},{value:.2f}" for t, value in zip(times, chatter, strict=True)]
        (tmp_path / "talk.csv").write_text("\n".join(["timestamp,AU12_r", *rows]))
        self.run(tmp_path / "talk.csv", use_held=True)
        held = directed(head, range(10, 90))
        assert held.max() < 1.3 and held.min() > 0.7
        bpy.ops.gaussian_heads.clear_direction()
        self.run(tmp_path / "talk.csv", use_held=False, tolerance=0.0, strength=2.0)
        raw = directed(head, range(10, 90))
        assert raw.max() == pytest.approx(5.0) and raw.min() == pytest.approx(2.0, abs=0.01)

    def test_tables_without_times_need_a_rate(self, scene, head, tmp_path):
        (tmp_path / "bare.csv").write_text("frame,AU12\n0,0.0\n1,0.4\n2,0.8\n")
        with pytest.raises(RuntimeError, match="give the frame rate"):
            self.run(tmp_path / "bare.csv")
        assert self.run(tmp_path / "bare.csv", rate=2.0, use_held=False) == {"FINISHED"}
        assert directed(head, range(13, 14))[0] == pytest.approx(2.0, abs=0.1)

    def test_what_is_no_table_is_said(self, head, tmp_path):
        (tmp_path / "words.csv").write_text("a,b\n1,2\n")
        with pytest.raises(RuntimeError, match="no columns of Action Units"):
            self.run(tmp_path / "words.csv")
        with pytest.raises(RuntimeError, match="nowhere"):
            self.run(tmp_path / "nowhere.csv")
        assert head.animation_data is None

    def test_notes_are_reported(self, head, tmp_path, capfd):
        (tmp_path / "gap.csv").write_text("timestamp,AU12_c\n0.0,0\n0.5,1\n")
        self.run(tmp_path / "gap.csv")
        assert "Only whether they are present" in capfd.readouterr().out


class TestVideos:
    @pytest.fixture
    def encoder(self, monkeypatch):
        """Watches brightness: a smile as wide as it, with brows lowered throughout."""

        def units(face):
            found = np.zeros((len(face.brightness), 18), np.float32)
            found[:, SMILE] = 5 * face.brightness
            found[:, ACTION_UNITS.index("AU04")] = 2.0
            return found

        stand_in = BrightnessEncoder()
        monkeypatch.setattr(SeenFace, "action_units", units, raising=False)
        monkeypatch.setattr(watching, "face_encoder", lambda: stand_in)
        watching._recent.clear()
        return stand_in

    @pytest.fixture
    def strip(self, scene, head, tmp_path):
        scene.render.fps = 25
        path = write_ramp(tmp_path / "ramp.mp4")
        return strip_collection(scene).new_movie("Face", str(path), channel=1, frame_start=11)

    def test_a_strip_directs_where_it_shows_the_face(self, head, strip, encoder):
        assert bpy.ops.gaussian_heads.direction_from_video() == {"FINISHED"}
        smile = directed(head, range(11, 62))
        assert not jobs._jobs and len(smile) == 51
        assert (np.diff(smile) > -0.05).all() and 1.5 < smile[25] < 3.5
        np.testing.assert_allclose(directed(head, range(11, 62), "AU04"), 2.0, atol=1e-3)
        assert len(curve_of(head).keyframe_points) < 20
        assert not any(c.data_path.startswith('["expr') for c in find_channelbag(head).fcurves)

    def test_a_file_and_its_strength(self, scene, head, strip, encoder, tmp_path):
        run = bpy.ops.gaussian_heads.direction_from_video
        assert run(filepath=str(tmp_path / "ramp.mp4"), first_frame=101, strength=0.5) == {
            "FINISHED"
        }
        np.testing.assert_allclose(directed(head, range(101, 152), "AU04"), 1.0, atol=1e-3)
        run(filepath=str(tmp_path / "ramp.mp4"), first_frame=101)
        assert len(encoder.calls) == 1, "watched once"

    def test_what_cannot_work_is_said(self, head, strip, encoder):
        with pytest.raises(RuntimeError, match="no movie strip 'Other'"):
            bpy.ops.gaussian_heads.direction_from_video(strip="Other")
        encoder.notes = ("The face is only 40 pixels large.",)
        assert bpy.ops.gaussian_heads.direction_from_video() == {"FINISHED"}

    def test_a_head_that_is_worked_on_waits(self, head, strip, encoder, monkeypatch):
        monkeypatch.setattr(jobs, "running_job", lambda obj: object())
        with pytest.raises(RuntimeError, match="is being analysed"):
            bpy.ops.gaussian_heads.direction_from_video()


def test_addresses_are_in_groups_of_their_own():
    assert {each.group for each in ADDRESSES.values()} == {
        "Direction · Brows",
        "Direction · Eyes and Cheeks",
        "Direction · Nose and Mouth",
    }
