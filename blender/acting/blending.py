"""A pose that is blended in step by step and may be taken back."""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from .pose import CHANNELS, Mode, blend_pose, read_pose, require_editable, write_pose


class PoseBlend:
    """The way of `obj` from its pose `before` towards another one."""

    def __init__(self, obj: bpy.types.Object, pose: Mapping[str, float], mode: Mode) -> None:
        require_editable(obj)
        self.obj, self.before = obj, read_pose(obj)
        self._pose, self._mode = pose, mode

    def to(self, factor: float) -> None:
        """Show the blend at `factor` (0 to 1), whatever was shown before."""
        self.cancel()
        blend_pose(self.obj, self._pose, mode=self._mode, factor=factor)

    def cancel(self) -> None:
        """Show the pose as it was."""
        write_pose(self.obj, dict.fromkeys(CHANNELS, 0.0) | self.before)
