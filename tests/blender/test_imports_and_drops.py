"""LAM zips and sound files, chosen or dropped into the 3D View; Blender keeps what is its own."""

import shutil
import zipfile
from types import SimpleNamespace

import bpy
import pytest
import soundfile
from gaussian_heads.blender.dialogue import dropped as dropped_sounds
from gaussian_heads.blender.dialogue.dropped import add_sounds, speaker_near, speech_range
from gaussian_heads.blender.library import avatars as library
from gaussian_heads.blender.library.lam_heads import is_add_on
from gaussian_heads.blender.strips import placement, sound_strips
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import AudioError
from gaussian_heads.operators import add_speech, import_avatar, import_lam
from mathutils import Matrix

from ..core.small_lam import small_lam_zip

pytestmark = pytest.mark.usefixtures("user_folder")


def strips_of(scene):
    return {strip.name: strip for strip in sound_strips(scene)}


def test_lam_head_lands_in_the_avatar_folder_with_what_was_stated(scene, user_folder, tmp_path):
    zip_path = small_lam_zip(tmp_path / "visitor.zip")
    outcome = bpy.ops.gaussian_heads.import_lam(
        filepath=str(zip_path), author="A. Maker", licence="CC0-1.0", consent="Her own head"
    )
    assert outcome == {"FINISHED"}
    path = user_folder / "avatars" / "visitor.uhap"
    info = Avatar.open(path).manifest.info
    assert (info.name, info.author, info.licence) == ("visitor", "A. Maker", "CC0-1.0")
    assert info.provenance.consent == "Her own head" and not info.provenance.is_synthetic
    assert bpy.context.object.gaussian_head.avatar == str(path)
    assert "Visitor" in [entry.label for entry in library.library_entries()]


def test_lam_head_beside_its_zip_is_not_overwritten_unasked(scene, tmp_path):
    zip_path = str(small_lam_zip(tmp_path / "visitor.zip"))
    bpy.ops.gaussian_heads.import_lam(filepath=zip_path, place="BESIDE", avatar_name="One")
    with pytest.raises(RuntimeError, match="There is an avatar 'visitor.uhap' in .* already"):
        bpy.ops.gaussian_heads.import_lam(filepath=zip_path, place="BESIDE", avatar_name="Two")
    assert Avatar.open(tmp_path / "visitor.uhap").name == "One"
    bpy.ops.gaussian_heads.import_lam(
        filepath=zip_path, place="BESIDE", avatar_name="Two", overwrite=True
    )
    assert Avatar.open(tmp_path / "visitor.uhap").name == "Two"


def test_several_lam_heads_at_once(scene, user_folder, tmp_path):
    names = ["a.zip", "b.zip"]
    for name in names:
        small_lam_zip(tmp_path / name)
    files = [{"name": name} for name in names]
    bpy.ops.gaussian_heads.import_lam(directory=str(tmp_path), files=files)
    assert sorted(path.name for path in (user_folder / "avatars").iterdir()) == ["a.uhap", "b.uhap"]
    assert sorted(obj.name for obj in scene.objects) == ["a", "b"]


@pytest.mark.parametrize("kind", ["text", "truncated", "other zip"])
def test_zip_that_is_no_lam_head_ends_in_a_sentence(scene, user_folder, tmp_path, kind):
    path = tmp_path / "thing.zip"
    if kind == "text":
        path.write_text("no zip at all")
    elif kind == "truncated":
        path.write_bytes(small_lam_zip(tmp_path / "whole.zip").read_bytes()[:2000])
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    with pytest.raises(RuntimeError, match="'thing.zip' cannot be imported as a LAM head"):
        bpy.ops.gaussian_heads.import_lam(filepath=str(path))
    assert not bpy.data.objects and not (user_folder / "avatars").exists()


def test_zip_of_an_add_on_is_told_from_a_head(tmp_path):
    assert not is_add_on(small_lam_zip(tmp_path / "head.zip"))
    for number, member in enumerate(("blender_manifest.toml", "my_add_on/__init__.py")):
        path = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, "")
        assert is_add_on(path)
    (tmp_path / "text.zip").write_text("no zip")
    assert not is_add_on(tmp_path / "text.zip")


def test_dropped_add_on_goes_to_blenders_own_installer(scene, tmp_path, monkeypatch):
    path = tmp_path / "add_on.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("blender_manifest.toml", "")
    handed = []
    extensions = SimpleNamespace(
        package_install_files=lambda *words, **options: handed.append((words, options))
    )
    monkeypatch.setattr(
        import_lam, "bpy", SimpleNamespace(ops=SimpleNamespace(extensions=extensions))
    )
    operator = SimpleNamespace(filepath=str(path), files=[], directory="")
    outcome = import_lam.GAUSSIAN_HEADS_OT_import_lam.invoke(operator, bpy.context, None)
    assert outcome == {"FINISHED"} and handed == [(("INVOKE_DEFAULT",), {"url": str(path)})]


