"""The skinned mesh of a LAM head: expressions, the place between the eyes, neck weights, a proxy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from ..avatar.manifest import MAX_GAUSSIANS
from ..avatar.members import Rig
from ..errors import AvatarError
from ..spaces import ARKIT_INDEX
from .glb import Glb

# Distance of adult eyeballs is 54 to 74 mm; far outside of this the head is not in metres.
EYE_DISTANCE_RANGE_M = (0.03, 0.12)
MIN_EYEBALL_VERTICES = 20
PROXY_CELL_M = 0.009
# Without neck joints the lowest part of the head stays with the shoulders.
NECK_SHARE = 0.15
# Bodies with fingers and faces have two hundred.
MAX_JOINTS = 1000


@dataclass(frozen=True)
class Joint:
    """A bone: its name, its parent among the joints (-1 for none) and its place at rest (m)."""

    name: str
    parent: int
    position: Float[np.ndarray, " 3"]


@dataclass(frozen=True)
class LamMesh:
    """Vertices (m, +Y up, +Z out of the face), ARKit deltas by name, skin weights over joints."""

    positions: Float32[np.ndarray, "N 3"]
    triangles: Int[np.ndarray, "F 3"]
    morphs: dict[str, Float32[np.ndarray, "N 3"]]
    joints: list[Joint] = field(default_factory=list)
    skin_joints: Int[np.ndarray, "N 4"] | None = None
    skin_weights: Float32[np.ndarray, "N 4"] | None = None


def read_mesh(glb: Glb) -> LamMesh:
    """The first mesh of the file with its morph targets and, where there is one, its skin."""
    mesh = glb.item("meshes", 0)
    primitives = mesh.get("primitives")
    if not isinstance(primitives, list) or len(primitives) != 1:
        raise glb.fault("must hold one mesh of one part")
    primitive = primitives[0] if isinstance(primitives[0], dict) else {}
    attributes = primitive.get("attributes")
    if not isinstance(attributes, dict):
        raise glb.fault("has a mesh without vertices")
    positions = _floats(glb, attributes.get("POSITION"), "VEC3")
    if not 1 <= len(positions) <= MAX_GAUSSIANS:
        raise glb.fault(f"has {len(positions)} vertices, at most {MAX_GAUSSIANS} are read")
    indices = glb.accessor(primitive.get("indices"), "SCALAR")[:, 0]
    if indices.dtype.kind != "u" or len(indices) % 3 or not len(indices):
        raise glb.fault("has a mesh that is not made of triangles")
    if int(indices.max()) >= len(positions):
        raise glb.fault("has triangles beyond its vertices")
    morphs = _read_morphs(glb, mesh, primitive, len(positions))
    parts = _read_skin(glb, attributes, len(positions))
    return LamMesh(positions, indices.reshape(-1, 3).astype(np.int64), morphs, *parts)


def head_origin(mesh: LamMesh) -> Float[np.ndarray, " 3"]:
    """The middle between the eyeballs (m, mesh frame)."""
    labels = _components(mesh.triangles, len(mesh.positions))
    left, right = (_eye_centre(mesh, labels, side) for side in ("Left", "Right"))
    distance = float(left[0] - right[0])
    low, high = EYE_DISTANCE_RANGE_M
    if not low <= distance <= high:
        raise AvatarError(
            f"Its left eye lies {distance:.3f} m beside the right one: the head must be in metres "
            "and look along +Z, export it again."
        )
    return (left + right) / 2


def neck_rig(
    mesh: LamMesh, origin: Float[np.ndarray, " 3"], proxy: tuple[np.ndarray, np.ndarray]
) -> tuple[Rig, Float[np.ndarray, " 3"]]:
    """Neck weights from the skin, and the pivot (m, avatar frame) in the middle of the neck bones."""
    chain = _neck_chain(mesh.joints)
    if not chain or mesh.skin_joints is None or mesh.skin_weights is None:
        weights, pivot = _neck_by_height(mesh.positions)
    else:
        follow = _follow_shares(mesh.joints, chain)
        weights = (follow[mesh.skin_joints] * mesh.skin_weights).sum(axis=1)
        pivot = np.mean([mesh.joints[index].position for index in chain], axis=0)
    # Rounding of the export must not keep the head from following entirely.
    weights = np.where(weights > 0.999, 1.0, np.clip(weights, 0.0, 1.0)).astype(np.float32)
    return Rig(weights, *proxy), pivot - origin


def guide_mesh(
    means: Float32[np.ndarray, "N 3"], triangles: Int[np.ndarray, "F 3"]
) -> tuple[np.ndarray, np.ndarray]:
    """A light mesh: vertices merged in cells of `PROXY_CELL_M`, float32 (m), and int32 triangles."""
    used = np.unique(triangles)
    cells = np.floor(means[used] / PROXY_CELL_M).astype(np.int64)
    _, group = np.unique(cells, axis=0, return_inverse=True)
    group = group.reshape(-1)
    counts = np.bincount(group)
    merged = np.stack([np.bincount(group, means[used, axis]) / counts for axis in range(3)], axis=1)
    lookup = np.zeros(len(means), np.int64)
    lookup[used] = group
    faces = lookup[triangles]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    faces = faces[np.sort(first)]
    if not len(faces):
        raise AvatarError("Its mesh is smaller than a head: it must be in metres, export it again.")
    return merged.astype(np.float32), faces.astype(np.int32)


def _read_morphs(
    glb: Glb, mesh: dict[str, Any], primitive: dict[str, Any], count: int
) -> dict[str, np.ndarray]:
    extras, targets = mesh.get("extras"), primitive.get("targets")
    names = extras.get("targetNames") if isinstance(extras, dict) else None
    if not isinstance(names, list) or not isinstance(targets, list) or len(names) != len(targets):
        raise glb.fault("has no named expressions: choose a head with ARKit expressions")
    morphs: dict[str, np.ndarray] = {}
    for name, target in zip(names, targets, strict=True):
        if not isinstance(name, str) or name not in ARKIT_INDEX:
            continue
        if name in morphs or not isinstance(target, dict):
            raise glb.fault(f"has a malformed or second expression '{name}'")
        morphs[name] = _floats(glb, target.get("POSITION"), "VEC3", count)
    if "jawOpen" not in morphs:
        raise glb.fault("has no expression 'jawOpen': choose a head with ARKit expressions")
    return morphs


def _read_skin(
    glb: Glb, attributes: dict[str, Any], count: int
) -> tuple[list[Joint], np.ndarray | None, np.ndarray | None]:
    if not glb.document.get("skins") or not {"JOINTS_0", "WEIGHTS_0"} <= set(attributes):
        return [], None, None
    skin = glb.item("skins", 0)
    nodes = skin.get("joints")
    if not isinstance(nodes, list) or not 1 <= len(nodes) <= MAX_JOINTS:
        raise glb.fault(f"has a skin of no joints or of more than {MAX_JOINTS}")
    inverse = _floats(glb, skin.get("inverseBindMatrices"), "MAT4").reshape(-1, 4, 4)
    joints = glb.accessor(attributes["JOINTS_0"], "VEC4", count)
    weights = _floats(glb, attributes["WEIGHTS_0"], "VEC4", count)
    if len(inverse) != len(nodes):
        raise glb.fault("has a skin that does not fit its mesh")
    if joints.dtype.kind != "u" or int(joints.max(initial=0)) >= len(nodes):
        raise glb.fault("has skin weights for joints that do not exist")
    return _read_joints(glb, nodes, inverse), joints.astype(np.int64), weights


def _read_joints(glb: Glb, nodes: list[Any], inverse: np.ndarray) -> list[Joint]:
    entries = [glb.item("nodes", node) for node in nodes]
    place = {node: index for index, node in enumerate(nodes)}
    parents = [-1] * len(nodes)
    for index, entry in enumerate(entries):
        children = entry.get("children", [])
        for child in children if isinstance(children, list) else []:
            if isinstance(child, int) and child in place:
                parents[place[child]] = index
    # glTF stores matrices by columns; the last row of the transpose is the translation.
    determinants = np.linalg.det(inverse.astype(np.float64))
    if (np.abs(determinants) < 1e-12).any():
        raise glb.fault("has a joint without a place at rest")
    places = np.linalg.inv(inverse.astype(np.float64))[:, 3, :3]
    return [
        Joint(str(entry.get("name", "")), parent, position)
        for entry, parent, position in zip(entries, parents, places, strict=True)
    ]


def _floats(glb: Glb, index: object, kind: str, num_rows: int | None = None) -> np.ndarray:
    values = glb.accessor(index, kind, num_rows)
    if values.dtype.kind != "f":
        raise glb.fault(f"accessor {index} must hold floats")
    return values


def _components(triangles: np.ndarray, count: int) -> np.ndarray:
    """Label `[count]` of the connected part that each vertex belongs to: its lowest vertex."""
    labels = np.arange(count)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    while True:
        lowest = np.minimum(labels[edges[:, 0]], labels[edges[:, 1]])
        before = labels.copy()
        for side in (0, 1):
            np.minimum.at(labels, edges[:, side], lowest)
            np.minimum.at(labels, before[edges[:, side]], lowest)
        labels = labels[labels]
        if (labels == before).all():
            return labels


def _eye_centre(mesh: LamMesh, labels: np.ndarray, side: str) -> np.ndarray:
    """Centre of the eyeball: the loose part that gaze turns, else where gaze moves the skin most."""
    motion = np.zeros(len(mesh.positions))
    for name in (f"eyeLookOut{side}", f"eyeLookIn{side}"):
        if name in mesh.morphs:
            motion += (mesh.morphs[name].astype(np.float64) ** 2).sum(axis=1)
    if not motion.any():
        raise AvatarError(
            f"It has no gaze expression for the {side.lower()} eye, so the place of the eyes is "
            "unknown: choose a head with ARKit expressions."
        )
    sizes = np.bincount(labels)
    loose = motion * (labels != sizes.argmax()) * (sizes[labels] >= MIN_EYEBALL_VERTICES)
    if loose.any():
        eyeball = mesh.positions[labels == labels[loose.argmax()]].astype(np.float64)
        return (eyeball.min(axis=0) + eyeball.max(axis=0)) / 2
    return (mesh.positions * motion[:, None]).sum(axis=0) / motion.sum()


def _neck_chain(joints: list[Joint]) -> list[int]:
    """Indices of the neck bones from below up to the head bone; empty where there is no head bone."""
    heads = [index for index, joint in enumerate(joints) if joint.name.lower() == "head"]
    if not heads:
        return []
    chain = [heads[0]]
    while (parent := joints[chain[0]].parent) >= 0 and "neck" in joints[parent].name.lower():
        if parent in chain:
            break
        chain.insert(0, parent)
    return chain


def _follow_shares(joints: list[Joint], chain: list[int]) -> np.ndarray:
    """Share of the head's turn that each bone takes: the neck bones step by step, the head whole."""
    shares = np.zeros(len(joints))
    for step, index in enumerate(chain, 1):
        shares[index] = step / len(chain)
    known = set(chain)
    for index in range(len(joints)):
        path = []
        while index >= 0 and index not in known and index not in path:
            path.append(index)
            index = joints[index].parent
        for bone in path:
            shares[bone] = shares[index] if index in chain else 0.0
        known.update(path)
    return shares


def _neck_by_height(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = positions[:, 1].min(), positions[:, 1].max()
    top = low + NECK_SHARE * (high - low)
    weights = (positions[:, 1] - low) / max(top - low, 1e-6)
    neck = positions[positions[:, 1] <= top].mean(axis=0, dtype=np.float64)
    return weights, np.array([neck[0], top, neck[2]])
