"""Make, check and stop the accelerator environment for NVIDIA cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..blender.preferences import accelerator_plan, add_on_preferences, apply_preferences
from ..core.errors import GaussianHeadsError
from .base import CANCELLED, GuardedOperator, Outcome

if TYPE_CHECKING:
    from ..blender import accelerator

POLL_SEC = 0.25


class _TaskOperator(GuardedOperator):
    """Starts a piece of work and waits for it, beside the interface where there is one."""

    _task = None
    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time."""
        from ..blender import accelerator

        task = accelerator.current_task()
        if task is not None and task.is_running:
            cls.poll_message_set(f"'{task.title}' is still at work.")
            return False
        return True

    def run(self, context: bpy.types.Context) -> Outcome:
        """Begin; ends here in background mode."""
        self._task = self._start(context)
        if bpy.app.background or context.window is None:
            self._task.wait()
            return self._finish(context)
        manager = context.window_manager
        self._timer = manager.event_timer_add(POLL_SEC, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Show how far it is."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        # The preferences are a window of their own.
        for window in context.window_manager.windows:
            for area in window.screen.areas:
                area.tag_redraw()
        if self._task.is_running:
            return {"PASS_THROUGH"}
        self._stop_timer(context)
        return self.guard(self._finish, context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, because the window closes."""
        self._task.cancel()
        self._stop_timer(context)

    def _start(self, context: bpy.types.Context) -> accelerator.BackgroundTask:
        raise NotImplementedError

    def _finish(self, context: bpy.types.Context) -> Outcome:
        if self._task.is_cancelled:
            self.report({"INFO"}, self._task.error or "Stopped.")
            return CANCELLED
        if self._task.error:
            raise GaussianHeadsError(self._task.error)
        self.report({"INFO"}, self._task.result)
        return {"FINISHED"}

    def _stop_timer(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)


class GAUSSIAN_HEADS_OT_create_accelerator(_TaskOperator, bpy.types.Operator):
    """Make a Python environment with torch and gsplat, which draws heads on an NVIDIA card"""

    bl_idname = "gaussian_heads.create_accelerator"
    bl_label = "Create Accelerator"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Say how large it is and where it goes, and ask."""
        return context.window_manager.invoke_props_dialog(self, width=480)

    def draw(self, context: bpy.types.Context) -> None:
        """What is going to happen."""
        from ..blender import accelerator

        plan = accelerator_plan()
        layout = self.layout
        source = f"from '{plan.wheels}'" if plan.wheels else "from the network (pip)"
        layout.label(text=f"Into: {plan.folder}")
        layout.label(text=f"{accelerator.SIZE_SENTENCE}, {source}")
        layout.label(text=f"With: {plan.python}")
        layout.label(text="gsplat compiles itself at its first start: this needs a CUDA toolkit.")

    def _start(self, context: bpy.types.Context) -> accelerator.BackgroundTask:
        from ..blender import accelerator

        plan = accelerator_plan()
        plan.check(is_online=bpy.app.online_access)
        self._folder = str(plan.folder)
        return accelerator.start_creating(plan)

    def _finish(self, context: bpy.types.Context) -> Outcome:
        outcome = super()._finish(context)
        preferences = add_on_preferences()
        if outcome == {"FINISHED"} and preferences is not None:
            preferences.accelerator_folder = self._folder
        return outcome


class GAUSSIAN_HEADS_OT_check_accelerator(_TaskOperator, bpy.types.Operator):
    """Start the accelerator and say what it draws with; compiles gsplat the first time, for minutes"""

    bl_idname = "gaussian_heads.check_accelerator"
    bl_label = "Check Accelerator"
    bl_options = {"REGISTER"}

    def _start(self, context: bpy.types.Context) -> accelerator.BackgroundTask:
        from ..blender import accelerator

        apply_preferences()
        return accelerator.start_checking()


class GAUSSIAN_HEADS_OT_cancel_accelerator(bpy.types.Operator):
    """Stop what is at work; nothing half made stays"""

    bl_idname = "gaussian_heads.cancel_accelerator"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Ask the thread to stop."""
        from ..blender import accelerator

        task = accelerator.current_task()
        if task is not None:
            task.cancel()
        return {"FINISHED"}


CLASSES = (
    GAUSSIAN_HEADS_OT_create_accelerator,
    GAUSSIAN_HEADS_OT_check_accelerator,
    GAUSSIAN_HEADS_OT_cancel_accelerator,
)
