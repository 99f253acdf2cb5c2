"""Rendered files say that they are synthetic, in metadata that others read; nothing is drawn into them."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.marks import scene_note
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.synthetic import KIND, video_note
from gaussian_heads.core.video import VideoFile


def use_format(scene, file_format, media="IMAGE"):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = media
    settings.file_format = file_format


def render_to(scene, path):
    scene.render.filepath, scene.render.use_file_extension = str(path), False
    bpy.ops.render.render(write_still=True)
    return path.read_bytes()


@pytest.mark.parametrize(
    "file_format, name",
    (("PNG", "a.png"), ("JPEG", "a.jpg"), ("OPEN_EXR", "a.exr"), ("OPEN_EXR_MULTILAYER", "b.exr")),
)
def test_stills_are_marked(scene, head, camera, tmp_path, file_format, name):
    use_format(scene, file_format, "MULTI_LAYER_IMAGE" if "MULTI" in file_format else "IMAGE")
    data = render_to(scene, tmp_path / name)
    for text in ("Synthetic: rendered with Gaussian Heads", "Small Head", KIND):
        assert text.encode() in data, text


def test_a_png_has_fields_that_any_reader_names(scene, head, camera, tmp_path):
    from PIL import Image

    use_format(scene, "PNG")
    render_to(scene, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        text = picture.text
    assert text["Synthetic"] == text["comment"] == scene_note(scene)
    assert text["DigitalSourceType"] == KIND


def test_the_pixels_are_those_without_a_mark(scene, head, camera, picture, monkeypatch):
    marked = picture()
    monkeypatch.setattr("gaussian_heads.blender.engine.mark_result", lambda *_: None)
    assert np.array_equal(marked, picture())


def test_pictures_without_a_visible_head_are_not_marked(scene, head, camera, tmp_path):
    head.hide_render = True
    use_format(scene, "PNG")
    assert b"Synthetic" not in render_to(scene, tmp_path / "a.png")


def test_every_head_is_named_once(scene, head, camera, avatar_file, tmp_path):
    create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    assert scene_note(scene).count("Small Head") == 1


@pytest.mark.parametrize("container, ending", (("MPEG4", "mp4"), ("MKV", "mkv")))
def test_videos_of_blender_are_marked(scene, head, camera, tmp_path, container, ending):
    use_format(scene, "FFMPEG", "VIDEO")
    scene.render.ffmpeg.format, scene.render.ffmpeg.codec = container, "H264"
    scene.frame_start, scene.frame_end = 1, 3
    scene.render.filepath = str(tmp_path / f"shot.{ending}")
    scene.render.use_file_extension = False
    bpy.ops.render.render(animation=True)
    path = tmp_path / f"shot.{ending}"
    assert video_note(path) == scene_note(scene)
    assert VideoFile.open(path).info.num_frames == 3


def test_other_videos_are_left_alone(scene, head, camera, tmp_path):
    head.hide_render = True
    use_format(scene, "FFMPEG", "VIDEO")
    scene.render.ffmpeg.format, scene.render.ffmpeg.codec = "MPEG4", "H264"
    scene.frame_start, scene.frame_end = 1, 2
    scene.render.filepath = str(tmp_path / "empty.mp4")
    scene.render.use_file_extension = False
    bpy.ops.render.render(animation=True)
    assert video_note(tmp_path / "empty.mp4") == ""
