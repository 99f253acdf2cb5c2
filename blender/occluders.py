"""The scene's ordinary objects as triangles in the world, to stand before and behind the heads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from .heads import is_head
from .listeners import forgets_on_load
from .materials import slot_colors
from .shapes import Shape, read_shape

# Shapes beyond this many triangles in all are read anew for every frame instead of being kept.
_MAX_KEPT_TRIANGLES = 4_000_000


@dataclass(frozen=True)
class SceneMeshes:
    """All triangles of a scene at one moment.

    `triangles` [T, 3, 3] float32 world metres; `owners` [T] the instance of each; `is_holdout` [T] those
    that only cut; `colors` [T, 3] float32 linear; `normals` [M, 3] in object space, picked by `normal_ids`
    [T, 3] and turned into the world by the owner's `normal_matrices` [I, 3, 3].
    """

    triangles: np.ndarray
    owners: np.ndarray
    is_holdout: np.ndarray
    colors: np.ndarray
    normals: np.ndarray
    normal_ids: np.ndarray
    normal_matrices: np.ndarray

    @property
    def num_triangles(self) -> int:
        """Number of triangles T."""
        return len(self.triangles)


@dataclass(frozen=True)
class PlacedShape:
    """A shape with its place in the world `[4, 4]` and a linear colour for each slot `[S, 3]`."""

    shape: Shape
    matrix: np.ndarray
    colors: np.ndarray
    is_holdout: bool


# Shapes of the last gathering, by the object's name and the place of the mesh among those it shows.
_kept: dict[tuple[str, int], Shape] = {}


@forgets_on_load
def forget_shapes() -> None:
    """Drop everything kept from earlier frames."""
    _kept.clear()


def gather_meshes(depsgraph: bpy.types.Depsgraph, *, holdout: bool) -> SceneMeshes | None:
    """Every object that a camera sees and that is no head, instances included; None without any.

    With `holdout` all of them only cut, as objects do that are holdouts or shadow catchers themselves.
    """
    placed = list(placed_shapes(depsgraph, holdout))
    return _joined(placed) if placed else None


def placed_shapes(depsgraph: bpy.types.Depsgraph, holdout: bool) -> Iterator[PlacedShape]:
    """Every object that `gather_meshes` gathers, one after the other; shapes it knows stay the same objects."""
    view_layer = depsgraph.view_layer_eval
    read: dict[tuple[str, int], Shape] = {}
    known: dict[int, Shape] = {}
    counts: dict[str, int] = {}
    for instance in depsgraph.object_instances:
        if not _is_drawn(instance, view_layer):
            continue
        obj = instance.object
        pointer = obj.data.as_pointer()
        if pointer not in known:
            name = obj.original.name_full
            key = (name, counts.get(name, 0))
            counts[name] = key[1] + 1
            mesh = obj.to_mesh()
            known[pointer] = read[key] = read_shape(mesh, _kept.get(key))
            colors = slot_colors(obj, mesh)
            obj.to_mesh_clear()
        else:
            colors = slot_colors(obj, obj.data)
        shape = known[pointer]
        if shape.num_triangles:
            matrix = np.array(instance.matrix_world, np.float64)
            yield PlacedShape(shape, matrix, colors, holdout or _is_holdout(instance, view_layer))
    _kept.clear()
    if sum(shape.num_triangles for shape in read.values()) <= _MAX_KEPT_TRIANGLES:
        _kept.update(read)


def _is_drawn(instance: bpy.types.DepsgraphObjectInstance, view_layer: bpy.types.ViewLayer) -> bool:
    obj = instance.object
    # The depsgraph shows the surfaces of curves, texts and metaballs as meshes of their own.
    if obj.type != "MESH" or not instance.show_self or is_head(instance):
        return False
    return obj.visible_camera and not _owner(instance).indirect_only_get(view_layer=view_layer)


def _is_holdout(
    instance: bpy.types.DepsgraphObjectInstance, view_layer: bpy.types.ViewLayer
) -> bool:
    obj = instance.object
    # A shadow catcher stands for a surface of the plate, which hides what is behind it.
    is_cutting = obj.is_holdout or obj.is_shadow_catcher
    return is_cutting or _owner(instance).holdout_get(view_layer=view_layer)


def _owner(instance: bpy.types.DepsgraphObjectInstance) -> bpy.types.Object:
    """The object whose place in the view layer's collections counts."""
    return instance.parent if instance.is_instance else instance.object


def _joined(placed: list[PlacedShape]) -> SceneMeshes:
    shapes = [p.shape for p in placed]
    counts = [shape.num_triangles for shape in shapes]
    starts = np.cumsum([0, *(len(shape.normals) for shape in shapes)])[:-1]
    linear = np.stack([p.matrix[:3, :3] for p in placed])
    return SceneMeshes(
        triangles=np.concatenate([_world_triangles(p) for p in placed]),
        owners=np.repeat(np.arange(len(placed), dtype=np.int32), counts),
        is_holdout=np.repeat([p.is_holdout for p in placed], counts),
        colors=np.concatenate(
            [p.colors[np.minimum(p.shape.slots, len(p.colors) - 1)] for p in placed]
        ),
        normals=np.concatenate([shape.normals for shape in shapes]),
        normal_ids=np.concatenate(
            [shape.normal_ids + start for shape, start in zip(shapes, starts, strict=True)]
        ),
        normal_matrices=_cofactors(linear),
    )


def _world_triangles(placed: PlacedShape) -> np.ndarray:
    rotation, translation = placed.matrix[:3, :3], placed.matrix[:3, 3]
    world = placed.shape.vertices.astype(np.float64) @ rotation.T + translation
    return world.astype(np.float32)[placed.shape.corners]


def _cofactors(matrices: np.ndarray) -> np.ndarray:
    """Matrices `[I, 3, 3]` that turn normals, up to their length; also of flat and mirrored ones."""
    x, y, z = (matrices[:, :, k] for k in range(3))
    return np.stack([np.cross(y, z), np.cross(z, x), np.cross(x, y)], axis=2)
