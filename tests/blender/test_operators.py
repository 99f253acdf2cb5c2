"""The operators as a script calls them, in background mode."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import jobs, properties
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.axes import to_object_space
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.speech import SpeechStyle
from gaussian_heads.operators import bake_speech, base


@pytest.fixture
def stand_in(monkeypatch, analyser):
    monkeypatch.setattr(bake_speech, "speech_model", lambda: analyser)
    return analyser


@pytest.fixture
def strip(scene, clicks):
    return strip_collection(scene).new_sound(
        "Line", str(clicks(2.0, [10.5 / 24])), channel=1, frame_start=5
    )


def test_import_makes_a_proxy_that_faces_the_front(scene, avatar_file):
    scene.cursor.location = (1.0, 2.0, 3.0)
    assert bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file)) == {"FINISHED"}
    obj = bpy.context.view_layer.objects.active
    assert obj.gaussian_head.avatar == str(avatar_file) and len(obj["expr_code"]) == 52
    vertices, triangles = Avatar.open(avatar_file).guide_mesh
    found = np.array([v.co for v in obj.data.vertices])
    np.testing.assert_allclose(found, to_object_space(vertices), atol=1e-7)
    assert len(obj.data.polygons) == len(triangles)
    assert tuple(obj.location) == (1.0, 2.0, 3.0) and obj.select_get()
    # +Z out of the face becomes -Y, +Y up becomes +Z, the person's left stays +X.
    np.testing.assert_array_equal(
        to_object_space([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]), [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    )


def test_normals_of_the_proxy_point_outwards(scene, avatar_file):
    bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))
    mesh = bpy.context.view_layer.objects.active.data
    centre = np.mean([v.co for v in mesh.vertices], axis=0)
    outward = [np.dot(p.normal, np.array(p.center) - centre) > 0 for p in mesh.polygons]
    assert np.mean(outward) > 0.99


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filepath": "/nowhere/x.uhap"}, "missing"),
        ({"builtin": "nobody"}, "no built-in avatar 'nobody'"),
        ({"filepath": __file__}, "test_operators.py"),
    ],
)
def test_import_refuses_with_a_sentence(scene, options, sentence):
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.gaussian_heads.import_avatar(**options)
    assert not bpy.data.objects


def test_import_is_relative_to_a_saved_scene(scene, avatar_file):
    bpy.ops.wm.save_as_mainfile(filepath=str(avatar_file.parent / "scene.blend"))
    bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))
    obj = bpy.context.view_layer.objects.active
    assert obj.gaussian_head.avatar == f"//{avatar_file.name}"


def test_bake_keys_the_strip(scene, head, strip, stand_in):
    bpy.context.view_layer.objects.active = head
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    curve = find_channelbag(head).fcurves.find('["expr_code"]', index=17)
    assert [p.co[0] for p in curve.keyframe_points] == list(range(5, 53))
    assert curve.evaluate(15) == pytest.approx(0.9, abs=1e-3) and curve.evaluate(14) == 0
    assert not jobs._jobs


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="one scene for all before Blender 5.0")
def test_strip_of_the_workspaces_own_sequencer_scene(scene, head, clicks, stand_in):
    edit = bpy.data.scenes.new("Edit")
    bpy.data.workspaces[0].sequencer_scene = edit
    strip_collection(edit).new_sound("Line", str(clicks(1.0, [])), channel=1, frame_start=3)
    edit.render.fps = 30
    with pytest.raises(RuntimeError, match="runs at 24 fps, 'Edit' with the sound at 30"):
        bpy.ops.gaussian_heads.bake_speech()
    edit.render.fps = 24
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    assert tuple(head.animation_data.action.frame_range) == (3, 26)


def test_bake_follows_the_manner_of_the_head(scene, head, strip, stand_in, monkeypatch):
    seen = []
    original = stand_in.track

    def listening(*words, **options):
        seen.append((options["seed"], options["style"]))
        return original(*words, **options)

    monkeypatch.setattr(stand_in, "track", listening)
    bpy.ops.gaussian_heads.bake_speech()
    settings = head.gaussian_head
    settings.seed, settings.style_head, settings.style_blinks_per_min = 3, 0.5, 26.0
    bpy.ops.gaussian_heads.bake_speech()
    expected = [(0, SpeechStyle()), (3, SpeechStyle(head=0.5, blinks_per_min=26.0))]
    assert seen == expected


def test_baked_speech_moves_eyes_brows_and_head(scene, head):
    """The network that ships, on the sample sentence: all layers and the head's motion are keyed."""
    sound = strip_collection(scene).new_sound(
        "Line", str(SAMPLE_SENTENCE), channel=1, frame_start=5
    )
    head.gaussian_head.sound_strip = sound.name
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}
    curves = list(find_channelbag(head).fcurves)
    moving = {
        curve.data_path for curve in curves if np.ptp([k.co[1] for k in curve.keyframe_points]) > 0
    }
    layers = {'["expr_code"]'} | {f'["expr_arkit_{n}"]' for n in ("upper_face", "blink", "gaze")}
    assert moving == layers | {'["head_motion"]'}
    assert 52 + 3 + 2 + 12 + 6 <= len(curves) <= 52 + 11 + 2 + 12 + 6


