"""The five-minute previz: a person, a sound, and everything else is there."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from ..blender.avatars import avatar_path, is_builtin, load_avatar, reference_to
from ..blender.defaults import BACKGROUNDS
from ..blender.library.properties import lasting, library_items
from ..blender.presets import FORMAT, LOOK, STYLE, presets
from ..core.errors import GaussianHeadsError
from ..core.framing import FRAMINGS, USUAL_FRAMING
from ..core.speech import SpeechStyle
from .base import CANCELLED, GuardedOperator, Outcome, make_active
from .direct_expression import ITEMS as EXPRESSION_ITEMS
from .import_avatar import remember

if TYPE_CHECKING:
    from ..blender.previz import PrevizRequest, PrevizResult
    from ..blender.sound import StripSound
    from ..blender.work import Work
    from ..core.progress import Progress
    from ..core.speech import HeardSpeech, SpeechModel

POLL_SEC = 0.1
_FIELDS = (
    "avatar",
    "filepath",
    "style_preset",
    "expression",
    "format_preset",
    "framing",
    "background",
    "look",
)
KEEP = "KEEP"
_Item = tuple[str, str, str]


class _Asked:
    """What is to be made, and its sound; holds nothing of Blender's."""

    def __init__(self, request: "PrevizRequest", scene: bpy.types.Scene) -> None:
        from ..blender.previz import sound_of

        self.request = request
        self._sound = sound_of(scene, request)
        modified_ns = request.audio.stat().st_mtime_ns
        self.key = (self._sound, modified_ns, request.style.effort)

    def listen(self, model: "SpeechModel", progress: "Progress | None" = None) -> "HeardSpeech":
        """What is heard of the sound."""
        from ..blender.speech import hear

        return hear(self._sound, self.request.style.effort, model, progress)


# What was heard last, so that the redo panel need not listen again.
_heard: "dict[tuple[StripSound, int, float], HeardSpeech]" = {}
_running: "list[Work[HeardSpeech]]" = []


def running_previz() -> "Work[HeardSpeech] | None":
    """The listening of a previz that is being made."""
    return _running[0] if _running else None


def _preset_items(kind: str, kept: str) -> list[_Item]:
    names = [(KEEP, kept, "Leave this setting as it is")]
    names += [(name, name, f"Take the preset {name}") for name in presets(kind)]
    return [tuple(lasting(text) for text in item) for item in names]


def _format_items(_operator: object, _context: object) -> list[_Item]:
    return _preset_items(FORMAT, "As in the Scene")


def _look_items(_operator: object, _context: object) -> list[_Item]:
    return _preset_items(LOOK, "The Avatar's Own")


def _style_items(_operator: object, _context: object) -> list[_Item]:
    return _preset_items(STYLE, "Usual")


def _avatar_items(operator: object, context: object) -> list[tuple[str, str, str, int, int]]:
    return library_items(operator, context)


