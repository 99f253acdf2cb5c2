"""Exposure and tint of one head, in linear light."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np

from ..core.gaussians import Gaussians
from .colors import linear_to_srgb, linearise


def look_gain(settings: bpy.types.PropertyGroup) -> np.ndarray | None:
    """Factor `[3]` on a head's linear light from its exposure (stops) and tint; None for no change."""
    gain = 2.0**settings.exposure * np.array(settings.tint, np.float64)
    return None if (gain == 1.0).all() else gain


def graded(gaussians: Gaussians, gain: np.ndarray | None) -> Gaussians:
    """The Gaussians with their linear light multiplied by `gain` `[3]`.

    Above its short line sRGB turns a factor into a factor and an offset, so pixels blended of graded
    colours are the graded pixels, and view-dependent parts take the factor alone.
    """
    if gain is None:
        return gaussians
    colors = np.array(gaussians.colors, np.float32, order="C")
    linearise(colors)
    colors = linear_to_srgb(colors * gain.astype(np.float32))
    sh = gaussians.sh
    if sh is not None:
        sh = sh * (gain ** (1 / 2.4)).astype(np.float32)
    return replace(gaussians, colors=colors, sh=sh)
