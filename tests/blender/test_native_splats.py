"""Avatars written into point clouds in the layout of Blender's own splats."""

import dataclasses
import time

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import native_splats
from gaussian_heads.blender.axes import AVATAR_TO_OBJECT
from gaussian_heads.blender.native_splats import show_native, write_cloud
from gaussian_heads.blender.splat_objects import posed_gaussians
from gaussian_heads.core.spherical_harmonics import SH_C0

from ..core.test_gaussians import make_gaussians

sized = pytest.mark.skipif(
    not native_splats.can_write_splats(),
    reason="point clouds of this Blender cannot be sized by scripts: 5.2 or later is needed",
)


def values(cloud, name):
    attribute = cloud.attributes[name]
    key, width = {
        "FLOAT_VECTOR": ("vector", 3),
        "FLOAT4": ("vector", 4),
        "QUATERNION": ("value", 4),
    }[attribute.data_type]
    flat = np.empty(len(attribute.data) * width, np.float32)
    attribute.data.foreach_get(key, flat)
    return flat.reshape(-1, width)


def with_sh(count, num_coefficients, seed=2):
    sh = np.random.default_rng(seed).normal(size=(count, num_coefficients, 3))
    return dataclasses.replace(make_gaussians(count, seed), sh=sh.astype(np.float32))


@sized
def test_every_attribute_stands_where_blender_looks_for_it(scene):
    g = with_sh(50, 8)
    cloud = bpy.data.pointclouds.new("Cloud")
    write_cloud(cloud, g)
    np.testing.assert_array_equal(values(cloud, "position"), g.means)
    np.testing.assert_array_equal(values(cloud, "scale"), g.scales)
    np.testing.assert_array_equal(values(cloud, "rotation"), g.quats)
    base = values(cloud, "radiance:base")
    np.testing.assert_allclose(base[:, :3] * SH_C0 + 0.5, g.colors, atol=1e-6)
    np.testing.assert_array_equal(base[:, 3], g.opacities)
    for k in range(8):
        np.testing.assert_array_equal(values(cloud, f"radiance:sh_{k}"), g.sh[:, k])
    assert cloud.attributes["radiance:base"].data_type == "FLOAT4"
    assert cloud.attributes["rotation"].data_type == "QUATERNION"


@sized
def test_another_count_and_degree_leave_nothing_behind(scene):
    cloud = bpy.data.pointclouds.new("Cloud")
    write_cloud(cloud, with_sh(50, 15))
    write_cloud(cloud, with_sh(70, 3))
    rest = sorted(a.name for a in cloud.attributes if a.name.startswith("radiance:sh_"))
    assert rest == ["radiance:sh_0", "radiance:sh_1", "radiance:sh_2"]
    assert len(cloud.points) == 70
    plain = make_gaussians(20)
    write_cloud(cloud, plain)
    assert not [a.name for a in cloud.attributes if a.name.startswith("radiance:sh_")]
    np.testing.assert_array_equal(values(cloud, "position"), plain.means)


@sized
def test_an_attribute_of_another_type_is_replaced(scene):
    cloud = bpy.data.pointclouds.new("Cloud")
    cloud.resize(5)
    cloud.attributes.new("scale", "FLOAT", "POINT")
    g = make_gaussians(5)
    write_cloud(cloud, g)
    np.testing.assert_array_equal(values(cloud, "scale"), g.scales)


@sized
def test_two_hundred_thousand_splats_take_milliseconds(scene):
    g = make_gaussians(200_000)
    cloud = bpy.data.pointclouds.new("Cloud")
    write_cloud(cloud, g)
    durations_sec = []
    for _ in range(5):
        started_sec = time.perf_counter()
        write_cloud(cloud, g)
        durations_sec.append(time.perf_counter() - started_sec)
    # A few milliseconds; a loop over points would take hundreds.
    assert min(durations_sec) < 0.05


def key_jaw(head):
    for frame, value in ((1, 0.0), (5, 1.0)):
        head.gaussian_head.arkit.jawOpen = value
        head.gaussian_head.arkit.keyframe_insert("jawOpen", frame=frame)


def expected_positions(head):
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return posed_gaussians(evaluated).transformed(AVATAR_TO_OBJECT).means


@sized
def test_the_cloud_follows_the_animation(scene, head):
    key_jaw(head)
    scene.frame_set(1)
    obj = show_native(head, scene.collection)
    first = values(obj.data, "position")
    np.testing.assert_array_equal(first, expected_positions(head))
    scene.frame_set(5)
    last = values(obj.data, "position")
    np.testing.assert_array_equal(last, expected_positions(head))
    assert np.abs(first - last).max() > 1e-3
    # What engines see is the evaluated copy.
    seen = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    np.testing.assert_array_equal(values(seen, "position"), last)


@sized
def test_a_render_of_another_frame_has_that_frames_splats(scene, head, camera, tmp_path):
    key_jaw(head)
    scene.frame_set(1)
    obj = show_native(head, scene.collection)
    seen = []

    def look(*_):
        seen.append((native_splats.is_rendering(), values(obj.data, "position")))

    bpy.app.handlers.render_post.append(look)
    try:
        scene.frame_start = scene.frame_end = 5
        scene.render.filepath = str(tmp_path / "frame")
        bpy.ops.render.render(animation=True)
    finally:
        bpy.app.handlers.render_post.remove(look)
    ((is_rendering, positions),) = seen
    assert is_rendering and not native_splats.is_rendering()
    scene.frame_set(1)
    assert np.abs(values(obj.data, "position") - positions).max() > 1e-3
    scene.frame_set(5)
    np.testing.assert_array_equal(positions, expected_positions(head))


@sized
def test_a_saved_scene_keeps_no_splats_and_gets_them_back(scene, head, tmp_path):
    obj = show_native(head, scene.collection)
    count = len(obj.data.points)
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    assert len(obj.data.points) == count
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(path) as (found, wanted):
        wanted.pointclouds = found.pointclouds
    assert len(wanted.pointclouds[0].points) == 0
    bpy.ops.wm.open_mainfile(filepath=path)
    (again,) = native_splats.native_objects()
    assert len(again.data.points) == count


@sized
def test_a_broken_avatar_keeps_the_last_splats_and_says_so(scene, head, caplog):
    obj = show_native(head, scene.collection)
    before = values(obj.data, "position")
    head.gaussian_head.avatar = "/nowhere/x.uhap"
    head.update_tag()
    scene.frame_set(3)
    np.testing.assert_array_equal(values(obj.data, "position"), before)
    assert "keeps its last splats" in caplog.text


def test_the_button_says_why_it_is_off(scene, head):
    bpy.context.view_layer.objects.active = head
    if native_splats.why_not_native():
        assert not bpy.ops.gaussian_heads.show_native_splats.poll()
    else:
        assert bpy.ops.gaussian_heads.show_native_splats() == {"FINISHED"}
