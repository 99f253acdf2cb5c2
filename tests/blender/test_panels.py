"""Panels draw what exists: every property and operator they name is looked up."""

from types import SimpleNamespace

import bpy
from gaussian_heads.panels import avatar, rendering

from .layout import draw


def test_empty_scene_says_what_to_do(scene):
    assert draw(avatar.GAUSSIAN_HEADS_PT_avatar).labels == ["Load a head to begin"]


def test_look_grades_the_active_head(scene, head):
    assert rendering.GAUSSIAN_HEADS_PT_look.poll(bpy.context)
    assert draw(rendering.GAUSSIAN_HEADS_PT_look).properties == ["exposure", "tint"]


def test_render_shows_what_the_engine_follows(scene, head):
    scene.render.use_motion_blur = True
    drawn = draw(rendering.GAUSSIAN_HEADS_PT_render)
    assert drawn.properties == [
        "backend", "meshes", "supersampling", "film_transparent", "use_motion_blur",
        "motion_blur_steps", "motion_blur_shutter", "motion_blur_position",
    ]  # fmt: skip
    assert not drawn.labels and "gaussian_heads.use_standard" not in drawn.operators
    assert draw(rendering.GAUSSIAN_HEADS_PT_engine).properties == drawn.properties
    assert rendering.GAUSSIAN_HEADS_PT_engine.poll(SimpleNamespace(engine="GAUSSIAN_HEADS"))
    assert not rendering.GAUSSIAN_HEADS_PT_engine.poll(SimpleNamespace(engine="CYCLES"))


def test_render_explains_a_view_that_changes_colours_and_offers_standard(scene, head):
    view = scene.view_settings
    view.view_transform = "AgX"
    view.look = "AgX - Punchy"
    drawn = draw(rendering.GAUSSIAN_HEADS_PT_render)
    assert drawn.labels[0] == "AgX changes the heads' colours."
    assert view.view_transform == "AgX", "drawing a panel never switches"
    assert "gaussian_heads.use_standard" in drawn.operators
    assert bpy.ops.gaussian_heads.use_standard() == {"FINISHED"}
    assert (view.view_transform, view.look) == ("Standard", "None")
    assert not draw(rendering.GAUSSIAN_HEADS_PT_render).labels
    view.exposure = 0.5
    assert draw(rendering.GAUSSIAN_HEADS_PT_render).labels[0].startswith("The look or exposure")


def test_render_offers_the_composite_to_other_engines(scene, head):
    scene.render.engine = "BLENDER_WORKBENCH"
    drawn = draw(rendering.GAUSSIAN_HEADS_PT_render)
    assert drawn.operators[:2] == ["gaussian_heads.setup_render", "gaussian_heads.setup_composite"]
    assert not drawn.properties


def test_every_tooltip_is_a_sentence(scene):
    from gaussian_heads.blender.render_properties import LookSettings, RenderSettings
    from gaussian_heads.blender.style_properties import StyleSettings

    groups = ((bpy.types.Object, LookSettings), (bpy.types.Object, StyleSettings))
    for owner, group in (*groups, (bpy.types.Scene, RenderSettings)):
        name = "gaussian_head" if owner is bpy.types.Object else "gaussian_heads"
        described = owner.bl_rna.properties[name].fixed_type.properties
        for setting in group.__annotations__:
            text = described[setting].description
            assert len(text.split()) > 3 and text[0].isupper() and text[-1] != "."
