"""Make the scene as long as what is spoken in it."""

from __future__ import annotations

import bpy

from ..blender.strips import sequencer_scene, sound_strips
from .base import GuardedOperator, Outcome


class GAUSSIAN_HEADS_OT_fit_range(GuardedOperator, bpy.types.Operator):
    """Start the scene at the first frame on which a sound strip is heard and end it at the last"""

    bl_idname = "gaussian_heads.fit_range"
    bl_label = "Fit Range to Sound"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a sound strip."""
        has_sound = bool(sound_strips(sequencer_scene(context)))
        if not has_sound:
            cls.poll_message_set("The sequencer has no sound: drop a sound file into the 3D View.")
        return has_sound

    def run(self, context: bpy.types.Context) -> Outcome:
        """Set both ends."""
        from ..blender.dialogue.dropped import speech_range

        first, last = speech_range(sequencer_scene(context))
        scene = context.scene
        scene.frame_start, scene.frame_end = first, last
        # The other order for a range that lies before the old one.
        scene.frame_start = first
        self.report({"INFO"}, f"The scene runs from frame {first} to {last}.")
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_fit_range,)
