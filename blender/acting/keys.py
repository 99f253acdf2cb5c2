"""Keys of what is acted: as the preferences and the scene's Auto Keying say, each change whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import bpy
import numpy as np

from ..animation import FRAME_TOLERANCE, find_channelbag
from .pose import (
    CHANNELS,
    acted_channels,
    channel_at,
    keyed_channels,
    read_channel,
    require_editable,
    write_pose,
)


def is_auto_keying(scene: bpy.types.Scene) -> bool:
    """Whether Blender keys by itself what is changed."""
    return scene.tool_settings.use_keyframe_insert_auto


def key_change(
    obj: bpy.types.Object, before: Mapping[str, float], *, use_key: bool, frame: float | None = None
) -> int:
    """Key the pose that an operator has set, where the user or Auto Keying asks for it.

    `before` is the pose as it was. Channels that are keyed for the first time are also keyed as they were at
    the neighbouring keys of the pose, so that the other keyed poses stay what they are. Returns the number
    of channels keyed at `frame` (the scene's when None).
    """
    scene = bpy.context.scene
    changed = [n for n in CHANNELS if abs(read_channel(obj, n) - before.get(n, 0.0)) > 1e-6]
    if use_key:
        names = acted_channels(obj)
        names += [name for name in changed if name not in names]
    elif is_auto_keying(scene):
        names = changed
    else:
        return 0
    at = scene.frame_current if frame is None else frame
    fresh = [name for name in names if name not in keyed_channels(obj)]
    after = {name: read_channel(obj, name) for name in CHANNELS}
    neighbours = _neighbours(obj, at)
    if fresh and neighbours:
        write_pose(obj, {name: before.get(name, 0.0) for name in fresh})
        for neighbour in neighbours:
            key_channels(obj, fresh, neighbour)
        write_pose(obj, after)
    return key_channels(obj, names, at)


def key_channels(obj: bpy.types.Object, names: Collection[str], frame: float | None = None) -> int:
    """Key channels as they are now, in the way the preferences and the scene say; returns their number."""
    require_editable(obj)
    settings = bpy.context.scene.tool_settings
    preferences = bpy.context.preferences.edit
    options = {"INSERTKEY_NEEDED"} if preferences.use_keyframe_insert_needed else set()
    before = _key_times(obj, names)
    for name in names:
        channel = CHANNELS[name]
        obj.keyframe_insert(
            channel.path,
            index=channel.index,
            frame=bpy.context.scene.frame_current if frame is None else frame,
            group=channel.group,
            options=options,
            keytype=settings.keyframe_type,
        )
    _style_new_keys(obj, before, preferences)
    return len(names)


def _neighbours(obj: bpy.types.Object, frame: float) -> list[float]:
    """The frames of the nearest keys of the pose before and after `frame`."""
    times = list(_key_times(obj, CHANNELS).values())
    every = np.concatenate(times) if times else np.empty(0)
    animation = obj.animation_data
    if animation is not None and animation.use_tweak_mode:
        # Keys of a strip that is edited count from where its Action starts.
        every = np.array([animation.nla_tweak_strip_time_to_scene(float(time)) for time in every])
    before, after = every[every < frame - FRAME_TOLERANCE], every[every > frame + FRAME_TOLERANCE]
    nearest = [before.max()] if before.size else []
    return [float(time) for time in (*nearest, *([after.min()] if after.size else []))]


def _key_times(obj: bpy.types.Object, names: Collection[str]) -> dict[str, np.ndarray]:
    """Frames of the keys that the channels have in the object's Action."""
    bag = find_channelbag(obj)
    curves = {} if bag is None else {(c.data_path, c.array_index): c for c in bag.fcurves}
    times = {}
    for name in names:
        channel = CHANNELS[name]
        curve = curves.get((channel.path, max(channel.index, 0)))
        if curve is not None:
            co = np.zeros(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get("co", co)
            times[name] = co[::2]
    return times


def _style_new_keys(
    obj: bpy.types.Object, before: dict[str, np.ndarray], preferences: bpy.types.PreferencesEdit
) -> None:
    """Give keys that were just made the interpolation and handles of the preferences.

    A script's `keyframe_insert` leaves them at Bezier, unlike Blender's own operators.
    """
    bag = find_channelbag(obj)
    for curve in bag.fcurves if bag else ():
        name = channel_at(curve.data_path, curve.array_index)
        if name is None:
            continue
        known = before.get(name, np.empty(0, np.float32))
        fresh = [k for k in curve.keyframe_points if not np.isclose(known, k.co.x).any()]
        for key in fresh:
            key.interpolation = preferences.keyframe_new_interpolation_type
            key.handle_left_type = preferences.keyframe_new_handle_type
            key.handle_right_type = preferences.keyframe_new_handle_type
        if fresh:
            curve.update()
