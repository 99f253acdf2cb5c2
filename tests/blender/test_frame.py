"""Frames made of many pictures: motion blur, supersampling, progress and cancelling."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import frame as frame_module
from gaussian_heads.blender import picture as picture_module
from gaussian_heads.blender.engine import GaussianHeadsEngine
from gaussian_heads.blender.frame import FrameHost, draw_frame
from gaussian_heads.blender.shutter import frame_and_subframe, shutter_moments
from gaussian_heads.blender.world import make_world
from gaussian_heads.core.spaces import ARKIT_INDEX

from .test_occluders import add_box

JAW = ARKIT_INDEX["jawOpen"]


def key(owner, path, frame, value, index=-1):
    """A linear key; `value` is set first."""
    if path.startswith("["):
        owner[path[2:-2]][index] = value
    else:
        current = getattr(owner, path)
        if index >= 0:
            current[index] = value
        else:
            setattr(owner, path, value)
    owner.keyframe_insert(path, index=index, frame=frame)


@pytest.fixture
def moving(scene, head, camera):
    """Code, pose, object, mesh and camera all move between frames 1 and 11."""
    scene.world = make_world("World", (0.2, 0.3, 0.4))
    box = add_box(scene, at=(0.1, -0.2, 0.0), size=0.12, color=(0.6, 0.1, 0.1))
    bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
    for frame, s in ((1, 0.0), (11, 1.0)):
        key(head, '["expr_code"]', frame, s, JAW)
        key(head.gaussian_head, "head_rotation", frame, 0.8 * s, 1)
        key(head, "location", frame, 0.1 * s, 2)
        key(box, "location", frame, 0.1 - 0.3 * s, 0)
        key(camera, "location", frame, 0.15 * s, 0)
        key(camera.data, "lens", frame, 40 + 20 * s)
    return scene


@pytest.mark.parametrize(("position", "opens"), [("START", 6.0), ("CENTER", 5.6), ("END", 5.2)])
def test_shutter_moments(scene, position, opens):
    scene.frame_set(6)
    assert shutter_moments(scene) == [6.0]
    render = scene.render
    render.use_motion_blur, render.motion_blur_shutter = True, 0.8
    render.motion_blur_position = position
    scene.gaussian_heads.motion_blur_steps = 4
    expected = [opens + part for part in (0.1, 0.3, 0.5, 0.7)]
    np.testing.assert_allclose(shutter_moments(scene), expected, atol=1e-6)
    render.motion_blur_shutter = 0.01
    scene.frame_set(6, subframe=0.5)
    np.testing.assert_allclose(shutter_moments(scene), 6.5, atol=0.011)


def test_moments_before_frame_zero():
    assert frame_and_subframe(-0.25) == (-1, 0.75)
    assert frame_and_subframe(7.0) == (7, 0.0)


@pytest.mark.parametrize("film_transparent", [False, True])
def test_motion_blur_is_the_mean_of_its_moments(moving, layers, film_transparent):
    scene, render = moving, moving.render
    scene.view_layers[0].use_pass_z = True
    render.film_transparent = film_transparent
    scene.gaussian_heads.motion_blur_steps = 3
    render.motion_blur_shutter, render.motion_blur_position = 0.9, "CENTER"
    single = []
    for frame, subframe in ((5, 0.7), (6, 0.0), (6, 0.3)):
        scene.frame_set(frame, subframe=subframe)
        single.append(layers())
    scene.frame_set(6)
    render.use_motion_blur = True
    blurred = layers()
    assert (scene.frame_current, scene.frame_subframe) == (6, 0.0)
    for name in ("Combined.R", "Combined.G", "Combined.A", "Head Alpha.A"):
        mean = np.mean([images[name] for images in single], axis=0)
        np.testing.assert_allclose(blurred[name], mean, atol=2e-5)
    assert np.abs(blurred["Combined.R"] - single[1]["Combined.R"]).max() > 0.05
    # A depth is that of one surface, at the middle of the open time.
    np.testing.assert_allclose(blurred["Depth.Z"], single[1]["Depth.Z"], rtol=1e-5)


def test_an_animation_blurs_every_frame(moving, tmp_path):
    scene = moving
    scene.render.use_motion_blur, scene.gaussian_heads.motion_blur_steps = True, 2
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "PNG"
    scene.frame_start, scene.frame_end = 2, 4
    scene.render.filepath = str(tmp_path / "a####")
    bpy.ops.render.render(animation=True)
    together = [(tmp_path / f"a{frame:04d}.png").read_bytes() for frame in (2, 3, 4)]
    scene.frame_set(3)
    scene.render.filepath = str(tmp_path / "alone")
    bpy.ops.render.render(write_still=True)
    from PIL import Image

    alone = np.asarray(Image.open(tmp_path / "alone.png"))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a0003.png")), alone)
    assert len(set(together)) == 3


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("film_transparent", [False, True])
def test_supersampling_is_a_box_filter(scene, head, camera, layers, factor, film_transparent):
    scene.world = make_world("World", (0.2, 0.3, 0.4))
    scene.render.film_transparent = film_transparent
    scene.view_layers[0].use_pass_z = True
    add_box(scene, at=(0.1, -0.2, 0.0), size=0.12, color=(0.6, 0.1, 0.1))
    scene.render.resolution_percentage = 100 * factor
    fine = layers()
    scene.render.resolution_percentage = 100
    scene.gaussian_heads.supersampling = factor
    coarse = layers()

    def blocks(image):
        return image.reshape(24, factor, 32, factor).swapaxes(1, 2).reshape(24, 32, -1)

    for name in ("Combined.R", "Combined.B", "Combined.A", "Head Alpha.A"):
        np.testing.assert_allclose(coarse[name], blocks(fine[name]).mean(axis=2), atol=1e-5)
    depths = np.sort(blocks(fine["Depth.Z"]), axis=2)
    np.testing.assert_allclose(coarse["Depth.Z"], depths[..., (factor * factor - 1) // 2])
    edge = coarse["Combined.R"][:, 20:]
    assert len(np.unique(edge)) > 8


def test_strips_make_the_same_picture(scene, head, camera, picture, monkeypatch):
    add_box(scene, at=(0.1, -0.2, 0.0), size=0.12, color=(0.6, 0.1, 0.1))
    scene.gaussian_heads.supersampling = 2
    whole = picture()
    monkeypatch.setattr(picture_module, "_MAX_STRIP_PX", 32 * 4 * 7)
    # A strip's own margins decide how splats far outside it are stretched.
    np.testing.assert_allclose(picture(), whole, atol=2e-3)


def test_supersampling_beyond_the_largest_picture_is_refused(scene, head, camera):
    scene.render.resolution_x, scene.gaussian_heads.supersampling = 5000, 4
    with pytest.raises(RuntimeError, match="Supersampling 4 makes more than 16384 pixels"):
        bpy.ops.render.render()


class Watch:
    """Stands between engine and Blender: notes what is told, and cancels at the chosen question."""

    def __init__(self, monkeypatch, cancel_at=None):
        self.asked, self.progress, self.results, self.cancel_at = 0, [], [], cancel_at
        write = GaussianHeadsEngine._write

        def draw(depsgraph, host):
            watched = FrameHost(host.move_to, self.ask, lambda done, _: self.progress.append(done))
            passes, self.report = draw_frame(depsgraph, watched)
            return passes, self.report

        def count(engine, layer, passes):
            self.results.append(layer)
            write(engine, layer, passes)

        monkeypatch.setattr(frame_module, "draw_frame", draw)
        monkeypatch.setattr(GaussianHeadsEngine, "_write", count)

    def ask(self):
        self.asked += 1
        return self.cancel_at is not None and self.asked >= self.cancel_at


def test_progress_and_statistics(moving, monkeypatch):
    moving.render.use_motion_blur, moving.gaussian_heads.motion_blur_steps = True, 3
    watch = Watch(monkeypatch)
    bpy.ops.render.render()
    assert watch.progress == sorted(watch.progress) and watch.progress[-1] == pytest.approx(1.0)
    assert watch.progress[0] == 0.0 and watch.results == ["ViewLayer"]
    assert watch.asked >= 6
    said = str(watch.report)
    assert said.startswith("1 head, 600 Gaussians, 12 triangles, 3 moments, cpu 0.")


@pytest.mark.parametrize("cancel_at", [1, 2, 3, 6])
def test_cancelling_leaves_no_result_and_the_frame_where_it_was(moving, monkeypatch, cancel_at):
    moving.render.use_motion_blur, moving.gaussian_heads.motion_blur_steps = True, 3
    moving.frame_set(4)
    watch = Watch(monkeypatch, cancel_at)
    bpy.ops.render.render()
    assert not watch.results and watch.asked == cancel_at
    assert (moving.frame_current, moving.frame_subframe) == (4, 0.0)


def test_memory_stays_where_it_was(moving):
    resource = pytest.importorskip("resource")
    moving.render.resolution_x, moving.render.resolution_y = 640, 480
    moving.gaussian_heads.supersampling = 2
    for _ in range(3):
        bpy.ops.render.render()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(12):
        bpy.ops.render.render()
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    # One frame's buffers at this size are 75 MB.
    assert grown_mb < 25
