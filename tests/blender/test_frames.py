"""Single frames: whole files only, under names that Blender would read signs in, and again where they were cut."""

import bpy
import pytest
from gaussian_heads.blender.frames import render_frames
from gaussian_heads.core.errors import RenderError
from gaussian_heads.core.picture_files import is_whole

KINDS = {
    "zip.exr": ("IMAGE", "OPEN_EXR", {"exr_codec": "ZIP"}),
    "none.exr": ("IMAGE", "OPEN_EXR", {"exr_codec": "NONE"}),
    "dwaa.exr": ("IMAGE", "OPEN_EXR", {"exr_codec": "DWAA"}),
    "layers.exr": ("MULTI_LAYER_IMAGE", "OPEN_EXR_MULTILAYER", {"exr_codec": "ZIP"}),
}


@pytest.fixture
def draw(scene, head, camera, tmp_path):
    """Render frame 1 into a file of this name."""

    def render(name, **options):
        return render_frames(scene, [(1, tmp_path / name)], lambda done: None, **options)

    scene.render.resolution_x = scene.render.resolution_y = 16
    return render


@pytest.mark.parametrize("name", KINDS)
def test_every_shorter_openexr_file_is_cut(name, scene, draw, tmp_path):
    media, kind, settings = KINDS[name]
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = media
    image.file_format = kind
    for key, value in settings.items():
        setattr(image, key, value)
    assert draw(name) == 1
    data = (tmp_path / name).read_bytes()
    for length in [*range(0, len(data) - 300, 41), *range(len(data) - 300, len(data))]:
        (tmp_path / name).write_bytes(data[:length])
        assert not is_whole(tmp_path / name), length


def test_frames_that_were_cut_are_drawn_again(draw, tmp_path):
    assert draw("a.png") == 1 and draw("a.png") == 0
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    assert draw("a.png") == 1 and is_whole(tmp_path / "a.png")


@pytest.mark.parametrize(
    "name", ["shot #1/a.png", "{scene}/a.png", "a##.png", "{blend_name:x}.png"]
)
def test_signs_that_blender_reads_are_part_of_the_name(name, draw, tmp_path):
    assert draw(name) == 1 and is_whole(tmp_path / name)
    assert [path for path in tmp_path.rglob("*.png")] == [tmp_path / name]


def test_what_blender_did_not_write_to_its_end_gets_no_name(draw, tmp_path, monkeypatch):
    """As on a full disk, of which Blender says nothing."""
    from gaussian_heads.blender import frames

    def cut(scene, **options):
        path = bpy.path.abspath(scene.render.filepath)
        with open(path, "wb") as stream:
            stream.write(b"\x89PNG half")

    monkeypatch.setattr(frames, "run_render", cut)
    with pytest.raises(RenderError, match="a.png' to its end"):
        draw("a.png")
    assert [path for path in tmp_path.iterdir() if path.suffix == ".png"] == []
