"""Blender's mixer as the add-on uses it."""

import bpy
import pytest
from gaussian_heads.blender.mixing import mix_down

from .test_dialogue import add_sound


def test_a_render_that_failed_before_does_not_cut_the_sound(scene, clicks, tmp_path):
    import soundfile

    add_sound(scene, clicks(3.0, [1.0]), start=1)
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.render.render()
    names = [
        block.name
        for kind in (bpy.data.scenes, bpy.data.cameras, bpy.data.objects)
        for block in kind
    ]
    assert mix_down(scene, tmp_path / "mix.wav", (1, 60))
    assert soundfile.info(str(tmp_path / "mix.wav")).duration == pytest.approx(2.5, abs=0.05)
    after = [
        block.name
        for kind in (bpy.data.scenes, bpy.data.cameras, bpy.data.objects)
        for block in kind
    ]
    assert names == after
