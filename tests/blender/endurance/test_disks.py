"""A disk that is full, or a folder that is closed, ends work in one sentence; with room the same words go on."""

import os
import shutil
import tempfile

import bpy
import pytest
from gaussian_heads.blender.dialogue.speaking import speak
from gaussian_heads.blender.staging import scene_avatars
from gaussian_heads.blender.strips import sound_strips
from gaussian_heads.core.errors import GaussianHeadsError

from .whole_files import faults, unfinished

ROOM_KIB = 32_768
ANIMATE = "animate {inputs}/a.wav --avatar {inputs}/small.uhap --fps 12 --backend cpu --out"
COMMANDS = {
    "png": (f"{ANIMATE} {{disk}}/frames --size 256 256", (4, 40)),
    "exr": (f"{ANIMATE} {{disk}}/frames --size 128 128 --format exr", (60,)),
    "mp4": (f"{ANIMATE} {{disk}}/a.mp4 --size 64 64", (32, 44, 52)),
    "blend": (f"{ANIMATE} {{disk}}/frames --size 16 16 --save-blend {{disk}}/a.blend", (40, 64)),
    "render": ("render {inputs}/scene.blend --frames 1-6 --out {disk}/frames", (8,)),
    "export": ("export-ply {inputs}/scene.blend --frames 1-3 --out {disk}/a.ply", (16, 60)),
    "speech": ("speech {inputs}/a.wav --fps 1000 --out {disk}/a.npz", (12,)),
    "livelink": ("speech {inputs}/a.wav --fps 1000 --out {disk}/a.csv", (12,)),
    "landmarks": ("landmarks {inputs}/a.wav --fps 25 --out {disk}/a.npz", (4,)),
    "convert": ("convert {disk}/../t.npz --out {disk}/t.csv", (4,)),
}
CASES = [(name, size) for name, (_, sizes) in COMMANDS.items() for size in sizes]


def words(name, inputs, place):
    return COMMANDS[name][0].format(inputs=inputs, disk=place).split()


def require_sentence(code, said, name):
    assert code == 1, said
    assert "room" in said or "disk" in said, said
    assert said.endswith(".") and ": " in said.removeprefix("gaussian-heads: "), said
    assert "~" not in said, "a temporary name tells nobody anything"


@pytest.mark.parametrize(("name", "size_kib"), CASES)
def test_a_full_disk(name, size_kib, inputs, disk, command, tmp_path):
    small = disk(size_kib)
    if name == "convert":
        command("speech", inputs / "a.wav", "--fps", 500, "--out", tmp_path / "t.npz")
    code, said = command(*words(name, inputs, small.path))
    require_sentence(code, said, name)
    assert faults(small.path) == [] and unfinished(small.path) == []
    small.resize(ROOM_KIB)
    code, said = command(*words(name, inputs, small.path))
    assert code == 0, said
    assert faults(small.path) == [] and unfinished(small.path) == []
    assert [path for path in small.path.rglob("*") if path.is_file()]


def test_no_room_for_temporary_files(inputs, disk, command, monkeypatch, tmp_path):
    small = disk(20)
    monkeypatch.setattr(tempfile, "tempdir", str(small.path))
    code, said = command(*words("mp4", inputs, tmp_path))
    require_sentence(code, said, "mp4")
    assert not (tmp_path / "a.mp4").exists() and [*small.path.iterdir()] == []
    small.resize(ROOM_KIB)
    assert command(*words("mp4", inputs, tmp_path)) == (0, "")
    assert faults(tmp_path) == [] and not (tmp_path / "a.frames").exists()


def test_a_bake_without_room_leaves_the_keys(inputs, disk, monkeypatch):
    """Packed sounds are unpacked for listening; what cannot be is told, and nothing is keyed."""
    bpy.ops.wm.open_mainfile(filepath=str(inputs / "scene.blend"), load_ui=False)
    scene = bpy.context.scene
    (strip,), (obj,) = sound_strips(scene), scene_avatars(scene)
    strip.sound.pack()
    before = len(bpy.data.actions)
    small = disk(4)
    monkeypatch.setattr(tempfile, "tempdir", str(small.path))
    with pytest.raises((GaussianHeadsError, OSError), match="room|No space"):
        speak(scene, strip, obj)
    assert len(bpy.data.actions) == before and [*small.path.iterdir()] == []
    small.resize(ROOM_KIB)
    assert speak(scene, strip, obj).last_frame >= 6


@pytest.mark.parametrize("name", ["png", "mp4", "blend", "speech"])
def test_a_closed_folder(name, inputs, disk, command, tmp_path):
    """A disk that takes nothing, which root cannot write to either."""
    small = disk(ROOM_KIB)
    (small.path / "frames").mkdir()
    os.system(f"mount -o remount,ro {small.path}")
    code, said = command(*words(name, inputs, small.path))
    assert code == 1 and "~" not in said and said.endswith("."), said
    assert "Read-only" in said or "folder" in said, said
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    os.system(f"mount -o remount,rw {small.path}")
    assert faults(small.path) == [] and unfinished(small.path) == []
