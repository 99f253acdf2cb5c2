"""The badge of a line: says how its keys stand, and does what is left to do."""

import bpy
from bpy.props import StringProperty

from ..blender.dialogue.state import LineState, LineStatus, line_status
from ..blender.strips import sequencer_scene
from ..core.errors import GaussianHeadsError
from .base import GuardedOperator, Outcome


class GAUSSIAN_HEADS_OT_resolve_line(GuardedOperator, bpy.types.Operator):
    """Bring the line up to date, or select its strip where it is"""

    bl_idname = "gaussian_heads.resolve_line"
    bl_label = "Update Line"
    bl_options = {"REGISTER", "UNDO"}

    line_id: StringProperty(
        name="Line", description="The line meant", options={"SKIP_SAVE", "HIDDEN"}
    )

    @classmethod
    def description(
        cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties
    ) -> str:
        """How the keys of the line stand."""
        status = _status(context, properties.line_id)
        return f"{status.state.value}: {status.sentence}" if status else ""

    def run(self, context: bpy.types.Context) -> Outcome:
        """Update, bake or select."""
        from ..blender.dialogue.lines import line_by_id, strips_by_line
        from ..blender.dialogue.scene import update_lines

        scene = sequencer_scene(context)
        status = _status(context, self.line_id)
        if status is None:
            raise GaussianHeadsError("This line is gone: undo that, or link its strip again.")
        line = line_by_id(scene, self.line_id)
        state = status.state
        if state in (LineState.MOVED, LineState.SETTINGS):
            update_lines(scene, [line])
        elif state in (LineState.NEW, LineState.SOUND):
            strip = strips_by_line(scene)[self.line_id]
            arguments = {"strip": strip.name, "speaker": line.speaker.name}
            return _bake(arguments)
        elif state is LineState.CURRENT:
            _select(scene, strips_by_line(scene)[self.line_id])
        else:
            raise GaussianHeadsError(f"{status.sentence}.")
        return {"FINISHED"}


def _bake(arguments: dict[str, str]) -> Outcome:
    try:
        return bpy.ops.gaussian_heads.bake_speech("INVOKE_DEFAULT", **arguments)
    except RuntimeError as error:
        # Operators tell others of their refusals in this way.
        raise GaussianHeadsError(str(error).removeprefix("Error: ").strip()) from None


def _status(context: bpy.types.Context, line_id: str) -> LineStatus | None:
    from ..blender.dialogue.lines import line_by_id

    scene = sequencer_scene(context)
    line = line_by_id(scene, line_id)
    return line_status(scene, line) if line is not None else None


def _select(scene: bpy.types.Scene, strip: bpy.types.Strip) -> None:
    for other in scene.sequence_editor.strips_all:
        other.select = other == strip
    scene.sequence_editor.active_strip = strip


CLASSES = (GAUSSIAN_HEADS_OT_resolve_line,)
