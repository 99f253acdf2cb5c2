"""Heads over other engines' viewports: which heads each viewport shows, at which frame."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import overlay
from gaussian_heads.blender.avatars import forget_avatars

from .overlay_drawing import a_place, second_head


def sides(picture):
    """Which halves of the picture show a head."""
    covered = picture[..., 3] > 0.5
    return bool(covered[:, :100].any()), bool(covered[:, 140:].any())


@pytest.fixture
def local_view():
    """Enter the local view of a viewport with the selected objects, and leave it afterwards."""
    entered = []

    def enter(*objects):
        for obj in bpy.context.scene.objects:
            obj.select_set(obj in objects)
        place = a_place()
        with bpy.context.temp_override(**place):
            assert bpy.ops.view3d.localview() == {"FINISHED"}
        entered.append(place)
        return place["area"].spaces[0]

    yield enter
    for place in entered:
        with bpy.context.temp_override(**place):
            bpy.ops.view3d.localview()


def test_local_view_shows_the_heads_that_are_in_it(over, scene, head, local_view):
    head.location.x = -0.12
    other = second_head(head, 0.12)
    assert sides(over()) == (True, True)
    space = local_view(other)
    assert sides(over(space=space)) == (False, True)
    elsewhere = [a.spaces[0] for s in bpy.data.screens for a in s.areas if a.type == "VIEW_3D"][1]
    assert sides(over(space=elsewhere)) == (True, True), "another viewport shows both"
    assert sides(over(space=space)) == (False, True)


def test_viewport_that_hides_meshes_hides_heads(over):
    space = a_place()["area"].spaces[0]
    space.show_object_viewport_mesh = False
    assert not over(space=space).any()
    space.show_object_viewport_mesh = True
    assert over(space=space).any()


@pytest.mark.parametrize("how", ["eye", "viewport", "collection", "exclude", "unlink"])
def test_hidden_heads_are_not_drawn(over, scene, head, how):
    head.location.x = -0.12
    other = second_head(head, 0.12)
    collection = bpy.data.collections.new("Cast")
    scene.collection.children.link(collection)
    collection.objects.link(other)
    scene.collection.objects.unlink(other)
    assert sides(over()) == (True, True)
    if how == "eye":
        other.hide_set(True)
    elif how == "viewport":
        other.hide_viewport = True
    elif how == "collection":
        collection.hide_viewport = True
    elif how == "exclude":
        bpy.context.view_layer.layer_collection.children["Cast"].exclude = True
    else:
        bpy.data.objects.remove(other)
    bpy.context.view_layer.update()
    assert sides(over()) == (True, False)


def test_heads_stay_when_overlays_are_off(over):
    """They are what is looked at: a clean picture of the scene, as a playblast takes it, has them."""
    space = a_place()["area"].spaces[0]
    with_overlays = over(space=space)
    space.overlay.show_overlays = False
    np.testing.assert_array_equal(over(space=space), with_overlays)
    space.overlay.show_overlays = True


def test_broken_head_hides_no_other(over, head, caplog):
    head.location.x = -0.12
    other = second_head(head, 0.12)
    other.gaussian_head.avatar = "/nowhere/gone.uhap"
    bpy.context.view_layer.update()
    assert sides(over()) == (True, False)
    assert "gone.uhap" in overlay.overlay_sentence()


def test_instances_of_a_collection_follow_their_empty(over, scene, head, local_view):
    collection = bpy.data.collections.new("Cast")
    collection.objects.link(head)
    scene.collection.objects.unlink(head)
    empty = bpy.data.objects.new("Stage", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    scene.collection.objects.link(empty)
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    scene.collection.objects.link(cube)
    bpy.context.view_layer.update()
    assert over().any()
    assert not over(space=local_view(cube)).any()


@pytest.mark.parametrize("kind", ["linked", "override"])
def test_linked_and_overridden_heads_are_drawn_and_move(over, scene, head, tmp_path, kind):
    head.gaussian_head.arkit.jawOpen = 1.0
    head.gaussian_head.arkit.keyframe_insert("jawOpen", frame=1)
    head.gaussian_head.arkit.jawOpen = 0.0
    head.gaussian_head.arkit.keyframe_insert("jawOpen", frame=10)
    scene.frame_set(1)
    local = {1: over()}
    scene.frame_set(10)
    local[10] = over()
    assert not np.array_equal(local[1], local[10])
    path, name = tmp_path / "cast.blend", head.name
    bpy.data.libraries.write(str(path), {head})
    bpy.data.objects.remove(head)
    with bpy.data.libraries.load(str(path), link=True) as (_, wanted):
        wanted.objects = [name]
    linked = wanted.objects[0]
    scene.collection.objects.link(linked)
    if kind == "override":
        linked = linked.override_create(remap_local_usages=True)
    for frame, expected in local.items():
        scene.frame_set(frame)
        np.testing.assert_array_equal(over(), expected)
    space = a_place()["area"].spaces[0]
    linked.hide_set(True)
    bpy.context.view_layer.update()
    assert not over(space=space).any()


def test_saved_and_loaded_scene_shows_the_same(over, scene, head, tmp_path):
    before = over()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    np.testing.assert_array_equal(over(), before)


def test_scrubbing_shows_exact_frames(over, scene, head):
    """Whatever order frames come in, each looks as it did when it was seen alone."""
    for frame in range(1, 9):
        head.gaussian_head.arkit.jawOpen = (frame % 4) / 3
        head.location.x = frame * 0.01
        head.keyframe_insert("gaussian_head.arkit.jawOpen", frame=frame)
        head.keyframe_insert("location", index=0, frame=frame)
    alone = {}
    for frame in range(1, 9):
        overlay.stop()
        forget_avatars()
        scene.frame_set(frame)
        alone[frame] = over()
    assert len({picture.tobytes() for picture in alone.values()}) == 8
    for frame in (5, 2, 8, 8, 1, 7, 3, 6, 4, 5):
        scene.frame_set(frame)
        np.testing.assert_array_equal(over(), alone[frame])


def test_undo_and_redo_show_what_they_bring_back(over, scene, head):
    bpy.ops.ed.undo_push(message="before")
    before = over()
    head.location.x = 0.1
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="moved")
    moved = over()
    assert not np.array_equal(before, moved)
    bpy.ops.ed.undo()
    np.testing.assert_array_equal(over(), before)
    bpy.ops.ed.redo()
    np.testing.assert_array_equal(over(), moved)
