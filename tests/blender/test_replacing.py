"""Replacing a head's avatar, finding files that moved, and taking over files that changed."""

import shutil

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import forget_avatars, object_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.gathering import gather_visible
from gaussian_heads.blender.library import relinking
from gaussian_heads.blender.library import status as avatar_status
from gaussian_heads.core.avatar import Avatar

from ..core.small_heads import small_linear_avatar


@pytest.fixture(autouse=True)
def nothing_known():
    avatar_status.forget_status()
    forget_avatars()


@pytest.fixture
def moved(scene, avatar_file, tmp_path):
    """Three heads of a saved scene: two of a file beside it, one of another; then the file moves."""
    (tmp_path / "shot" / "new place").mkdir(parents=True)
    path = tmp_path / "shot" / "hero.uhap"
    shutil.copy(avatar_file, path)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot" / "scene.blend"))
    for file in (path, path, avatar_file):
        bpy.ops.gaussian_heads.import_avatar(filepath=str(file))
    path.rename(tmp_path / "shot" / "new place" / "renamed.uhap")
    forget_avatars()
    return tmp_path / "shot"


def heads():
    return [obj for obj in bpy.data.objects if obj.gaussian_head.avatar]


def keyed(head, track):
    bpy.context.view_layer.objects.active = head
    head.location.x = 2.0
    head.gaussian_head.arkit.mouthSmileLeft = 0.5
    head.gaussian_head.arkit.keyframe_insert("mouthSmileLeft", frame=3)
    return bake_track(head, track(6), 10)


def curves(head):
    return {
        (c.data_path, c.array_index): [tuple(k.co) for k in c.keyframe_points]
        for c in find_channelbag(head).fcurves
    }


def test_replace_by_an_avatar_of_the_same_codes_keeps_every_key(scene, head, track):
    keyed(head, track)
    before = curves(head)
    assert bpy.ops.gaussian_heads.replace_avatar(reference="builtin:ada") == {"FINISHED"}
    assert curves(head) == before and head.location.x == 2.0
    assert (head.name, head.gaussian_head.avatar) == ("Ada", "builtin:ada")
    vertices, _ = object_avatar(head).avatar.guide_mesh
    assert len(head.data.vertices) == len(vertices)
    scene.frame_set(12)
    assert gather_visible(bpy.context.evaluated_depsgraph_get()).gaussians.num_gaussians > 90_000


def test_replace_by_an_avatar_of_other_codes_converts_speech_and_keeps_the_rest(scene, head, track):
    keyed(head, track)
    before, codes = curves(head), track(6).layers["speech"]
    assert bpy.ops.gaussian_heads.replace_avatar(reference="builtin:maya") == {"FINISHED"}
    after = curves(head)
    maya = object_avatar(head).avatar
    expected = codes @ maya.control_offsets("arkit52")
    path = '["expr_code"]'
    found = np.array([[value for _, value in after[path, i]] for i in range(maya.code_dim)])
    np.testing.assert_allclose(found.T, expected, atol=1e-5)
    assert [frame for frame, _ in after[path, 0]] == list(range(10, 16))
    for address, keys in before.items():
        if address[0] != path:
            assert after[address] == keys
    scene.frame_set(12)
    assert len(head["expr_code"]) == maya.code_dim
    assert gather_visible(bpy.context.evaluated_depsgraph_get()).num_heads == 1


def test_there_and_back_says_the_same(scene, head, track):
    keyed(head, track)
    for reference in ("builtin:maya", "builtin:ada"):
        bpy.ops.gaussian_heads.replace_avatar(reference=reference)
    code = np.array([head["expr_code"][i] for i in range(52)])
    assert code.shape == (52,)
    jaw = [v for _, v in curves(head)['["expr_code"]', 17]]
    wanted = track(6).layers["speech"][:, 17]
    assert np.corrcoef(jaw, wanted)[0, 1] > 0.8


