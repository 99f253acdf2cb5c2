"""Blend the face towards the pose of an asset by dragging, as Blender's pose library does with bones."""

import bpy
from bpy.props import FloatProperty

from .apply_action_asset import GAUSSIAN_HEADS_OT_apply_action_asset, ReadsPoseAsset
from .base import CANCELLED, Outcome, active_avatar

# The way of the mouse from nothing to the whole pose, in pixels of a screen of usual density.
WAY_PX = 300
APPLY_EVENTS, CANCEL_EVENTS = {"LEFTMOUSE", "RET", "NUMPAD_ENTER"}, {"RIGHTMOUSE", "ESC"}


class GAUSSIAN_HEADS_OT_blend_action_asset(ReadsPoseAsset, bpy.types.Operator):
    """Drag to the right to blend the face towards the pose asset; release to keep it"""

    bl_idname = "gaussian_heads.blend_action_asset"
    bl_label = "Blend Expression Asset"
    bl_options = {"REGISTER", "UNDO", "BLOCKING", "GRAB_CURSOR_X"}

    factor: FloatProperty(
        name="Blend",
        description="How far the face goes to the pose of the asset",
        default=0.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Read the pose and follow the mouse."""
        return self.guard(self._start, context, event)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Blend while the mouse moves."""
        from ..blender.acting.keys import key_change

        if event.type == "MOUSEMOVE":
            way_px = WAY_PX * context.preferences.system.ui_scale
            self.factor = min(max((event.mouse_x - self._start_x) / way_px, 0.0), 1.0)
            self._blend.to(self.factor)
            _tell(
                context, f"Blend {self.factor:.0%}: drag sideways, release to keep, Esc to cancel"
            )
        elif event.type in CANCEL_EVENTS:
            self._blend.cancel()
            _tell(context, None)
            return CANCELLED
        elif event.type in APPLY_EVENTS and event.value == (
            "RELEASE" if self._dragged else "PRESS"
        ):
            _tell(context, None)
            key_change(self._blend.obj, self._blend.before, use_key=self.use_key)
            return {"FINISHED"}
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> Outcome:
        """Blend by the factor that is given: from a script or the redo panel."""
        from ..blender.acting.pose import blend_pose

        pose = self.wanted_pose(context)
        return self.act(
            context, lambda obj: blend_pose(obj, pose, mode=self.mode, factor=self.factor)
        )

    def _start(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        from ..blender.acting.blending import PoseBlend

        self._blend = PoseBlend(active_avatar(context), self.wanted_pose(context), self.mode)
        self._start_x = event.mouse_x
        # From the shelf the button is held down, from a menu it is not.
        self._dragged = event.value in {"PRESS", "CLICK_DRAG"}
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}


def _tell(context: bpy.types.Context, text: str | None) -> None:
    """Show `text` in the status bar, or what stands there usually."""
    context.workspace.status_text_set(text)


def draw_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Entries of the Asset Browser's context menu, for poses of heads only."""
    from ..blender.acting.assets import is_pose_asset

    asset = getattr(context, "asset", None)
    if asset is None or not is_pose_asset(asset):
        return
    layout = self.layout
    name = GAUSSIAN_HEADS_OT_apply_action_asset.bl_idname
    layout.operator(name, text="Apply Expression")
    layout.operator(name, text="Apply Mirrored Expression").mirrored = True
    layout.operator(name, text="Apply and Key Expression").use_key = True
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator(GAUSSIAN_HEADS_OT_blend_action_asset.bl_idname, text="Blend Expression")
    layout.separator()


CLASSES = (GAUSSIAN_HEADS_OT_blend_action_asset,)
