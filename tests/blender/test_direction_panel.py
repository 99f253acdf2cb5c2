"""The panel of the direction: both ways, when to take which, and the button that makes keys anew."""

from types import SimpleNamespace

import bpy
import pytest
from gaussian_heads.blender.dialogue.lines import link_strip
from gaussian_heads.blender.direction.keys import Hold, direct_units
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.direction.expressions import DIRECTED_EXPRESSIONS
from gaussian_heads.core.spaces import ACTION_UNITS
from gaussian_heads.panels import direction as panel

from .layout import Layout, draw

VIEW, SEQUENCER = panel.CLASSES[1:]
VERBS = [
    f"gaussian_heads.{name}"
    for name in (
        "direction_from_video",
        "direction_from_file",
        "key_direction",
        "clear_direction",
    )
]


@pytest.fixture
def strip(scene, head, clicks, stand_in, generator):
    bpy.context.view_layer.objects.active = head
    made = strip_collection(scene).new_sound(
        "Line", str(clicks(1.0, [0.5])), channel=1, frame_start=1
    )
    link_strip(scene, made, head)
    return made


@pytest.mark.parametrize("shown", [VIEW, SEQUENCER])
def test_both_ways_stand_in_both_sidebars_with_a_word_on_each(scene, head, shown):
    drawn = draw(shown)
    said = " ".join(drawn.labels)
    assert drawn.labels[0] == "Before the bake: direction"
    assert "After the bake: offsets" in drawn.labels
    assert "mouth keeps speaking clearly" in said and "may open lips on p, b and m" in said
    assert drawn.properties == [*panel_order(), "direction_temperature"]
    assert drawn.operators == VERBS


def panel_order():
    from gaussian_heads.core.spaces.groups import DIRECTION_GROUPS

    names = [name for group in DIRECTION_GROUPS for name in group.names]
    assert sorted(names) == sorted(ACTION_UNITS)
    return names


def test_it_lies_below_speech_and_needs_a_head(scene, head):
    assert VIEW.bl_parent_id == "GAUSSIAN_HEADS_PT_speech"
    assert SEQUENCER.bl_parent_id == "GAUSSIAN_HEADS_PT_sequencer_speech"
    assert VIEW.poll(bpy.context) and SEQUENCER.poll(bpy.context)
    bpy.data.objects.remove(head)
    assert not VIEW.poll(bpy.context)


def test_the_switch_stands_in_the_header(scene, head):
    header = Layout()
    VIEW.draw_header(SimpleNamespace(layout=header), bpy.context)
    assert header.properties == ["use_direction"]


def test_parts_of_the_face_say_how_much_of_them_is_directed(scene, head):
    assert "Brows" in draw(VIEW).labels
    direct_units(head, {"AU04": 2.0, "AU01": 1.0}, Hold(1, 20))
    head.gaussian_head.direction.AU12 = 1.0
    labels = draw(VIEW).labels
    assert {"Brows (2)", "Eyes and Cheeks", "Nose and Mouth (1)"} <= set(labels)


@pytest.mark.parametrize("shown", [VIEW, SEQUENCER])
def test_stale_lines_get_a_button(scene, head, strip, shown):
    scene.gaussian_heads.live_update = False
    assert draw(shown).operators == VERBS, "nothing was baked yet"
    bpy.ops.gaussian_heads.bake_speech()
    assert draw(shown).operators == VERBS
    direct_units(head, {"AU12": 4.0}, Hold(3, 20))
    assert draw(shown).operators == [*VERBS, "gaussian_heads.update_keys"]
    bpy.ops.gaussian_heads.update_keys()
    assert draw(shown).operators == VERBS


def test_the_menu_offers_every_expression(scene):
    chosen = []

    class Named(Layout):
        def operator(self, name, *, text):
            button = super().operator(name)
            chosen.append(button)
            self.labels.append(text)
            return button

    layout = Named()
    panel.GAUSSIAN_HEADS_MT_direct_expression.draw(SimpleNamespace(layout=layout), bpy.context)
    assert sorted(button.name for button in chosen) == sorted(DIRECTED_EXPRESSIONS)
    assert "Joy" in layout.labels and "Wink" not in layout.labels
