"""Buttons of acting: what they do, one step of undo each, why they are disabled, how they are keyed."""

from types import SimpleNamespace

import bpy
import pytest
from gaussian_heads.blender import preferences
from gaussian_heads.blender.acting import buffer as pose_buffer
from gaussian_heads.blender.acting.assets import (
    LIBRARY_FILE,
    PoseAsset,
    action_pose,
    is_pose_asset,
    make_pose_action,
    stored_pose,
)
from gaussian_heads.blender.acting.blending import PoseBlend
from gaussian_heads.blender.acting.keys import keyed_channels
from gaussian_heads.blender.acting.pose import read_pose, write_pose
from gaussian_heads.blender.animation import find_channelbag
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.spaces.expressions import EXPRESSIONS
from gaussian_heads.operators import apply_action_asset
from gaussian_heads.operators.base import make_active

ops = bpy.ops.gaussian_heads


@pytest.fixture
def acted(scene, head):
    """A head with a pose of both sides and a turned head."""
    make_active(bpy.context, head)
    pose = {"AU12": 2.0, "mouthSmileLeft": 0.5, "head_rotation_y": 0.25, "viseme_aa": 0.5}
    write_pose(head, pose)
    return head


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """The add-on's own folder; asset libraries that a test names are forgotten after it."""
    from gaussian_heads.operators import create_expression_library, save_pose_asset

    for module in (preferences, create_expression_library, save_pose_asset):
        monkeypatch.setattr(module, "user_folder", lambda: tmp_path / "own")
    libraries = bpy.context.preferences.filepaths.asset_libraries
    before = len(libraries)
    yield tmp_path / "own"
    while len(libraries) > before:
        libraries.remove(libraries[-1])


def test_a_click_gives_an_expression_and_replaces_the_last(acted):
    ops.apply_expression(name="joy")
    kept = {"head_rotation_y": 0.25, "viseme_aa": 0.5}
    assert read_pose(acted) == pytest.approx(EXPRESSIONS["joy"].pose() | kept)
    ops.apply_expression(name="contempt", intensity=0.5, mirrored=True)
    expected = {"mouthSmileLeft": 0.2, "mouthDimpleLeft": 0.3}
    assert read_pose(acted) == pytest.approx(expected | kept)
    ops.apply_expression(name="content", mode="ADD", factor=0.5)
    assert read_pose(acted) == pytest.approx(expected | kept | {"AU06": 0.75, "AU12": 0.9})


def test_an_expression_adds_to_the_speech_below(scene, acted, track, avatar_file):
    import numpy as np
    from gaussian_heads.blender.bake import bake_track
    from gaussian_heads.blender.codes import expression_code
    from gaussian_heads.core.spaces import au_to_arkit

    write_pose(acted, dict.fromkeys(read_pose(acted), 0.0))
    made = track(4)
    bake_track(acted, made, 1)
    ops.apply_expression(name="content", use_key=True)
    scene.frame_set(3)
    evaluated = acted.evaluated_get(bpy.context.evaluated_depsgraph_get())
    code = expression_code(evaluated, load_avatar(avatar_file).avatar)
    smile = np.zeros(18)
    smile[[4, 8]] = 1.5, 1.8
    np.testing.assert_allclose(code, made.codes()[2] + smile @ au_to_arkit(), atol=1e-5)


def test_keying_is_asked_for_or_automatic(scene, acted):
    ops.apply_expression(name="content")
    assert keyed_channels(acted) == set()
    ops.apply_expression(name="content", use_key=True)
    assert keyed_channels(acted) >= {"AU06", "AU12"}


def test_everything_that_is_set_is_keyed(acted):
    assert ops.key_pose() == {"FINISHED"}
    assert keyed_channels(acted) == {"AU12", "mouthSmileLeft", "head_rotation_y", "viseme_aa"}


def test_resetting_takes_all_or_a_group(scene, acted):
    ops.reset_pose(kind="arkit", group="Mouth")
    assert read_pose(acted).keys() == {"AU12", "head_rotation_y", "viseme_aa"}
    ops.reset_pose()
    assert read_pose(acted) == {} and keyed_channels(acted) == set()


def test_reset_and_key_ends_a_pose_at_its_frame(scene, acted):
    ops.key_pose()
    scene.frame_set(12)
    ops.reset_pose(use_key=True)
    scene.frame_set(1)
    assert read_pose(acted)["AU12"] == 2
    scene.frame_set(12)
    assert read_pose(acted) == {}


def test_mirroring_swaps_the_sides(acted):
    ops.mirror_pose()
    expected = {"AU12": 2.0, "mouthSmileRight": 0.5, "head_rotation_y": -0.25, "viseme_aa": 0.5}
    assert read_pose(acted) == pytest.approx(expected)


def test_a_pose_is_pasted_onto_another_head(scene, acted, avatar_file):
    ops.copy_pose()
    other = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    make_active(bpy.context, other)
    write_pose(other, {"viseme_O": 1.0, "browInnerUp": 1.0})
    ops.paste_pose()
    assert read_pose(other) == pytest.approx(read_pose(acted))
    ops.paste_pose(mirrored=True)
    assert read_pose(other)["mouthSmileRight"] == 0.5 and "mouthSmileLeft" not in read_pose(other)


