"""The panels of acting hold every control."""

import bpy
import pytest
from gaussian_heads.panels import acting

from .layout import draw


def test_without_a_head_there_are_no_controls(scene):
    assert not acting.GAUSSIAN_HEADS_PT_arkit.poll(bpy.context)


@pytest.mark.parametrize(
    ("panel", "count"),
    [
        (acting.GAUSSIAN_HEADS_PT_acting, 2),
        (acting.GAUSSIAN_HEADS_PT_arkit, 52),
        (acting.GAUSSIAN_HEADS_PT_action_units, 18),
        (acting.GAUSSIAN_HEADS_PT_visemes, 15),
    ],
)
def test_controls_are_all_there(scene, head, panel, count):
    assert panel.poll(bpy.context)
    assert len(draw(panel).properties) == count
