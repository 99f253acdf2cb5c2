"""Landmarks of a scene's heads against Blender's own projection, object matrices and the avatar's landmarks."""

import csv
import json
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.camera import render_window
from gaussian_heads.blender.codes import decoder_code, head_pose
from gaussian_heads.blender.exchange.landmarks import LandmarkExport, export_landmarks
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.operators import stepping
from mathutils import Vector

from ..core.small_heads import small_linear_avatar

WIDTH, HEIGHT = 1920, 1080


@pytest.fixture
def shot(scene, head, camera):
    """A head that speaks, turns and stands askew before a camera that moves, over frames 1 to 9."""
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.frame_start, scene.frame_end = 1, 9
    head.location, head.rotation_euler, head.scale = (0.1, 0.2, 0.3), (0.1, -0.2, 0.3), (2, 2, 2)
    for frame, value in ((1, 0.0), (9, 1.0)):
        head.gaussian_head.arkit.jawOpen = value
        head.gaussian_head.arkit.keyframe_insert("jawOpen", frame=frame)
        head.gaussian_head.head_rotation = (0.2 * value, 0.5 * value, 0.0)
        head.gaussian_head.keyframe_insert("head_rotation", frame=frame)
        camera.location = (0.4 * value, -2.0 - value, 0.1)
        camera.keyframe_insert("location", frame=frame)
        camera.data.lens = 50 + 30 * value
        camera.data.keyframe_insert("lens", frame=frame)
    bpy.context.view_layer.objects.active = head
    return scene


def write(scene, objects, path, **options):
    """All of the export at once; what was written."""
    *_, (done, written) = export_landmarks(scene, objects, LandmarkExport(path, **options))
    assert done == 1.0
    return written


