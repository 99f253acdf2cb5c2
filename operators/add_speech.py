"""Put sound files on the timeline for a head to speak, from a dialog or dropped into the 3D View."""

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, StringProperty

from ..blender.defaults import ONE_AFTER_ANOTHER, TOGETHER
from ..blender.heads import is_avatar
from ..core.errors import GaussianHeadsError
from .base import GuardedOperator, Outcome, active_avatar, make_active
from .import_avatar import chosen_paths

ARRANGEMENTS = (
    (ONE_AFTER_ANOTHER, "One after Another", "Each sound begins where the one before it ends"),
    (TOGETHER, "Together", "All sounds begin at the current frame, each on a channel of its own"),
)


class GAUSSIAN_HEADS_OT_add_speech(GuardedOperator, bpy.types.Operator):
    """Add sound files to the sequencer at the current frame, for a head to speak"""

    bl_idname = "gaussian_heads.add_speech"
    bl_label = "Add Speech"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="File",
        description="The sound file to add",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    directory: StringProperty(
        name="Folder",
        description="Folder of the sound files, where there are several",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE", "HIDDEN"},
    )
    files: CollectionProperty(
        name="Files",
        description="Names of several sound files to add",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_sound: BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})
    speaker: StringProperty(
        name="Speaker",
        description="Name of the head that speaks; the active one when empty",
        options={"SKIP_SAVE"},
    )
    arrangement: EnumProperty(
        name="Several Files", description="How several sounds lie in time", items=ARRANGEMENTS
    )
    fit_range: BoolProperty(
        name="Extend Scene",
        description="Move the end of the scene so that all of the sound is heard",
        default=True,
    )
    bake_now: BoolProperty(
        name="Bake Now",
        description="Listen to the sound at once and key the face",
        default=True,
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Add the strips, link the first to its speaker, and bake if that is wanted."""
        from ..blender.dialogue.dropped import add_sounds, edited_scene

        obj = self._speaker(context)
        scene = edited_scene(context)
        frame = context.scene.frame_current
        added = add_sounds(scene, chosen_paths(self), frame, obj, arrangement=self.arrangement)
        if self.fit_range:
            for each in {scene, context.scene}:
                each.frame_end = max(each.frame_end, added.end_frame - 1)
        names = ", ".join(f"'{name}'" for name in added.strips)
        if obj is None:
            self.report({"INFO"}, f"Added {names}: add a head, then bake the speech.")
            return {"FINISHED"}
        make_active(context, obj)
        self.report({"INFO"}, f"Added {names} for '{obj.name}' to speak.")
        if self.bake_now:
            _bake(added.strips)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for files, then who speaks; the head under the mouse is offered."""
        from ..blender.dialogue.dropped import speaker_near

        if not self.filepath and not self.files:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        if not self.speaker:
            near = speaker_near(context, event.mouse_region_x, event.mouse_region_y)
            self.speaker = near.name if near is not None else ""
        return context.window_manager.invoke_props_dialog(self, width=320, confirm_text="Add")

    def draw(self, context: bpy.types.Context) -> None:
        """Who speaks, and what happens next."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop_search(self, "speaker", context.scene, "objects", icon="USER")
        if len(self.files) > 1:
            layout.prop(self, "arrangement")
        layout.prop(self, "fit_range")
        row = layout.row()
        row.enabled = bool(self.speaker)
        row.prop(self, "bake_now")
        if not self.speaker:
            layout.label(text="No head is chosen: only the sound is added", icon="INFO")

    def _speaker(self, context: bpy.types.Context) -> bpy.types.Object | None:
        if not self.speaker:
            return active_avatar(context)
        obj = context.scene.objects.get(self.speaker)
        if not is_avatar(obj):
            raise GaussianHeadsError(
                f"'{self.speaker}' is no head of this scene: choose one that is, or none."
            )
        return obj


def _bake(strips: tuple[str, ...]) -> None:
    """Listen to the new strips, beside the interface where there is a window."""
    if len(strips) == 1:
        bpy.ops.gaussian_heads.bake_speech("INVOKE_DEFAULT", strip=strips[0])
    else:
        bpy.ops.gaussian_heads.bake_dialogue("INVOKE_DEFAULT")


class GAUSSIAN_HEADS_FH_speech(bpy.types.FileHandler):
    """Dropping sound files into the 3D View gives them to the head there; the Sequencer keeps its own."""

    bl_idname = "GAUSSIAN_HEADS_FH_speech"
    bl_label = "Speech of a Gaussian Head"
    bl_import_operator = GAUSSIAN_HEADS_OT_add_speech.bl_idname
    bl_file_extensions = ";".join(bpy.path.extensions_audio)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only in the 3D View."""
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (GAUSSIAN_HEADS_OT_add_speech, GAUSSIAN_HEADS_FH_speech)