def area(kind):
    return SimpleNamespace(area=SimpleNamespace(type=kind))


def test_drops_land_in_the_3d_view_and_leave_the_sequencer_to_blender():
    for handler, endings in (
        (add_speech.GAUSSIAN_HEADS_FH_speech, {".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac"}),
        (import_lam.GAUSSIAN_HEADS_FH_lam, {".zip"}),
        (import_avatar.GAUSSIAN_HEADS_FH_avatar, {".uhap"}),
    ):
        assert endings <= set(handler.bl_file_extensions.split(";"))
        assert handler.poll_drop(area("VIEW_3D"))
        for kind in ("SEQUENCE_EDITOR", "FILE_BROWSER", "PREFERENCES"):
            assert not handler.poll_drop(area(kind))
        assert not handler.poll_drop(SimpleNamespace(area=None))
        module, verb = handler.bl_import_operator.split(".")
        properties = getattr(getattr(bpy.ops, module), verb).get_rna_type().properties
        assert {"filepath", "directory", "files"} <= set(properties.keys())
        assert all(properties[n].is_skip_save for n in ("filepath", "directory", "files"))


def test_sound_lands_at_the_current_frame_on_a_free_channel_for_the_head(scene, head, clicks):
    scene.frame_set(7)
    scene.frame_end = 20
    path = str(clicks(2.0, []))
    bpy.ops.gaussian_heads.add_speech(filepath=path, speaker=head.name, bake_now=False)
    bpy.ops.gaussian_heads.add_speech(filepath=path, speaker=head.name, bake_now=False)
    strips = strips_of(scene)
    assert list(strips) == ["clicks", "clicks.001"]
    assert [strip.channel for strip in strips.values()] == [1, 2]
    assert {placement(scene, strip).first_frame for strip in strips.values()} == {7}
    assert head.gaussian_head.sound_strip == "clicks.001"
    assert scene.frame_end == 7 + 48 - 1
    assert bpy.context.view_layer.objects.active == head


def test_a_sound_makes_playback_keep_time_unless_somebody_chose(scene, head, clicks):
    sound = clicks(1.0, [])
    for chosen, expected in (("NONE", "AUDIO_SYNC"), ("FRAME_DROP", "FRAME_DROP")):
        scene.sync_mode = chosen
        add_sounds(scene, [sound], 1, head)
        assert scene.sync_mode == expected


def test_several_sounds_follow_each_other_or_start_together(scene, head, clicks, tmp_path):
    for name in ("one.wav", "two.wav"):
        clicks(1.0, [], name)
    files = [{"name": "one.wav"}, {"name": "two.wav"}]
    bpy.ops.gaussian_heads.add_speech(directory=str(tmp_path), files=files, bake_now=False)
    strips = strips_of(scene)
    starts = {name: placement(scene, strip).first_frame for name, strip in strips.items()}
    assert starts == {"one": 1, "two": 25}
    assert {strip.channel for strip in strips.values()} == {1}
    bpy.ops.gaussian_heads.add_speech(
        directory=str(tmp_path), files=files, bake_now=False, arrangement="TOGETHER"
    )
    together = [strip for name, strip in strips_of(scene).items() if name.endswith(".001")]
    assert [placement(scene, strip).first_frame for strip in together] == [1, 1]
    assert sorted(strip.channel for strip in together) == [2, 3]


def test_bake_now_keys_the_sentence(scene, head):
    bpy.ops.gaussian_heads.add_speech(filepath=str(SAMPLE_SENTENCE), bake_now=True)
    assert head.animation_data.action is not None
    assert tuple(head.animation_data.action.frame_range) == (1, 179)


def test_bake_now_keys_every_sound_of_a_drop(scene, head, clicks, tmp_path):
    shutil.copy(SAMPLE_SENTENCE, tmp_path / "one.flac")
    shutil.copy(SAMPLE_SENTENCE, tmp_path / "two.flac")
    files = [{"name": "one.flac"}, {"name": "two.flac"}]
    bpy.ops.gaussian_heads.add_speech(directory=str(tmp_path), files=files)
    assert [line.speaker for line in scene.gaussian_heads.lines] == [head, head]
    assert tuple(head.animation_data.action.frame_range) == (1, 358)


def test_without_a_head_the_sound_is_added_all_the_same(scene, clicks):
    assert bpy.ops.gaussian_heads.add_speech(filepath=str(clicks(1.0, []))) == {"FINISHED"}
    assert list(strips_of(scene)) == ["clicks"]


@pytest.mark.parametrize("name", ["words.wav", "gone.wav", "empty.mp3"])
def test_file_that_is_no_sound_adds_nothing(scene, head, clicks, tmp_path, name):
    clicks(1.0, [], "good.wav")
    if name != "gone.wav":
        (tmp_path / name).write_text("these are words\n" * 20 if name == "words.wav" else "")
    files = [{"name": "good.wav"}, {"name": name}]
    with pytest.raises(RuntimeError, match=name):
        bpy.ops.gaussian_heads.add_speech(directory=str(tmp_path), files=files)
    assert not strips_of(scene) and not bpy.data.sounds


