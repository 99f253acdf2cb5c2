"""Give the face the pose of an asset: from the Asset Browser, the asset shelf or a script."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..core.errors import GaussianHeadsError
from .acting_base import KEY_DESCRIPTION, ActsOnAvatar
from .base import Outcome
from .copy_pose import MODES

if TYPE_CHECKING:
    from ..blender.acting.pose import Pose

# The numbers are Blender's own: an asset shelf fills them in.
LIBRARY_TYPES = (
    ("LOCAL", "Current File", "The open file", "", 1),
    ("ALL", "All Libraries", "Any library", "", 2),
    ("ESSENTIALS", "Essentials", "What comes with Blender", "", 3),
    ("ONLINE_ESSENTIALS", "Online Essentials", "What Blender offers online", "", 4),
    ("CUSTOM", "Custom", "A library of the preferences", "", 100),
)
ACTION_FOLDER = "Action"


class ReadsPoseAsset(ActsOnAvatar):
    """Mix-in for operators that take a pose from an asset, however it is named."""

    action: StringProperty(
        name="Action",
        description="An Action of this file; the asset that is chosen in the browser when empty",
        options={"SKIP_SAVE"},
    )
    filepath: StringProperty(
        name="File",
        description="The .blend file that holds the Action, where it is not this one",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    mode: EnumProperty(
        name="Mode", description="What becomes of what the face shows already", items=MODES
    )
    mirrored: BoolProperty(
        name="Mirrored", description="Swap the sides", default=False, options={"SKIP_SAVE"}
    )
    use_key: BoolProperty(name="Key", description=KEY_DESCRIPTION, default=False)
    asset_library_type: EnumProperty(
        name="Library Type",
        description="Kind of the asset library, as an asset shelf names it",
        items=LIBRARY_TYPES,
        options={"HIDDEN", "SKIP_SAVE"},
    )
    asset_library_identifier: StringProperty(
        name="Library",
        description="Name of the asset library in the preferences",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    relative_asset_identifier: StringProperty(
        name="Asset",
        description="The asset's place in its library: file.blend/Action/Name",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def wanted_pose(self, context: bpy.types.Context) -> "Pose":
        """The pose of the asset, mirrored where that is asked for."""
        from ..blender.acting.pose import mirrored_pose

        pose = self._pose(context)
        return mirrored_pose(pose) if self.mirrored else pose

    def _pose(self, context: bpy.types.Context) -> "Pose":
        from ..blender.acting.assets import asset_pose, stored_pose

        if self.filepath:
            return stored_pose(Path(bpy.path.abspath(self.filepath)), self.action)
        if self.action:
            return _local_pose(self.action)
        if self.relative_asset_identifier:
            return self._shelf_pose()
        asset = getattr(context, "asset", None)
        if asset is None:
            raise GaussianHeadsError(
                "No asset is chosen: click one in the Asset Browser, or name an Action."
            )
        # What is read once is what the redo panel blends again, wherever the mouse is then.
        if asset.local_id is not None:
            self.action = asset.name
        else:
            self.filepath, self.action = asset.full_library_path, asset.name
        return asset_pose(asset)

    def _shelf_pose(self) -> "Pose":
        """The pose that an asset shelf names: a path of .blend file, folder and name."""
        from ..blender.acting.assets import stored_pose

        identifier = "/" + self.relative_asset_identifier.replace("\\", "/")
        file, _, name = identifier.rpartition(f"/{ACTION_FOLDER}/")
        if not file:
            return _local_pose(name)
        return stored_pose(_library_root(self.asset_library_identifier) / file[1:], name)


class GAUSSIAN_HEADS_OT_apply_action_asset(ReadsPoseAsset, bpy.types.Operator):
    """Set the controls that the pose asset keys, on top of the speech"""

    bl_idname = "gaussian_heads.apply_action_asset"
    bl_label = "Apply Expression Asset"

    factor: FloatProperty(
        name="Blend",
        description="How far the face goes to the pose of the asset",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Blend towards the pose of the asset."""
        from ..blender.acting.pose import blend_pose

        pose = self.wanted_pose(context)
        return self.act(
            context, lambda obj: blend_pose(obj, pose, mode=self.mode, factor=self.factor)
        )


def _local_pose(name: str) -> "Pose":
    from ..blender.acting.assets import action_pose

    action = bpy.data.actions.get(name)
    if action is None:
        raise GaussianHeadsError(f"This file has no Action '{name}': choose another one.")
    return action_pose(action)


def _library_root(name: str) -> Path:
    for library in bpy.context.preferences.filepaths.asset_libraries:
        if library.name == name:
            return Path(bpy.path.abspath(library.path))
    raise GaussianHeadsError(
        f"The preferences name no asset library '{name}': see Edit > Preferences > File Paths."
    )


CLASSES = (GAUSSIAN_HEADS_OT_apply_action_asset,)
