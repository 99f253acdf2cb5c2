"""Avatar paths in saved scenes, and what survives a save and a load."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import avatars
from gaussian_heads.blender.avatars import object_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.core.errors import AvatarError, GaussianHeadsError


def save(path, **options):
    path.parent.mkdir(exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), **options)


def test_path_becomes_relative_on_save_and_follows_the_file(head, avatar_file):
    folder = avatar_file.parent
    save(folder / "a.blend")
    assert head.gaussian_head.avatar == f"//{avatar_file.name}"
    save(folder / "deeper" / "b.blend")
    assert head.gaussian_head.avatar == f"//../{avatar_file.name}"
    assert object_avatar(head).avatar.num_gaussians == 600


def test_saving_a_copy_leaves_the_open_file_alone(head, avatar_file):
    folder = avatar_file.parent
    save(folder / "a.blend")
    save(folder / "deeper" / "copy.blend", copy=True)
    assert head.gaussian_head.avatar == f"//{avatar_file.name}"
    bpy.ops.wm.open_mainfile(filepath=str(folder / "deeper" / "copy.blend"))
    (obj,) = [o for o in bpy.data.objects if o.gaussian_head.avatar]
    assert obj.gaussian_head.avatar == f"//../{avatar_file.name}"
    assert object_avatar(obj).avatar.num_gaussians == 600


def test_saving_a_copy_of_a_file_never_saved_leaves_it_alone(head, avatar_file):
    save(avatar_file.parent / "deeper" / "copy.blend", copy=True)
    assert head.gaussian_head.avatar == str(avatar_file)
    assert object_avatar(head).avatar.num_gaussians == 600


def test_builtin_reference_stays(head, avatar_file):
    head.gaussian_head.avatar = "builtin:ada"
    save(avatar_file.parent / "a.blend")
    assert head.gaussian_head.avatar == "builtin:ada"


def test_relative_path_without_a_saved_scene_is_refused(head):
    head.gaussian_head.avatar = "//a.uhap"
    with pytest.raises(AvatarError, match="not saved"):
        object_avatar(head)


def test_settings_survive_save_and_load(head, avatar_file):
    head.gaussian_head.strength_speech = 0.7
    head.gaussian_head.arkit.jawOpen = 0.2
    head["expr_code"][5] = 0.25
    save(avatar_file.parent / "a.blend")
    avatars._cache["stale"] = None
    bpy.ops.wm.open_mainfile(filepath=str(avatar_file.parent / "a.blend"))
    assert not avatars._cache
    (obj,) = [o for o in bpy.data.objects if o.gaussian_head.avatar]
    settings = obj.gaussian_head
    assert settings.strength_speech == pytest.approx(0.7)
    assert settings.arkit.jawOpen == pytest.approx(0.2) and obj["expr_code"][5] == 0.25


def test_linked_and_overridden_head(head, avatar_file, tmp_path, track):
    library = avatar_file.parent / "library.blend"
    save(library)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    with bpy.data.libraries.load(str(library), link=True) as (source, into):
        into.objects = ["Small Head"]
    linked = into.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    assert object_avatar(linked).avatar.num_gaussians == 600
    with pytest.raises(GaussianHeadsError, match="Library Override"):
        bake_track(linked, track(5), 1)
    override = linked.override_create(remap_local_usages=True)
    assert object_avatar(override).avatar.num_gaussians == 600
    override.gaussian_head.strength_speech = 0.5
    override.gaussian_head.arkit.jawOpen = 0.4
    override["expr_code"][3] = 0.5
    bake_track(override, track(5), 1)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    kept = next(o for o in bpy.data.objects if o.override_library)
    assert kept.gaussian_head.strength_speech == pytest.approx(0.5)
    assert kept.gaussian_head.arkit.jawOpen == pytest.approx(0.4)
    bpy.context.scene.frame_set(3)
    np.testing.assert_allclose(kept["expr_code"], track(5).layers["speech"][2], atol=1e-6)


def test_changed_file_is_opened_again(head, avatar_file, tmp_path):
    import os
    import shutil

    path = tmp_path / "own.uhap"
    shutil.copy(avatar_file, path)
    first = avatars.load_avatar(path)
    assert avatars.load_avatar(path) is first
    os.utime(path, ns=(1, 1))
    assert avatars.load_avatar(path) is not first