def test_speaker_that_is_no_head_is_refused(scene, head, clicks):
    with pytest.raises(RuntimeError, match="'Nobody' is no head of this scene"):
        bpy.ops.gaussian_heads.add_speech(filepath=str(clicks(1.0, [])), speaker="Nobody")


def test_sound_undoes_in_one_step(scene, head, clicks):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.gaussian_heads.add_speech(
        "EXEC_DEFAULT", True, filepath=str(clicks(1.0, [])), bake_now=False
    )
    assert strips_of(bpy.context.scene)
    bpy.ops.ed.undo()
    assert not strips_of(bpy.context.scene)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "wav"])
def test_sounds_of_many_kinds(scene, tmp_path, suffix):
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    path = tmp_path / f"line.{suffix}"
    soundfile.write(path, samples[: rate * 2], rate)
    added = add_sounds(scene, [path], 10)
    assert added.strips == ("line",) and abs(added.end_frame - 58) <= 3, "an mp3 is padded"


def test_frame_range_fits_what_is_heard(scene, clicks):
    with pytest.raises(AudioError, match="plays no sound"):
        speech_range(scene)
    with pytest.raises(RuntimeError, match="drop a sound file into the 3D View"):
        bpy.ops.gaussian_heads.fit_range()
    add_sounds(scene, [clicks(1.0, [])], 300)
    muted = add_sounds(scene, [clicks(9.0, [], "long.wav")], 1)
    strips_of(scene)[muted.strips[0]].mute = True
    assert bpy.ops.gaussian_heads.fit_range() == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (300, 323)
    strips_of(scene)[muted.strips[0]].mute = False
    bpy.ops.gaussian_heads.fit_range()
    assert (scene.frame_start, scene.frame_end) == (1, 323)


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="one scene for all before Blender 5.0")
def test_sound_goes_into_the_scene_that_the_sequencer_shows(scene, head, clicks):
    edit = bpy.data.scenes.new("Edit")
    context = SimpleNamespace(sequencer_scene=edit, scene=scene, workspace=bpy.data.workspaces[0])
    assert dropped_sounds.edited_scene(context) == edit
    context.sequencer_scene = None
    context.workspace.sequencer_scene = None
    assert dropped_sounds.edited_scene(context) == scene
    assert context.workspace.sequencer_scene == scene


def test_drop_on_a_head_means_that_head_and_a_near_miss_too(scene, head):
    """A front view at 1 m, 400 x 400 pixels, 1 m wide; one head left of the middle, one right."""
    other = head.copy()
    scene.collection.objects.link(other)
    head.location.x, other.location.x = -0.3, 0.3
    bpy.context.view_layer.update()
    view_matrix = (Matrix.Translation((0, -1, 0)) @ Matrix.Rotation(1.5707963, 4, "X")).inverted()
    window_matrix = Matrix(((2, 0, 0, 0), (0, 2, 0, 0), (0, 0, -1.0, -0.02), (0, 0, -1, 0)))
    view = SimpleNamespace(
        view_matrix=view_matrix,
        window_matrix=window_matrix,
        perspective_matrix=window_matrix @ view_matrix,
        is_perspective=True,
    )
    context = SimpleNamespace(
        scene=scene,
        view_layer=bpy.context.view_layer,
        region=SimpleNamespace(width=400, height=400),
        region_data=view,
        evaluated_depsgraph_get=bpy.context.evaluated_depsgraph_get,
    )
    bpy.context.view_layer.objects.active = other
    assert speaker_near(context, 80, 190) == head
    assert speaker_near(context, 320, 190) == other
    assert speaker_near(context, 20, 100) == head, "near the left one"
    bpy.context.view_layer.objects.active = head
    head.hide_set(True)
    assert speaker_near(context, 80, 190) in (other, head)
    context.region = None
    head.hide_set(False)
    assert speaker_near(context, 0, 0) == head, "elsewhere the active one speaks"


def test_paths_may_be_relative_to_the_scene(scene, head, clicks, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    clicks(1.0, [], "near.wav")
    small_lam_zip(tmp_path / "near.zip")
    bpy.ops.gaussian_heads.add_speech(filepath="//near.wav", bake_now=False)
    assert "near" in strips_of(scene)
    bpy.ops.gaussian_heads.import_lam(filepath="//near.zip", place="BESIDE")
    assert bpy.context.object.gaussian_head.avatar == "//near.uhap"


def test_copies_of_files_stay_where_they_are(scene, head, clicks, tmp_path):
    path = shutil.copy(clicks(1.0, []), tmp_path / "kept.wav")
    bpy.ops.gaussian_heads.add_speech(filepath=str(path), bake_now=False)
    assert bpy.path.abspath(strips_of(scene)["kept"].sound.filepath) == str(path)
