"""A sound and a person become a scene in one step; presets of size, output and look."""

import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import presets, speech
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.dialogue.bake import update_line
from gaussian_heads.blender.dialogue.lines import find_line
from gaussian_heads.blender.dialogue.state import LineState, line_status
from gaussian_heads.blender.presets import apply_preset
from gaussian_heads.blender.previz import preset_style
from gaussian_heads.blender.strips import placement, sound_strips
from gaussian_heads.blender.style_properties import speech_style
from gaussian_heads.blender.work import Work
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.speech import SpeechStyle
from gaussian_heads.operators import previz

from .layout import draw


@pytest.fixture(autouse=True)
def nothing_heard(user_folder):
    """What earlier previz heard is not kept for others."""
    previz._heard.clear()


def make(**options):
    return bpy.ops.gaussian_heads.previz(filepath=str(SAMPLE_SENTENCE), **options)


def keys(obj):
    return {
        (c.data_path, c.array_index): [tuple(k.co) for k in c.keyframe_points]
        for c in find_channelbag(obj).fcurves
    }


def test_previz_makes_a_scene_that_speaks(scene, picture):
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.view_transform = "AgX"
    outcome = make(avatar="builtin:ada", format_preset="HD 720p 25", background="Grey", look="Warm")
    assert outcome == {"FINISHED"}
    head = bpy.context.view_layer.objects.active
    assert head.gaussian_head.avatar == "builtin:ada" and head.select_get()
    assert head.gaussian_head.tint[2] < 0.8, "the warm look"
    assert (scene.render.resolution_x, scene.render.resolution_y) == (1280, 720)
    assert (scene.render.fps, scene.render.engine) == (25, "GAUSSIAN_HEADS")
    assert scene.view_settings.view_transform == "Standard" and scene.sync_mode == "AUDIO_SYNC"
    strip = sound_strips(scene)[0]
    place = placement(scene, strip)
    assert (scene.frame_start, scene.frame_end) == (place.first_frame, place.last_frame)
    assert head.gaussian_head.sound_strip == strip.name
    jaw = keys(head)['["expr_code"]', 17]
    assert [frame for frame, _ in jaw] == list(range(place.first_frame, place.last_frame + 1))
    assert np.ptp([value for _, value in jaw]) > 0.1
    scene.render.resolution_percentage = 10
    still = picture(40)
    skin = still[20:50, 50:78, :3].mean(axis=(0, 1))
    assert skin[0] > 1.5 * skin[2] and scene.camera.name == "Portrait"
    np.testing.assert_allclose(still[2, 2, :3], 0.18, atol=0.01)


def test_an_expression_is_directed_all_along(scene, generator):
    assert make(avatar="builtin:ada", expression="courtesy") == {"FINISHED"}
    head = bpy.context.view_layer.objects.active
    assert head.gaussian_head.direction.AU12 == 3.0
    smile = keys(head)['["expr_arkit_acting"]', ARKIT_INDEX["mouthSmileLeft"]]
    assert {round(value, 3) for _, value in smile} == {0.6}
    (line,) = scene.gaussian_heads.lines
    assert line_status(scene, line).state is LineState.CURRENT
    make(avatar="builtin:ada")
    plain = bpy.context.view_layer.objects.active
    assert plain != head and ('["expr_arkit_acting"]', 0) not in keys(plain)
    assert plain.gaussian_head.direction.AU12 == 0.0


def test_framing_decides_how_large_the_head_is(scene, picture):
    heights = {}
    for framing in ("close-up", "portrait", "medium"):
        for obj in list(bpy.data.objects):
            bpy.data.objects.remove(obj)
        make(avatar="builtin:ada", framing=framing)
        scene.render.resolution_x = scene.render.resolution_y = 64
        scene.render.film_transparent = True
        alpha = picture(1)[..., 3]
        # The neck goes on below the head: the width above the chin is what grows.
        heights[framing] = (alpha[:32] > 0.5).sum(axis=1).max()
    assert heights["close-up"] > 1.2 * heights["portrait"] > 1.2 * 1.4 * heights["medium"]


def test_previz_keeps_what_it_is_told_to_keep(scene):
    before = scene.render.resolution_x, scene.render.fps, scene.world
    make(avatar="builtin:ada", background="KEEP", first_frame=101)
    assert (scene.render.resolution_x, scene.render.fps) == before[:2]
    assert scene.frame_start == 101 and scene.frame_current == 101
    head = bpy.context.view_layer.objects.active
    assert head.gaussian_head.exposure == 0.0


