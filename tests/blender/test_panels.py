"""Panels draw what exists: every property and operator they name is looked up."""

from types import SimpleNamespace

import bpy
from gaussian_heads.panels import avatar, rendering

from .layout import draw


def test_empty_scene_says_what_to_do(scene):
    drawn = draw(avatar.GAUSSIAN_HEADS_PT_avatar)
    assert " ".join(drawn.labels).startswith("Choose a head and press Add, or drop")
    assert drawn.properties == ["avatar"]
    assert drawn.operators[:3] == [
        "gaussian_heads.import_avatar", "gaussian_heads.replace_avatar", "gaussian_heads.previz"
    ]  # fmt: skip


def test_head_panel_states_what_its_maker_says(scene):
    bpy.ops.gaussian_heads.import_avatar(builtin="maya")
    assert not draw(avatar.GAUSSIAN_HEADS_PT_avatar).labels
    drawn = draw(avatar.GAUSSIAN_HEADS_PT_head)
    assert drawn.labels[0] == "Maya, a synthetic person"
    assert drawn.labels[-1] == "Ships with the add-on"
    assert "Licence: CC-BY-4.0" in drawn.labels and "93,132 Gaussians" in drawn.labels
    assert drawn.operators == ["gaussian_heads.check_avatars"]


def test_avatar_panel_offers_to_find_a_missing_file(scene, head):
    head.gaussian_head.avatar = "/nowhere/gone.uhap"
    drawn = draw(avatar.GAUSSIAN_HEADS_PT_avatar)
    assert " ".join(drawn.labels).startswith("The avatar file 'gone.uhap' is missing")
    assert "gaussian_heads.find_missing_avatar" in drawn.operators


def test_output_says_what_it_writes_and_video_is_one_click(scene, head):
    scene.frame_start, scene.frame_end = 1, 48
    assert draw(rendering.GAUSSIAN_HEADS_PT_output).labels == ["Writes 48 PNG files, 2.0 s"]
    scene.render.resolution_x = 33
    assert bpy.ops.gaussian_heads.use_video_output() == {"FINISHED"}
    drawn = draw(rendering.GAUSSIAN_HEADS_PT_output)
    assert drawn.labels == ["Writes a video, 2.0 s"] and scene.render.resolution_x == 34
    assert scene.render.ffmpeg.audio_codec == "AAC" and scene.render.ffmpeg.codec == "H264"


def test_render_without_a_head_offers_nothing(scene):
    scene.view_settings.view_transform = "AgX"
    drawn = draw(rendering.GAUSSIAN_HEADS_PT_render)
    assert drawn.labels == ["Load a head to begin"] and not drawn.operators


def test_render_without_camera_says_what_to_do(scene, head):
    assert "There is no camera" in draw(rendering.GAUSSIAN_HEADS_PT_render).labels[0]
    bpy.ops.gaussian_heads.setup_render()
    assert not draw(rendering.GAUSSIAN_HEADS_PT_render).labels


def test_look_grades_the_active_head(scene, head):
    assert rendering.GAUSSIAN_HEADS_PT_look.poll(bpy.context)
    assert draw(rendering.GAUSSIAN_HEADS_PT_look).properties == ["exposure", "tint"]


def test_render_shows_what_the_engine_follows(scene, head, camera):
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


def test_render_explains_a_view_that_changes_colours_and_offers_standard(scene, head, camera):
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