def make_local_asset():
    make_pose_action(bpy.data, PoseAsset("Mine", {"AU01": 3.0, "browDownLeft": 0.5}))


BUTTONS = {
    "apply_expression": ({"name": "anger"}, None),
    "key_pose": ({}, None),
    "reset_pose": ({}, None),
    "mirror_pose": ({}, None),
    "paste_pose": ({"factor": 0.5}, None),
    "apply_action_asset": ({"action": "Mine"}, make_local_asset),
    "save_pose_asset": ({"name": "Saved"}, None),
    "add_gaze_target": ({}, None),
    "look_at": ({"target": "Other"}, None),
    "add_head_control": ({}, None),
    "link_head": ({"target": "Other"}, None),
}


def state(head):
    settings = head.gaussian_head
    targets = [o.name if o else "" for o in (settings.gaze_target, settings.head_target)]
    return (
        tuple(sorted(read_pose(head).items())),
        tuple(sorted(keyed_channels(head))),
        tuple(targets),
        tuple(sorted(bpy.data.objects.keys())),
        tuple(sorted(bpy.data.actions.keys())),
        len(head.animation_data.drivers) if head.animation_data else 0,
    )


@pytest.mark.parametrize("button", BUTTONS)
def test_every_button_is_undone_in_one_step(scene, acted, button):
    arguments, prepare = BUTTONS[button]
    other = bpy.data.objects.new("Other", None)
    scene.collection.objects.link(other)
    pose_buffer._copied[:] = [{"AU04": 4.0}]
    if prepare:
        prepare()
    name = acted.name
    bpy.ops.ed.undo_push(message="before")
    before = state(acted)
    # Called as from a button: with a step of undo of its own.
    getattr(ops, button)("EXEC_DEFAULT", True, **arguments)
    after = state(bpy.data.objects[name])
    assert after != before
    bpy.ops.ed.undo()
    assert state(bpy.data.objects[name]) == before
    bpy.ops.ed.redo()
    assert state(bpy.data.objects[name]) == after


def test_buttons_want_a_head_that_may_be_changed(scene, tmp_path, avatar_file):
    for button in BUTTONS:
        assert not getattr(ops, button).poll(), button
    head = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    path = str(tmp_path / "library.blend")
    bpy.data.libraries.write(path, {head})
    bpy.data.objects.remove(head)
    with bpy.data.libraries.load(path, link=True) as (there, here):
        here.objects = there.objects
    scene.collection.objects.link(here.objects[0])
    assert not ops.apply_expression.poll()


def test_pasting_wants_a_copy(acted):
    pose_buffer._copied.clear()
    assert not ops.paste_pose.poll()
    assert not ops.set_head_rest.poll()


def test_a_saved_pose_is_an_asset_of_this_file(acted):
    ops.save_pose_asset(name="Half Smile", description_text="Mine")
    action = bpy.data.actions["Half Smile"]
    expected = {name: v for name, v in read_pose(acted).items() if name != "head_rotation_y"}
    assert action_pose(action) == pytest.approx(expected)
    assert tuple(action.preview.image_size) == (256, 256)
    ops.reset_pose()
    ops.apply_action_asset(action="Half Smile")
    assert read_pose(acted) == pytest.approx(expected)


def test_a_saved_pose_can_go_to_the_users_own_library(acted, own_folder):
    ops.save_pose_asset(name="Half Smile", destination="LIBRARY", include_head=True)
    path = own_folder / "expressions" / "Saved" / "Half Smile.asset.blend"
    assert stored_pose(path, "Half Smile") == pytest.approx(read_pose(acted))
    assert not bpy.data.actions
    paths = [library.path for library in bpy.context.preferences.filepaths.asset_libraries]
    assert any(str(own_folder / "expressions") in path for path in paths)


def test_saving_nothing_is_refused(acted):
    ops.reset_pose()
    with pytest.raises(RuntimeError, match="No control is set"):
        ops.save_pose_asset(name="Nothing")


def test_the_library_is_written_and_its_assets_are_applied_as_a_shelf_names_them(acted, own_folder):
    ops.create_expression_library()
    folder = own_folder / "expressions"
    library = bpy.context.preferences.filepaths.asset_libraries[-1]
    assert (folder / LIBRARY_FILE).is_file() and library.path.rstrip("/") == str(folder)
    ops.apply_action_asset(
        asset_library_type="CUSTOM",
        asset_library_identifier=library.name,
        relative_asset_identifier=f"{LIBRARY_FILE}/Action/Surprise",
        factor=0.5,
    )
    expected = {name: 0.5 * v for name, v in EXPRESSIONS["surprise"].pose().items()}
    expected |= {"AU12": 1.0, "mouthSmileLeft": 0.25, "head_rotation_y": 0.25, "viseme_aa": 0.5}
    assert read_pose(acted) == pytest.approx(expected)
    ops.apply_action_asset(filepath=str(folder / LIBRARY_FILE), action="Smirk", mirrored=True)
    assert read_pose(acted)["mouthSmileLeft"] == pytest.approx(0.6)
    assert not bpy.data.actions and not bpy.data.libraries


