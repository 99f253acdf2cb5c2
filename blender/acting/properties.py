"""Settings of how acting is shown and edited, mixed into the scene's group of `properties`."""

from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

_TOOL = {"options": {"LIBRARY_EDITABLE"}}


class ActingSettings:
    """What the controls' lists show and how sliders and expressions act."""

    acting_filter: StringProperty(
        name="Search",
        description="Show only controls whose name holds all of these words",
        options={"LIBRARY_EDITABLE", "TEXTEDIT_UPDATE"},
    )
    acting_changed_only: BoolProperty(
        name="Changed Only",
        description="Show only controls that are set or keyed",
        default=False,
        **_TOOL,
    )
    acting_symmetric: BoolProperty(
        name="Symmetric",
        description="A slider of one side sets the other side's too; keys as well where Auto Keying is on "
        "and one of the two is keyed",
        default=False,
        **_TOOL,
    )
    expression_intensity: FloatProperty(
        name="Intensity",
        description="How strong an expression is when its button is clicked",
        default=1.0,
        min=0.0,
        max=1.5,
        subtype="FACTOR",
        **_TOOL,
    )
    expression_mode: EnumProperty(
        name="Mode",
        description="What becomes of what the face shows already",
        items=(
            (
                "REPLACE",
                "Replace",
                "The expression takes the place of the ARKit and Action Unit controls",
            ),
            ("ADD", "Add", "The expression is added to what the controls show"),
        ),
        default="REPLACE",
        **_TOOL,
    )
    expression_mirrored: BoolProperty(
        name="Mirrored",
        description="Swap the sides of expressions that have one, such as a smirk",
        default=False,
        **_TOOL,
    )
    expression_key: BoolProperty(
        name="Key",
        description="Key the face at the current frame when an expression is applied",
        default=False,
        **_TOOL,
    )
