"""Blender's keying sets know the face: what is acted of it, keyed by I and by Auto Keying."""

from __future__ import annotations

import bpy

from .base import active_avatar


class GAUSSIAN_HEADS_KSI_face(bpy.types.KeyingSetInfo):
    """Every control of the face that is set or keyed, and the head's own turn"""

    bl_idname = "GAUSSIAN_HEADS_KSI_face"
    bl_label = "Gaussian Head Face"

    def poll(self, context: bpy.types.Context) -> bool:
        """Only with an avatar."""
        return active_avatar(context) is not None

    def iterator(self, context: bpy.types.Context, keying_set: bpy.types.KeyingSet) -> None:
        """The active avatar alone, whatever else is selected."""
        self.generate(context, keying_set, active_avatar(context))

    def generate(
        self,
        _context: bpy.types.Context,
        keying_set: bpy.types.KeyingSet,
        data: bpy.types.Object,
    ) -> None:
        """One path for each channel that is set or keyed."""
        from ..blender.acting.pose import CHANNELS, acted_channels

        for name in acted_channels(data):
            channel = CHANNELS[name]
            keying_set.paths.add(
                data,
                channel.path,
                index=channel.index,
                group_method="NAMED",
                group_name=channel.group,
            )


CLASSES = (GAUSSIAN_HEADS_KSI_face,)
