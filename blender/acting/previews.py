"""Small pictures of poses for the Asset Browser, drawn from the avatar itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ...core.avatar import Avatar
from ...core.camera import Camera, intrinsics, look_at
from ...core.render import render
from ...core.spaces.expressions import EXPRESSIONS
from ..properties import CONTROL_SETS
from .pose import CHANNELS, HEAD_KIND

SIZE_PX = 256
# Face and hair, seen from far enough that noses stay small.
HEIGHT_M, DISTANCE_M = 0.23, 1.2
CENTRE_M = np.array([0.0, -0.02, -0.03])


def pose_code(avatar: Avatar, pose: Mapping[str, float]) -> np.ndarray:
    """The expression code `[D]` float32 that a pose's controls give."""
    code = np.zeros(avatar.code_dim)
    for controls in CONTROL_SETS:
        weights = np.array([pose.get(name, 0.0) for name in controls.names])
        code += weights @ avatar.control_offsets(controls.kind)
    return code.astype(np.float32)


def draw_pose(avatar: Avatar, pose: Mapping[str, float]) -> np.ndarray:
    """The face in a pose: RGBA `[H, W, 4]` in [0, 1], not premultiplied, display-referred, top row first."""
    head = [pose.get(name, 0.0) for name, c in CHANNELS.items() if c.kind == HEAD_KIND]
    gaussians = avatar.decode(pose_code(avatar, pose), np.array(head) if any(head) else None)
    eye = CENTRE_M + [0.0, 0.0, DISTANCE_M]
    focal_px = SIZE_PX * DISTANCE_M / HEIGHT_M
    camera = Camera(
        look_at(eye, CENTRE_M, np.array([0.0, 1.0, 0.0])),
        intrinsics(focal_px, SIZE_PX, SIZE_PX),
        SIZE_PX,
        SIZE_PX,
    )
    output = render(gaussians, camera, backend="cpu")
    alphas = np.asarray(output.alphas)[..., None]
    colors = np.asarray(output.colors) / np.maximum(alphas, 1e-6)
    return np.clip(np.concatenate([colors, alphas], axis=-1), 0.0, 1.0).astype(np.float32)


def draw_expressions(
    avatar: Avatar, progress: Callable[[float], object] | None = None
) -> dict[str, np.ndarray]:
    """A picture of every expression of the table, by its name."""
    return dict(_drawn(avatar, progress))


def _drawn(
    avatar: Avatar, progress: Callable[[float], object] | None
) -> Iterator[tuple[str, np.ndarray]]:
    for index, (name, expression) in enumerate(EXPRESSIONS.items()):
        yield name, draw_pose(avatar, expression.pose())
        if progress is not None:
            progress((index + 1) / len(EXPRESSIONS))
