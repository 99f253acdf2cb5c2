"""What every operator does when something goes wrong: one sentence for the user, the rest in the log."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy
from bpy.props import FloatProperty

from ..blender.defaults import KEY_TOLERANCE
from ..core.errors import GaussianHeadsError

logger = logging.getLogger(__name__)

# Tests switch this on, so that a fault in the code is never mistaken for a refusal.
reraise_unexpected = False

NO_AVATAR = "Select an avatar, or load one first."
Outcome = set[str]
CANCELLED: Outcome = {"CANCELLED"}


class GuardedOperator:
    """Mix-in for operators: `run` does the work and may raise; errors become reports."""

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Run once, guarded."""
        return self.guard(self.run, context)

    def guard(self, action: object, *arguments: object) -> Outcome:
        """Call `action`; a refusal is reported as its sentence, a fault logged and reported as such.

        What is wrong with the packages that the engine needs is told before, once.
        """
        # Not needed to register.
        from ..core.dependencies import explain_fault, new_problems

        for problem in new_problems():
            self.report({"WARNING"}, problem)
        try:
            return action(*arguments)
        except GaussianHeadsError as error:
            self.report({"ERROR"}, str(error))
        except OSError as error:
            place = error.filename2 or error.filename
            where = f"'{place}' cannot be used" if place else f"{self.bl_label} failed"
            self.report({"ERROR"}, f"{where} ({error.strerror or error}): check path and disk.")
        except Exception as error:
            if reraise_unexpected:
                raise
            logger.exception("%s failed", self.bl_label)
            self.report({"ERROR"}, explain_fault(error, f"{self.bl_label} failed"))
        return CANCELLED


class SaysWhyNot:
    """Mix-in for operators that are refused for more than one reason."""

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Why the operator cannot run now, as a sentence; empty when it can."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where nothing speaks against it; the disabled button says what does."""
        reason = cls.why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason


class NeedsAvatars:
    """Mix-in for operators that work on a scene's avatars."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an avatar in the scene; the disabled button says so."""
        from ..blender.heads import scene_avatars

        if not scene_avatars(context.scene):
            cls.poll_message_set("Load an avatar first.")
            return False
        return True


class ThinsKeys:
    """Mix-in for operators that key sampled curves."""

    tolerance: FloatProperty(
        name="Error Bound",
        description="Keys that straight lines give back this closely are left out; 0 keeps one on every frame",
        default=KEY_TOLERANCE,
        min=0.0,
        max=0.5,
        precision=4,
    )


class NeedsActiveAvatar:
    """Mix-in for operators that work on one avatar."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with an avatar that is meant; the disabled button says so."""
        if active_avatar(context) is None:
            cls.poll_message_set(NO_AVATAR)
            return False
        return True


class DroppedAmongObjects:
    """Mix-in for file handlers that add objects."""

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only where objects live."""
        return context.area is not None and context.area.type in {"VIEW_3D", "OUTLINER"}


@contextmanager
def cursor_progress(context: bpy.types.Context) -> Iterator[Callable[[float], None]]:
    """Show at the cursor how much of a short work is done, 0 to 1."""
    manager = context.window_manager
    manager.progress_begin(0.0, 1.0)
    try:
        yield manager.progress_update
    finally:
        manager.progress_end()


def make_active(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Select `obj` alone, as Blender does with what was just added."""
    for other in context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj


def active_avatar(context: bpy.types.Context) -> bpy.types.Object | None:
    """The avatar that buttons work on: the active object, or the only avatar of the scene."""
    from ..blender.heads import is_avatar, scene_avatars

    active = context.view_layer.objects.active if context.view_layer else None
    if is_avatar(active):
        return active
    avatars = scene_avatars(context.scene)
    return avatars[0] if len(avatars) == 1 else None
