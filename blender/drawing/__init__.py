"""Gaussians and meshes through Blender's own GPU module: any vendor, OpenGL, Vulkan or Metal, no compute.

Imported only when something is drawn: without a window Blender has no GPU until the first render.
"""
