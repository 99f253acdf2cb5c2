"""Delete baked keys, of a line, of a range of frames or all of an avatar's, and drop those that are not needed."""

import math

import bpy
from bpy.props import FloatProperty, StringProperty

from ..blender.defaults import MAX_TOLERANCE
from ..blender.strips import sequencer_scene
from ..core.errors import GaussianHeadsError
from .base import NO_AVATAR, GuardedOperator, Outcome, active_avatar
from .listening import TakesFrames

Piece = tuple[bpy.types.Object, int, int]


class _OnBakedKeys(TakesFrames, GuardedOperator):
    """Mix-in for operators on baked keys of a line's strip or of the active avatar."""

    strip: StringProperty(
        name="Sound Strip",
        description="The sound strip whose lines are meant; all baked speech of the active avatar when empty",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs baked keys."""
        from ..blender.keys import baked_range

        obj = active_avatar(context)
        if obj is None and not len(sequencer_scene(context).gaussian_heads.lines):
            cls.poll_message_set(NO_AVATAR)
            return False
        if obj is not None and baked_range(obj) is None:
            cls.poll_message_set(f"'{obj.name}' has no baked keys: bake the speech first.")
            return False
        return True

    def pieces(self, context: bpy.types.Context) -> list[Piece]:
        """The avatars and frames to work on; refused where there are no keys."""
        chosen = self.chosen_frames(context.scene)
        found = [(obj, *_within(first, last, chosen)) for obj, first, last in self._whole(context)]
        if not found:
            raise GaussianHeadsError("There are no baked keys here: bake the speech first.")
        return found

    def _whole(self, context: bpy.types.Context) -> list[tuple[bpy.types.Object, int, int]]:
        from ..blender.dialogue.choice import chosen_lines
        from ..blender.dialogue.keys import find_keyed
        from ..blender.keys import baked_range

        if not self.strip:
            obj = active_avatar(context)
            ends = baked_range(obj) if obj is not None else None
            return [(obj, math.floor(ends[0]), math.ceil(ends[1]))] if ends else []
        lines = chosen_lines(sequencer_scene(context), self.strip)
        found = [(line.speaker, find_keyed(line.speaker, line.line_id)) for line in lines]
        return [(obj, *keyed.frames) for obj, keyed in found if keyed is not None]


class GAUSSIAN_HEADS_OT_clear_speech(_OnBakedKeys, bpy.types.Operator):
    """Delete baked keys of speech; keys made by hand stay, and what was heard is kept for a new bake"""

    bl_idname = "gaussian_heads.clear_speech"
    bl_label = "Clear Speech"
    bl_options = {"REGISTER", "UNDO"}

    def draw(self, context: bpy.types.Context) -> None:
        """Frames."""
        self.layout.use_property_split = True
        self.draw_frames(self.layout)

    def run(self, context: bpy.types.Context) -> Outcome:
        """Clear lines as such, frames whoever spoke there."""
        from ..blender.dialogue.bake import clear_line
        from ..blender.dialogue.choice import chosen_lines
        from ..blender.dialogue.keys import clear_frames

        scene, pieces = sequencer_scene(context), self.pieces(context)
        if self.strip and self.chosen_frames(context.scene) is None:
            num_cleared = sum(clear_line(scene, line) for line in chosen_lines(scene, self.strip))
        else:
            num_cleared = sum(clear_frames(scene, *piece) for piece in pieces)
        self.report({"INFO"}, f"Cleared {num_cleared} keys.")
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_clean_speech(_OnBakedKeys, bpy.types.Operator):
    """Drop baked keys that straight lines between their neighbours replace within an error bound"""

    bl_idname = "gaussian_heads.clean_speech"
    bl_label = "Clean Speech"
    bl_options = {"REGISTER", "UNDO"}

    tolerance: FloatProperty(
        name="Error Bound",
        description="How far a curve may be from what was baked; 1 is a whole blendshape",
        default=0.01,
        min=1e-5,
        soft_max=0.1,
        max=MAX_TOLERANCE,
        precision=4,
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Error bound and frames."""
        self.layout.use_property_split = True
        self.layout.prop(self, "tolerance")
        self.draw_frames(self.layout)

    def run(self, context: bpy.types.Context) -> Outcome:
        """Clean, and say how many keys are left."""
        from ..blender.keys import clean_keys

        counts = [clean_keys(*piece, self.tolerance) for piece in self.pieces(context)]
        before, after = (sum(column) for column in zip(*counts, strict=True))
        self.report({"INFO"}, f"Of {before} baked keys {after} are left.")
        return {"FINISHED"}


def _within(first: int, last: int, chosen: range | None) -> tuple[int, int]:
    """The chosen ones of the frames from first to last."""
    if chosen is None:
        return first, last
    begin, end = max(first, chosen.start), min(last, chosen.stop - 1)
    if begin > end:
        raise GaussianHeadsError(
            f"The baked keys lie on frames {first} to {last}, none of them in the range: choose another."
        )
    return begin, end


CLASSES = (GAUSSIAN_HEADS_OT_clear_speech, GAUSSIAN_HEADS_OT_clean_speech)
