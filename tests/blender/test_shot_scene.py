"""Shots in scenes of their own: whose camera, avatar, rate and colours count, and what is added."""

from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animate import animate
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar, object_avatar
from gaussian_heads.blender.codes import expression_code
from gaussian_heads.blender.dialogue.state import LineState, line_status
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.shots import job_folder
from gaussian_heads.blender.shots.requests import AnimateRequest, check_request
from gaussian_heads.blender.shots.scene import stage_shot
from gaussian_heads.blender.sound import decode_with_aud
from gaussian_heads.blender.strips import sound_strips
from gaussian_heads.core.errors import GaussianHeadsError, RenderError, TrackError
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.spaces import ARKIT_INDEX, ARKIT_SPACE

FPS = Fraction(24)


@pytest.fixture
def request_of(avatar_file, clicks, tmp_path):
    """A request for 12 frames at 24 fps with a click in frame 6."""
    request = AnimateRequest(
        audio=clicks(0.5, [5.5 / 24]), out=tmp_path / "out", avatar=str(avatar_file)
    )
    return lambda **changes: replace(request, **changes)


@pytest.fixture
def template(scene, head, camera, clicks, tmp_path):
    """A saved scene at 24 fps from frame 101 on, 40 x 20 pixels, with a head, a camera and a sound."""
    scene.frame_start, scene.frame_end = 101, 300
    scene.render.fps, scene.render.resolution_x, scene.render.resolution_y = 24, 80, 40
    scene.render.resolution_percentage = 50
    scene.render.pixel_aspect_x = 2.0
    scene.view_settings.view_transform = "AgX"
    head.name = "Ada"
    head.gaussian_head.style_head = 0.25
    editor = scene.sequence_editor_create()
    editor.strips.new_sound("Placeholder", str(clicks(1.0, [], "b.wav")), channel=3, frame_start=1)
    path = tmp_path / "set.blend"

    def save():
        bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
        return path

    return save


def stage(request, analyser):
    return stage_shot(request, lambda done: None, analyser)


def test_a_template_keeps_what_the_shot_leaves_open(request_of, template, analyser):
    staged = stage(request_of(scene=template(), avatar="", style={"jaw": 0.5}), analyser)
    scene, picture = staged.scene, staged.picture
    assert (picture.width, picture.height, picture.fps) == (40, 20, FPS)
    assert (scene.frame_start, scene.frame_end, staged.sound_frame) == (101, 112, 101)
    assert scene.camera.name == "Camera" and scene.view_settings.view_transform == "AgX"
    assert scene.render.pixel_aspect_x == 2.0 and scene.render.engine == "GAUSSIAN_HEADS"
    ada = bpy.data.objects["Ada"].gaussian_head
    assert (ada.style_head, ada.style_jaw, ada.sound_strip) == (0.25, 0.5, "clicks")
    assert {strip.name: strip.mute for strip in sound_strips(scene)} == {
        "Placeholder": True,
        "clicks": False,
    }


def test_what_the_shot_says_counts(request_of, template, analyser):
    request = request_of(
        scene=template(), fps=Fraction(30000, 1001), width=64, height=32, camera="close-up",
        sound_frame=11, frames=(12, 13), view="Standard", seed=9, backend="cpu",
    )  # fmt: skip
    staged = stage(request, analyser)
    scene = staged.scene
    assert (staged.picture.width, staged.picture.height) == (64, 32)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(30000 / 1001)
    assert (staged.bake.first_frame, staged.bake.last_frame) == (11, 25)
    assert (scene.frame_start, scene.frame_end) == (12, 13)
    assert scene.camera.name == "Portrait" and scene.view_settings.view_transform == "Standard"
    assert scene.gaussian_heads.backend == "cpu" and bpy.data.objects["Ada"].gaussian_head.seed == 9


def test_a_head_is_added_where_a_template_has_none(request_of, scene, template, head, analyser):
    bpy.data.objects.remove(head)
    scene.render.engine = "BLENDER_WORKBENCH"
    staged = stage(request_of(scene=template(), camera="Camera"), analyser)
    assert staged.scene.render.engine == "GAUSSIAN_HEADS"
    assert [o.name for o in staged.scene.objects if o.gaussian_head.avatar] == ["Small Head"]


def test_the_object_that_speaks_is_named(request_of, scene, template, avatar_file, analyser):
    other = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    other.name = "Bea"
    path = template()
    with pytest.raises(RenderError, match="2 avatars.*'Ada', 'Bea'"):
        stage(request_of(scene=path), analyser)
    with pytest.raises(RenderError, match="no avatar object 'Cy'"):
        stage(request_of(scene=path, object="Cy"), analyser)
    with pytest.raises(RenderError, match="no camera 'Top': it has 'Camera'"):
        stage(request_of(scene=path, object="Bea", camera="Top"), analyser)
    stage(request_of(scene=path, object="Bea"), analyser)
    animated = [o.name for o in bpy.data.objects if o.animation_data and o.animation_data.action]
    assert animated == ["Bea"]


def test_framings_differ_in_how_large_the_head_is(request_of, analyser):
    distance_m = {}
    for framing in ("close-up", "portrait", "medium"):
        staged = stage(request_of(camera=framing), analyser)
        distance_m[framing] = -staged.scene.camera.location.y
    assert distance_m["close-up"] < 0.9 * distance_m["portrait"] < 0.6 * distance_m["medium"]


