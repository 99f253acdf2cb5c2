"""Pictures of the render engine, pixel by pixel against the rasteriser itself."""

import bpy
import numpy as np
import pytest
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.axes import avatar_to_world
from gaussian_heads.blender.camera import scene_camera
from gaussian_heads.blender.colors import linear_to_srgb, srgb_to_linear
from gaussian_heads.blender.graphics import has_graphics
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.world import make_world
from gaussian_heads.core.gaussians import concatenate
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces import ARKIT_INDEX, arkit_vector

WORLD = (0.1, 0.3, 0.05)


def drawn(scene, heads):
    """What core.render makes of (avatar file, code, pose, matrix_world) sets with the scene's camera."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    camera = scene_camera(depsgraph.scene_eval.camera, depsgraph, depsgraph.scene_eval.render)
    sets = [
        load_avatar(file).avatar.decode(code, pose).transformed(avatar_to_world(matrix))
        for file, code, pose, matrix in heads
    ]
    return render(concatenate(sets), camera)


def over(output, world):
    """Linear RGB of the output over a linear world colour, blended as displayed."""
    behind = linear_to_srgb(np.array(world)) * (1 - output.alphas[..., None])
    return srgb_to_linear(output.colors + behind)


def neutral():
    return np.zeros(52, np.float32)


def render_error():
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.render.render()
    return str(caught.value)


def test_picture_is_the_rasterisers(scene, head, camera, picture, avatar_file):
    scene.world = make_world("World", WORLD)
    expected = drawn(scene, [(avatar_file, neutral(), None, head.matrix_world)])
    shown = picture()
    assert expected.alphas.max() > 0.9 and expected.alphas.min() == 0.0
    np.testing.assert_allclose(shown[..., :3], over(expected, WORLD), atol=1e-5)
    np.testing.assert_allclose(shown[..., 3], 1.0)


def test_standard_view_shows_the_avatars_own_colours(scene, head, camera, tmp_path, avatar_file):
    from PIL import Image

    scene.world = make_world("World", WORLD)
    expected = drawn(scene, [(avatar_file, neutral(), None, head.matrix_world)])
    scene.render.filepath = str(tmp_path / "a.png")
    bpy.ops.render.render(write_still=True)
    shown = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"), np.float32)
    behind = linear_to_srgb(np.array(WORLD)) * (1 - expected.alphas[..., None])
    # 8 bits, rounded.
    np.testing.assert_allclose(shown, 255 * (expected.colors + behind), atol=0.51)


def test_transparent_film_is_premultiplied(scene, head, camera, picture, avatar_file):
    scene.render.film_transparent = True
    expected = drawn(scene, [(avatar_file, neutral(), None, head.matrix_world)])
    shown = picture()
    alphas = expected.alphas[..., None]
    straight = expected.colors / np.maximum(alphas, 1e-6)
    np.testing.assert_allclose(shown[..., 3], expected.alphas, atol=1e-6)
    np.testing.assert_allclose(shown[..., :3], srgb_to_linear(straight) * alphas, atol=1e-5)


def test_no_world_is_black(scene, head, camera, picture):
    scene.world = None
    np.testing.assert_array_equal(picture()[0, 0], [0, 0, 0, 1])


def test_depth_and_alpha_passes(scene, head, camera, layers, avatar_file):
    scene.view_layers[0].use_pass_z = True
    expected = drawn(scene, [(avatar_file, neutral(), None, head.matrix_world)])
    images = layers()
    np.testing.assert_allclose(images["Head Alpha.A"], expected.alphas, atol=1e-6)
    depths = images["Depth.Z"]
    covered = expected.alphas >= 0.5
    assert 20 < covered.sum() < covered.size
    np.testing.assert_allclose(depths[covered], expected.depths[covered], rtol=1e-6)
    assert (0.4 < depths[covered]).all() and (depths[covered] < 0.7).all()
    assert (depths[~covered] == np.float32(1e10)).all()


@pytest.mark.parametrize("crop", [True, False])
def test_border_is_a_part_of_the_full_picture(scene, head, camera, picture, crop):
    scene.render.resolution_x, scene.render.resolution_y = 61, 47
    full = picture()
    scene.render.use_border, scene.render.use_crop_to_border = True, crop
    scene.render.border_min_x, scene.render.border_max_x = 0.21, 0.83
    scene.render.border_min_y, scene.render.border_max_y = 0.33, 0.9
    part = picture()
    left, right, top, bottom = 12, 50, 47 - 42, 47 - 15
    if crop:
        assert part.shape[:2] == (bottom - top, right - left)
    else:
        assert part.shape == full.shape
        assert not part[:top].any() and not part[:, right:].any()
        part = part[top:bottom, left:right]
    np.testing.assert_allclose(part, full[top:bottom, left:right], atol=2e-3)


def test_percentage_scales_the_picture(scene, head, camera, picture):
    scene.render.resolution_percentage = 50
    assert picture().shape == (12, 16, 4)


def test_keyed_code_and_pose_at_each_frame(scene, head, camera, picture, avatar_file):
    code = arkit_vector({"jawOpen": 0.8})
    head["expr_code"][ARKIT_INDEX["jawOpen"]] = 0.0
    head.keyframe_insert('["expr_code"]', index=ARKIT_INDEX["jawOpen"], frame=1)
    head["expr_code"][ARKIT_INDEX["jawOpen"]] = 0.8
    head.keyframe_insert('["expr_code"]', index=ARKIT_INDEX["jawOpen"], frame=11)
    head.gaussian_head.keyframe_insert("head_rotation", index=1, frame=1)
    head.gaussian_head.head_rotation[1] = 0.4
    head.gaussian_head.keyframe_insert("head_rotation", index=1, frame=11)
    pose = np.array([0, 0.4, 0, 0, 0, 0], np.float32)
    expected = drawn(scene, [(avatar_file, code, pose, head.matrix_world)])
    np.testing.assert_allclose(picture(11)[..., :3], over(expected, (0, 0, 0)), atol=1e-5)
    at_rest = drawn(scene, [(avatar_file, neutral(), None, head.matrix_world)])
    np.testing.assert_allclose(picture(1)[..., :3], over(at_rest, (0, 0, 0)), atol=1e-5)


def test_strength_and_controls_change_the_picture(scene, head, camera, picture, avatar_file):
    head["expr_code"][ARKIT_INDEX["jawOpen"]] = 0.4
    head.gaussian_head.strength_speech = 2.0
    head.gaussian_head.arkit.mouthPucker = 0.5
    code = arkit_vector({"jawOpen": 0.8, "mouthPucker": 0.5})
    expected = drawn(scene, [(avatar_file, code, None, head.matrix_world)])
    np.testing.assert_allclose(picture()[..., :3], over(expected, (0, 0, 0)), atol=1e-5)


def test_several_heads_instances_and_parents(scene, head, camera, picture, avatar_file):
    second = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    second["expr_code"][ARKIT_INDEX["jawOpen"]] = 1.0
    parent = bpy.data.objects.new("Parent", None)
    scene.collection.objects.link(parent)
    parent.location, parent.scale = (0.15, 0.3, 0.0), (1.2, 1.2, 1.2)
    parent.rotation_euler = (0.0, 0.0, 0.5)
    second.parent = parent
    source = bpy.data.collections.new("Source")
    third = create_avatar_object(str(avatar_file), load_avatar(avatar_file), source)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", source
    instance.location = (-0.2, 0.2, 0.05)
    scene.collection.objects.link(instance)
    bpy.context.view_layer.update()
    opened = arkit_vector({"jawOpen": 1.0})
    expected = drawn(
        scene,
        [
            (avatar_file, neutral(), None, head.matrix_world),
            (avatar_file, opened, None, second.matrix_world),
            (avatar_file, neutral(), None, instance.matrix_world @ third.matrix_world),
        ],
    )
    np.testing.assert_allclose(picture()[..., :3], over(expected, (0, 0, 0)), atol=2e-4)


def test_hidden_heads_and_ignored_meshes_are_not_drawn(scene, head, camera, picture, avatar_file):
    scene.gaussian_heads.meshes = "IGNORE"
    before = picture()
    hidden = create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)
    hidden.location.x, hidden.hide_render = 0.1, True
    plain = bpy.data.objects.new("Plain", head.data)
    plain.location.x = -0.1
    scene.collection.objects.link(plain)
    np.testing.assert_array_equal(picture(), before)


def test_clip_distances_cut(scene, head, camera, picture):
    camera.data.clip_start = 2.0
    assert not picture()[..., :3].any()


def test_no_avatar_says_so_and_stops_the_animation(scene, camera, tmp_path):
    scene.render.filepath = str(tmp_path / "####")
    scene.frame_end = 2
    with pytest.raises(RuntimeError, match="no visible avatar"):
        bpy.ops.render.render(animation=True)
    assert not list(tmp_path.iterdir())


def test_no_camera_says_so(scene, head):
    assert "no camera" in render_error()


def test_missing_file_says_so(scene, head, camera):
    head.gaussian_head.avatar = "/nowhere/gone.uhap"
    assert "gone.uhap' is missing" in render_error()


def test_unknown_builtin_says_so(scene, head, camera):
    head.gaussian_head.avatar = "builtin:nobody"
    assert "no built-in avatar 'nobody'" in render_error()


def test_damaged_file_says_so(scene, head, camera, tmp_path):
    (tmp_path / "bad.uhap").write_bytes(b"PK\x03\x04 not a zip")
    head.gaussian_head.avatar = str(tmp_path / "bad.uhap")
    assert "bad.uhap" in render_error()


def test_code_of_another_length_is_refused(scene, head, camera):
    del head["expr_code"]
    head["expr_code"] = [0.0] * 7
    assert "keeps 7 code channels" in render_error()


def test_code_that_is_not_finite_is_refused(scene, head, camera):
    head["expr_code"][3] = float("nan")
    assert "eyeLookOutLeft" in render_error()


def test_action_of_another_code_space_is_refused(scene, head, camera):
    head.animation_data_create().action = bpy.data.actions.new("Old")
    head.animation_data.action["gaussian_heads_code_space"] = "uhap-123"
    assert "'Old' holds codes of the space 'uhap-123'" in render_error()


def test_mirrored_object_is_refused(scene, head, camera):
    head.scale.x = -1.0
    assert "mirrored" in render_error()


def test_a_backend_that_fails_gives_way_to_the_next_with_one_sentence(
    scene, head, camera, picture, capfd
):
    expected = picture()
    scene.gaussian_heads.backend = "cuda"
    capfd.readouterr()
    np.testing.assert_array_equal(picture(), expected)
    np.testing.assert_array_equal(picture(), expected)
    said = [line for line in capfd.readouterr().out.splitlines() if "cuda" in line]
    assert len(said) == 1 and said[0].startswith("Warning: The cuda backend did not draw this")


@pytest.mark.skipif(not has_graphics(), reason="this machine has no graphics driver")
@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_blenders_gpu_draws_the_same_picture(scene, head, camera, picture, kind):
    camera.data.type, camera.data.ortho_scale = kind, 0.4
    bpy.ops.mesh.primitive_torus_add(location=(0.1, -0.2, 0.0), major_radius=0.1, minor_radius=0.03)
    scene.world = make_world("World", WORLD)
    scene.render.resolution_x, scene.render.resolution_y = 160, 120
    scene.gaussian_heads.backend = "cpu"
    expected = picture()
    scene.gaussian_heads.backend = "gpu"
    error = linear_to_srgb(picture()[..., :3]) - linear_to_srgb(expected[..., :3])
    assert 0.0 < np.mean(error**2) < 1e-6, "60 dB, and really drawn by the other backend"


def test_when_no_backend_works_the_first_reason_is_said(scene, head, camera, monkeypatch):
    from gaussian_heads.blender import rasterising
    from gaussian_heads.core.errors import BackendUnavailable

    def fail(*_, backend, **__):
        raise BackendUnavailable(f"{backend} is ill")

    monkeypatch.setattr(rasterising, "render", fail)
    scene.gaussian_heads.backend = "cuda"
    assert "cuda is ill" in render_error()


def test_stereo_is_refused(scene, head, camera):
    scene.render.use_multiview = True
    assert "one view only" in render_error()


def test_changed_file_is_drawn_with_a_warning(scene, head, camera, picture):
    from gaussian_heads.blender.gathering import gather_visible

    head.gaussian_head.avatar_sha256 = "0" * 64
    bpy.context.view_layer.update()
    gathered = gather_visible(bpy.context.evaluated_depsgraph_get())
    assert gathered.num_heads == 1 and "changed since" in gathered.warnings[0]
