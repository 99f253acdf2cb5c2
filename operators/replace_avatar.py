"""Put another avatar in the place of one, or take its file as it is now."""

from pathlib import Path

import bpy
from bpy.props import StringProperty

from ..blender.avatars import avatar_path, home_library, is_builtin, load_avatar, reference_to
from ..blender.heads import is_avatar
from ..core.errors import GaussianHeadsError
from .base import GuardedOperator, Outcome, SaysWhyNot, active_avatar
from .import_avatar import remember


class NeedsEditableHead(SaysWhyNot):
    """Mix-in for operators that change the active head."""

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Only with a head that may be changed."""
        return why_not_editable(context)


class GAUSSIAN_HEADS_OT_replace_avatar(NeedsEditableHead, GuardedOperator, bpy.types.Operator):
    """Make the selected head another person; place, keys and sound stay, codes of another kind are converted"""

    bl_idname = "gaussian_heads.replace_avatar"
    bl_label = "Replace Avatar"
    bl_options = {"REGISTER", "UNDO"}

    reference: StringProperty(
        name="Avatar",
        description="The avatar to take: builtin:NAME or the path of a .uhap file",
        options={"SKIP_SAVE"},
    )

    def run(self, context: bpy.types.Context) -> Outcome:
        """Replace and say what became of the keys."""
        from ..blender.library.replacing import replace_avatar

        obj = active_avatar(context)
        reference = self.reference
        if not reference:
            raise GaussianHeadsError("No avatar is chosen: choose one in the list first.")
        path = avatar_path(reference)
        if not is_builtin(reference):
            reference = reference_to(Path(path), home_library(obj))
        self.report({"INFO"}, replace_avatar(obj, reference, load_avatar(path)))
        remember(self.reference)
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_update_avatar(NeedsEditableHead, GuardedOperator, bpy.types.Operator):
    """Take the avatar file as it is now, after it changed on disk; keys stay or are converted"""

    bl_idname = "gaussian_heads.update_avatar"
    bl_label = "Update from File"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> Outcome:
        """Import the head's own file again in its place."""
        from ..blender.library.replacing import update_avatar

        self.report({"INFO"}, update_avatar(active_avatar(context)))
        return {"FINISHED"}


class GAUSSIAN_HEADS_OT_check_avatars(GuardedOperator, bpy.types.Operator):
    """Open the avatar file of every head in this .blend and say which are missing or changed since import"""

    bl_idname = "gaussian_heads.check_avatars"
    bl_label = "Check Avatars"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a head somewhere in the file."""
        has_heads = any(is_avatar(obj) for obj in bpy.data.objects)
        if not has_heads:
            cls.poll_message_set("There is no head in this file: add one first.")
        return has_heads

    def run(self, context: bpy.types.Context) -> Outcome:
        """Report the first fault and how many there are."""
        from ..blender.library.status import check_heads

        faults = check_heads()
        if not faults:
            self.report({"INFO"}, "Every avatar file is there and as it was at import.")
            return {"FINISHED"}
        others = f" {len(faults) - 1} more heads need help." if len(faults) > 1 else ""
        obj, status = faults[0]
        self.report({"WARNING"}, f"'{obj.name}': {status.sentence}{others}")
        return {"FINISHED"}


def why_not_editable(context: bpy.types.Context) -> str:
    """Why the active head cannot be changed, as a sentence; empty when it can."""
    obj = active_avatar(context)
    if not is_avatar(obj):
        return "Select a head, or add one first."
    if not obj.is_editable:
        return "This head is linked: make it editable with Object > Library Override > Make."
    return ""


CLASSES = (
    GAUSSIAN_HEADS_OT_replace_avatar,
    GAUSSIAN_HEADS_OT_update_avatar,
    GAUSSIAN_HEADS_OT_check_avatars,
)
