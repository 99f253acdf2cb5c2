"""Make the asset library of expressions."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ..blender.avatars import object_avatar
from ..blender.preferences import user_folder
from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar


class GAUSSIAN_HEADS_OT_create_expression_library(ActsOnAvatar, bpy.types.Operator):
    """Write all expressions as pose assets with pictures of this head, and add their folder to the \
asset libraries of the preferences"""

    bl_idname = "gaussian_heads.create_expression_library"
    bl_label = "Create Expression Library"
    bl_options = {"REGISTER"}

    directory: StringProperty(
        name="Folder",
        description="Where the library goes; the add-on's own folder when empty",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    use_preferences: BoolProperty(
        name="Add to Preferences",
        description="List the folder under File Paths > Asset Libraries",
        default=True,
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Draw, write, register."""
        from ..blender.acting.assets import library_folder, register_library, write_library
        from ..blender.acting.previews import draw_expressions

        avatar = object_avatar(active_avatar(context)).avatar
        manager = context.window_manager
        manager.progress_begin(0.0, 1.0)
        try:
            previews = draw_expressions(avatar, manager.progress_update)
        finally:
            manager.progress_end()
        folder = library_folder(user_folder())
        if self.directory:
            folder = Path(bpy.path.abspath(self.directory))
        write_library(folder, previews)
        if self.use_preferences:
            register_library(folder)
        _refresh_browsers(context)
        self.report({"INFO"}, f"Wrote {len(previews)} expressions into '{folder}'")
        return {"FINISHED"}


def _refresh_browsers(context: bpy.types.Context) -> None:
    """Asset Browsers that are open read their libraries again."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "FILE_BROWSER" and area.ui_type == "ASSETS":
                with context.temp_override(window=window, area=area):
                    bpy.ops.asset.library_refresh()


CLASSES = (GAUSSIAN_HEADS_OT_create_expression_library,)
