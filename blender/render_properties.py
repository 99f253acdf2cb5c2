"""Settings of how heads look and how a scene is rendered, mixed into the groups of `properties`."""

import bpy
from bpy.props import (
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
)


def listen(_settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    """Blender redraws and evaluates after a script's assignment only where somebody listens to it."""


# Linked characters are animated through overrides, so every level must allow both.
HEAD_OPTIONS = {
    "options": {"ANIMATABLE", "LIBRARY_EDITABLE"},
    "override": {"LIBRARY_OVERRIDABLE"},
    "update": listen,
}
_FIXED = {"options": {"LIBRARY_EDITABLE"}, "override": {"LIBRARY_OVERRIDABLE"}}


class LookSettings:
    """How one avatar is graded before it is drawn, in linear light."""

    exposure: FloatProperty(
        name="Exposure",
        description="Brightens or darkens this head by stops: 1 doubles its light, -1 halves it",
        default=0.0,
        soft_min=-3.0,
        soft_max=3.0,
        min=-16.0,
        max=16.0,
        precision=2,
        **HEAD_OPTIONS,
    )
    tint: FloatVectorProperty(
        name="Tint",
        description="Multiplies the light of this head: white leaves it alone, a warm colour warms it",
        subtype="COLOR",
        size=3,
        default=(1.0, 1.0, 1.0),
        min=0.0,
        soft_max=1.0,
        max=100.0,
        **HEAD_OPTIONS,
    )


class RenderSettings:
    """What the engine makes of a scene."""

    backend: EnumProperty(
        name="Backend",
        description="What draws the Gaussians in the final render",
        items=(
            ("auto", "Automatic", "Take the fastest one that works on this computer"),
            ("cuda", "CUDA", "An NVIDIA card through a worker process"),
            ("gpu", "GPU", "Any graphics card through Blender's own drawing"),
            ("cpu", "CPU", "The C rasteriser, the same picture on every computer"),
            ("reference", "Reference", "Slow double precision, for checking the others"),
        ),
        default="auto",
        **_FIXED,
    )
    meshes: EnumProperty(
        name="Meshes",
        description="What the other objects of the scene do to the heads",
        items=(
            (
                "SHADED",
                "Shaded",
                "Draw them in their materials' plain colours, before and behind heads",
            ),
            ("HOLDOUT", "Holdout", "Only cut the heads where they stand in front, for compositing"),
            ("IGNORE", "Ignore", "Draw the heads alone"),
        ),
        default="SHADED",
        **_FIXED,
    )
    supersampling: IntProperty(
        name="Supersampling",
        description="Draws this many pixels for each one, in width and in height, and averages them: "
        "smoother edges of meshes and finer hair for more time",
        default=1,
        min=1,
        max=4,
        **_FIXED,
    )
    motion_blur_steps: IntProperty(
        name="Motion Steps",
        description="Moments between opening and closing of the shutter that are averaged: "
        "more make the blur smoother and take as many times as long",
        default=8,
        min=2,
        soft_max=32,
        max=128,
        **_FIXED,
    )
    heads_scene: PointerProperty(
        name="Heads Scene",
        description="The scene that draws this one's heads for the compositor",
        type=bpy.types.Scene,
        **_FIXED,
    )
