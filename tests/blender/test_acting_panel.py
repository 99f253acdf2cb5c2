"""The panels of acting hold every control, find them, and say what to do next."""

import bpy
import pytest
from gaussian_heads.core.spaces.expressions import EXPRESSIONS
from gaussian_heads.panels import acting, expression_shelf, targets

from .layout import draw


def test_without_a_head_the_panel_says_what_to_do(scene):
    assert draw(acting.GAUSSIAN_HEADS_PT_acting).labels == ["Load or select an avatar first"]
    assert not acting.GAUSSIAN_HEADS_PT_arkit.poll(bpy.context)


@pytest.mark.parametrize(
    ("panel", "count"),
    [
        (acting.GAUSSIAN_HEADS_PT_arkit, 52),
        (acting.GAUSSIAN_HEADS_PT_action_units, 18),
        (acting.GAUSSIAN_HEADS_PT_visemes, 15),
    ],
)
def test_controls_are_all_there(scene, head, panel, count):
    assert panel.poll(bpy.context)
    drawn = draw(panel)
    assert len(drawn.properties) == len(set(drawn.properties)) == count


def test_a_search_and_the_filter_find_controls_of_all_kinds(scene, head):
    settings, panel = scene.gaussian_heads, acting.GAUSSIAN_HEADS_PT_controls
    tools = ["acting_filter", "acting_symmetric", "acting_changed_only"]
    assert draw(panel).properties == tools
    settings.acting_filter = "lip"
    assert not acting.GAUSSIAN_HEADS_PT_arkit.poll(bpy.context), "its panel gives way"
    found = ["AU10", "AU15", "AU25", "AU20", "AU12", "AU23", "AU28"]
    assert draw(panel).properties == tools + found
    settings.acting_filter = "SMILE mouth"
    drawn = draw(panel)
    assert drawn.properties == [*tools, "mouthSmileLeft", "mouthSmileRight"]
    assert drawn.labels == ["Mouth", "", "Left", "Right", "Smile"]
    settings.acting_filter = "nostril"
    assert draw(panel).labels == ["No control is called so"]
    settings.acting_filter = ""
    settings.acting_changed_only = True
    assert draw(panel).labels == ["Nothing is set or keyed yet"]
    head.gaussian_head.arkit.tongueOut = 0.5
    head.keyframe_insert("gaussian_head.action_units.AU04", frame=1)
    drawn = draw(panel)
    assert drawn.properties == [*tools, "tongueOut", "AU04"]
    assert drawn.labels == ["Tongue (1)", "Upper Face (1)"]


def test_every_expression_has_a_button(scene, head):
    drawn = draw(acting.GAUSSIAN_HEADS_PT_expressions)
    assert drawn.operators.count("gaussian_heads.apply_expression") == len(EXPRESSIONS)


def test_targets_are_offered_until_there_is_one(scene, head):
    gaze, follow = targets.GAUSSIAN_HEADS_PT_gaze, targets.GAUSSIAN_HEADS_PT_head_pose
    assert "gaussian_heads.add_gaze_target" in draw(gaze).operators
    assert draw(follow).properties == ["head_target", "head_rotation", "head_translation"]
    empty = bpy.data.objects.new("Empty", None)
    scene.collection.objects.link(empty)
    head.gaussian_head.gaze_target = head.gaussian_head.head_target = empty
    drawn = draw(gaze)
    assert drawn.properties == ["gaze_target", "gaze_follow", "gaze_head_share"]
    assert draw(follow).operators == ["gaussian_heads.set_head_rest"]


def test_bones_are_offered_of_armatures_and_a_missing_one_is_said(scene, head):
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    settings = head.gaussian_head
    settings.gaze_target = rig
    assert "gaze_bone" in draw(targets.GAUSSIAN_HEADS_PT_gaze).properties
    settings.gaze_bone = "gone"
    assert draw(targets.GAUSSIAN_HEADS_PT_gaze).labels == ["'Rig' has no bone 'gone'"]


def test_the_shelf_is_there_for_heads_only(scene, head):
    shelf = expression_shelf.VIEW3D_AST_gaussian_heads
    assert shelf.poll(bpy.context)
    bpy.data.objects.remove(head)
    assert not shelf.poll(bpy.context)