def test_bake_of_the_only_avatar_needs_no_selection(scene, head, strip, stand_in):
    bpy.context.view_layer.objects.active = None
    assert bpy.ops.gaussian_heads.bake_speech() == {"FINISHED"}


def test_bake_without_avatar_is_disabled_and_says_why(scene, strip):
    assert not bpy.ops.gaussian_heads.bake_speech.poll()
    assert bake_speech.why_not(bpy.context) == "Select an avatar, or load one first."
    with pytest.raises(RuntimeError, match="load one first"):
        bpy.ops.gaussian_heads.bake_speech()


def test_bake_without_strip_is_disabled_and_says_why(scene, head):
    assert "Add a sound strip" in bake_speech.why_not(bpy.context)
    with pytest.raises(RuntimeError, match="Add a sound strip"):
        bpy.ops.gaussian_heads.bake_speech()


def test_bake_of_a_text_file_is_refused(scene, head, strip, stand_in, tmp_path):
    (tmp_path / "words.wav").write_text("these are words\n" * 20)
    strip.sound.filepath = str(tmp_path / "words.wav")
    with pytest.raises(RuntimeError, match="text file"):
        bpy.ops.gaussian_heads.bake_speech()
    assert head.animation_data is None and not jobs._jobs


def test_cancelled_job_keys_nothing(scene, head, strip, tmp_path):
    import tempfile
    import threading

    from gaussian_heads.blender.speech import request_speech
    from gaussian_heads.core.errors import GaussianHeadsError

    waiting = threading.Event()

    class Endless:
        def track(self, *_, progress, **__):
            while progress(0.5) is not False:
                waiting.set()
            raise GaussianHeadsError("stopped")

    scratch = tempfile.TemporaryDirectory()
    job = jobs.SpeechJob(
        request_speech(scene, head, tmp_path), Endless(), head.session_uid, scratch
    )
    jobs.add_job(job)
    assert waiting.wait(10) and jobs.running_job(head) is job
    assert 0.5 < job.progress < 0.6, "the sound was read, and the analysis is half done"
    assert "being analysed" in bake_speech.why_not(bpy.context)
    assert bpy.ops.gaussian_heads.cancel_bake() == {"FINISHED"}
    job.wait()
    with pytest.raises(GaussianHeadsError, match="stopped"):
        job.result()
    jobs.remove_job(job)
    assert jobs.running_job(head) is None and not bpy.ops.gaussian_heads.cancel_bake.poll()


