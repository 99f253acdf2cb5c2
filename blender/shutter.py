"""When the shutter is open: the moments of a frame that motion blur averages."""

from __future__ import annotations

import math

import bpy

# Where the open time lies about the frame, in shutter lengths.
_OPENING = {"START": 0.0, "CENTER": -0.5, "END": -1.0}


def shutter_moments(scene: bpy.types.Scene) -> list[float]:
    """Scene frames to draw for the current one, in order: itself alone without motion blur.

    Moments stand in the middle of equal parts of the open time, as Blender's shutter and position say.
    """
    now = scene.frame_current + scene.frame_subframe
    render = scene.render
    if not render.use_motion_blur or render.motion_blur_shutter <= 0.0:
        return [now]
    count = scene.gaussian_heads.motion_blur_steps
    opens = now + _OPENING[render.motion_blur_position] * render.motion_blur_shutter
    return [opens + (i + 0.5) / count * render.motion_blur_shutter for i in range(count)]


def frame_and_subframe(moment: float) -> tuple[int, float]:
    """Blender's two numbers for a moment in frames; the second lies in [0, 1)."""
    frame = math.floor(moment)
    return frame, moment - frame
