"""Find avatar files that moved."""

import os
from pathlib import Path

import bpy
from bpy.props import StringProperty

from ..blender.preferences import avatar_folder
from ..core.errors import GaussianHeadsError
from .base import GuardedOperator, Outcome


class GAUSSIAN_HEADS_OT_find_missing_avatar(GuardedOperator, bpy.types.Operator):
    """Choose the avatar file that moved, or a folder to search: files are known again by their contents, and every head that used one is repaired"""

    bl_idname = "gaussian_heads.find_missing_avatar"
    bl_label = "Find Missing Avatars"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="File",
        description="The avatar file that moved, or a folder to search with the folders in it",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    directory: StringProperty(
        name="Folder",
        description="Folder to search, with the folders in it",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    filter_glob: StringProperty(default="*.uhap;*.ply", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a head whose file is missing."""
        from ..blender.library.status import missing_heads

        has_missing = bool(missing_heads())
        if not has_missing:
            cls.poll_message_set("Every head has its avatar file: there is nothing to find.")
        return has_missing

    def run(self, context: bpy.types.Context) -> Outcome:
        """Search and repair; what stays missing is a warning."""
        from ..blender.library.relinking import relink, relink_sentence

        chosen = [bpy.path.abspath(name) for name in (self.filepath, self.directory) if name]
        if not chosen:
            raise GaussianHeadsError(
                "No file or folder is chosen: choose where the avatars are now."
            )
        result = relink(Path(next(filter(os.path.exists, chosen), chosen[0])))
        if not result.repaired:
            raise GaussianHeadsError(relink_sentence(result))
        is_done = not result.missing and not result.linked
        self.report({"INFO"} if is_done else {"WARNING"}, relink_sentence(result))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask where to look unless that is given."""
        if self.filepath or self.directory:
            return self.execute(context)
        self.directory = str(avatar_folder())
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


CLASSES = (GAUSSIAN_HEADS_OT_find_missing_avatar,)
