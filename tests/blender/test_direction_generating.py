"""The generator: opened once, asked once for the same wishes, and the one that ships in a bake of real speech."""

import threading
from concurrent.futures import ThreadPoolExecutor

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.dialogue.lines import find_line
from gaussian_heads.blender.dialogue.state import LineState, line_status
from gaussian_heads.blender.direction import generating
from gaussian_heads.blender.direction.sampling import Directed
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.assets import DIRECTION_MODEL, SAMPLE_SENTENCE
from gaussian_heads.core.direction import ActingDirection, MotionGenerator
from gaussian_heads.core.spaces import ARKIT_INDEX

SMILE, OTHER_SIDE = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]


@pytest.fixture
def heard(analyser):
    return analyser.listen(np.zeros(16_000, np.float32), 16_000)


def directed(digest="a", temperature=1.0):
    return Directed(ActingDirection.constant(AU12=4.0), temperature, digest)


def test_it_is_opened_once_by_whichever_thread_needs_it_first(monkeypatch):
    opened = []

    def open_slowly():
        opened.append(threading.current_thread().name)
        threading.Event().wait(0.05)
        return object()

    monkeypatch.setattr(MotionGenerator, "open", open_slowly)
    monkeypatch.setattr(generating, "_opened", [])
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(generating.motion_generator) for _ in range(4)]
        found = {id(each.result()) for each in asked}
    assert len(opened) == 1 and len(found) == 1


def test_the_same_wishes_are_acted_once(heard, generator):
    first = generating.act_out(heard, directed(), 0)
    assert generating.act_out(heard, directed(), 0) is first
    assert generating.act_out(heard, None, 0) is None and len(generator.calls) == 1
    for other in (directed("b"), directed("c", 0.5)):
        assert generating.act_out(heard, other, 0) is not first
    assert generating.act_out(heard, directed(), 1) is not first
    assert [(seed, temperature) for _, seed, temperature in generator.calls] == [
        (0, 1.0),
        (0, 1.0),
        (0, 0.5),
        (1, 1.0),
    ]


def test_what_is_kept_at_hand_is_bounded(heard, generator, monkeypatch):
    monkeypatch.setattr(generating, "MAX_RECENT_SEC", 2.5)
    for number in range(6):
        generating.act_out(heard, directed(str(number)), 0)
    assert len(generating._recent) == 2
    generating.act_out(heard, directed("5"), 0)
    assert len(generator.calls) == 6
    monkeypatch.setattr(generating, "MAX_RECENT_SEC", 0.5)
    assert generating.act_out(heard, directed("long"), 0) is not None
    assert not generating._recent


@pytest.mark.skipif(not DIRECTION_MODEL.is_file(), reason="no motion generator ships yet")
def test_the_generator_that_ships_directs_real_speech(scene, head):
    """A smile that is held is seen all along; plain speech and lips that close stay what they are."""
    bpy.context.view_layer.objects.active = head
    scene.gaussian_heads.live_update = False
    strip = strip_collection(scene).new_sound("Line", str(SAMPLE_SENTENCE), 1, 1)
    bpy.ops.gaussian_heads.bake_speech()
    plain = curves(head, '["expr_code"]')
    bpy.ops.gaussian_heads.direct_expression(name="courtesy")
    assert bpy.ops.gaussian_heads.update_keys() == {"FINISHED"}
    assert line_status(scene, find_line(scene, strip)).state is LineState.CURRENT
    spoken, acted = curves(head, '["expr_code"]'), curves(head, '["expr_arkit_acting"]')
    assert all(np.array_equal(spoken[index], values) for index, values in plain.items())
    frames = slice(30, 150)
    assert np.median(acted[SMILE][frames]) > 0.25
    assert np.abs(acted[SMILE][frames] - acted[OTHER_SIDE][frames]).max() < 0.2, "of both sides"


def curves(obj, path, num_frames=160):
    bag = find_channelbag(obj)
    found = (curve for curve in bag.fcurves if curve.data_path == path)
    return {c.array_index: np.array([c.evaluate(f + 1) for f in range(num_frames)]) for c in found}
