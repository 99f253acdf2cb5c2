"""Load a splat file into the scene as an object that stands still."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from ..blender.avatars import avatar_path, load_avatar, reference_to
from .base import DroppedAmongObjects, GuardedOperator, Outcome, make_active

UP_AXIS_ITEMS = (
    ("-Y", "-Y Up", "As trainers on photographs write it and viewers on the web expect it"),
    ("Y", "Y Up", "As in the frame of the heads of this add-on"),
    ("Z", "Z Up", "As in Blender's world, without any turn"),
)


class GAUSSIAN_HEADS_OT_import_splats(GuardedOperator, bpy.types.Operator):
    """Add a 3D Gaussian Splatting scene or object from a .ply file; it is drawn as the heads are"""

    bl_idname = "gaussian_heads.import_splats"
    bl_label = "Import 3D Gaussian Splats"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="File",
        description="The .ply file to load; the scene refers to it",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    up_axis: EnumProperty(
        name="Up", description="Which axis of the file points up", items=UP_AXIS_ITEMS
    )
    filter_glob: StringProperty(default="*.ply", options={"HIDDEN"})

    def run(self, context: bpy.types.Context) -> Outcome:
        """Load, add the object and select it."""
        from ..blender.splat_objects import create_splat_object

        reference = reference_to(Path(bpy.path.abspath(self.filepath)))
        loaded = load_avatar(avatar_path(reference))
        obj = create_splat_object(reference, loaded, self.up_axis, context.collection)
        make_active(context, obj)
        count = loaded.avatar.num_gaussians
        self.report({"INFO"}, f"Loaded '{obj.name}': {count:,} Gaussians.")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for a file unless one is given."""
        if self.filepath:
            return context.window_manager.invoke_props_dialog(self)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class GAUSSIAN_HEADS_FH_splats(DroppedAmongObjects, bpy.types.FileHandler):
    """Dropping a .ply file into the 3D View offers this beside Blender's own import of meshes."""

    bl_idname = "GAUSSIAN_HEADS_FH_splats"
    bl_label = "3D Gaussian Splats"
    bl_import_operator = GAUSSIAN_HEADS_OT_import_splats.bl_idname
    bl_file_extensions = ".ply"


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under File > Import."""
    menu.layout.operator(
        GAUSSIAN_HEADS_OT_import_splats.bl_idname, text="3D Gaussian Splats (.ply)"
    )


CLASSES = (GAUSSIAN_HEADS_OT_import_splats, GAUSSIAN_HEADS_FH_splats)
