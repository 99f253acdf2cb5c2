"""Poses live in Actions that are assets: libraries are written, read again and found by the browser's data."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.acting.assets import (
    ASSET_TAG,
    CATALOG_FILE,
    PoseAsset,
    action_pose,
    catalog_id,
    make_pose_action,
    own_asset_path,
    register_library,
    stored_pose,
    write_assets,
    write_catalogs,
    write_library,
)
from gaussian_heads.blender.acting.previews import draw_pose, pose_code
from gaussian_heads.blender.avatars import object_avatar
from gaussian_heads.blender.codes import expression_code
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.spaces.expressions import EXPRESSIONS

POSE = {"AU12": 3.0, "mouthSmileLeft": 0.25, "head_rotation_y": -0.5}


def test_a_pose_comes_back_from_its_action(scene):
    action = make_pose_action(bpy.data, PoseAsset("Mine", POSE, "A test"))
    assert action_pose(action) == pytest.approx(POSE)
    assert action.asset_data.description == "A test"
    assert [tag.name for tag in action.asset_data.tags] == [ASSET_TAG]
    assert action.slots[0].target_id_type == "OBJECT"


def test_the_action_of_a_pose_moves_a_head_when_it_is_assigned(scene, head):
    """Without our operators too: it is a plain Action whose slot fits objects."""
    action = make_pose_action(bpy.data, PoseAsset("Mine", {"AU12": 3.0}))
    head.animation_data_create().action = action
    head.animation_data.action_slot = action.slots[0]
    scene.frame_set(5)
    assert head.gaussian_head.action_units.AU12 == 3


def test_the_library_holds_every_expression_with_its_picture_and_catalogue(scene, tmp_path):
    actions_before = len(bpy.data.actions)
    red = np.zeros((16, 16, 4), np.float32)
    red[:4] = (1.0, 0.0, 0.0, 1.0)
    path = write_library(tmp_path, {"joy": red})
    assert len(bpy.data.actions) == actions_before, "nothing of it stays in the open file"
    with bpy.data.libraries.load(str(path), assets_only=True) as (there, here):
        assert sorted(there.actions) == sorted(e.label for e in EXPRESSIONS.values())
        here.actions = ["Joy", "Doubt"]
    joy, doubt = here.actions
    assert action_pose(joy) == pytest.approx(EXPRESSIONS["joy"].pose())
    assert joy.asset_data.catalog_id == catalog_id("Emotions")
    assert doubt.asset_data.catalog_id == catalog_id("Signals")
    assert tuple(joy.preview.image_size) == (16, 16)
    pixels = np.array(joy.preview.image_pixels_float).reshape(16, 16, 4)
    assert (pixels[-4:, :, 0] > 0.99).all() and (pixels[:-4] == 0).all(), "rows run upwards"
    catalogs = (tmp_path / CATALOG_FILE).read_text()
    for group in ("Emotions", "Feelings", "Signals", "Own"):
        assert f"{catalog_id(group)}:Expressions/{group}:" in catalogs


def test_other_catalogues_of_the_folder_stay_and_ours_are_written_once(tmp_path):
    other = "11111111-2222-3333-4444-555555555555:Props:Props"
    (tmp_path / CATALOG_FILE).write_text(f"VERSION 1\n\n{other}")
    for _ in range(2):
        write_catalogs(tmp_path)
    lines = (tmp_path / CATALOG_FILE).read_text().splitlines()
    assert lines.count(other) == 1
    assert len([line for line in lines if "Expressions/" in line]) == 4
    assert len([line for line in lines if line.endswith(":Expressions:Expressions")]) == 1


def test_a_pose_is_read_from_a_file_and_nothing_stays(scene, tmp_path):
    path = tmp_path / "mine.blend"
    write_assets(path, [PoseAsset("Mine", POSE), PoseAsset("Other", {"AU01": 1.0})])
    assert stored_pose(path, "Mine") == pytest.approx(POSE)
    assert not bpy.data.actions and not bpy.data.libraries


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (None, "Mine", "is missing"),
        (b"no blend file", "Mine", "cannot be read"),
        (b"", "Mine", "cannot be read"),
        ("real", "Nobody", "holds no Action 'Nobody'"),
    ],
)
def test_broken_files_are_refused_in_a_sentence(scene, tmp_path, content, name, words):
    path = tmp_path / "mine.blend"
    if content == "real":
        write_assets(path, [PoseAsset("Mine", POSE)])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(GaussianHeadsError, match=words):
        stored_pose(path, name)


def test_an_action_of_something_else_is_refused(scene):
    cube = bpy.data.objects.new("Cube", None)
    cube.keyframe_insert("location", frame=1)
    with pytest.raises(GaussianHeadsError, match="holds no pose"):
        action_pose(cube.animation_data.action)


def test_the_preferences_name_a_library_once(scene, tmp_path):
    libraries = bpy.context.preferences.filepaths.asset_libraries
    before = len(libraries)
    first = register_library(tmp_path)
    try:
        assert register_library(tmp_path) == first and len(libraries) == before + 1
    finally:
        libraries.remove(first)


def test_saved_poses_never_overwrite_each_other(tmp_path):
    first = own_asset_path(tmp_path, "My/Pose: 1")
    assert first.name == "My_Pose_ 1.asset.blend" and first.parent == tmp_path / "Saved"
    first.parent.mkdir()
    first.touch()
    assert own_asset_path(tmp_path, "My/Pose: 1").name == "My_Pose_ 1 2.asset.blend"
    assert own_asset_path(tmp_path, "..").parent == tmp_path / "Saved"


def test_a_picture_shows_the_pose(scene, head):
    avatar = object_avatar(head).avatar
    rest, smile = draw_pose(avatar, {}), draw_pose(avatar, {"jawOpen": 1.0})
    assert rest.shape == (256, 256, 4) and 0.05 < rest[..., 3].mean() < 0.9
    assert rest[0, [0, -1], 3].max() < 0.05 and rest[100:150, 100:150, 3].mean() > 0.8
    moved = np.abs(rest - smile).max(axis=-1) > 0.1
    assert moved.any() and np.flatnonzero(moved.any(axis=1)).mean() > 128, "the jaw is below"


def test_the_code_of_a_pose_is_what_the_controls_give(scene, head):
    pose = EXPRESSIONS["doubt"].pose()
    settings = head.gaussian_head
    for name, value in pose.items():
        setattr(settings.action_units if name.startswith("AU") else settings.arkit, name, value)
    avatar = object_avatar(head).avatar
    scene.frame_set(2)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    np.testing.assert_allclose(
        expression_code(evaluated, avatar), pose_code(avatar, pose), atol=1e-6
    )
