"""Load an avatar into the scene."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty

from ..blender.avatars import avatar_path, load_avatar, reference_to
from ..blender.proxy import create_avatar_object
from .base import DroppedAmongObjects, GuardedOperator, Outcome, make_active


class GAUSSIAN_HEADS_OT_import_avatar(GuardedOperator, bpy.types.Operator):
    """Add a Gaussian head to the scene, from a .uhap file or one that ships with the add-on"""

    bl_idname = "gaussian_heads.import_avatar"
    bl_label = "Import Avatar"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="File",
        description="The avatar package to load",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    builtin: StringProperty(
        name="Built-in",
        description="Name of an avatar that ships with the add-on, instead of a file",
        options={"SKIP_SAVE"},
    )
    filter_glob: StringProperty(default="*.uhap", options={"HIDDEN"})

    def run(self, context: bpy.types.Context) -> Outcome:
        """Load, add the object at the 3D cursor and select it."""
        reference = f"builtin:{self.builtin}" if self.builtin else reference_to(Path(self.filepath))
        loaded = load_avatar(avatar_path(reference))
        obj = create_avatar_object(reference, loaded, context.collection)
        obj.location = context.scene.cursor.location
        make_active(context, obj)
        count = loaded.avatar.num_gaussians
        self.report({"INFO"}, f"Loaded '{obj.name}': {count:,} Gaussians.")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for a file unless one is given."""
        if self.filepath or self.builtin:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class GAUSSIAN_HEADS_FH_avatar(DroppedAmongObjects, bpy.types.FileHandler):
    """Dropping a .uhap file into the 3D View loads it."""

    bl_idname = "GAUSSIAN_HEADS_FH_avatar"
    bl_label = "Gaussian Head"
    bl_import_operator = GAUSSIAN_HEADS_OT_import_avatar.bl_idname
    bl_file_extensions = ".uhap"


CLASSES = (GAUSSIAN_HEADS_OT_import_avatar, GAUSSIAN_HEADS_FH_avatar)
