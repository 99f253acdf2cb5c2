"""Save the acted pose as an asset."""

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..blender.avatars import object_avatar
from ..blender.preferences import user_folder
from ..core.errors import GaussianHeadsError
from .acting_base import ActsOnAvatar
from .base import Outcome, active_avatar


class GAUSSIAN_HEADS_OT_save_pose_asset(ActsOnAvatar, bpy.types.Operator):
    """Save what the controls show now as a pose with a picture in the Asset Browser"""

    bl_idname = "gaussian_heads.save_pose_asset"
    bl_label = "Save Pose as Asset"

    name: StringProperty(
        name="Name", description="What the Asset Browser calls it", default="Expression"
    )
    description_text: StringProperty(
        name="Description", description="What it looks like", options={"SKIP_SAVE"}
    )
    destination: EnumProperty(
        name="Save In",
        description="Where the pose is kept",
        items=(
            ("FILE", "Current File", "In this .blend file, shown as Current File"),
            ("LIBRARY", "Expression Library", "In your own library, for every file"),
        ),
    )
    include_head: BoolProperty(
        name="With the Head's Turn",
        description="Keep the head's own rotation and translation with the expression",
        default=False,
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Outcome:
        """Ask for the name."""
        return context.window_manager.invoke_props_dialog(self)

    def run(self, context: bpy.types.Context) -> Outcome:
        """Draw the picture and save."""
        from ..blender.acting.assets import (
            PoseAsset,
            library_folder,
            make_pose_action,
            own_asset_path,
            register_library,
            write_assets,
            write_catalogs,
        )
        from ..blender.acting.pose import read_pose
        from ..blender.acting.previews import draw_pose

        obj = active_avatar(context)
        pose = read_pose(obj)
        if not self.include_head:
            pose = {n: value for n, value in pose.items() if not n.startswith("head_")}
        if not pose:
            raise GaussianHeadsError(
                "No control is set: move a slider or apply an expression first."
            )
        name = self.name.strip() or "Expression"
        preview = draw_pose(object_avatar(obj).avatar, pose)
        asset = PoseAsset(name, pose, self.description_text, preview=preview)
        if self.destination == "FILE":
            made = make_pose_action(bpy.data, asset).name
            self.report({"INFO"}, f"Saved '{made}' in this file")
            return {"FINISHED"}
        folder = library_folder(user_folder())
        path = own_asset_path(folder, name)
        write_assets(path, [asset])
        write_catalogs(folder)
        library = register_library(folder)
        self.report({"INFO"}, f"Saved '{name}' in the asset library '{library.name}'")
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_save_pose_asset,)
