"""Load avatars into the scene."""

from pathlib import Path

import bpy
from bpy.props import CollectionProperty, StringProperty

from ..blender.avatars import avatar_path, is_builtin, load_avatar, reference_to
from ..core.assets import BUILTIN_PREFIX
from .base import DroppedAmongObjects, GuardedOperator, Outcome, make_active

# Heads of one drop stand beside each other, this far apart.
SPACING_M = 0.45


class GAUSSIAN_HEADS_OT_import_avatar(GuardedOperator, bpy.types.Operator):
    """Add a Gaussian head to the scene, from a .uhap file or one that ships with the add-on"""

    bl_idname = "gaussian_heads.import_avatar"
    bl_label = "Import Avatar"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="File",
        description="The avatar package to load",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    directory: StringProperty(
        name="Folder",
        description="Folder of the files, where there are several",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE", "HIDDEN"},
    )
    files: CollectionProperty(
        name="Files",
        description="Names of several avatar packages to load",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    builtin: StringProperty(
        name="Built-in",
        description="Name of an avatar that ships with the add-on, instead of a file",
        options={"SKIP_SAVE"},
    )
    filter_glob: StringProperty(default="*.uhap", options={"HIDDEN"})

    def run(self, context: bpy.types.Context) -> Outcome:
        """Load, add the objects at the 3D cursor and select the last."""
        from ..blender.proxy import create_avatar_object
        from ..blender.startup_scene import hide_startup_cube
        from ..blender.viewing import look_at_small

        references = self._references()
        # All are opened before the first is added: a refusal leaves the scene as it was.
        opened = [(reference, load_avatar(avatar_path(reference))) for reference in references]
        for index, (reference, loaded) in enumerate(opened):
            obj = create_avatar_object(reference, loaded, context.collection)
            obj.location = context.scene.cursor.location
            obj.location.x += index * SPACING_M
            make_active(context, obj)
            remember(reference)
        context.view_layer.update()
        has_hidden = hide_startup_cube(context.scene, obj)
        look_at_small(context, obj)
        count = sum(loaded.avatar.num_gaussians for _, loaded in opened)
        what = f"'{obj.name}'" if len(opened) == 1 else f"{len(opened)} avatars"
        hidden = " The start-up file's cube, which it stands in, is hidden." if has_hidden else ""
        self.report({"INFO"}, f"Loaded {what}: {count:,} Gaussians.{hidden}")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for a file unless one is given."""
        if self.filepath or self.builtin or self.files:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def _references(self) -> list[str]:
        if self.builtin:
            return [BUILTIN_PREFIX + self.builtin]
        return [reference_to(path) for path in chosen_paths(self)]


def chosen_paths(operator: bpy.types.Operator) -> list[Path]:
    """The files that an operator was given: several of a folder, or one."""
    names = [file.name for file in operator.files if file.name]
    if names and operator.directory:
        folder = Path(bpy.path.abspath(operator.directory))
        return [folder / name for name in names]
    return [Path(bpy.path.abspath(operator.filepath))]


def remember(reference: str) -> None:
    """Put a file that a user opened into the list of recent avatars; scripts leave no trace there."""
    from ..blender.library.avatars import remember_avatar

    if not is_builtin(reference) and not bpy.app.background:
        remember_avatar(avatar_path(reference))


def use_reference(button: bpy.types.OperatorProperties, reference: str) -> None:
    """Let a button of this operator add the avatar `reference`."""
    if is_builtin(reference):
        button.builtin = reference.removeprefix(BUILTIN_PREFIX)
    else:
        button.filepath = reference


class GAUSSIAN_HEADS_FH_avatar(DroppedAmongObjects, bpy.types.FileHandler):
    """Dropping .uhap files into the 3D View loads them."""

    bl_idname = "GAUSSIAN_HEADS_FH_avatar"
    bl_label = "Gaussian Head"
    bl_import_operator = GAUSSIAN_HEADS_OT_import_avatar.bl_idname
    bl_file_extensions = ".uhap"


class GAUSSIAN_HEADS_MT_add(bpy.types.Menu):
    """Add a Gaussian head at the 3D cursor"""

    bl_idname = "GAUSSIAN_HEADS_MT_add"
    bl_label = "Gaussian Head"

    def draw(self, context: bpy.types.Context) -> None:
        """The avatars that ship, those of the user, and a file to choose."""
        from ..blender.library.avatars import library_entries
        from ..blender.library.thumbnails import icon_id

        layout = self.layout
        layout.operator_context = "INVOKE_REGION_WIN"
        name = GAUSSIAN_HEADS_OT_import_avatar.bl_idname
        source = "SHIPPED"
        for entry in library_entries():
            if entry.source != source:
                layout.separator()
                source = entry.source
            icon = {"icon_value": icon_id(entry)} if icon_id(entry) else {"icon": "USER"}
            use_reference(layout.operator(name, text=entry.label, **icon), entry.reference)
        layout.separator()
        layout.operator(name, text="Open .uhap File...", icon="FILE_FOLDER")
        layout.operator("gaussian_heads.import_lam", text="Import LAM Head...", icon="IMPORT")


def draw_add_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry in the 3D View's Add menu."""
    menu.layout.menu(GAUSSIAN_HEADS_MT_add.bl_idname, icon="USER")


def draw_import_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under File > Import."""
    menu.layout.operator(GAUSSIAN_HEADS_OT_import_avatar.bl_idname, text="Gaussian Head (.uhap)")


CLASSES = (
    GAUSSIAN_HEADS_OT_import_avatar,
    GAUSSIAN_HEADS_FH_avatar,
    GAUSSIAN_HEADS_MT_add,
)
