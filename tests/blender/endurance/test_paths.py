"""Every command in folders with names that no program likes: long, in all scripts, with quotes and signs."""

import shutil
import sys
import unicodedata

import bpy
import pytest
from gaussian_heads.blender.staging import scene_avatars

from .whole_files import faults, read_image, unfinished

ODD = {
    "scripts": "Zwölf 人 Ελ עב हि",
    "combining": unicodedata.normalize("NFD", "Élise Ång"),
    "emoji": "🙂👩🏽‍🎤 take",
    "quotes": 'it\'s "mine" & $HOME; `x` %d',
    "signs": "shot #12 {blend_name} ~1 [a] (b)",
    "dots": "..a. b ..c",
    "dash": "-o --out",
    "long": "/".join(["seq_010" * 12] * 4),
}
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows forbids most of them")


@pytest.fixture
def place(request, tmp_path, inputs):
    """A folder with an odd name that holds the inputs."""
    folder = tmp_path / ODD[request.param]
    folder.mkdir(parents=True)
    for name in ("a.wav", "small.uhap"):
        shutil.copy(inputs / name, folder / name)
    assert request.param != "long" or len(str(folder)) > 260
    return folder


@pytest.mark.parametrize("place", ODD, indirect=True)
def test_every_command_works_there(place, command, monkeypatch):
    picture = ["--avatar", place / "small.uhap", "--fps", 8, "--size", 32, 32, "--backend", "cpu"]
    video, blend = ["--out", place / "a.mp4"], ["--save-blend", place / "a.blend"]
    assert command("animate", place / "a.wav", *picture, *video, *blend) == (0, "")
    assert command("render", place / "a.blend", "--out", place / "r", "--frames", "1-2") == (0, "")
    assert command("export-ply", place / "a.blend", "--out", place / "a.ply") == (0, "")
    assert command("speech", place / "a.wav", "--out", place / "a.npz") == (0, "")
    assert command("convert", place / "a.npz", "--out", place / "a.csv") == (0, "")
    assert command("info", place / "small.uhap")[0] == 0
    made = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert made == {
        "a.wav", "small.uhap", "a.mp4", "a.blend", "r/0001.png", "r/0002.png", "a.ply", "a.npz", "a.csv"
    }  # fmt: skip
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert faults(place) == [] and unfinished(place) == []


@pytest.mark.parametrize("place", ["scripts", "signs", "long"], indirect=True)
def test_a_scene_finds_its_files_when_it_moves(place, command, tmp_path):
    """A saved scene names sound and avatar relative to itself (//)."""
    picture = ["--avatar", place / "small.uhap", "--fps", 8, "--size", 32, 32, "--backend", "cpu"]
    frames, blend = ["--out", place / "first"], ["--save-blend", place / "a.blend"]
    assert command("animate", place / "a.wav", *picture, *frames, *blend) == (0, "")
    moved = tmp_path / "moved here"
    shutil.copytree(place, moved)
    shutil.rmtree(place)
    assert command("render", moved / "a.blend", "--out", moved / "r", "--frames", "3") == (0, "")
    assert read_image(moved / "r/0003.png") == read_image(moved / "first/0003.png")
    (obj,) = scene_avatars(bpy.context.scene)
    assert obj.gaussian_head.avatar == "//small.uhap"
    assert [sound.filepath for sound in bpy.data.sounds] == ["//a.wav"]