def test_an_asset_of_this_file_is_applied_as_a_shelf_names_it(acted):
    make_local_asset()
    ops.apply_action_asset(
        asset_library_type="LOCAL", relative_asset_identifier="Action/Mine", use_key=True
    )
    assert read_pose(acted)["AU01"] == 3 and "AU12" not in read_pose(acted)
    assert "AU01" in keyed_channels(acted)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "No asset is chosen"),
        ({"action": "Nobody"}, "no Action 'Nobody'"),
        ({"filepath": "/nowhere.blend", "action": "Joy"}, "is missing"),
        (
            {
                "asset_library_identifier": "Nowhere",
                "relative_asset_identifier": "a.blend/Action/Joy",
            },
            "no asset library 'Nowhere'",
        ),
    ],
)
def test_assets_that_are_not_there_are_refused_in_a_sentence(acted, arguments, words):
    with pytest.raises(RuntimeError, match=words):
        ops.apply_action_asset(**arguments)


def test_the_numbers_of_library_types_are_blenders_own():
    theirs = bpy.ops.brush.asset_activate.get_rna_type().properties["asset_library_type"]
    ours = {name: number for name, *_, number in apply_action_asset.LIBRARY_TYPES}
    for item in theirs.enum_items:
        assert ours[item.identifier] == item.value


def test_the_context_menu_offers_poses_of_heads_only(acted):
    def asset(kind, *tags):
        names = [SimpleNamespace(name=tag) for tag in tags]
        return SimpleNamespace(id_type=kind, metadata=SimpleNamespace(tags=names))

    assert is_pose_asset(asset("ACTION", "Gaussian Heads", "x"))
    assert not is_pose_asset(asset("ACTION")) and not is_pose_asset(
        asset("OBJECT", "Gaussian Heads")
    )


def test_the_eyes_look_at_the_camera_or_at_what_is_selected(scene, acted, camera):
    ops.look_at()
    assert acted.gaussian_head.gaze_target == camera
    other = bpy.data.objects.new("Other", None)
    scene.collection.objects.link(other)
    other.select_set(True)
    ops.look_at()
    assert acted.gaussian_head.gaze_target == other
    with pytest.raises(RuntimeError, match="no other object 'Nobody'"):
        ops.look_at(target="Nobody")
    scene.camera = None
    other.select_set(False)
    with pytest.raises(RuntimeError, match="nothing to look at"):
        ops.look_at()


def test_the_head_is_linked_to_what_is_selected(scene, acted):
    with pytest.raises(RuntimeError, match="Select one other object"):
        ops.link_head()
    other = bpy.data.objects.new("Other", None)
    scene.collection.objects.link(other)
    other.select_set(True)
    ops.link_head()
    assert acted.gaussian_head.head_target == other
    assert bpy.context.view_layer.objects.active == acted


def test_settings_of_targets_can_be_keyed(scene, acted):
    ops.add_gaze_target()
    ops.add_head_control()
    for name in ("gaze_follow", "gaze_head_share", "head_follow"):
        assert acted.gaussian_head.keyframe_insert(name, frame=1)


def test_blenders_keying_sets_know_the_face(scene, acted):
    screen = bpy.data.screens["Layout"]
    area = next(area for area in screen.areas if area.type == "VIEW_3D")
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, screen=screen, area=area):
        done = bpy.ops.anim.keyframe_insert_by_name(type="GAUSSIAN_HEADS_KSI_face")
    assert done == {"FINISHED"}
    assert keyed_channels(acted) == set(read_pose(acted))
    groups = {g.name for g in find_channelbag(acted).groups}
    assert groups == {
        "ARKit · Mouth",
        "Action Units · Lower Face, Oblique",
        "Visemes · Vowels",
        "Head Rotation",
    }


def test_a_drag_blends_from_where_the_face_was_and_can_be_taken_back(acted):
    before = read_pose(acted)
    blend = PoseBlend(acted, {"AU12": 4.0, "AU01": 1.0}, "REPLACE")
    for factor in (0.2, 0.9, 0.5):
        blend.to(factor)
    kept = {"head_rotation_y": 0.25, "viseme_aa": 0.5}
    assert read_pose(acted) == pytest.approx(
        kept | {"AU12": 3.0, "AU01": 0.5, "mouthSmileLeft": 0.25}
    )
    blend.cancel()
    assert read_pose(acted) == before
    make_local_asset()
    ops.blend_action_asset(action="Mine", factor=0.5)
    assert read_pose(acted)["AU01"] == pytest.approx(1.5)


def test_every_button_explains_itself():
    for button in (*BUTTONS, "copy_pose", "blend_action_asset", "create_expression_library"):
        rna = getattr(ops, button).get_rna_type()
        assert len(rna.description.split()) >= 4 and not rna.description.endswith("."), button
        for prop in rna.properties:
            if prop.identifier != "rna_type":
                assert prop.description and not prop.description.endswith("."), prop.identifier
