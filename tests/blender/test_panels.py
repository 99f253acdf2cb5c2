"""Panels draw what exists: every property and operator they name is looked up."""

from dataclasses import fields
from types import SimpleNamespace

import bpy
import pytest
from gaussian_heads.blender import jobs
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.blender.style_properties import STYLE_FIELDS
from gaussian_heads.core.speech import SpeechStyle
from gaussian_heads.panels import sidebar


class Layout:
    """Stands in for UILayout: records labels and properties, refuses names that do not exist."""

    def __init__(self):
        self.labels, self.properties, self.operators, self.progresses = [], [], [], []

    def column(self, **_):
        return self

    row = box = column

    def label(self, *, text, icon="NONE"):
        self.labels.append(text)

    def prop(self, data, name, **_):
        assert name in data.bl_rna.properties, name
        self.properties.append(name)

    def prop_search(self, data, name, source, collection, **_):
        assert name in data.bl_rna.properties and collection in source.bl_rna.properties
        self.properties.append(name)

    def operator(self, name, **_):
        module, verb = name.split(".")
        assert verb in dir(getattr(bpy.ops, module)), name
        self.operators.append(name)
        return SimpleNamespace()

    def progress(self, *, factor, text):
        self.progresses.append(factor)


def draw(panel):
    layout = Layout()
    stand_in = SimpleNamespace(layout=layout)
    for name in ("_draw_bake", "control_set"):
        if hasattr(panel, name):
            value = getattr(panel, name)
            setattr(stand_in, name, value.__get__(stand_in) if callable(value) else value)
    panel.draw(stand_in, bpy.context)
    return layout


def test_empty_scene_says_what_to_do(scene):
    assert draw(sidebar.GAUSSIAN_HEADS_PT_avatar).labels == ["Load a head to begin"]
    assert "Load or select" in draw(sidebar.GAUSSIAN_HEADS_PT_speech).labels[0]
    assert not sidebar.GAUSSIAN_HEADS_PT_arkit.poll(bpy.context)


def test_speech_without_a_strip_says_what_to_do(scene, head):
    drawn = draw(sidebar.GAUSSIAN_HEADS_PT_sequencer_speech)
    assert drawn.labels == ["Add a sound in the Video Sequencer"]
    assert "sound_strip" not in drawn.properties


def test_speech_shows_strip_bake_and_strengths(scene, head, clicks):
    strip_collection(scene).new_sound("Line", str(clicks(1.0, [])), channel=1, frame_start=1)
    drawn = draw(sidebar.GAUSSIAN_HEADS_PT_speech)
    assert drawn.properties == ["sound_strip", "seed", "strength_speech", "strength_upper_face",
                                "strength_blink", "strength_gaze", "strength_head"]  # fmt: skip
    assert drawn.operators == ["gaussian_heads.bake_speech"]


@pytest.mark.parametrize(
    "panel", [sidebar.GAUSSIAN_HEADS_PT_manner, sidebar.GAUSSIAN_HEADS_PT_sequencer_manner]
)
def test_manner_shows_what_the_next_bake_does(scene, head, panel):
    assert panel.poll(bpy.context)
    assert draw(panel).properties == [f"style_{name}" for name in STYLE_FIELDS]
    assert set(STYLE_FIELDS) == {field.name for field in fields(SpeechStyle)}


def test_running_analysis_shows_progress_and_cancel(scene, head, monkeypatch):
    monkeypatch.setitem(jobs._jobs, head.session_uid, SimpleNamespace(progress=0.25))
    drawn = draw(sidebar.GAUSSIAN_HEADS_PT_speech)
    assert drawn.progresses == [0.25] and drawn.operators == ["gaussian_heads.cancel_bake"]


@pytest.mark.parametrize(
    ("panel", "count"),
    [
        (sidebar.GAUSSIAN_HEADS_PT_expression, 2),
        (sidebar.GAUSSIAN_HEADS_PT_arkit, 52),
        (sidebar.GAUSSIAN_HEADS_PT_action_units, 18),
        (sidebar.GAUSSIAN_HEADS_PT_visemes, 15),
    ],
)
def test_controls_are_all_there(scene, head, panel, count):
    assert panel.poll(bpy.context)
    assert len(draw(panel).properties) == count


def test_look_grades_the_active_head(scene, head):
    assert sidebar.GAUSSIAN_HEADS_PT_look.poll(bpy.context)
    assert draw(sidebar.GAUSSIAN_HEADS_PT_look).properties == ["exposure", "tint"]


def test_render_shows_what_the_engine_follows(scene, head):
    scene.render.use_motion_blur = True
    drawn = draw(sidebar.GAUSSIAN_HEADS_PT_render)
    assert drawn.properties == [
        "backend", "meshes", "supersampling", "film_transparent", "use_motion_blur",
        "motion_blur_steps", "motion_blur_shutter", "motion_blur_position",
    ]  # fmt: skip
    assert not drawn.labels and "gaussian_heads.use_standard" not in drawn.operators
    assert draw(sidebar.GAUSSIAN_HEADS_PT_engine).properties == drawn.properties
    assert sidebar.GAUSSIAN_HEADS_PT_engine.poll(SimpleNamespace(engine="GAUSSIAN_HEADS"))
    assert not sidebar.GAUSSIAN_HEADS_PT_engine.poll(SimpleNamespace(engine="CYCLES"))


def test_render_explains_a_view_that_changes_colours_and_offers_standard(scene, head):
    view = scene.view_settings
    view.view_transform = "AgX"
    view.look = "AgX - Punchy"
    drawn = draw(sidebar.GAUSSIAN_HEADS_PT_render)
    assert drawn.labels[0] == "AgX changes the heads' colours."
    assert view.view_transform == "AgX", "drawing a panel never switches"
    assert "gaussian_heads.use_standard" in drawn.operators
    assert bpy.ops.gaussian_heads.use_standard() == {"FINISHED"}
    assert (view.view_transform, view.look) == ("Standard", "None")
    assert not draw(sidebar.GAUSSIAN_HEADS_PT_render).labels
    view.exposure = 0.5
    assert draw(sidebar.GAUSSIAN_HEADS_PT_render).labels[0].startswith("The look or exposure")


def test_render_offers_the_composite_to_other_engines(scene, head):
    scene.render.engine = "BLENDER_WORKBENCH"
    drawn = draw(sidebar.GAUSSIAN_HEADS_PT_render)
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