def test_a_performance_is_added_to_the_speech(request_of, analyser, tmp_path):
    codes = np.zeros((12, 52), np.float32)
    codes[:, ARKIT_INDEX["mouthSmileLeft"]] = 0.5
    take = ExpressionTrack({"speech": codes}, np.zeros((12, 6), np.float32), ARKIT_SPACE, FPS)
    take.save(tmp_path / "take.npz")
    request = request_of(fps=FPS, performance=tmp_path / "take.npz")
    staged = stage(request, analyser)
    head = next(o for o in staged.scene.objects if o.gaussian_head.avatar)
    staged.scene.frame_set(6)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    code = expression_code(evaluated, object_avatar(head).avatar)
    assert code[ARKIT_INDEX["mouthSmileLeft"]] == pytest.approx(0.5)
    assert code[ARKIT_INDEX["jawOpen"]] > 0.3


def test_an_expression_is_directed_and_stays_editable(request_of, analyser, generator):
    staged = stage(request_of(fps=FPS, direction="courtesy"), analyser)
    head = next(o for o in staged.scene.objects if o.gaussian_head.avatar)
    assert head.gaussian_head.direction.AU12 == 3.0
    (line,) = staged.scene.gaussian_heads.lines
    assert line_status(staged.scene, line).state is LineState.CURRENT
    bag = find_channelbag(head)
    smile = bag.fcurves.find('["expr_arkit_acting"]', index=ARKIT_INDEX["mouthSmileLeft"])
    assert smile.evaluate(6) == pytest.approx(0.6)


def test_a_table_is_directed_from_the_beginning_of_the_sound(
    request_of, template, analyser, generator, tmp_path
):
    path = tmp_path / "take.csv"
    path.write_text("timestamp,AU12_r\n0.0,0\n0.25,5\n0.5,5\n")
    request = request_of(scene=template(), avatar="", direction=str(path))
    staged = stage(request, analyser)
    assert staged.bake.first_frame == 101
    bag = find_channelbag(bpy.data.objects["Ada"])
    units = bag.fcurves.find("gaussian_head.direction.AU12")
    assert units.evaluate(101) == 0.0 and units.evaluate(107) == pytest.approx(5.0, abs=0.1)
    smile = bag.fcurves.find('["expr_arkit_acting"]', index=ARKIT_INDEX["mouthSmileLeft"])
    assert smile.evaluate(104) == pytest.approx(0.5, abs=0.05)


def test_what_cannot_be_directed_is_refused_before_any_work(request_of):
    with pytest.raises(TrackError, match="neither an expression"):
        check_request(request_of(direction="smile"))


def test_frames_of_another_direction_are_another_job(request_of, tmp_path, monkeypatch):
    monkeypatch.setattr(job_folder, "DIRECTION_MODEL", tmp_path / "generator.onnx")
    (tmp_path / "generator.onnx").write_bytes(b"one")
    (tmp_path / "take.csv").write_text("timestamp,AU12_r\n0.0,0\n")
    asked = [request_of(direction=d) for d in ("", "joy", "joy:0.5", str(tmp_path / "take.csv"))]
    jobs = [job_folder._job(request) for request in asked]
    assert "direction" not in jobs[0] and len({str(job.get("direction")) for job in jobs}) == 4
    (tmp_path / "take.csv").write_text("timestamp,AU12_r\n0.0,1\n")
    assert job_folder._job(asked[3]) != jobs[3]


def test_a_part_of_a_shot_as_video_has_its_part_of_the_sound(request_of, analyser, tmp_path):
    out = tmp_path / "part.mp4"
    request = request_of(out=out, fps=FPS, width=32, height=32, frames=tuple(range(4, 31)))
    result = animate(request, lambda done: None, analyser)
    assert result.num_frames == 27
    samples, rate = decode_with_aud(out)
    loudest = np.abs(samples).max(axis=1).argmax() / rate
    assert loudest == pytest.approx(2.5 / 24, abs=0.01)
    # The picture goes on long after the sound: silence, not what lies behind it in memory.
    assert np.abs(samples[int(0.5 * rate) :]).max() < 1e-3
    assert sorted(path.name for path in tmp_path.glob("part*")) == ["part.mp4"]


def test_frames_of_another_job_are_replaced_where_that_is_allowed(request_of, analyser, tmp_path):
    small = {"width": 16, "height": 16, "frames": (1, 2)}
    animate(request_of(**small), lambda done: None, analyser)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    allowed = request_of(**small, seed=4, leftovers="replace")
    assert animate(allowed, lambda done: None, analyser).num_drawn == 2
    assert animate(allowed, lambda done: None, analyser).num_drawn == 0
    anew = request_of(**small, seed=4, leftovers="discard")
    assert animate(anew, lambda done: None, analyser).num_drawn == 2
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_presets_by_name_and_fields_on_top(request_of, analyser):
    request = request_of(style_preset="Mouth Only", look="Night", style={"gaze": 0.75})
    staged = stage(request, analyser)
    settings = next(o for o in staged.scene.objects if o.gaussian_head.avatar).gaussian_head
    assert (settings.style_head, settings.style_brows, settings.style_gaze) == (0.0, 0.0, 0.75)
    assert settings.exposure < 0.0
    with pytest.raises(GaussianHeadsError, match="no style preset 'Robot': choose one of"):
        stage(request_of(style_preset="Robot"), analyser)
