"""Triangles of evaluated objects in their own space, kept while an object does not change."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
import numpy as np

# What decides how smooth a mesh looks, beside its form.
_SMOOTHNESS = ("sharp_face", "sharp_edge", "custom_normal")
_BUFFERS = {"BOOLEAN": np.bool_, "INT": np.int32, "INT16_2D": np.int32, "FLOAT_VECTOR": np.float32}
_COMPONENTS = {"INT16_2D": 2, "FLOAT_VECTOR": 3}


@dataclass(frozen=True)
class Shape:
    """Triangles of one mesh in object space.

    `vertices` [V, 3] float32 metres, `corners` [T, 3] indices of them, `slots` [T] material slots,
    `normals` [M, 3] unit vectors and `normal_ids` [T, 3] their indices, a normal for every corner.
    """

    vertices: np.ndarray
    corners: np.ndarray
    slots: np.ndarray
    normals: np.ndarray
    normal_ids: np.ndarray
    topology: tuple[np.ndarray, ...] = field(repr=False)
    form: tuple[np.ndarray, ...] = field(repr=False)
    loops: np.ndarray = field(repr=False)

    @property
    def num_triangles(self) -> int:
        """Number of triangles T."""
        return len(self.corners)


def read_shape(mesh: bpy.types.Mesh, known: Shape | None) -> Shape:
    """The triangles of an evaluated `mesh`, taken over from `known` as far as nothing changed.

    A mesh that only moves its vertices keeps its triangulation: reading one costs most of the time.
    """
    topology = (
        np.array([len(mesh.polygons), len(mesh.vertices)]),
        _attribute(mesh, ".corner_vert"),
        _attribute(mesh, "material_index"),
    )
    vertices = _attribute(mesh, "position").reshape(-1, 3)
    form = (vertices, *(_attribute(mesh, name) for name in _SMOOTHNESS))
    keeps_topology = known is not None and _are_equal(known.topology, topology)
    if keeps_topology and _are_equal(known.form, form):
        return known
    if keeps_topology:
        corners, loops, slots = known.corners, known.loops, known.slots
    else:
        corners, loops, slots = _triangulate(mesh, topology)
    normals, normal_ids = _normals(mesh, corners, loops)
    return Shape(vertices, corners, slots, normals, normal_ids, topology, form, loops)


def _triangulate(
    mesh: bpy.types.Mesh, topology: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertex indices `[T, 3]`, face corner indices `[T, 3]` and material slots `[T]`."""
    mesh.calc_loop_triangles()
    loops = _read(mesh.loop_triangles, "loops", np.int32, 3)
    _, corner_verts, materials = topology
    if not materials.size:
        return corner_verts[loops], loops, np.zeros(len(loops), np.int32)
    return corner_verts[loops], loops, materials[_triangle_polygons(mesh)]


def _triangle_polygons(mesh: bpy.types.Mesh) -> np.ndarray:
    return _read(mesh.loop_triangle_polygons, "value", np.int32, 1)


def _normals(
    mesh: bpy.types.Mesh, corners: np.ndarray, loops: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if mesh.normals_domain == "POINT":
        return _read(mesh.vertex_normals, "vector", np.float32, 3), corners
    if mesh.normals_domain == "CORNER":
        return _read(mesh.corner_normals, "vector", np.float32, 3), loops
    polygons = np.repeat(_triangle_polygons(mesh)[:, None], 3, axis=1)
    return _read(mesh.polygon_normals, "vector", np.float32, 3), polygons


def _attribute(mesh: bpy.types.Mesh, name: str) -> np.ndarray:
    """Values of a mesh attribute, flat; empty where the mesh has none."""
    attribute = mesh.attributes.get(name)
    if attribute is None or attribute.data_type not in _BUFFERS:
        return np.empty(0, np.int32)
    kind = attribute.data_type
    name = "vector" if kind == "FLOAT_VECTOR" else "value"
    return _read(attribute.data, name, _BUFFERS[kind], _COMPONENTS.get(kind, 1)).ravel()


def _read(collection: object, name: str, dtype: type, components: int) -> np.ndarray:
    values = np.empty(len(collection) * components, dtype)
    collection.foreach_get(name, values)
    return values if components == 1 else values.reshape(-1, components)


def _are_equal(known: tuple[np.ndarray, ...], found: tuple[np.ndarray, ...]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(known, found, strict=True))
