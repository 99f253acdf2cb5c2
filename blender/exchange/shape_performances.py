"""Recorded performances on mesh characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import bpy

from ...core.expression import ExpressionTrack
from ...core.retiming import retime_track
from ..strips import scene_rate
from .options import PerformanceOptions, frame_span, scaled
from .shape_keys import ShapeBake, track_to_shape_keys


def apply_to_meshes(
    scene: bpy.types.Scene,
    meshes: Sequence[bpy.types.Object],
    track: ExpressionTrack,
    options: PerformanceOptions,
) -> ShapeBake:
    """Key `track` on the shape keys of `meshes` at the exact rate of `scene`.

    Of the options count the first frame, strength, parts, frames and tolerance.
    """
    track = scaled(retime_track(track, scene_rate(scene)), options)
    first, last = frame_span(track, options)
    rows = slice(first - options.first_frame, last + 1 - options.first_frame)
    layers = {name: codes[rows] for name, codes in track.layers.items()}
    part = replace(track, layers=layers, head_pose=track.head_pose[rows])
    return track_to_shape_keys(meshes, part, first, options.tolerance, parts=options.parts)
