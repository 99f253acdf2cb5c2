"""Draws the overlay as a Solid viewport would, into pictures that tests read."""

from types import SimpleNamespace

import bpy
import gpu
import numpy as np
import pytest
from gaussian_heads.blender import overlay
from gaussian_heads.blender.avatars import forget_avatars
from gaussian_heads.blender.drawing.device import kept_state, pixels
from gaussian_heads.blender.drawing.targets import Target
from mathutils import Matrix

from .graphics_awake import wake_graphics

SIZE = (240, 180)


def face_view(turn_rad=0.0, distance_m=0.6, size=SIZE):
    """A view of the face in a region of `size` pixels, turned about the head."""
    eye = Matrix.Rotation(turn_rad, 4, "Z") @ Matrix.Translation((0, -distance_m, -0.02))
    camera = eye @ Matrix.Rotation(np.pi / 2, 4, "X")
    near, far = 0.01, 100.0
    projection = Matrix(
        (
            (2.5, 0, 0, 0),
            (0, 2.5 * size[0] / size[1], 0, 0),
            (0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)),
            (0, 0, -1, 0),
        )
    )
    return SimpleNamespace(window_matrix=projection, view_matrix=camera.inverted())


def a_place():
    """A 3D View of a screen that the start-up file has, for `temp_override`."""
    places = ((s, a) for s in bpy.data.screens for a in s.areas if a.type == "VIEW_3D")
    screen, area = next(places)
    region = next(r for r in area.regions if r.type == "WINDOW")
    window = bpy.context.window_manager.windows[0]
    return {"window": window, "screen": screen, "area": area, "region": region}


def make_context(scene, view, *, space=None, **shading):
    region = SimpleNamespace(width=SIZE[0], height=SIZE[1], as_pointer=lambda: 1)
    space = space or a_place()["area"].spaces[0]
    space.shading.type = shading.get("type", "SOLID")
    return SimpleNamespace(
        scene=scene,
        view_layer=bpy.context.view_layer,
        region=region,
        region_data=view,
        screen=None,
        space_data=space,
    )


@pytest.fixture
def over(scene, head):
    """Draw the overlay over the scene's meshes as Solid would show them; linear RGBA, top row first."""
    wake_graphics()
    forget_avatars()
    overlay.stop()
    scene.gaussian_heads.backend = "gpu"
    scene.render.engine = "BLENDER_WORKBENCH"

    def draw(view=None, *, with_proxy=True, **shading):
        view = view or face_view()
        depsgraph = bpy.context.evaluated_depsgraph_get()
        target = Target(SIZE, {"color": "RGBA32F"}, True)
        with kept_state(), target.bind():
            target.clear()
            _draw_solid(depsgraph, view, with_proxy)
            overlay.draw_in(make_context(bpy.context.scene, view, **shading))
        return pixels(target.textures["color"], 4)[::-1]

    yield draw
    overlay.stop()


def _draw_solid(depsgraph, view, with_proxy):
    """The viewport's depth, with avatars' proxies in it, and alpha 0 in its colours."""
    builtin = gpu.shader.from_builtin("UNIFORM_COLOR")
    from gpu_extras.batch import batch_for_shader

    gpu.state.depth_test_set("LESS_EQUAL")
    gpu.state.depth_mask_set(True)
    with gpu.matrix.push_pop(), gpu.matrix.push_pop_projection():
        gpu.matrix.load_matrix(view.view_matrix)
        gpu.matrix.load_projection_matrix(view.window_matrix)
        for obj in depsgraph.objects:
            if obj.type != "MESH" or (obj.gaussian_head.avatar and not with_proxy):
                continue
            mesh = obj.to_mesh()
            mesh.calc_loop_triangles()
            points = [obj.matrix_world @ v.co for v in mesh.vertices]
            batch = batch_for_shader(
                builtin,
                "TRIS",
                {"pos": points},
                indices=[tuple(t.vertices) for t in mesh.loop_triangles],
            )
            builtin.bind()
            builtin.uniform_float("color", (0.0, 0.0, 0.0, 0.0))
            batch.draw(builtin)
            obj.to_mesh_clear()


def second_head(head, x):
    """A copy of the head with the same mesh, `x` metres beside it."""
    other = head.copy()
    bpy.context.scene.collection.objects.link(other)
    other.location.x = x
    bpy.context.view_layer.update()
    return other
