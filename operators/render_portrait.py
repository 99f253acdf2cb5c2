"""Render a photo that moves as the active head does, frame by frame, beside the interface."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..core.errors import GaussianHeadsError
from .agreement import AsksForAgreement
from .base import CANCELLED, NO_AVATAR, Outcome, SaysWhyNot, active_avatar
from .listening import counted
from .stepping import SteppingOperator

if TYPE_CHECKING:
    from ..blender.portraits.rendering import PortraitRender

# What the dialog asks.
ASKED = ("statement", "is_agreed", "out", "side_px")


class GAUSSIAN_HEADS_OT_render_portrait(
    AsksForAgreement, SaysWhyNot, SteppingOperator, bpy.types.Operator
):
    """Make a film of one photo that speaks and acts as the active head does; the person shown has to agree"""

    bl_idname = "gaussian_heads.render_portrait"
    bl_label = "Render 2D Portrait"
    bl_options = {"REGISTER"}

    filepath: StringProperty(
        name="Photo",
        description="A photo of one person, from the front",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    # Without it the file browser shows no folder to go into.
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    was_asked: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})
    was_refused: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    statement: StringProperty(
        name="Statement",
        description="Who agreed to what; it goes into the video and the frames with a digest of the photo",
        options={"SKIP_SAVE"},
    )
    is_agreed: BoolProperty(
        name="The person shown agreed to this portrait",
        description="Without the agreement of the person shown no portrait is made",
        options={"SKIP_SAVE"},
    )
    out: StringProperty(
        name="Output",
        description="A video (.mp4) with the scene's sound, or a folder for PNG frames; beside the photo by default",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    side_px: IntProperty(
        name="Size",
        description="Side of the square pictures in pixels; the network draws 256, other sizes are resampled",
        default=256,
        min=16,
        max=1024,
        subtype="PIXEL",
    )

    missing = "Say who agreed to what and tick the box: nothing is made before"
    placeholder = "I am … and want this portrait of myself"
    doing = "Drawing the portrait"
    _rendering = None

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Needs a head that gives the motion, and a build with the network."""
        from ..core.portrait.model import require_networks

        if active_avatar(context) is None:
            return NO_AVATAR
        try:
            require_networks()
        except GaussianHeadsError as error:
            return str(error)
        return ""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for the photo first, then for the agreement."""
        if not self.filepath:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        self.was_asked = True
        if not self.out:
            photo = Path(self.filepath)
            self.out = str(photo.with_name(f"{photo.stem}_portrait.mp4"))
        return context.window_manager.invoke_props_dialog(
            self, width=460, title="2D Portrait", confirm_text="Render"
        )

    def draw(self, context: bpy.types.Context) -> None:
        """The agreement, then where the film goes."""
        layout = self.layout
        if not self.was_asked:
            # Beside the file browser.
            layout.label(text="A photo of one person", icon="FILE_IMAGE")
            return
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.label(text=Path(self.filepath).name, icon="FILE_IMAGE")
        self.draw_agreement(layout.box())
        layout.prop(self, "out")
        layout.prop(self, "side_px")

    def run(self, context: bpy.types.Context) -> Outcome:
        """Draw beside the interface where there is one, else at once."""
        from ..blender.portraits.rendering import PortraitRendering

        head = active_avatar(context)
        if head is None:
            raise GaussianHeadsError(NO_AVATAR)
        self._rendering = PortraitRendering(context.scene, head, self._render(context.scene))
        return self.begin(context, self._rendering.steps())

    def finish(self) -> Outcome:
        """Say what was made."""
        for note in self._rendering.notes:
            self.report({"WARNING"}, note)
        render, drawn = self._rendering.render, self._rendering.num_drawn
        kept = len(render.frames) - drawn
        there = f", {kept} {'was' if kept == 1 else 'were'} there" if kept else ""
        self.report({"INFO"}, f"Drew {counted(drawn, 'frame')}{there}: '{render.out}'.")
        return {"FINISHED"}

    def stopped(self) -> str:
        """Finished frames stay."""
        return "The portrait was stopped; finished frames are kept, and the same settings go on from there."

    def ask(self, *, was_refused: bool = False) -> Outcome:
        """Open the dialog for the chosen photo."""
        given = {name: getattr(self, name) for name in ASKED} if was_refused else {}
        bpy.ops.gaussian_heads.render_portrait(
            "INVOKE_DEFAULT", filepath=self.filepath, was_refused=was_refused, **given
        )
        return CANCELLED

    def _render(self, scene: bpy.types.Scene) -> "PortraitRender":
        from ..blender.portraits.rendering import PortraitRender
        from ..core.portrait.order import CONSENT_SENTENCE, PortraitOrder

        if not self.has_agreement():
            raise GaussianHeadsError(CONSENT_SENTENCE)
        if not self.filepath:
            raise GaussianHeadsError("No photo is chosen: choose one of the person to show.")
        photo = Path(bpy.path.abspath(self.filepath))
        out = (
            bpy.path.abspath(self.out)
            if self.out
            else photo.with_name(f"{photo.stem}_portrait.mp4")
        )
        order = PortraitOrder(photo, self.statement, side_px=self.side_px)
        return PortraitRender(order, Path(out), range(scene.frame_start, scene.frame_end + 1))


def draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under Render."""
    idname = GAUSSIAN_HEADS_OT_render_portrait.bl_idname
    menu.layout.separator()
    menu.layout.operator(idname, text="Render 2D Portrait…", icon="IMAGE_DATA")


CLASSES = (GAUSSIAN_HEADS_OT_render_portrait,)
