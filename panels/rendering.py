"""The sidebar's panels of how heads look and how a scene is rendered."""

from __future__ import annotations

import bpy

from ..blender.engine import ENGINE_ID
from ..blender.heads import has_avatar
from ..operators.base import active_avatar
from ..operators.fit_range import GAUSSIAN_HEADS_OT_fit_range
from ..operators.presets import (
    GAUSSIAN_HEADS_OT_use_video_output,
    GAUSSIAN_HEADS_PT_format_presets,
    GAUSSIAN_HEADS_PT_look_presets,
    GAUSSIAN_HEADS_PT_output_presets,
)
from ..operators.setup_composite import GAUSSIAN_HEADS_OT_setup_composite
from ..operators.setup_render import GAUSSIAN_HEADS_OT_setup_render
from ..operators.use_standard import GAUSSIAN_HEADS_OT_use_standard
from .base import NeedsAvatar, Sidebar, draw_sentence


class GAUSSIAN_HEADS_PT_look(NeedsAvatar, Sidebar, bpy.types.Panel):
    """Grading one head."""

    bl_label = "Look"
    bl_idname = "GAUSSIAN_HEADS_PT_look"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """The looks that ship and the user's own."""
        GAUSSIAN_HEADS_PT_look_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Exposure and tint of the active head."""
        layout = self.layout
        layout.use_property_split = True
        settings = active_avatar(context).gaussian_head
        layout.prop(settings, "exposure", slider=True)
        layout.prop(settings, "tint")


class GAUSSIAN_HEADS_PT_render(Sidebar, bpy.types.Panel):
    """Making pictures."""

    bl_label = "Render"
    bl_idname = "GAUSSIAN_HEADS_PT_render"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """Qualities and files: draft, final, for compositing, video."""
        GAUSSIAN_HEADS_PT_output_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Set up, choose what draws and what is drawn, render."""
        from ..blender.staging import shows_own_colors

        layout = self.layout
        scene = context.scene
        if not has_avatar(scene):
            layout.label(text="Load a head to begin", icon="INFO")
            return
        column = layout.column()
        column.scale_y = 1.3
        column.operator(GAUSSIAN_HEADS_OT_setup_render.bl_idname, icon="OUTLINER_OB_CAMERA")
        if scene.render.engine == ENGINE_ID:
            draw_settings(layout, scene)
        else:
            layout.label(text="Or keep this scene's engine", icon="INFO")
            layout.operator(GAUSSIAN_HEADS_OT_setup_composite.bl_idname, icon="NODE_COMPOSITING")
        if not shows_own_colors(scene):
            draw_color_help(layout, scene)
        if scene.camera is None:
            draw_sentence(layout, "There is no camera: press Set Up Render, or add one")
        row = layout.row(align=True)
        row.enabled = scene.camera is not None
        row.operator("render.render", text="Image", icon="RENDER_STILL").use_viewport = True
        row.operator("render.render", text="Animation", icon="RENDER_ANIMATION").animation = True


class GAUSSIAN_HEADS_PT_output(Sidebar, bpy.types.Panel):
    """Size, rate, frames and files of a render."""

    bl_label = "Output"
    bl_idname = "GAUSSIAN_HEADS_PT_output"
    bl_parent_id = "GAUSSIAN_HEADS_PT_render"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """Sizes and rates."""
        GAUSSIAN_HEADS_PT_format_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        """Blender's own settings that matter for a talking head, in one place."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        scene, render = context.scene, context.scene.render
        column = layout.column(align=True)
        column.prop(render, "resolution_x", text="Resolution X")
        column.prop(render, "resolution_y", text="Y")
        column.prop(render, "resolution_percentage", text="%")
        layout.menu("RENDER_MT_framerate_presets", text=f"{render.fps / render.fps_base:.6g} fps")
        column = layout.column(align=True)
        column.prop(scene, "frame_start", text="Frame Start")
        column.prop(scene, "frame_end", text="End")
        layout.operator(GAUSSIAN_HEADS_OT_fit_range.bl_idname, icon="PREVIEW_RANGE")
        layout.prop(render, "filepath", text="Output")
        layout.label(text=output_sentence(scene), icon="FILE_MOVIE" if is_video(scene) else "IMAGE")
        layout.operator(GAUSSIAN_HEADS_OT_use_video_output.bl_idname, icon="FILE_MOVIE")


class GAUSSIAN_HEADS_PT_engine(bpy.types.Panel):
    """The engine's settings where Blender's users look for them."""

    bl_label = "Gaussian Heads"
    bl_idname = "GAUSSIAN_HEADS_PT_engine"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"
    COMPAT_ENGINES = {ENGINE_ID}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only for scenes that use the engine."""
        return context.engine in cls.COMPAT_ENGINES

    def draw(self, context: bpy.types.Context) -> None:
        """The same as in the sidebar."""
        from ..blender.staging import shows_own_colors

        draw_settings(self.layout, context.scene)
        if not shows_own_colors(context.scene):
            draw_color_help(self.layout, context.scene)


def is_video(scene: bpy.types.Scene) -> bool:
    """Whether an animation becomes one file."""
    return scene.render.image_settings.file_format == "FFMPEG"


def output_sentence(scene: bpy.types.Scene) -> str:
    """What Render Animation will write."""
    count = max(0, scene.frame_end - scene.frame_start + 1)
    rate = scene.render.fps / scene.render.fps_base
    kind = scene.render.image_settings.file_format.replace("_", " ")
    what = "a video" if is_video(scene) else f"{count} {kind} files"
    return f"Writes {what}, {count / rate:.1f} s"


def draw_settings(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """The engine's own settings and those of Blender's that it follows."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    settings, render = scene.gaussian_heads, scene.render
    column.prop(settings, "backend")
    column.prop(settings, "meshes")
    column.prop(settings, "supersampling")
    column.prop(render, "film_transparent")
    column.prop(render, "use_motion_blur")
    if render.use_motion_blur:
        column.prop(settings, "motion_blur_steps")
        column.prop(render, "motion_blur_shutter")
        column.prop(render, "motion_blur_position", text="Position")


def draw_color_help(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """What the view transform does to heads, and the one click that undoes it."""
    name = scene.view_settings.view_transform
    changer = "The look or exposure" if name == "Standard" else name
    box = layout.box().column(align=True)
    box.label(text=f"{changer} changes the heads' colours.", icon="ERROR")
    box.label(text="They were captured for Standard,")
    box.label(text="which shows them as they are.")
    box.operator(GAUSSIAN_HEADS_OT_use_standard.bl_idname, icon="CHECKMARK")


CLASSES = (
    GAUSSIAN_HEADS_PT_look,
    GAUSSIAN_HEADS_PT_render,
    GAUSSIAN_HEADS_PT_output,
    GAUSSIAN_HEADS_PT_engine,
)
