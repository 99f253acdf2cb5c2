"""Operators that listen to sounds: beside the interface with a progress bar, or at once in background mode."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty, IntProperty

from ..blender.dialogue.properties import DESTINATION_ITEMS
from ..blender.heads import is_avatar
from ..core.errors import GaussianHeadsError
from .base import CANCELLED, GuardedOperator, Outcome, active_avatar

if TYPE_CHECKING:
    from ..blender.bake import BakeResult
    from ..blender.destinations import Destination

POLL_SEC = 0.1

AS_SET = "SCENE"
RANGE_ITEMS = (
    ("ALL", "All Frames", "All frames of the speech"),
    ("PREVIEW", "Preview Range", "The frames of the preview range, set with P in the timeline"),
    ("CUSTOM", "Frames", "The frames given here"),
)


class TakesFrames:
    """Mix-in for operators that work on all frames or on a range."""

    frames: EnumProperty(
        name="Frames", description="Which frames to work on", items=RANGE_ITEMS, default="ALL"
    )
    frame_start: IntProperty(
        name="First Frame", description="First of the frames given here", default=1
    )
    frame_end: IntProperty(
        name="Last Frame", description="Last of the frames given here", default=250
    )

    def chosen_frames(self, scene: bpy.types.Scene) -> range | None:
        """The frames to work on; None for all. Frames given by a script count without saying so."""
        given = self.properties.is_property_set
        if self.frames == "PREVIEW":
            return range(scene.frame_preview_start, scene.frame_preview_end + 1)
        if self.frames == "CUSTOM" or given("frame_start") or given("frame_end"):
            return range(self.frame_start, self.frame_end + 1)
        return None

    def draw_frames(self, layout: bpy.types.UILayout) -> None:
        """The choice, and the numbers where they count."""
        layout.prop(self, "frames")
        if self.frames == "CUSTOM":
            column = layout.column(align=True)
            column.prop(self, "frame_start")
            column.prop(self, "frame_end")


class TakesDestination:
    """Mix-in for operators that bake."""

    destination: EnumProperty(
        name="Bake To",
        description="Where the keys go",
        items=((AS_SET, "As Set", "What is chosen in the Speech panel"), *DESTINATION_ITEMS),
        default=AS_SET,
    )

    def chosen_destination(self, scene: bpy.types.Scene) -> "Destination":
        """Where the keys go."""
        from ..blender.destinations import Destination

        kind = self.destination
        return Destination(scene.gaussian_heads.bake_destination if kind == AS_SET else kind)


class ListensBeside(GuardedOperator):
    """Mix-in: `begin` makes the job, `finish` keys what it heard; between them a thread works.

    `begin` gives None where nothing needs listening to.
    """

    _job = None
    _timer: bpy.types.Timer | None = None

    def run(self, context: bpy.types.Context) -> Outcome:
        """Listen and key in one go."""
        from ..blender.jobs import add_job

        self._job = self.begin(context)
        if self._job is not None:
            add_job(self._job)
        return self._end(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Listen in a thread; progress and a cancel button stand in the panel."""
        if bpy.app.background or context.window is None:
            return self.execute(context)
        return self.guard(self._invoke, context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Look at the thread now and then; Esc stops it."""
        from ..blender.jobs import describe_job

        if event.type == "ESC" and event.value == "PRESS":
            self._job.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        context.workspace.status_text_set(f"{describe_job(self._job)}   Esc: Cancel")
        _redraw_sidebars(context)
        if self._job.is_running:
            return {"PASS_THROUGH"}
        self._stop_timer(context)
        return self.guard(self._end, context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: a file is loaded, the window closes, or no file was chosen."""
        from ..blender.jobs import remove_job

        if self._job is None:
            return
        self._job.cancel()
        remove_job(self._job)
        self._stop_timer(context)

    def _invoke(self, context: bpy.types.Context) -> Outcome:
        from ..blender.jobs import add_job

        self._job = self.begin(context)
        if self._job is None:
            return self._end(context)
        add_job(self._job)
        self._timer = context.window_manager.event_timer_add(POLL_SEC, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _end(self, context: bpy.types.Context) -> Outcome:
        from ..blender.jobs import remove_job

        job = self._job
        if job is None:
            return self.finish(context, None)
        try:
            job.result()
            remove_job(job)
            if job.is_cancelled and not job.finished:
                self.report({"INFO"}, "The analysis was stopped; nothing was keyed.")
                return CANCELLED
            return self.finish(context, job)
        finally:
            remove_job(job)

    def _stop_timer(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)


def _redraw_sidebars(context: bpy.types.Context) -> None:
    """Show progress without drawing the heads anew, whose time the listening needs."""
    for area in context.screen.areas:
        if area.type in {"VIEW_3D", "SEQUENCE_EDITOR"}:
            for region in area.regions:
                if region.type == "UI":
                    region.tag_redraw()


def sentence_of(result: "BakeResult") -> str:
    """What a bake wrote, for the status bar."""
    where = f"the NLA strip '{result.nla_strip}'" if result.nla_strip else f"'{result.action}'"
    return f"Keyed frames {result.first_frame} to {result.last_frame} in {where}."


def speaker_of(operator: bpy.types.Operator, context: bpy.types.Context) -> bpy.types.Object:
    """The avatar that the operator's `speaker` names, the active one without a name."""
    name = operator.speaker
    obj = bpy.data.objects.get(name) if name else active_avatar(context)
    if is_avatar(obj):
        return obj
    what = f"'{name}' is no avatar" if name else "No avatar is selected"
    raise GaussianHeadsError(f"{what}: choose the one that speaks.")


def counted(number: int, thing: str) -> str:
    """So many things, in words."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