def test_previz_is_the_same_as_doing_it_by_hand(scene):
    make(avatar="builtin:ada", seed=3)
    quick = bpy.context.view_layer.objects.active
    bpy.ops.gaussian_heads.import_avatar(builtin="ada")
    slow = bpy.context.view_layer.objects.active
    slow.gaussian_head.sound_strip = quick.gaussian_head.sound_strip
    slow.gaussian_head.seed = 3
    bpy.ops.gaussian_heads.bake_speech()
    assert keys(quick) == keys(slow)


def test_manner_can_be_changed_afterwards_without_listening_again(scene, monkeypatch):
    make(avatar="builtin:ada")
    head = bpy.context.view_layer.objects.active
    before = keys(head)
    line = find_line(scene, sound_strips(scene)[0], head)
    update_line(scene, line)
    assert keys(head) == before
    head.gaussian_head.style_jaw = 0.3
    update_line(scene, line)
    jaw = '["expr_code"]', 17
    assert max(v for _, v in keys(head)[jaw]) < 0.6 * max(v for _, v in before[jaw])


def test_manner_of_a_preset_is_heard_performed_and_kept(scene, monkeypatch):
    heard = []
    real = speech.hear
    monkeypatch.setattr(speech, "hear", lambda *words: heard.append(words[1]) or real(*words))
    make(avatar="builtin:ada", style_preset="Newsreader")
    head = bpy.context.view_layer.objects.active
    style = speech_style(head.gaussian_head)
    assert style == preset_style("Newsreader") != SpeechStyle()
    assert heard == [style.effort] and not bpy.data.objects.get("Previz")
    before = keys(head)
    line = find_line(scene, sound_strips(scene)[0], head)
    update_line(scene, line)
    assert keys(head) == before


def test_previz_undoes_in_one_step(scene):
    bpy.ops.ed.undo_push(message="before")
    names = set(bpy.data.objects.keys())
    bpy.ops.gaussian_heads.previz(
        "EXEC_DEFAULT", True, filepath=str(SAMPLE_SENTENCE), format_preset="HD 720p 25"
    )
    assert set(bpy.data.objects.keys()) != names
    bpy.ops.ed.undo()
    assert set(bpy.data.objects.keys()) == names
    assert not sound_strips(bpy.context.scene) and bpy.context.scene.render.resolution_x == 32


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filepath": ""}, "No sound file is chosen"),
        ({"filepath": "/nowhere/line.wav"}, "line.wav"),
        ({"filepath": str(SAMPLE_SENTENCE), "reference": "/nowhere/x.uhap"}, "missing"),
        ({"filepath": __file__}, "test_previz.py"),
    ],
)
def test_previz_refuses_before_it_changes_anything(scene, options, sentence):
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.gaussian_heads.previz(**options)
    assert not bpy.data.objects and not bpy.data.sounds


def test_second_previz_of_a_sound_does_not_listen_again(scene, monkeypatch):
    make(avatar="builtin:ada")
    monkeypatch.setattr(speech, "hear", lambda *_: pytest.fail("listened again"))
    assert make(avatar="builtin:maya", framing="medium") == {"FINISHED"}


def test_one_previz_at_a_time_and_its_progress_in_the_panel(scene, monkeypatch):
    from gaussian_heads.panels.avatar import GAUSSIAN_HEADS_PT_avatar as Panel

    work = Work(lambda progress: None, "test")
    work.progress = 0.4
    monkeypatch.setattr(previz, "_running", [work])
    drawn = draw(Panel)
    assert drawn.progresses == [0.4] and "gaussian_heads.previz" not in drawn.operators
    with pytest.raises(RuntimeError, match="A previz is being made"):
        make()
    previz._running.clear()
    assert "gaussian_heads.previz" in draw(Panel).operators


def test_every_preset_that_ships_applies(scene, head):
    bpy.context.view_layer.objects.active = head
    for kind, least in ((presets.FORMAT, 10), (presets.OUTPUT, 5), (presets.LOOK, 4)):
        names = presets.presets(kind)
        assert len(names) >= least
        for name in names:
            assert bpy.ops.gaussian_heads.apply_preset(kind=kind, preset=name) == {"FINISHED"}


