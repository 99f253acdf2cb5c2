"""Heads over other engines' viewports: in depth, without their proxy, quiet about errors."""

import logging
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import gathering, overlay
from gaussian_heads.blender.avatars import object_avatar
from gaussian_heads.blender.camera import RenderWindow
from gaussian_heads.blender.drawing import view
from gaussian_heads.blender.drawing.device import kept_state, pixels
from gaussian_heads.blender.drawing.surfaces import COLORED, Surfaces
from gaussian_heads.blender.drawing.targets import Target
from gaussian_heads.blender.drawing.view import region_view, scaled_window, window_edges
from gaussian_heads.blender.occluders import placed_shapes
from mathutils import Matrix

from .layout import draw
from .overlay_drawing import SIZE, face_view, make_context, second_head


def test_head_is_seen_over_its_own_proxy(over):
    shown = over()
    free = over(with_proxy=False)
    assert shown[75, 120, 3] == 1.0 and shown[75, 120, 0] > 0.3
    assert not shown[:5].any()
    covered = free[..., 3] > 0.5
    assert (shown[covered][:, 3] > 0.5).mean() > 0.995


def test_proxy_shown_as_lines_leaves_hair_its_transparency(over, head):
    assert (over()[..., 3] == 1).sum() > 500
    head.display_type = "WIRE"
    overlay._overlay.forget_scene()
    assert 0.5 < over(with_proxy=False)[75, 120, 3] < 1.0


def test_mesh_in_front_hides_the_head_and_one_behind_does_not(over, scene):
    free = over()
    bpy.ops.mesh.primitive_plane_add(
        size=0.1, location=(0, -0.2, -0.02), rotation=(np.pi / 2, 0, 0)
    )
    half = over()
    assert not half[75, 120].any()
    assert half[..., 3].astype(bool).sum() < 0.9 * free[..., 3].astype(bool).sum()
    bpy.context.object.location.y = 0.3
    np.testing.assert_array_equal(over(), free)


def test_overlay_is_switched_by_the_scene_and_by_the_viewport(over, scene):
    assert over().any()
    assert not over(type="WIREFRAME").any()
    assert over(type="RENDERED").any() and over(type="MATERIAL").any()
    scene.render.engine = "GAUSSIAN_HEADS"
    assert not over(type="RENDERED").any(), "our engine draws the heads itself"
    assert over(type="SOLID").any()
    scene.gaussian_heads.show_overlay = False
    assert not over().any()


VIEWS = {
    "front": face_view(),
    "turned": face_view(0.7),
    "half outside": face_view(),
    "from within": face_view(),
    "orthographic": SimpleNamespace(
        window_matrix=Matrix(((5, 0, 0, 0), (0, 6.7, 0, 0), (0, 0, -0.02, 0), (0, 0, 0, 1))),
        view_matrix=face_view().view_matrix,
    ),
}


@pytest.mark.parametrize("backend", ["gpu", "cpu"])
@pytest.mark.parametrize("name", VIEWS)
def test_drawing_only_where_heads_are_seen_changes_no_pixel(
    over, scene, head, monkeypatch, backend, name
):
    scene.gaussian_heads.backend = backend
    head.location = {"half outside": (0.16, 0, 0.1), "from within": (0, -0.55, 0)}.get(
        name, (0, 0, 0)
    )
    windows, real = [], view.seen_window
    monkeypatch.setattr(view, "seen_window", lambda *w: windows.append(real(*w)) or windows[-1])
    part = over(VIEWS[name])
    overlay.stop()
    monkeypatch.setattr(view, "seen_window", lambda *_: RenderWindow(*SIZE, 0, 0, *SIZE))
    whole = over(VIEWS[name])
    assert whole.any()
    np.testing.assert_allclose(part, whole, atol=2e-3)
    is_smaller = windows[0].width * windows[0].height < 0.75 * SIZE[0] * SIZE[1]
    assert is_smaller == (name != "from within")


def test_head_beside_and_behind_the_view_is_not_drawn_at_all(over, head, monkeypatch):
    monkeypatch.setattr(overlay._Region, "draw", lambda *_: pytest.fail("drawn"))
    for place in ((2.0, 0, 0), (0, 0, -3.0), (0, -2.0, 0)):
        head.location = place
        bpy.context.view_layer.update()
        assert not over().any()


def test_smaller_pictures_show_the_same_part():
    window = RenderWindow(1280, 800, 320, 64, 640, 704)
    small = scaled_window(window, 300_000)
    assert 0.98 * 300_000 < small.full_width * small.full_height < 1.02 * 300_000
    edges, expected = window_edges(small), window_edges(window)
    assert np.all(edges[:2] <= expected[:2] + 1e-9) and np.all(edges[2:] >= expected[2:] - 1e-3)
    np.testing.assert_allclose(edges, expected, atol=3e-3)
    assert scaled_window(window, 10**7) == window