def test_deleted_avatar_is_said_when_the_job_ends(scene, head, strip, analyser, tmp_path):
    import tempfile

    from gaussian_heads.blender.speech import request_speech
    from gaussian_heads.core.errors import GaussianHeadsError

    request = request_speech(scene, head, tmp_path)
    scratch = tempfile.TemporaryDirectory()
    job = jobs.SpeechJob(request, analyser, head.session_uid, scratch)
    bpy.data.objects.remove(head)
    jobs.add_job(job)
    job.wait()
    assert job.result().num_frames == 48 and not Path(scratch.name).exists()
    with pytest.raises(GaussianHeadsError, match="was deleted"):
        jobs.job_object(job)
    jobs.remove_job(job)


def test_setup_render_changes_what_is_missing(scene, head):
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.view_transform = "AgX"
    scene.world = None
    assert bpy.ops.gaussian_heads.setup_render() == {"FINISHED"}
    assert scene.render.engine == "GAUSSIAN_HEADS"
    assert scene.view_settings.view_transform == "Standard"
    assert scene.camera is not None and scene.world is not None
    assert scene.sync_mode == "AUDIO_SYNC", "playback drops frames rather than lag"
    scene.sync_mode = "FRAME_DROP"
    camera, world = scene.camera, scene.world
    bpy.ops.gaussian_heads.setup_render()
    assert (scene.camera, scene.world) == (camera, world) and len(bpy.data.cameras) == 1
    assert scene.sync_mode == "FRAME_DROP", "a choice of the user's own stays"


def test_setup_render_leaves_a_camera_that_somebody_placed(avatar_file):
    """That of Blender's start-up file, far away from everything, is nobody's choice."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene = bpy.context.scene
    create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    factory = scene.camera
    factory.location.x += 0.5
    bpy.ops.gaussian_heads.setup_render()
    assert scene.camera == factory
    factory.location.x -= 0.5
    bpy.ops.gaussian_heads.setup_render()
    assert scene.camera.name == "Portrait" and factory.name in scene.objects


@pytest.mark.parametrize("size", [(64, 64), (96, 54), (54, 96)])
def test_portrait_holds_the_head(scene, head, picture, size):
    scene.render.resolution_x, scene.render.resolution_y = size
    head.location, head.rotation_euler, head.scale = (1, 2, 3), (0, 0, 0.7), (2, 2, 2)
    scene.render.film_transparent = True
    bpy.ops.gaussian_heads.setup_render()
    covered = picture()[..., 3] > 0.5
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    height, width = covered.shape
    # Nothing is cut off at the top and the sides, and the head fills a good part of the picture.
    assert rows[0] > 0 and columns[0] > 0 and columns[-1] < width - 1
    assert len(rows) > 0.4 * height or len(columns) > 0.4 * width
    assert abs((columns[0] + columns[-1]) / 2 - (width - 1) / 2) < 0.1 * width


def test_setup_without_avatar_is_disabled(scene):
    with pytest.raises(RuntimeError, match="Load an avatar first"):
        bpy.ops.gaussian_heads.setup_render()


def test_faults_become_one_sentence_outside_tests(scene, avatar_file, monkeypatch, caplog):
    from gaussian_heads.operators import import_avatar

    def broken(path):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(import_avatar, "load_avatar", broken)
    monkeypatch.setattr(base, "reraise_unexpected", False)
    with pytest.raises(
        RuntimeError, match="Import Avatar failed; the reason stands in the console"
    ):
        bpy.ops.gaussian_heads.import_avatar(filepath=str(avatar_file))
    assert "a fault" in caplog.text


def test_every_operator_and_property_explains_itself(scene):
    for name in ("import_avatar", "bake_speech", "cancel_bake", "setup_render"):
        rna = getattr(bpy.ops.gaussian_heads, name).get_rna_type()
        assert len(rna.description.split()) >= 4 and not rna.description.endswith("."), name
    for group in (properties.GAUSSIAN_HEADS_PG_head, properties.GAUSSIAN_HEADS_PG_scene):
        for prop in group.bl_rna.properties:
            if prop.identifier not in ("rna_type", "name") and prop.type != "POINTER":
                assert prop.description, prop.identifier