def arrays_of(path):
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def expected_points(obj, in_world=True):
    """Landmarks [68, 3] of the evaluated head by its code, its pose and its matrix."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    avatar = load_avatar_of(obj)
    points = avatar.landmarks(decoder_code(evaluated, avatar), head_pose(evaluated, avatar))
    if not in_world:
        return points
    return np.array([evaluated.matrix_world @ Vector((x, -z, y)) for x, y, z in points])


def load_avatar_of(obj):
    from gaussian_heads.blender.avatars import object_avatar

    return object_avatar(obj).avatar


def blenders_pixels(scene, points):
    """Pixels from the top left of the whole picture, by Blender."""
    window = render_window(scene.render)
    seen = [world_to_camera_view(scene, scene.camera, Vector(point)) for point in points]
    return np.array([(x * window.full_width, (1 - y) * window.full_height) for x, y, _ in seen])


@pytest.mark.parametrize("in_world", [True, False])
def test_points_are_those_of_the_avatar_its_pose_and_its_matrix(shot, head, tmp_path, in_world):
    write(shot, [head], tmp_path / "a.npz", in_world=in_world)
    arrays = arrays_of(tmp_path / "a.npz")
    assert arrays["frames"].tolist() == list(range(1, 10))
    np.testing.assert_allclose(arrays["times_sec"], np.arange(9) / 24, atol=1e-9)
    for frame, points in zip(arrays["frames"], arrays["points_m"], strict=True):
        shot.frame_set(int(frame))
        np.testing.assert_allclose(points, expected_points(head, in_world), atol=1e-6)
    assert np.abs(arrays["points_m"][0] - arrays["points_m"][8]).max() > 0.01
    header = json.loads(str(arrays["header"]))
    assert header["space"] == ("world" if in_world else "avatar")
    assert header["avatar"] == head.name


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize(("size", "percent"), [((1920, 1080), 100), ((720, 1280), 50)])
def test_pixels_are_blenders_to_a_hundredth(shot, head, camera, tmp_path, kind, fit, size, percent):
    lens = camera.data
    lens.type, lens.ortho_scale, lens.sensor_fit = kind, 1.3, fit
    lens.shift_x, lens.shift_y = 0.13, -0.07
    shot.render.resolution_x, shot.render.resolution_y = size
    shot.render.resolution_percentage = percent
    write(shot, [head], tmp_path / "a.npz")
    arrays = arrays_of(tmp_path / "a.npz")
    assert arrays["size_px"].tolist() == [side * percent // 100 for side in size]
    assert arrays["is_before_camera"].all()
    for frame, pixels in zip(arrays["frames"], arrays["points_px"], strict=True):
        shot.frame_set(int(frame))
        expected = blenders_pixels(shot, expected_points(head))
        np.testing.assert_allclose(pixels, expected, atol=0.01)
    assert np.abs(arrays["points_px"][0] - arrays["points_px"][8]).max() > 5


@pytest.mark.parametrize("is_cropped", [False, True])
def test_a_border_counts_where_the_picture_is_cropped(shot, head, tmp_path, is_cropped):
    write(shot, [head], tmp_path / "whole.npz")
    render = shot.render
    render.use_border, render.use_crop_to_border = True, is_cropped
    render.border_min_x, render.border_max_x = 0.25, 0.75
    render.border_min_y, render.border_max_y = 0.5, 0.9
    write(shot, [head], tmp_path / "part.npz")
    whole, part = arrays_of(tmp_path / "whole.npz"), arrays_of(tmp_path / "part.npz")
    corner = (480, 1080 - 972) if is_cropped else (0, 0)
    np.testing.assert_allclose(part["points_px"] + corner, whole["points_px"], atol=1e-3)
    assert part["size_px"].tolist() == ([960, 432] if is_cropped else [1920, 1080])


def test_a_marker_changes_the_camera(shot, head, camera, tmp_path):
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    shot.collection.objects.link(other)
    other.location, other.rotation_euler = (0.5, -4.0, 0.0), (np.pi / 2, 0.0, 0.1)
    for name, at, bound in (("a", 1, camera), ("b", 5, other)):
        shot.timeline_markers.new(name, frame=at).camera = bound
    write(shot, [head], tmp_path / "a.npz")
    arrays = arrays_of(tmp_path / "a.npz")
    for frame, pixels in zip(arrays["frames"], arrays["points_px"], strict=True):
        shot.frame_set(int(frame))
        assert shot.camera == (other if frame >= 5 else camera)
        expected = blenders_pixels(shot, expected_points(head))
        np.testing.assert_allclose(pixels, expected, atol=0.01)


def test_points_behind_the_camera_have_no_pixels(shot, head, camera, tmp_path):
    camera.animation_data_clear()
    camera.location = (0.0, 3.0, 0.1)
    for suffix in (".npz", ".csv"):
        write(shot, [head], tmp_path / f"a{suffix}")
    arrays = arrays_of(tmp_path / "a.npz")
    assert not arrays["is_before_camera"].any() and np.isnan(arrays["points_px"]).all()
    with (tmp_path / "a.csv").open(newline="") as stream:
        row = next(csv.DictReader(stream))
    assert (row["u_7"], row["v_7"], row["before_7"]) == ("", "", "0")


def test_table_and_arrays_agree(shot, head, tmp_path):
    for suffix in (".npz", ".csv"):
        write(shot, [head], tmp_path / f"a{suffix}", frames=range(2, 9, 3))
    arrays, table = arrays_of(tmp_path / "a.npz"), tmp_path / "a.csv"
    values = np.genfromtxt(table, delimiter=",", names=True)
    assert values["frame"].tolist() == arrays["frames"].tolist() == [2, 5, 8]
    for i in range(68):
        for k, axis in enumerate("xyz"):
            np.testing.assert_allclose(
                values[f"{axis}_{i}"], arrays["points_m"][:, i, k], atol=1e-6
            )
        for k, axis in enumerate("uv"):
            np.testing.assert_allclose(
                values[f"{axis}_{i}"], arrays["points_px"][:, i, k], atol=1e-3
            )


def test_linked_duplicates_get_files_of_their_own(shot, head, tmp_path):
    twin = head.copy()
    twin.location = (1.0, 0.0, 0.0)
    shot.collection.objects.link(twin)
    bpy.ops.gaussian_heads.export_landmarks(filepath=str(tmp_path / "a.npz"), subjects="ALL")
    assert {p.name for p in tmp_path.iterdir()} == {"a_Small_Head.npz", "a_Small_Head_001.npz"}
    for obj, name in ((head, "a_Small_Head.npz"), (twin, "a_Small_Head_001.npz")):
        arrays = arrays_of(tmp_path / name)
        shot.frame_set(9)
        np.testing.assert_allclose(arrays["points_m"][8], expected_points(obj), atol=1e-6)


def test_names_that_files_cannot_tell_apart_get_numbers(shot, head, tmp_path):
    twin = head.copy()
    head.name, twin.name = "A/b", "a_B"
    shot.collection.objects.link(twin)
    written = write(shot, [head, twin], tmp_path / "x.csv")
    assert [path.name for path in written.paths] == ["x_A_b.csv", "x_a_B_2.csv"]


@pytest.mark.parametrize("fault", ["none", "panorama"])
def test_without_a_usable_camera_there_are_metres_and_a_note(shot, head, camera, tmp_path, fault):
    if fault == "none":
        shot.camera = None
    else:
        camera.data.type = "PANO"
    written = write(shot, [head], tmp_path / "a.npz")
    (note,) = written.notes
    assert note.startswith("No pixels were written. The ") and note.endswith(".")
    assert "points_px" not in arrays_of(tmp_path / "a.npz")
    assert not write(shot, [head], tmp_path / "b.npz", has_camera=False).notes


def test_a_camera_that_comes_later_leaves_frames_without_pixels(shot, head, camera, tmp_path):
    pano = bpy.data.objects.new("Pano", bpy.data.cameras.new("Pano"))
    pano.data.type = "PANO"
    shot.collection.objects.link(pano)
    for name, at, bound in (("a", 1, pano), ("b", 4, camera)):
        shot.timeline_markers.new(name, frame=at).camera = bound
    written = write(shot, [head], tmp_path / "a.npz")
    assert "on 3 of the frames" in written.notes[0]
    pixels = arrays_of(tmp_path / "a.npz")["points_px"]
    assert np.isnan(pixels[:3]).all() and np.isfinite(pixels[3:]).all()


def test_heads_without_landmarks_are_told(shot, head, tmp_path):
    path = small_linear_avatar(tmp_path / "bare.uhap", has_landmarks=False)
    bare = create_avatar_object(str(path), load_avatar(path), shot.collection)
    bare.name = "Bare"
    with pytest.raises(GaussianHeadsError, match="'Bare' has no landmarks: choose another"):
        write(shot, [bare], tmp_path / "a.csv")
    written = write(shot, [bare, head], tmp_path / "a.csv")
    assert len(written.paths) == 1 and "'Bare' has no landmarks" in written.notes[0]
    assert [p.name for p in tmp_path.glob("*.csv")] == ["a.csv"]


def test_what_stops_the_export_writes_nothing_and_restores_the_frame(shot, head, tmp_path):
    shot.frame_set(4, subframe=0.5)
    steps = export_landmarks(shot, [head], LandmarkExport(tmp_path / "a.csv"))
    next(steps), next(steps)
    assert shot.frame_current == 2
    steps.close()
    assert (shot.frame_current, shot.frame_subframe) == (4, 0.5)
    assert not list(tmp_path.iterdir())


def test_a_change_just_made_is_exported(shot, head, tmp_path):
    bpy.context.view_layer.update()
    points = []
    for value in (0.0, 1.0):
        head.gaussian_head.arkit.mouthLeft = value
        head.gaussian_head.arkit.jawForward = value
        head.gaussian_head.visemes.viseme_aa = value
        write(shot, [head], tmp_path / "a.npz", frames=range(1, 2))
        points.append(arrays_of(tmp_path / "a.npz")["points_m"])
    assert np.abs(points[0] - points[1]).max() > 1e-4


def test_the_operator_writes_the_scenes_range_and_says_so(shot, head, tmp_path):
    shot.frame_step = 4
    path = str(tmp_path / "talk")
    assert bpy.ops.gaussian_heads.export_landmarks(filepath=path) == {"FINISHED"}
    values = np.genfromtxt(tmp_path / "talk.csv", delimiter=",", names=True)
    assert values["frame"].tolist() == [1, 5, 9]
    bpy.ops.gaussian_heads.export_landmarks(
        filepath=path, file_format=".npz", use_range=True, frame_start=3, frame_end=4
    )
    assert arrays_of(tmp_path / "talk.npz")["frames"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({}, "No file is named"),
        ({"filepath": "//a.csv", "use_range": True, "frame_start": 5, "frame_end": 1}, "0 frames"),
    ],
)
def test_bad_words_are_refused(shot, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.gaussian_heads.export_landmarks(**words)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_refused(shot, head, tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "file" / "a.csv", tmp_path / "folder.csv"):
        with pytest.raises(
            RuntimeError, match=r"cannot be used \(.*\): check path and disk\."
        ) as said:
            bpy.ops.gaussian_heads.export_landmarks(filepath=str(path))
        assert "Traceback" not in str(said.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.csv"]


def test_export_needs_an_avatar(scene):
    assert not bpy.ops.gaussian_heads.export_landmarks.poll()


class Interface:
    """A context with a window whose timers, handlers and status are noted."""

    def __init__(self):
        self.window = object()
        self.timers, self.handlers, self.status = [], [], []
        self.window_manager = SimpleNamespace(
            event_timer_add=lambda _, window: self.timers.append(window) or "timer",
            event_timer_remove=lambda timer: self.timers.clear(),
            modal_handler_add=self.handlers.append,
        )
        self.workspace = SimpleNamespace(status_text_set=self.status.append)


class Counting(stepping.SteppingOperator):
    """Three steps of nothing."""

    def __init__(self):
        self.said, self.closed = [], False

    def report(self, kind, text):
        self.said.append(text)

    def steps(self):
        try:
            yield from (0.25, 0.5, 0.75)
        finally:
            self.closed = True

    def finish(self):
        return {"FINISHED"}

    def stopped(self):
        return "Stopped."


@pytest.fixture
def window(monkeypatch):
    monkeypatch.setattr(
        stepping, "bpy", SimpleNamespace(app=SimpleNamespace(background=False)), raising=True
    )
    return Interface()


def test_beside_the_interface_every_tick_is_a_step(window):
    work, tick = Counting(), SimpleNamespace(type="TIMER", value="NOTHING")
    assert work.begin(window, work.steps()) == {"RUNNING_MODAL"}
    assert window.handlers == [work]
    outcomes = [work.modal(window, tick) for _ in range(4)]
    assert outcomes == [{"RUNNING_MODAL"}] * 3 + [{"FINISHED"}]
    assert window.status[:2] == ["Working 25%   Esc: Cancel", "Working 50%   Esc: Cancel"]
    assert window.status[-1] is None and not window.timers and work.closed


def test_esc_stops_between_two_steps(window):
    work = Counting()
    work.begin(window, work.steps())
    work.modal(window, SimpleNamespace(type="TIMER", value="NOTHING"))
    assert work.modal(window, SimpleNamespace(type="A", value="PRESS")) == {"PASS_THROUGH"}
    assert work.modal(window, SimpleNamespace(type="ESC", value="PRESS")) == {"CANCELLED"}
    assert work.said == ["Stopped."] and work.closed and not window.timers


def test_a_dialog_that_is_left_before_anything_began_ends_nothing(window):
    Counting().cancel(window)
    assert not window.timers and not window.status


def test_a_refusal_between_two_steps_ends_the_work(window):
    def failing():
        yield 0.5
        raise GaussianHeadsError("The disk is full.")

    work, tick = Counting(), SimpleNamespace(type="TIMER", value="NOTHING")
    work.begin(window, failing())
    assert work.modal(window, tick) == {"RUNNING_MODAL"}
    assert work.modal(window, tick) == {"CANCELLED"}
    assert work.said == ["The disk is full."] and not window.timers