def test_twenty_heads_in_one_scene(over, scene, head):
    for number in range(19):
        second_head(head, (number - 9) * 0.02).location.z = (number % 5) * 0.02
    bpy.context.view_layer.update()
    assert over().any()
    shown = next(iter(overlay._overlay._scenes.values()))
    assert len(shown._heads) == 20


def test_turning_the_view_never_decodes(over, head, monkeypatch):
    decodes = []
    avatar = type(object_avatar(head).avatar)
    real = avatar.decode
    monkeypatch.setattr(avatar, "decode", lambda *args: decodes.append(1) or real(*args))
    pictures = [over(face_view(turn)) for turn in (0.0, 0.4, -0.8)]
    assert len(decodes) == 1
    assert np.abs(pictures[0] - pictures[1]).max() > 0.05
    head.gaussian_head.arkit.jawOpen = 1.0
    bpy.context.view_layer.update()
    assert np.abs(over() - pictures[0]).max() > 0.05
    assert len(decodes) == 2


def test_error_is_said_once_and_the_picture_left_alone(over, head, caplog):
    head.gaussian_head.avatar = "/nowhere/gone.uhap"
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert not over().any()
    said = [r for r in caplog.records if "gone.uhap" in r.getMessage()]
    assert len(said) == 1 and "gone.uhap" in overlay.overlay_sentence()


def test_unexpected_failure_ends_the_overlay_instead_of_repeating(over, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(gathering, "gather_heads", fail)
        with pytest.raises(ZeroDivisionError):
            over()
    assert not over().any() and "console" in overlay.overlay_sentence()
    overlay.stop()
    assert over().any() and not overlay.overlay_sentence()


def test_handlers_come_and_go_with_the_add_on(scene):
    assert overlay._on_change in bpy.app.handlers.depsgraph_update_post
    assert not overlay._handles, "nothing to draw into without a window"
    overlay.detach()
    overlay.detach()
    for name, handler in overlay._HANDLERS:
        assert handler not in getattr(bpy.app.handlers, name)
    overlay.attach()
    assert overlay._on_frame in bpy.app.handlers.frame_change_post


def test_scene_without_heads_costs_nothing(scene, monkeypatch):
    monkeypatch.setattr(gathering, "gather_heads", lambda *_: pytest.fail("gathered"))
    overlay.draw_in(make_context(scene, face_view()))
    assert not overlay.overlay_sentence()


def test_depth_of_the_view_is_the_viewports(over, scene):
    """The composite's depth and Blender's own agree: a plane through the head's middle cuts it there."""
    bpy.ops.mesh.primitive_plane_add(size=1.0, location=(0, 0.09, 0), rotation=(np.pi / 2, 0, 0))
    view = region_view(face_view(), SIZE, np.zeros((1, 3)))
    surfaces = Surfaces()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    surfaces.update(placed_shapes(depsgraph, False))
    target = Target(SIZE, COLORED, True)
    with kept_state():
        surfaces.draw(view, target)
    depths = pixels(target.textures["depth"], 1)
    assert depths[90, 120, 0] == pytest.approx(0.69, abs=1e-4)
    assert over()[75, 120, 3] == 1.0
    bpy.context.object.location.y = -0.05
    cut = over()
    assert not cut[20:50, 120, 3].all()


def test_panel_says_why_heads_are_missing(over, scene, head):
    from gaussian_heads.panels.viewport import GAUSSIAN_HEADS_PT_viewport as Panel

    over()
    shown = ["show_overlay", "viewport_density", "decoded_memory_mb", "sync_mode"]
    assert draw(Panel).properties == shown and not draw(Panel).labels
    head.gaussian_head.avatar = "/nowhere/gone.uhap"
    bpy.context.view_layer.update()
    over()
    drawn = draw(Panel)
    assert "gone.uhap" in " ".join(drawn.labels)
    assert drawn.operators == ["gaussian_heads.find_missing_avatar"]
    scene.gaussian_heads.show_overlay = False
    words = " ".join(draw(Panel).labels)
    assert words.startswith("Heads are shown only in Rendered mode")
    scene.gaussian_heads.show_overlay = True
    bpy.data.objects.remove(head)
    assert draw(Panel).labels[0].startswith("There is no head yet")


def test_windows_with_different_scenes_keep_their_own(over, scene, head):
    assert over().any()
    other = bpy.data.scenes.new("Other")
    context = make_context(other, face_view())
    context.view_layer = other.view_layers[0]
    other.view_layers[0].update()
    assert overlay._overlay.draw(context, other.view_layers[0].depsgraph) == ""
    first = overlay._overlay._scenes[scene.name_full, scene.view_layers[0].name]
    looks = []
    first.look = lambda depsgraph: looks.append(first.is_stale)
    assert over().any() and looks == [False], "the other window made nothing stale"