class GAUSSIAN_HEADS_OT_previz(GuardedOperator, bpy.types.Operator):
    """Choose a person and a sound file: head, keys, camera, background, look and render settings are made in one go"""

    bl_idname = "gaussian_heads.previz"
    bl_label = "Five-Minute Previz"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="Sound",
        description="The sound file to speak",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    reference: StringProperty(
        name="Avatar File",
        description="Another avatar than those of the list: builtin:NAME or the path of a .uhap file",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    avatar: EnumProperty(name="Avatar", description="Who speaks", items=_avatar_items)
    format_preset: EnumProperty(
        name="Format", description="Size and rate of the pictures", items=_format_items
    )
    framing: EnumProperty(
        name="Framing",
        description="How large the head stands in the picture",
        items=[
            (name, name.capitalize(), f"A camera that shows the head as a {name}")
            for name in FRAMINGS
        ],
        default=USUAL_FRAMING,
    )
    background: EnumProperty(
        name="Background",
        description="What stands behind the head",
        items=[
            ("KEEP", "As in the Scene", "Leave the scene's world as it is"),
            *((name, name, f"A world of one colour: {name.lower()}") for name in BACKGROUNDS),
        ],
        default="Studio",
    )
    style_preset: EnumProperty(
        name="Manner",
        description="How the person speaks; it can be changed afterwards",
        items=_style_items,
    )
    expression: EnumProperty(
        name="Expression",
        description="What the person shows while speaking; it can be directed otherwise afterwards",
        items=(
            (KEEP, "None", "Plain speech"),
            *EXPRESSION_ITEMS,
        ),
    )
    look: EnumProperty(name="Look", description="How the head is graded", items=_look_items)
    first_frame: IntProperty(
        name="First Frame", description="The frame at which the sound starts", default=1
    )
    seed: IntProperty(
        name="Seed",
        description="Another number gives other glances, nods and blinks with the same sound",
        default=0,
        min=0,
    )

    _asked: _Asked | None = None
    _work = None
    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time."""
        if _running:
            cls.poll_message_set("A previz is being made: wait for it, or press Esc to stop it.")
        return not _running

    def run(self, context: bpy.types.Context) -> Outcome:
        """At once in background and where the sound was heard just now; else beside the interface."""
        from ..blender.speech import speech_model

        self._asked = _Asked(self._request(), context.scene)
        if self._asked.key in _heard:
            return self._finish(context, _heard[self._asked.key])
        if bpy.app.background or context.window is None:
            return self._finish(context, self._asked.listen(speech_model()))
        return self._start(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for the sound, then for the rest."""
        if not self.filepath:
            self.avatar = context.window_manager.gaussian_heads_library.avatar
        return context.window_manager.invoke_props_dialog(self, width=360, confirm_text="Create")

    def draw(self, context: bpy.types.Context) -> None:
        """Person, sound, picture."""
        layout = self.layout
        layout.template_icon_view(self, "avatar", show_labels=True, scale=5.0, scale_popup=5.0)
        layout.use_property_split = True
        for name in _FIELDS:
            layout.prop(self, name)
        if not self.filepath:
            layout.label(text="Choose a sound file to speak", icon="INFO")

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Look at the thread now and then; Esc stops it and leaves the scene as it was."""
        if event.type == "ESC" and event.value == "PRESS":
            self._work.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        context.workspace.status_text_set(f"Listening {self._work.progress:.0%}   Esc: Cancel")
        for area in context.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
        if self._work.is_running and not self._work.is_cancelled:
            return {"PASS_THROUGH"}
        self._stop_timer(context)
        return self.guard(self._end, context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator, because a file is loaded or the window closes."""
        if self._work is not None:
            self._work.cancel()
            self._stop_timer(context)

    def _start(self, context: bpy.types.Context) -> Outcome:
        from ..blender.speech import speech_model
        from ..blender.work import Work

        asked = self._asked
        self._work = Work(
            lambda progress: asked.listen(speech_model(), progress), "Gaussian Heads previz"
        )
        self._work.start()
        _running.append(self._work)
        self._timer = context.window_manager.event_timer_add(POLL_SEC, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _end(self, context: bpy.types.Context) -> Outcome:
        if self._work.is_cancelled:
            self.report({"INFO"}, "The previz was stopped; the scene is as it was.")
            return CANCELLED
        return self._finish(context, self._work.result())

    def _finish(self, context: bpy.types.Context, heard: "HeardSpeech") -> Outcome:
        from ..blender.previz import build
        from ..blender.viewing import look_through_camera

        _heard.clear()
        _heard[self._asked.key] = heard
        result = build(context, self._asked.request, heard)
        make_active(context, result.head)
        look_through_camera(context)
        remember(result.head.gaussian_head.avatar)
        self.report({"INFO"}, _sentence(result))
        return {"FINISHED"}

    def _request(self) -> "PrevizRequest":
        from ..blender.dialogue.dropped import require_sound
        from ..blender.previz import PrevizRequest, preset_style

        if not self.filepath:
            raise GaussianHeadsError("No sound file is chosen: choose one for the head to speak.")
        audio = Path(bpy.path.abspath(self.filepath))
        require_sound(audio)
        reference = self.reference or self.avatar
        load_avatar(avatar_path(reference))
        return PrevizRequest(
            avatar=reference if is_builtin(reference) else reference_to(Path(reference)),
            audio=audio,
            format_preset="" if self.format_preset == KEEP else self.format_preset,
            framing=self.framing,
            background="" if self.background == KEEP else self.background,
            look="" if self.look == KEEP else self.look,
            first_frame=self.first_frame,
            seed=self.seed,
            expression="" if self.expression == KEEP else self.expression,
            style=SpeechStyle() if self.style_preset == KEEP else preset_style(self.style_preset),
        )

    def _stop_timer(self, context: bpy.types.Context) -> None:
        _running.clear()
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)


def _sentence(result: "PrevizResult") -> str:
    bake = result.bake
    return (
        f"'{result.head.name}' speaks on frames {bake.first_frame} to {bake.last_frame}: press Space to "
        "play, or Render Animation for a video."
    )


CLASSES = (GAUSSIAN_HEADS_OT_previz,)
