"""Exposure and tint of single heads, in linear light, down to the pixel of a PNG."""

from dataclasses import replace

import bpy
import numpy as np
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.colors import linear_to_srgb, srgb_to_linear
from gaussian_heads.blender.looks import graded, look_gain
from gaussian_heads.blender.proxy import create_avatar_object


def test_no_look_is_no_change(scene, head):
    assert look_gain(head.gaussian_head) is None


def test_exposure_and_tint_multiply_the_light_of_every_pixel(scene, head, camera, picture):
    scene.render.film_transparent = True
    plain = picture()
    head.gaussian_head.exposure, head.gaussian_head.tint = -1.5, (1.0, 0.5, 2.0)
    graded_picture = picture()
    np.testing.assert_allclose(graded_picture[..., 3], plain[..., 3], atol=1e-6)
    expected = plain[..., :3] * 2**-1.5 * (1.0, 0.5, 2.0)
    # Where the curve is no line even the blended colours agree.
    bright = (plain[..., 3:] > 0.5) & (expected > 0.02) & (plain[..., :3] > 0.02)
    assert bright.sum() > 100
    np.testing.assert_allclose(graded_picture[..., :3][bright], expected[bright], rtol=4e-3)


def test_a_png_shows_one_stop_under_standard(scene, head, camera, picture, tmp_path):
    from PIL import Image

    head.gaussian_head.exposure = 1.0
    linear = picture()
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth = "PNG", "8"
    scene.render.filepath = str(tmp_path / "a.png")
    bpy.ops.render.render(write_still=True)
    shown = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"), np.float32)
    expected = np.clip(linear_to_srgb(linear[..., :3]), 0, 1) * 255
    np.testing.assert_allclose(shown, expected, atol=0.51)


def test_one_head_is_graded_and_its_neighbour_is_not(scene, head, camera, picture, avatar_file):
    other = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    head.location.x, other.location.x = -0.15, 0.15
    plain = picture()
    other.gaussian_head.tint = (0.0, 1.0, 1.0)
    tinted = picture()
    np.testing.assert_array_equal(tinted[:, :14], plain[:, :14])
    assert plain[:, 18:, 0].max() > 0.1 and tinted[:, 18:, 0].max() < 1e-6
    np.testing.assert_allclose(tinted[..., 1:], plain[..., 1:], atol=1e-6)


def test_exposure_is_animated(scene, head, camera, picture):
    settings = head.gaussian_head
    for frame, stops in ((1, 0.0), (2, 1.0)):
        settings.exposure = stops
        settings.keyframe_insert("exposure", frame=frame)
    first, second = picture(1), picture(2)
    assert second.max() > 1.5 * first[..., :3].max() > 0


def test_colours_that_depend_on_the_view_are_graded_as_they_are_seen(scene, head, avatar_file):
    gaussians = load_avatar(avatar_file).avatar.decode(np.zeros(52, np.float32), None)
    random = np.random.default_rng(3)
    count = gaussians.num_gaussians
    lit = replace(
        gaussians,
        colors=random.uniform(0.4, 0.8, (count, 3)).astype(np.float32),
        sh=random.uniform(-0.1, 0.1, (count, 3, 3)).astype(np.float32),
    )
    gain = np.array([2.0, 0.7, 1.3])
    eye = np.array([0.2, 0.1, 1.0])
    seen = graded(lit, gain).seen_from(eye).colors
    expected = linear_to_srgb(srgb_to_linear(lit.seen_from(eye).colors.astype(np.float64)) * gain)
    np.testing.assert_allclose(seen, expected, atol=2e-5)


def test_a_look_that_a_script_sets_is_evaluated_at_once(scene, head, camera):
    bpy.context.view_layer.update()
    head.gaussian_head.exposure, head.gaussian_head.tint[1] = 1.5, 0.25
    seen = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).gaussian_head
    assert seen.exposure == 1.5 and seen.tint[1] == 0.25