def test_replace_refuses_what_cannot_be_converted_and_changes_nothing(scene, head, track):
    keyed(head, track)
    before = curves(head), head.gaussian_head.avatar, head.name, len(head.data.vertices)
    other = head.copy()
    scene.collection.objects.link(other)
    with pytest.raises(RuntimeError, match="is shared or linked and holds codes of 'arkit52'"):
        bpy.ops.gaussian_heads.replace_avatar(reference="builtin:maya")
    bpy.data.objects.remove(other)
    with pytest.raises(RuntimeError, match="missing"):
        bpy.ops.gaussian_heads.replace_avatar(reference="/nowhere/x.uhap")
    nla = head.animation_data.nla_tracks.new()
    nla.strips.new("Line", 1, head.animation_data.action)
    head.animation_data.action = None
    with pytest.raises(RuntimeError, match="The NLA strip 'Line' holds codes of 'arkit52'"):
        bpy.ops.gaussian_heads.replace_avatar(reference="builtin:maya")
    head.animation_data.action = nla.strips[0].action
    head.animation_data.nla_tracks.remove(nla)
    after = curves(head), head.gaussian_head.avatar, head.name, len(head.data.vertices)
    assert after == before


def test_replace_undoes_in_one_step(scene, head, track):
    keyed(head, track)
    before, name = curves(head), head.name
    bpy.ops.ed.undo_push(message="keyed")
    bpy.ops.gaussian_heads.replace_avatar("EXEC_DEFAULT", True, reference="builtin:maya")
    assert "Maya" in bpy.data.objects
    bpy.ops.ed.undo()
    back = bpy.data.objects[name]
    assert curves(back) == before and "Maya" not in bpy.data.objects
    assert gather_visible(bpy.context.evaluated_depsgraph_get()).gaussians.num_gaussians == 600


def test_name_of_the_users_stays(scene, head):
    bpy.context.view_layer.objects.active = head
    head.name = "Hero"
    bpy.ops.gaussian_heads.replace_avatar(reference="builtin:ada")
    assert head.name == "Hero"


def test_replace_without_head_is_disabled_and_says_why(scene):
    with pytest.raises(RuntimeError, match="Select a head, or add one first"):
        bpy.ops.gaussian_heads.replace_avatar(reference="builtin:ada")


def test_folder_search_repairs_every_head_of_the_file_by_its_contents(moved):
    missing = avatar_status.missing_heads()
    assert len(missing) == 2
    assert bpy.ops.gaussian_heads.find_missing_avatar(directory=str(moved)) == {"FINISHED"}
    assert not avatar_status.missing_heads()
    assert {obj.gaussian_head.avatar for obj in missing} == {"//new place/renamed.uhap"}
    assert gather_visible(bpy.context.evaluated_depsgraph_get()).num_heads == 3


def test_file_that_was_chosen_repairs_too_and_another_one_does_not(moved, avatar_file, tmp_path):
    other = small_linear_avatar(tmp_path / "other.uhap", 500)
    with pytest.raises(RuntimeError, match="No file there is the avatar of 'Small Head"):
        bpy.ops.gaussian_heads.find_missing_avatar(filepath=str(other))
    assert len(avatar_status.missing_heads()) == 2
    file = moved / "new place" / "renamed.uhap"
    assert bpy.ops.gaussian_heads.find_missing_avatar(filepath=str(file)) == {"FINISHED"}
    assert not avatar_status.missing_heads()


def test_nothing_missing_is_said_and_the_button_is_disabled(scene, head):
    assert not bpy.ops.gaussian_heads.find_missing_avatar.poll()
    with pytest.raises(RuntimeError, match="Every head has its avatar file"):
        bpy.ops.gaussian_heads.find_missing_avatar(directory="/")


def test_folder_that_is_not_there_is_a_sentence(moved):
    with pytest.raises(RuntimeError, match="There is no file or folder"):
        bpy.ops.gaussian_heads.find_missing_avatar(directory="/nowhere/at/all")


def test_paths_may_be_relative_to_the_scene(moved):
    with pytest.raises(RuntimeError, match="No file or folder is chosen"):
        bpy.ops.gaussian_heads.find_missing_avatar()
    assert bpy.ops.gaussian_heads.find_missing_avatar(directory="//new place/") == {"FINISHED"}
    bpy.ops.gaussian_heads.import_avatar(filepath="//new place/renamed.uhap")
    assert bpy.context.object.gaussian_head.avatar == "//new place/renamed.uhap"


def test_relink_survives_saving_and_loading(moved):
    bpy.ops.gaussian_heads.find_missing_avatar(directory=str(moved))
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(moved / "scene.blend"))
    assert not avatar_status.missing_heads() and len(heads()) == 3


