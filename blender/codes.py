"""What an avatar object says at one frame: its expression code and head pose, read once evaluated."""

from __future__ import annotations

import numpy as np

from ..core.avatar import Avatar
from ..core.avatar.archive import MOTION
from ..core.errors import CodeSpaceError
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX
from .acting.head import HEAD_MOTION_PROPERTY, own_pose
from .acting.targets import BakedEyes, facing, followed, gaze_weights
from .properties import CONTROL_SETS, LAYERS
from .stored import stored_numbers

CODE_PROPERTY = "expr_code"
WEIGHTS_PROPERTY = "expr_arkit"
MOTION_PROPERTY = "expr_motion_"
ACTION_SPACE_PROPERTY = "gaussian_heads_code_space"
_LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


def layer_property(layer: str) -> str:
    """Name of the ID property that holds a layer's code; "speech" is the first and has no suffix."""
    return CODE_PROPERTY if layer == "speech" else f"{CODE_PROPERTY}_{layer}"


def weights_property(layer: str) -> str:
    """Name of the ID property that holds a layer as ARKit weights, which fit an avatar of any space."""
    return f"{WEIGHTS_PROPERTY}_{layer}"


def motion_property(avatar: Avatar) -> str:
    """Name of the ID property that holds the audio vector of an avatar with personal motion.

    A vector means something to its own avatar only, so each has a name of its own: keys that another avatar
    left rest until that one is back.
    """
    return f"{MOTION_PROPERTY}{avatar.manifest.members[MOTION].sha256[:8]}"


_BAKED_PATHS = frozenset(
    f'["{name}"]'
    for name in (
        *(f(layer) for layer in LAYERS for f in (layer_property, weights_property)),
        HEAD_MOTION_PROPERTY,
    )
)


def is_baked_path(data_path: str) -> bool:
    """Whether a bake keys the property at `data_path`."""
    return data_path in _BAKED_PATHS or data_path.startswith(f'["{MOTION_PROPERTY}')


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
    """Code `[D]` float32 of the evaluated object: its layers by their strengths, the named controls, the gaze."""
    settings = obj.gaussian_head
    code = np.zeros(avatar.code_dim)
    arkit = np.zeros(len(ARKIT_BLENDSHAPES))
    has_gaze, lids_closed = False, 0.0
    for layer in LAYERS:
        if getattr(settings, f"mute_{layer}"):
            continue
        strength = getattr(settings, f"strength_{layer}")
        codes = _stored(obj, layer_property(layer), avatar.code_dim, avatar.name)
        weights = _stored(obj, weights_property(layer), len(arkit), avatar.name)
        code += strength * codes
        arkit += strength * weights
        if layer == "gaze":
            has_gaze = bool(codes.any() or weights.any())
        elif layer in ("acting", "blink"):
            lids_closed += float(strength * weights[_LIDS].max())
    look = gaze_weights(obj, avatar, head_pose(obj, avatar), BakedEyes(has_gaze, lids_closed))
    if look is not None:
        arkit += look
    if arkit.any():
        code += arkit @ avatar.control_offsets("arkit52")
    for control_set in CONTROL_SETS:
        group = getattr(settings, control_set.attribute)
        weights = np.array([getattr(group, name) for name in control_set.names])
        if weights.any():
            code += weights @ avatar.control_offsets(control_set.kind)
    return code.astype(np.float32)


def decoder_code(obj: object, avatar: Avatar) -> np.ndarray:
    """What the avatar of the evaluated object decodes: its code `[D]` and the audio vector `[A]` if it has one."""
    code = expression_code(obj, avatar)
    settings = obj.gaussian_head
    if not avatar.motion_dim or settings.mute_motion:
        return code
    vector = _stored(obj, motion_property(avatar), avatar.motion_dim, avatar.name)
    return np.concatenate([code, (settings.strength_motion * vector).astype(np.float32)])


def _stored(obj: object, name: str, length: int, avatar_name: str) -> np.ndarray:
    return stored_numbers(obj, name, length, f"the avatar '{avatar_name}'")


def head_pose(obj: object, avatar: Avatar) -> np.ndarray | None:
    """Rotation vector (rad) and translation (m) `[6]` float32 in the avatar frame; None at rest.

    The object's own pose, carried along by what the head follows, then turned to what it looks at.
    """
    pose = facing(obj, avatar, followed(obj, avatar, own_pose(obj)))
    return pose.astype(np.float32) if pose.any() else None
