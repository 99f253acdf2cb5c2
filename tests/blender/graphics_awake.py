"""Wakes Blender's GPU in the background, or skips with the reason."""

import bpy
import pytest
from gaussian_heads.blender.graphics import has_graphics


def wake_graphics():
    """Make `gpu` usable at top level: 5.2 can by itself, older ones after a first tiny render."""
    import gpu

    if not has_graphics():
        pytest.skip("needs a graphics driver: EGL and Mesa without a display")
    if hasattr(gpu, "init"):
        gpu.init()
        return
    scene = bpy.data.scenes.new("Awake")
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.camera = bpy.data.objects.new("Awake", bpy.data.cameras.new("Awake"))
    scene.collection.objects.link(scene.camera)
    bpy.ops.render.render(scene=scene.name)
    bpy.data.scenes.remove(scene)
