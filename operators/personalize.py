"""Make a new person from a video or photos, in a process beside Blender."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, StringProperty

from .agreement import AsksForAgreement
from .base import CANCELLED, GuardedOperator, Outcome, SaysWhyNot
from .import_avatar import chosen_paths

if TYPE_CHECKING:
    from ..blender.personalizing import PersonalizeRequest

MOTION_ITEMS = (
    ("universal", "Universal", "The head speaks as all heads do"),
    (
        "personal",
        "Personal",
        "Also learn the person's own manner of speaking, from a video with sound",
    ),
)
FACE_ITEMS = (
    ("only", "Only One", "Refuse recordings with a second face"),
    ("largest", "Largest", "The face that is largest in the picture"),
    ("left", "Left", "The face on the left"),
    ("right", "Right", "The face on the right"),
)
# What the dialog asks.
ASKED = ("person", "statement", "is_agreed", "author", "licence", "motion", "face", "minutes")
ASKED += ("add_to_scene",)


class GAUSSIAN_HEADS_OT_personalize(
    AsksForAgreement, SaysWhyNot, GuardedOperator, bpy.types.Operator
):
    """Make an avatar of a person from one video or some photos, beside Blender; the person has to agree"""

    bl_idname = "gaussian_heads.personalize"
    bl_label = "New Person"
    bl_options = {"REGISTER"}

    filepath: StringProperty(
        name="File",
        description="The video or photo of the person",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    directory: StringProperty(
        name="Folder",
        description="Folder of the photos, where there are several",
        subtype="DIR_PATH",
        options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE", "HIDDEN"},
    )
    files: CollectionProperty(
        name="Files",
        description="Names of several photos",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_movie: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    # Without it the file browser shows no folder to go into.
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    was_asked: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})
    was_refused: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    person: StringProperty(
        name="Name", description="What the avatar is called", options={"SKIP_SAVE"}
    )
    statement: StringProperty(
        name="Statement",
        description="Who agreed to what; it goes into the avatar with the date and a digest of the file",
        options={"SKIP_SAVE"},
    )
    is_agreed: BoolProperty(
        name="The person shown agreed to this avatar",
        description="Without the agreement of the person shown no avatar is made",
        options={"SKIP_SAVE"},
    )
    author: StringProperty(name="Author", description="Who makes the avatar")
    licence: StringProperty(
        name="Licence", description="Under which the avatar may be used; empty keeps it private"
    )
    motion: EnumProperty(name="Motion", description="How the head speaks", items=MOTION_ITEMS)
    face: EnumProperty(
        name="Face", description="Whose face counts where there are several", items=FACE_ITEMS
    )
    minutes: FloatProperty(
        name="Minutes of Fit",
        description="Time for the fit, which takes most of the work; 0 takes what it usually needs",
        default=0.0,
        min=0.0,
        max=1440.0,
        precision=0,
    )
    add_to_scene: BoolProperty(
        name="Add to Scene", description="Add the avatar to the scene when it is made", default=True
    )

    missing = "Say who agreed to what and tick the box: nothing is made before"
    placeholder = "I am … and want this avatar of myself"

    @classmethod
    def why_not(cls, context: bpy.types.Context) -> str:
        """Needs an environment, and nobody else being made."""
        from ..blender import people

        return people.why_not_personalize()

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask for the recording first, then for the agreement."""
        if not self.filepath and not self.files:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        self.was_asked = True
        if not self.person:
            self.person = Path(self.filepath).stem.replace("_", " ").title()
        return context.window_manager.invoke_props_dialog(
            self, width=460, title="New Person", confirm_text="Make the Avatar"
        )

    def draw(self, context: bpy.types.Context) -> None:
        """The agreement, then what is usual to change."""
        layout = self.layout
        if not self.was_asked:
            # Beside the file browser.
            layout.label(text="One video, or some photos", icon="FILE_MOVIE")
            return
        layout.use_property_split = True
        layout.use_property_decorate = False
        paths = chosen_paths(self)
        text = paths[0].name if len(paths) == 1 else f"{len(paths)} photos"
        layout.label(text=text, icon="FILE_MOVIE")
        layout.prop(self, "person")
        self.draw_agreement(layout.box())
        for name in ("author", "licence", "motion", "face", "minutes", "add_to_scene"):
            layout.prop(self, name)

    def run(self, context: bpy.types.Context) -> Outcome:
        """Begin; ends here in background mode."""
        from ..blender import people

        request = self._request()
        people.start(request, adds_to_scene=self.add_to_scene)
        if not bpy.app.background and context.window is not None:
            self.report({"INFO"}, "The person is being made beside Blender: see the sidebar.")
            return {"FINISHED"}
        avatar = people.finish()
        if self.add_to_scene:
            bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar))
        self.report({"INFO"}, f"Made '{avatar}'.")
        return {"FINISHED"}

    def ask(self, *, was_refused: bool = False) -> Outcome:
        """Open the dialog for the chosen recording."""
        given = {name: getattr(self, name) for name in ASKED} if was_refused else {}
        names = [{"name": file.name} for file in self.files]
        bpy.ops.gaussian_heads.personalize(
            "INVOKE_DEFAULT",
            filepath=self.filepath,
            directory=self.directory,
            files=names,
            was_refused=was_refused,
            **given,
        )
        return CANCELLED

    def _request(self) -> "PersonalizeRequest":
        from ..blender import people
        from ..blender.personalizing import CONSENT_SENTENCE, PersonalizeError, PersonalizeRequest

        if not self.has_agreement():
            raise PersonalizeError(CONSENT_SENTENCE)
        options = ["--motion", self.motion, "--face", self.face]
        if self.minutes > 0:
            options += ["--minutes", f"{self.minutes:g}"]
        inputs = tuple(chosen_paths(self)) if self.filepath or self.files else ()
        name = self.person or (inputs[0].stem if inputs else "")
        out = people.out_path(name)
        return PersonalizeRequest(
            inputs=inputs,
            out=out,
            consent=self.statement,
            name=name,
            author=self.author,
            licence=self.licence,
            options=(*options, "--work", str(out.with_suffix(".work"))),
        )


class GAUSSIAN_HEADS_OT_cancel_personalize(bpy.types.Operator):
    """Stop making the person; the work is kept and goes on when the same recording is chosen again"""

    bl_idname = "gaussian_heads.cancel_personalize"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs somebody being made."""
        from ..blender import people

        if people.current_process() is None:
            cls.poll_message_set("Nobody is being made.")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Ask the process to stop."""
        from ..blender import people

        people.cancel()
        return {"FINISHED"}


CLASSES = (GAUSSIAN_HEADS_OT_personalize, GAUSSIAN_HEADS_OT_cancel_personalize)
