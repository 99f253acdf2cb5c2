"""Convert LAM heads to avatars and add them."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, StringProperty

from ..blender.avatars import load_avatar, reference_to
from ..blender.defaults import AVATAR_FOLDER, BESIDE_ZIP
from .base import GuardedOperator, Outcome, make_active
from .import_avatar import chosen_paths, remember

PLACES = (
    (
        AVATAR_FOLDER,
        "Avatar Folder",
        "Write the avatar into your avatar folder, where the list shows it",
    ),
    (BESIDE_ZIP, "Beside the Zip", "Write the avatar into the folder that the zip lies in"),
)


class GAUSSIAN_HEADS_OT_import_lam(GuardedOperator, bpy.types.Operator):
    """Convert the zip of a LAM head with ARKit expressions to a .uhap avatar and add it to the scene"""

    bl_idname = "gaussian_heads.import_lam"
    bl_label = "Import LAM Head"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="File",
        description="The zip of the LAM head",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    directory: StringProperty(
        name="Folder",
        description="Folder of the zips, where there are several",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE", "HIDDEN"},
    )
    files: CollectionProperty(
        name="Files",
        description="Names of several zips to convert",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_glob: StringProperty(default="*.zip", options={"HIDDEN"})
    avatar_name: StringProperty(
        name="Name",
        description="Name of the avatar; that of the zip when empty",
        options={"SKIP_SAVE"},
    )
    author: StringProperty(name="Author", description="Who made this head")
    licence: StringProperty(
        name="Licence",
        description="Under which terms this head may be used, as its maker states them; unknown when empty",
    )
    consent: StringProperty(
        name="Consent",
        description="Who is shown, and what this person agreed to",
        options={"SKIP_SAVE"},
    )
    place: EnumProperty(name="Write To", description="Where the avatar file goes", items=PLACES)
    overwrite: BoolProperty(
        name="Overwrite",
        description="Replace an avatar of the same name that is there already",
        options={"SKIP_SAVE"},
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Convert every zip, then add the heads."""
        from ..blender.proxy import create_avatar_object
        from ..blender.viewing import look_at_small

        zips = chosen_paths(self)
        written = []
        manager = context.window_manager
        manager.progress_begin(0.0, len(zips))
        try:
            for index, path in enumerate(zips):
                written.append(
                    self._convert(path, lambda done, i=index: self._tell(manager, i + done))
                )
        finally:
            manager.progress_end()
        for path in written:
            reference = reference_to(path)
            obj = create_avatar_object(reference, load_avatar(path), context.collection)
            obj.location = context.scene.cursor.location
            make_active(context, obj)
            remember(reference)
        context.view_layer.update()
        look_at_small(context, obj)
        names = ", ".join(f"'{path.name}'" for path in written)
        self.report({"INFO"}, f"Wrote {names} in '{written[0].parent}' and added it to the scene.")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for a file, then for what its maker states; an add-on's zip goes to Blender's installer."""
        from ..blender.library.lam_heads import is_add_on

        if not self.filepath and not self.files:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        first = chosen_paths(self)[0]
        if is_add_on(first):
            bpy.ops.extensions.package_install_files("INVOKE_DEFAULT", url=str(first))
            return {"FINISHED"}
        return context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Import")

    def draw(self, context: bpy.types.Context) -> None:
        """What the head's file does not say about itself."""
        layout = self.layout
        layout.use_property_split = True
        if len(self.files) <= 1:
            layout.prop(self, "avatar_name", placeholder=Path(self.filepath).stem)
        for name in ("author", "licence", "consent"):
            layout.prop(self, name, placeholder="unknown")
        for name in ("place", "overwrite"):
            layout.prop(self, name)
        layout.label(text="Only use the likeness of someone who agreed to it.", icon="INFO")

    def _convert(self, path: Path, progress: object) -> Path:
        from ..blender.library.lam_heads import write_lam_avatar
        from ..core.importers.lam import UNKNOWN_LICENCE, LamStatement

        statement = LamStatement(
            name=self.avatar_name.strip() if len(self.files) <= 1 else "",
            author=self.author,
            licence=self.licence.strip() or UNKNOWN_LICENCE,
            consent=self.consent,
        )
        return write_lam_avatar(
            path, statement, place=self.place, is_overwriting=self.overwrite, progress=progress
        )

    @staticmethod
    def _tell(manager: bpy.types.WindowManager, done: float) -> None:
        manager.progress_update(done)


class GAUSSIAN_HEADS_FH_lam(bpy.types.FileHandler):
    """Dropping the zip of a LAM head into the 3D View imports it; a zip of an add-on is installed as ever."""

    bl_idname = "GAUSSIAN_HEADS_FH_lam"
    bl_label = "LAM Head"
    bl_import_operator = GAUSSIAN_HEADS_OT_import_lam.bl_idname
    bl_file_extensions = ".zip"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only in the 3D View."""
        return context.area is not None and context.area.type == "VIEW_3D"


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under File > Import."""
    menu.layout.operator(GAUSSIAN_HEADS_OT_import_lam.bl_idname, text="LAM Head (.zip)")


CLASSES = (GAUSSIAN_HEADS_OT_import_lam, GAUSSIAN_HEADS_FH_lam)
