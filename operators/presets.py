"""Apply and save presets; the menus of presets, as Blender's own panels have them."""

from pathlib import Path

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel
from bpy.props import StringProperty

from ..blender.heads import is_avatar
from ..blender.presets import FORMAT, LOOK, OUTPUT, apply_preset, preset_subdir, run_preset
from ..core.assets import ASSETS
from .base import GuardedOperator, Outcome, active_avatar


class GAUSSIAN_HEADS_OT_apply_preset(GuardedOperator, bpy.types.Operator):
    """Take over the settings of this preset"""

    bl_idname = "gaussian_heads.apply_preset"
    bl_label = "Apply Preset"
    bl_options = {"REGISTER", "UNDO"}

    kind: StringProperty(
        name="Kind",
        description="Which settings: format, output, look, style",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    preset: StringProperty(
        name="Preset",
        description="Name of the preset, instead of a file",
        options={"SKIP_SAVE"},
    )
    filepath: StringProperty(
        name="File",
        description="The preset file to run",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE", "HIDDEN"},
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Run the preset's file on the scene and the active head."""
        obj = active_avatar(context)
        if self.filepath:
            run_preset(Path(bpy.path.abspath(self.filepath)), scene=context.scene, obj=obj)
        else:
            apply_preset(self.kind, self.preset, scene=context.scene, obj=obj)
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_use_video_output(GuardedOperator, bpy.types.Operator):
    """Let the scene render its animation into one MP4 file: H.264 pictures with AAC sound"""

    bl_idname = "gaussian_heads.use_video_output"
    bl_label = "Video with Sound"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> Outcome:
        """Set the output; pictures of odd sides are made even, as H.264 wants them."""
        from ..blender.video import use_video_output

        render = context.scene.render
        render.resolution_x += render.resolution_x % 2
        render.resolution_y += render.resolution_y % 2
        render.film_transparent = False
        use_video_output(context.scene)
        return {"FINISHED"}


class SavesPreset(AddPresetBase):
    """Saving and removing presets of one kind."""

    bl_options = {"REGISTER", "INTERNAL"}

    def remove(self, context: bpy.types.Context, filepath: str) -> None:
        """Delete a preset of the user's; those that ship stay."""
        if Path(filepath).is_relative_to(ASSETS):
            self.report(
                {"WARNING"}, "This preset ships with the add-on: only your own can be removed."
            )
            return
        Path(filepath).unlink()

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Blender's own, on the active head."""
        obj = active_avatar(context)
        with context.temp_override(**({"object": obj} if obj else {})):
            return super().execute(context)


class SavesHeadPreset(SavesPreset):
    """Saving and removing presets of what the active head has."""

    preset_defines = ("head = bpy.context.object.gaussian_head",)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a head."""
        has_head = is_avatar(active_avatar(context))
        if not has_head:
            cls.poll_message_set("Select the head whose settings to save.")
        return has_head


class GAUSSIAN_HEADS_OT_add_look_preset(SavesHeadPreset, bpy.types.Operator):
    """Save the look of the active head as a preset, or remove the chosen preset"""

    bl_idname = "gaussian_heads.add_look_preset"
    bl_label = "Add Look Preset"
    preset_menu = "GAUSSIAN_HEADS_PT_look_presets"
    preset_subdir = preset_subdir(LOOK)
    preset_values = ("head.exposure", "head.tint")


class GAUSSIAN_HEADS_OT_add_output_preset(SavesPreset, bpy.types.Operator):
    """Save quality and file settings of this scene as a preset, or remove the chosen preset"""

    bl_idname = "gaussian_heads.add_output_preset"
    bl_label = "Add Output Preset"
    preset_menu = "GAUSSIAN_HEADS_PT_output_presets"
    preset_subdir = preset_subdir(OUTPUT)
    preset_defines = ("scene = bpy.context.scene", "settings = scene.render.image_settings")

    @property
    def preset_values(self) -> list[str]:
        """Settings in the order in which they must be set."""
        has_media_type = "media_type" in bpy.types.ImageFormatSettings.bl_rna.properties
        return [
            *(("settings.media_type",) if has_media_type else ()),
            *(f"settings.{name}" for name in ("file_format", "color_mode", "color_depth")),
            *(f"scene.gaussian_heads.{name}" for name in _HEAD_SETTINGS),
            *(f"scene.render.{name}" for name in ("film_transparent", "use_motion_blur")),
        ]


_HEAD_SETTINGS = ("backend", "meshes", "supersampling", "motion_blur_steps")


class GAUSSIAN_HEADS_OT_add_format_preset(SavesPreset, bpy.types.Operator):
    """Save size and frame rate of this scene as a preset, or remove the chosen preset"""

    bl_idname = "gaussian_heads.add_format_preset"
    bl_label = "Add Format Preset"
    preset_menu = "GAUSSIAN_HEADS_PT_format_presets"
    preset_subdir = preset_subdir(FORMAT)
    preset_defines = ("render = bpy.context.scene.render",)
    preset_values = (
        "render.resolution_x",
        "render.resolution_y",
        "render.resolution_percentage",
        "render.fps",
        "render.fps_base",
    )


class PopsUpPresets(PresetPanel):
    """A popover of presets in the 3D View."""

    bl_space_type = "VIEW_3D"
    preset_operator = GAUSSIAN_HEADS_OT_apply_preset.bl_idname


class GAUSSIAN_HEADS_PT_look_presets(PopsUpPresets, bpy.types.Panel):
    """Looks of a head."""

    bl_label = "Look Presets"
    preset_subdir = preset_subdir(LOOK)
    preset_add_operator = GAUSSIAN_HEADS_OT_add_look_preset.bl_idname


class GAUSSIAN_HEADS_PT_output_presets(PopsUpPresets, bpy.types.Panel):
    """Qualities and files of renders."""

    bl_label = "Output Presets"
    preset_subdir = preset_subdir(OUTPUT)
    preset_add_operator = GAUSSIAN_HEADS_OT_add_output_preset.bl_idname


class GAUSSIAN_HEADS_PT_format_presets(PopsUpPresets, bpy.types.Panel):
    """Sizes and rates of pictures."""

    bl_label = "Format Presets"
    preset_subdir = preset_subdir(FORMAT)
    preset_add_operator = GAUSSIAN_HEADS_OT_add_format_preset.bl_idname


CLASSES = (
    GAUSSIAN_HEADS_OT_apply_preset,
    GAUSSIAN_HEADS_OT_use_video_output,
    GAUSSIAN_HEADS_OT_add_look_preset,
    GAUSSIAN_HEADS_OT_add_output_preset,
    GAUSSIAN_HEADS_OT_add_format_preset,
    GAUSSIAN_HEADS_PT_look_presets,
    GAUSSIAN_HEADS_PT_output_presets,
    GAUSSIAN_HEADS_PT_format_presets,
)
