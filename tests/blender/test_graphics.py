"""Rendering in the background with and without a graphics driver, each in a Blender of its own."""

import os
import subprocess
import sys

import numpy as np
import pytest
from gaussian_heads.blender.graphics import has_graphics

SCRIPT = """
import sys, bpy, gaussian_heads
gaussian_heads.register()
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.engine import GaussianHeadsEngine
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.staging import setup_render
from pathlib import Path
avatar, out, backend = sys.argv[-3:]
bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
scene = bpy.context.scene
scene.render.resolution_x = scene.render.resolution_y = 48
create_avatar_object(avatar, load_avatar(Path(avatar)), scene.collection)
setup_render(scene)
scene.gaussian_heads.backend = backend
scene.render.filepath = out
scene.render.dither_intensity = 0.0
bpy.ops.render.render(write_still=True)
sys.stdout.write(f"graphics {GaussianHeadsEngine.bl_use_gpu_context}\\n")
"""
NO_DRIVER = {
    "__EGL_VENDOR_LIBRARY_DIRS": "/nonexistent",
    "__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent/none.json",
    "LIBGL_DRIVERS_PATH": "/nonexistent",
    "GBM_BACKENDS_PATH": "/nonexistent",
}


def draw(avatar, out, backend, environment):
    """What a new Blender says while it renders, and its pixels."""
    from PIL import Image

    command = [sys.executable, "-c", SCRIPT, str(avatar), str(out), backend]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, np.asarray(Image.open(out).convert("RGB"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="hides drivers of Linux")
@pytest.mark.parametrize("backend", ["auto", "cpu", "gpu"])
def test_a_machine_without_a_driver_renders(avatar_file, tmp_path, backend):
    said, hidden = draw(avatar_file, tmp_path / "hidden.png", backend, NO_DRIVER)
    assert "graphics False" in said
    usual_said, usual = draw(avatar_file, tmp_path / "usual.png", "cpu", {})
    assert f"graphics {has_graphics()}" in usual_said
    assert usual.std() > 10
    np.testing.assert_array_equal(hidden, usual)
    assert said.count("The gpu backend did not draw this, the cpu backend did instead") == (
        backend == "gpu"
    )
