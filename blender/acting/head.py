"""The head pose that an avatar object holds itself: set by hand and baked."""

from __future__ import annotations

import numpy as np

from ..stored import stored_numbers

HEAD_MOTION_PROPERTY = "head_motion"


def own_pose(obj: object) -> np.ndarray:
    """Rotation vector (rad) and translation (m) `[6]` float32 in the avatar frame of the evaluated object.

    The pose set by hand plus the baked motion times its strength, unless that is muted, number by number.
    """
    settings = obj.gaussian_head
    pose = np.array([*settings.head_rotation, *settings.head_translation], np.float32)
    return (
        pose
        if settings.mute_head
        else pose + np.float32(settings.strength_head) * baked_motion(obj)
    )


def baked_motion(obj: object) -> np.ndarray:
    """The baked motion `[6]` float32, unscaled."""
    return stored_numbers(obj, HEAD_MOTION_PROPERTY, 6, "a head's pose").astype(np.float32)
