"""Work over many frames that goes on beside the interface, step by step, and stops with Esc."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .base import GuardedOperator, Outcome

POLL_SEC = 0.01


class SteppingOperator(GuardedOperator):
    """Mix-in for operators whose work is an iterator of what is done (0 to 1).

    `run` hands the iterator to `begin`; `finish` and `stopped` say what came of it, `doing` what goes on. Closing
    the iterator must leave nothing half done.
    """

    doing = "Working"
    _steps: Iterator[float] | None = None
    _timer: bpy.types.Timer | None = None

    def finish(self) -> Outcome:
        """Report what was made."""
        raise NotImplementedError

    def stopped(self) -> str:
        """What remains of work that was stopped, as a sentence."""
        raise NotImplementedError

    def begin(
        self, context: bpy.types.Context, steps: Iterator[float], *, is_long: bool = True
    ) -> Outcome:
        """Work beside the interface where there is one and the work `is_long`, else at once."""
        self._steps = steps
        if is_long and not bpy.app.background and context.window is not None:
            manager = context.window_manager
            self._timer = manager.event_timer_add(POLL_SEC, window=context.window)
            manager.modal_handler_add(self)
            return {"RUNNING_MODAL"}
        while self._step(context):
            pass
        return self.finish()

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """A step at each tick of the timer; Esc stops between two of them."""
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            self.report({"INFO"}, self.stopped())
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        outcome = self.guard(self._tick, context)
        if outcome != {"RUNNING_MODAL"}:
            self.cancel(context)
        return outcome

    def cancel(self, context: bpy.types.Context) -> None:
        """Leave nothing running: what the work changed is restored, the timer removed."""
        if self._steps is not None:
            # A file browser or a dialog that is left ends here too, before anything was begun.
            self._steps.close()
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            context.workspace.status_text_set(None)

    def _tick(self, context: bpy.types.Context) -> Outcome:
        return {"RUNNING_MODAL"} if self._step(context) else self.finish()

    def _step(self, context: bpy.types.Context) -> bool:
        """Do the next part; False after the last."""
        done = next(self._steps, None)
        if done is None:
            return False
        if self._timer is not None:
            context.workspace.status_text_set(f"{self.doing} {done:.0%}   Esc: Cancel")
        return True