@pytest.fixture
def library(scene, avatar_file, tmp_path):
    """A .blend in a folder of its own with a head whose file lies beside it; linked into an empty scene."""
    place = tmp_path / "assets"
    place.mkdir()
    shutil.copy(avatar_file, place / "hero.uhap")
    bpy.ops.wm.save_as_mainfile(filepath=str(place / "hero.blend"))
    bpy.ops.gaussian_heads.import_avatar(filepath=str(place / "hero.uhap"))
    bpy.context.object.name = "Hero"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    (tmp_path / "shots").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shots" / "shot.blend"))
    with bpy.data.libraries.load(str(place / "hero.blend"), link=True) as (_, wanted):
        wanted.objects = ["Hero"]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    (place / "hero.uhap").rename(place / "found.uhap")
    forget_avatars()
    return place


def test_linked_head_is_repaired_where_it_lives_or_as_an_override(library, track):
    linked = bpy.data.objects["Hero"]
    with pytest.raises(RuntimeError, match="'Hero' is linked from 'hero.blend'"):
        bpy.ops.gaussian_heads.find_missing_avatar(directory=str(library))
    override = linked.override_create(remap_local_usages=True)
    assert avatar_status.missing_heads()
    bpy.ops.gaussian_heads.find_missing_avatar(directory=str(library))
    assert override.gaussian_head.avatar == "//found.uhap", "as its library names files"
    bpy.context.view_layer.update()
    assert gather_visible(bpy.context.evaluated_depsgraph_get()).num_heads == 1
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    override = next(o for o in bpy.data.objects if o.override_library)
    assert override.gaussian_head.avatar == "//found.uhap"
    assert object_avatar(override).avatar.num_gaussians == 600


def test_override_can_be_replaced_by_another_person(library, track):
    override = bpy.data.objects["Hero"].override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = override
    bpy.ops.gaussian_heads.find_missing_avatar(directory=str(library))
    bake_track(override, track(4), 1)
    assert bpy.ops.gaussian_heads.replace_avatar(reference="builtin:ada") == {"FINISHED"}
    assert override.gaussian_head.avatar == "builtin:ada" and override.name == "Hero"
    bpy.context.scene.frame_set(2)
    found = gather_visible(bpy.context.evaluated_depsgraph_get()).gaussians
    assert found.num_gaussians > 90_000


def test_linked_head_cannot_be_replaced_and_the_button_says_why(library):
    bpy.context.view_layer.objects.active = bpy.data.objects["Hero"]
    with pytest.raises(RuntimeError, match="This head is linked: make it editable"):
        bpy.ops.gaussian_heads.replace_avatar(reference="builtin:ada")


def test_changed_file_is_noticed_and_taken_over(scene, tmp_path, track, capsys):
    path = small_linear_avatar(tmp_path / "hero.uhap")
    bpy.ops.gaussian_heads.import_avatar(filepath=str(path))
    obj = bpy.context.object
    keyed(obj, track)
    before = curves(obj)
    bpy.ops.gaussian_heads.check_avatars()
    assert avatar_status.avatar_status(obj).kind == avatar_status.OK
    small_linear_avatar(path, 400)
    assert [s.kind for _, s in avatar_status.check_heads()] == [avatar_status.CHANGED]
    assert bpy.ops.gaussian_heads.update_avatar() == {"FINISHED"}
    assert avatar_status.check_heads() == []
    assert obj.gaussian_head.avatar_sha256 == object_avatar(obj).sha256
    assert curves(obj) == before
    vertices, _ = Avatar.open(path).guide_mesh
    assert len(obj.data.vertices) == len(vertices)


def test_check_says_what_is_wrong_with_damaged_and_missing_files(scene, head, tmp_path):
    path = small_linear_avatar(tmp_path / "hero.uhap")
    bpy.ops.gaussian_heads.import_avatar(filepath=str(path))
    path.write_bytes(path.read_bytes()[:3000])
    head.gaussian_head.avatar = "/nowhere/gone.uhap"
    kinds = {obj.name: status.kind for obj, status in avatar_status.check_heads()}
    assert sorted(kinds.values()) == [avatar_status.MISSING, avatar_status.UNREADABLE]
    assert all(status.sentence for _, status in avatar_status.check_heads())


def test_search_is_bounded(tmp_path, monkeypatch):
    deep = tmp_path
    for _ in range(relinking.MAX_DEPTH + 3):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "far.uhap").write_bytes(b"")
    (tmp_path / "near.uhap").write_bytes(b"")
    assert [p.name for p in relinking._files_below(tmp_path)] == ["near.uhap"]
    for number in range(20):
        (tmp_path / f"{number}.uhap").write_bytes(b"")
    monkeypatch.setattr(relinking, "MAX_FILES", 7)
    assert len(list(relinking._files_below(tmp_path))) == 7
