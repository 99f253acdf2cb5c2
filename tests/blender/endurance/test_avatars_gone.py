"""An avatar's file that is deleted, cut short or exchanged while its head is shown: a sentence, and all is well when it is back."""

import shutil

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.batch import RenderRequest, render_file
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.errors import RenderError

from ...core.small_heads import small_latent_avatar, small_linear_avatar


@pytest.fixture
def shown(scene, camera, picture, tmp_path):
    """A head of a file of its own, which was drawn once: file, object, and what it looks like."""
    path = small_linear_avatar(tmp_path / "shown.uhap")
    obj = create_avatar_object(str(path), load_avatar(path), scene.collection)
    before = picture()
    assert before[..., 3].max() > 0.9
    return path, obj, before


HARMS = {
    "deleted": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(20_000)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("harm", HARMS)
def test_harm_is_told_and_ends_when_the_file_is_back(harm, shown, picture, tmp_path):
    path, obj, before = shown
    shutil.copy(path, tmp_path / "kept.uhap")
    HARMS[harm](path)
    for _ in range(3):
        # Frames in the editor, undo, a save: nothing that Blender calls may fail over it.
        bpy.context.scene.frame_set(5)
        bpy.ops.ed.undo_push(message="moved")
        bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="shown.uhap") as told:
        picture()
    assert "Traceback" not in str(told.value)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    if path.is_dir():
        path.rmdir()
    shutil.copy(tmp_path / "kept.uhap", path)
    np.testing.assert_array_equal(picture(), before)


def test_another_avatar_under_the_name_is_drawn(shown, picture):
    """One with other Gaussians and another code space; what was decoded of the first is not used for it."""
    path, obj, before = shown
    small_linear_avatar(path, num_gaussians=900)
    bigger = picture()
    assert bigger[..., 3].max() > 0.9 and np.abs(bigger - before).max() > 0.01
    small_latent_avatar(path)
    try:
        picture()
    except RuntimeError as told:
        assert "Small Head" in str(told) or "shown.uhap" in str(told)
    small_linear_avatar(path)
    np.testing.assert_array_equal(picture(), before)


def test_a_render_that_loses_its_avatar_goes_on_when_it_is_back(inputs, tmp_path):
    for name in ("a.wav", "small.uhap", "scene.blend"):
        shutil.copy(inputs / name, tmp_path / name)
    request = RenderRequest(tmp_path / "scene.blend", "1-6", tmp_path / "frames")
    told = []

    def lose(done):
        told.append(done)
        if len(told) == 3:
            (tmp_path / "small.uhap").rename(tmp_path / "away.uhap")

    with pytest.raises(RenderError, match="small.uhap"):
        render_file(request, lose)
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == ["0001.png", "0002.png"]
    (tmp_path / "away.uhap").rename(tmp_path / "small.uhap")
    result = render_file(request, lambda done: None)
    assert (result.num_rendered, result.num_skipped) == (4, 2)