def test_presets_set_what_their_names_say(scene, head):
    render, settings = scene.render, scene.render.image_settings
    apply_preset("format", "HD 1080p 23.976", scene=scene)
    assert (render.resolution_x, render.fps) == (1920, 24)
    assert render.fps / render.fps_base == pytest.approx(24000 / 1001, abs=1e-4)
    apply_preset("format", "Vertical 1080x1920 30", scene=scene)
    assert (render.resolution_x, render.resolution_y, render.fps_base) == (1080, 1920, 1.0)
    apply_preset("output", "Transparent for Compositing", scene=scene)
    assert render.film_transparent and settings.file_format == "OPEN_EXR"
    assert settings.color_mode == "RGBA" and scene.gaussian_heads.meshes == "HOLDOUT"
    apply_preset("output", "EXR Multilayer", scene=scene)
    assert settings.file_format == "OPEN_EXR_MULTILAYER" and scene.view_layers[0].use_pass_z
    apply_preset("output", "Final", scene=scene)
    assert render.use_motion_blur and settings.file_format == "PNG"
    assert scene.gaussian_heads.supersampling == 2 and not render.film_transparent
    apply_preset("output", "Draft", scene=scene)
    assert not render.use_motion_blur and scene.gaussian_heads.supersampling == 1
    apply_preset("output", "Video MP4 with Sound", scene=scene)
    assert settings.file_format == "FFMPEG" and render.ffmpeg.audio_codec == "AAC"
    apply_preset("look", "Night", scene=scene, obj=head)
    assert head.gaussian_head.exposure < -1 and head.gaussian_head.tint[2] == 1.0


def test_look_preset_works_on_the_only_head_without_selection(scene, head):
    bpy.context.view_layer.objects.active = None
    bpy.ops.gaussian_heads.apply_preset(kind="look", preset="Cool")
    assert head.gaussian_head.tint[0] < 0.9
    bpy.data.objects.remove(head)
    with pytest.raises(RuntimeError, match="'Cool.py' does not fit"):
        bpy.ops.gaussian_heads.apply_preset(kind="look", preset="Cool")
    with pytest.raises(GaussianHeadsError, match="no look preset 'Nothing'"):
        apply_preset("look", "Nothing")


def test_preset_undoes_in_one_step(scene, head):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.gaussian_heads.apply_preset("EXEC_DEFAULT", True, kind="format", preset="4K UHD 24")
    assert bpy.context.scene.render.resolution_x == 3840
    bpy.ops.ed.undo()
    assert bpy.context.scene.render.resolution_x == 32


SAVING = """
import bpy, gaussian_heads
gaussian_heads.register()
from gaussian_heads.blender.presets import presets
bpy.ops.gaussian_heads.import_avatar(builtin="ada")
head, scene = bpy.context.object.gaussian_head, bpy.context.scene
head.exposure = 0.75
assert bpy.ops.gaussian_heads.add_look_preset(name="My Look") == {"FINISHED"}
scene.gaussian_heads.supersampling = 3
assert bpy.ops.gaussian_heads.add_output_preset(name="My Output") == {"FINISHED"}
scene.render.resolution_x = 777
assert bpy.ops.gaussian_heads.add_format_preset(name="My Format") == {"FINISHED"}
head.exposure, scene.gaussian_heads.supersampling, scene.render.resolution_x = 0.0, 1, 10
bpy.context.view_layer.objects.active = None
for kind, name in (("look", "My Look"), ("output", "My Output"), ("format", "My Format")):
    assert name in presets(kind), (name, presets(kind))
    bpy.ops.gaussian_heads.apply_preset(kind=kind, filepath=str(presets(kind)[name]))
assert (head.exposure, scene.gaussian_heads.supersampling) == (0.75, 3)
assert scene.render.resolution_x == 777
assert bpy.ops.gaussian_heads.add_look_preset(name="My Look", remove_name=True) == {"FINISHED"}
assert "My Look" not in presets("look")
before = set(presets("look"))
bpy.ops.gaussian_heads.add_look_preset(name="Warm", remove_name=True)
assert set(presets("look")) == before, "what ships stays"
gaussian_heads.unregister()
print("saved and read")
"""


def test_users_presets_are_saved_applied_and_removed(tmp_path):
    """In a process of its own: Blender learns the user's folder when it starts."""
    import os

    (tmp_path / "scripts").mkdir()
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", SAVING], env=environment, capture_output=True, text=True, timeout=120
    )
    assert "saved and read" in run.stdout, run.stdout + run.stderr
    saved = [path.name for path in Path(tmp_path).rglob("My_*.py")]
    assert sorted(saved) == ["My_Format.py", "My_Output.py"]


def test_work_in_a_thread_tells_stops_and_raises():
    def count(progress):
        for step in range(10**9):
            if progress(min(step / 100, 1.0)) is False:
                raise GaussianHeadsError("stopped on request")

    work = Work(count, "test")
    work.start()
    while work.progress < 0.5:
        pass
    assert work.is_running
    work.cancel()
    with pytest.raises(GaussianHeadsError, match="stopped on request"):
        work.result()
    assert not work.is_running and work.is_cancelled
    done = Work(lambda progress: 42, "test")
    done.start()
    assert done.result() == 42
    failed = Work(lambda progress: int("x"), "test")
    failed.start()
    with pytest.raises(ValueError, match="invalid literal"):
        failed.result()
