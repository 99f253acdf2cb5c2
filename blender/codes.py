"""What an avatar object says at one frame: its expression code and head pose, read once evaluated."""

from __future__ import annotations

import numpy as np

from ..core.avatar import Avatar
from ..core.errors import CodeSpaceError
from .properties import CONTROL_SETS, LAYERS

CODE_PROPERTY = "expr_code"
HEAD_MOTION_PROPERTY = "head_motion"
ACTION_SPACE_PROPERTY = "gaussian_heads_code_space"


def layer_property(layer: str) -> str:
    """Name of the ID property that holds a layer's code; "speech" is the first and has no suffix."""
    return CODE_PROPERTY if layer == "speech" else f"{CODE_PROPERTY}_{layer}"


def require_code_space(obj: object, avatar: Avatar) -> None:
    """Raise `CodeSpaceError` when the object or its Action was baked for other codes than the avatar's."""
    animation = obj.animation_data
    action = animation.action if animation else None
    stored = action.get(ACTION_SPACE_PROPERTY) if action else None
    if stored is not None and stored != avatar.code_space:
        raise CodeSpaceError(
            f"The Action '{action.name}' holds codes of the space '{stored}', the avatar "
            f"'{avatar.name}' needs '{avatar.code_space}': bake the speech again in a new Action."
        )


def expression_code(obj: object, avatar: Avatar) -> np.ndarray:
    """Code `[D]` float32 of the evaluated object: strengths times layers plus the named controls."""
    settings = obj.gaussian_head
    code = np.zeros(avatar.code_dim)
    for layer in LAYERS:
        values = obj.get(layer_property(layer))
        if values is None:
            continue
        if len(values) != avatar.code_dim:
            raise CodeSpaceError(
                f"'{obj.name}' keeps {len(values)} code channels, the avatar '{avatar.name}' has "
                f"{avatar.code_dim}: import the avatar again and bake the speech again."
            )
        code += getattr(settings, f"strength_{layer}") * np.array(values, np.float64)
    for control_set in CONTROL_SETS:
        group = getattr(settings, control_set.attribute)
        weights = np.array([getattr(group, name) for name in control_set.names])
        if weights.any():
            code += weights @ avatar.control_offsets(control_set.kind)
    return code.astype(np.float32)


def head_pose(obj: object) -> np.ndarray | None:
    """Rotation vector (rad) and translation (m) `[6]` float32 in the avatar frame; None at rest.

    The pose set by hand plus the baked motion times its strength, number by number.
    """
    settings = obj.gaussian_head
    pose = np.array([*settings.head_rotation, *settings.head_translation], np.float32)
    motion = obj.get(HEAD_MOTION_PROPERTY)
    if motion is not None:
        pose += np.float32(settings.strength_head) * np.array(motion, np.float32)
    return pose if pose.any() else None
