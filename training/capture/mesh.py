"""The studio's mesh: ICT parts that are opaque, plus the shirt, in one atlas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.files import replace_on_success
from . import ict
from .atlas import TILES, Tile
from .controls import arkit_controls, tongue_faces, uv_islands
from .garment import Garment, build_garment, carry_garment
from .identity import Identity

PART_NAMES = (
    "face",
    "back_head",
    "mouth_cavity",
    "eye_socket",
    "gums",
    "tongue",
    "teeth",
    "sclera_left",
    "sclera_right",
    "iris_left",
    "iris_right",
    "garment",
)
PART = {name: index for index, name in enumerate(PART_NAMES)}
TILE_OF_PART = {
    "mouth_cavity": "back_head",
    "eye_socket": "back_head",
    "gums": "gums_tongue",
    "tongue": "gums_tongue",
}
# Triangles [F, 3], their UVs [F, 3, 2] and parts [F], and arrays per vertex by name.
Pieces = tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]
# Rings of the eyes' polar grids (distance from the pole in UV): where the cornea begins on the
# eyeball, and the pupil's edge on the iris disc, within which the disc folds back.
CORNEA_RING_UV = 0.118
PUPIL_RING_UV = 0.0985


@dataclass(frozen=True)
class HeadMesh:
    """Everything about the head that does not depend on light (see `save_mesh`)."""

    vertices: np.ndarray  # [V, 3] metres, avatar frame
    triangles: np.ndarray  # [F, 3]
    uvs: np.ndarray  # [F, 3, 2] atlas
    part: np.ndarray  # [F] index into PART_NAMES
    controls: np.ndarray  # [52, V, 3] metres, ARKIT_BLENDSHAPES order
    landmarks68: np.ndarray  # [68]
    neck_weights: np.ndarray  # [V]
    neck_pivot: np.ndarray  # [3]
    eye_centers: np.ndarray  # [2, 3] left, right

    def faces_of(self, *names: str) -> np.ndarray:
        """Mask [F] of the triangles of the named parts."""
        return np.isin(self.part, [PART[name] for name in names])

    def posed(self, weights: dict[str, float], names: tuple[str, ...]) -> np.ndarray:
        """Vertices [V, 3] with the controls `weights` applied; `names` order the controls."""
        offsets = (np.float32(w) * self.controls[names.index(c)] for c, w in weights.items())
        return self.vertices + sum(offsets, np.zeros_like(self.vertices))


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals [V, 3]."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], face_normals)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def build_mesh(model: ict.IctModel, identity: Identity) -> HeadMesh:
    """Assemble the opaque head of `identity`."""
    shape = ict.shape_identity(model, identity)
    head = ict.build_head(model, identity, arkit_controls(model, shape))
    triangles, uvs, part = opaque_triangles(model)
    used, compact = np.unique(triangles, return_inverse=True)
    triangles = compact.reshape(triangles.shape)
    fields = {
        "vertices": head.vertices[used],
        "controls": head.controls[:, used],
        "neck_weights": head.neck_weights[used],
    }
    for side in ("left", "right"):
        triangles, uvs, part, fields = close_pupil(triangles, uvs, part, fields, side)
    origin = -head.neck_pivot / ict.METRES_PER_ICT_UNIT + np.asarray(ict.NECK_PIVOT_ICT)
    # Cut on the mean head, as its rings are, and carried over: broad necks get wide collars.
    cut_on = model.neutral[used] if identity.painting is not None else None
    garment = dress(fields["vertices"], triangles, part, origin, cut_on)
    triangles, uvs, part, fields = append(triangles, uvs, part, fields, garment)
    return HeadMesh(
        triangles=triangles.astype(np.int32),
        uvs=uvs.astype(np.float32),
        part=part.astype(np.int8),
        landmarks68=np.searchsorted(used, model.landmarks).astype(np.int32),
        neck_pivot=head.neck_pivot,
        eye_centers=head.eye_centers,
        **fields,
    )


def opaque_triangles(model: ict.IctModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles [F, 3] of ICT vertices, atlas UVs [F, 3, 2] and parts [F] that are kept."""
    parts = face_parts(model)
    corners, corner_uvs, owner = [], [], []
    for picks in ((0, 1, 2), (0, 2, 3)):
        whole = (parts >= 0) & (model.faces[:, picks[2]] >= 0)
        corners.append(model.faces[whole][:, picks])
        corner_uvs.append(model.uv[model.faces_uv[whole][:, picks]])
        owner.append(parts[whole])
    triangles, uvs = np.concatenate(corners), np.concatenate(corner_uvs)
    part = np.concatenate(owner)
    return triangles, place_in_atlas(uvs, part), part


def face_parts(model: ict.IctModel) -> np.ndarray:
    """Part index [F] of each ICT face, -1 for what is dropped (cornea, tear film, cards)."""
    parts = np.full(len(model.faces), -1)
    parts[model.material == ict.FACE] = PART["face"]
    parts[model.material == ict.TEETH] = PART["teeth"]
    back = np.flatnonzero(model.material == ict.BACK_HEAD)
    parts[back] = back_head_parts(model, back)
    oral = np.flatnonzero(model.material == ict.GUMS_TONGUE)
    is_tongue = tongue_faces(model, model.faces_uv[oral])
    parts[oral] = np.where(is_tongue, PART["tongue"], PART["gums"])
    for side, sclera, iris in zip(("left", "right"), ict.SCLERAS, ict.IRISES, strict=True):
        radius, box = polar_uv(model)
        shell = (model.material == sclera) & ~box & (radius > CORNEA_RING_UV)
        parts[shell] = PART[f"sclera_{side}"]
        disc = (model.material == iris) & (radius > PUPIL_RING_UV) & (radius < 0.46)
        parts[disc] = PART[f"iris_{side}"]
    return parts


def polar_uv(model: ict.IctModel) -> tuple[np.ndarray, np.ndarray]:
    """Least distance [F] of each face from its eye tile's pole, and mask of the hidden islands."""
    corner = model.uv[np.where(model.faces_uv >= 0, model.faces_uv, model.faces_uv[:, :1])]
    center = corner.mean(1)
    box = (center[:, 0] < 0.18) & (center[:, 1] > 0.82)
    return np.linalg.norm(corner - 0.5, axis=2).min(1), box


def back_head_parts(model: ict.IctModel, faces: np.ndarray) -> np.ndarray:
    """Split the back-head material into scalp and neck, mouth cavity and eye sockets."""
    labels = uv_islands(model, model.faces_uv[faces])
    parts = np.full(len(faces), PART["back_head"])
    for label in np.unique(labels):
        corners = model.faces_uv[faces[labels == label]]
        center = model.uv[corners[corners >= 0]].mean(0) - np.array([1.0, 0.0])
        if center[0] < 0.25 and center[1] > 0.7:
            parts[labels == label] = PART["mouth_cavity"]
        elif center[0] > 0.7 and center[1] > 0.8:
            parts[labels == label] = PART["eye_socket"]
    return parts


def place_in_atlas(uvs: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Corner UVs [F, 3, 2] of ICT's tiles, moved to their places in the atlas."""
    placed = np.empty(uvs.shape)
    for name, index in PART.items():
        mask = part == index
        if not mask.any():
            continue
        tile = TILES[TILE_OF_PART.get(name, name)]
        column = np.floor(uvs[mask].mean((0, 1)))[0]
        low = np.array([column, 0.0])
        placed[mask] = tile.place(uvs[mask], low, low + 1.0)
    return placed


def close_pupil(
    triangles: np.ndarray,
    uvs: np.ndarray,
    part: np.ndarray,
    fields: dict[str, np.ndarray],
    side: str,
) -> Pieces:
    """Fill the hole of the iris disc with a fan, so that the pupil is a black surface."""
    mask = part == PART[f"iris_{side}"]
    tile = TILES[f"iris_{side}"]
    rim, rim_uv = boundary_loop(triangles[mask], uvs[mask], tile)
    center = len(fields["vertices"])
    tip_uv = np.broadcast_to(rim_uv.reshape(-1, 2).mean(0), (len(rim), 1, 2))
    fan = np.c_[rim[:, ::-1], np.full(len(rim), center)]
    ring = np.unique(rim)
    fields = {
        "vertices": np.r_[fields["vertices"], fields["vertices"][ring].mean(0, keepdims=True)],
        "controls": np.concatenate(
            [fields["controls"], fields["controls"][:, ring].mean(1, keepdims=True)], axis=1
        ),
        "neck_weights": np.r_[fields["neck_weights"], np.float32(1.0)],
    }
    fan_uv = np.concatenate([rim_uv[:, ::-1], tip_uv], axis=1)
    return (
        np.r_[triangles, fan],
        np.r_[uvs, fan_uv],
        np.r_[part, np.full(len(fan), PART[f"iris_{side}"])],
        fields,
    )


def boundary_loop(
    triangles: np.ndarray, uvs: np.ndarray, tile: Tile
) -> tuple[np.ndarray, np.ndarray]:
    """Edges [E, 2] and their UVs [E, 2, 2] on the inner border of an annulus."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edge_uvs = np.concatenate([uvs[:, [0, 1]], uvs[:, [1, 2]], uvs[:, [2, 0]]])
    _, inverse, count = np.unique(
        np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    border = count[inverse.ravel()] == 1
    middle = np.array([tile.left + tile.width / 2, tile.bottom + tile.height / 2])
    inner = np.linalg.norm(edge_uvs.mean(1) - middle, axis=1) < 0.3 * tile.width
    return edges[border & inner], edge_uvs[border & inner]


def dress(
    vertices: np.ndarray,
    triangles: np.ndarray,
    part: np.ndarray,
    origin: np.ndarray,
    cut_on: np.ndarray | None = None,
) -> Garment:
    """The shirt over this head's bust, in the avatar frame; cut to its measure or on `cut_on`.

    `origin` [3] and `cut_on` [V, 3], the skin of another head, are ICT centimetres.
    """
    skin = triangles[np.isin(part, [PART["face"], PART["back_head"]])]
    used = np.unique(skin)
    used = used[vertices[used, 1] < -0.13]
    normals = vertex_normals(vertices, skin)[used]
    centimetres = vertices[used] / ict.METRES_PER_ICT_UNIT + origin
    if cut_on is None:
        garment = build_garment(centimetres, normals)
    else:
        garment = build_garment(cut_on[used], vertex_normals(cut_on, skin)[used])
        garment = carry_garment(garment, cut_on[used], centimetres, normals)
    metres = (garment.vertices - origin) * ict.METRES_PER_ICT_UNIT
    return Garment(metres.astype(np.float32), garment.triangles, garment.uvs)


def append(
    triangles: np.ndarray,
    uvs: np.ndarray,
    part: np.ndarray,
    fields: dict[str, np.ndarray],
    garment: Garment,
) -> Pieces:
    """Add the shirt, which no control moves and which stays with the shoulders."""
    count = len(garment.vertices)
    tile = TILES["garment"]
    placed = tile.place(garment.uvs, np.zeros(2), np.ones(2))
    still = np.zeros((fields["controls"].shape[0], count, 3), np.float32)
    start = len(fields["vertices"])
    fields = {
        "vertices": np.r_[fields["vertices"], garment.vertices],
        "controls": np.concatenate([fields["controls"], still], axis=1),
        "neck_weights": np.r_[fields["neck_weights"], np.zeros(count, np.float32)],
    }
    return (
        np.r_[triangles, garment.triangles + start],
        np.r_[uvs, placed],
        np.r_[part, np.full(len(garment.triangles), PART["garment"])],
        fields,
    )


def save_mesh(path: Path, mesh: HeadMesh) -> None:
    """Write head.npz for the stages that make Gaussians of it."""
    with replace_on_success(path) as temporary:
        np.savez_compressed(
            temporary,
            vertices=mesh.vertices,
            triangles=mesh.triangles,
            uvs=mesh.uvs,
            part=mesh.part,
            part_names=np.array(PART_NAMES),
            controls=mesh.controls,
            landmarks68=mesh.landmarks68,
            neck_weights=mesh.neck_weights,
            neck_pivot=mesh.neck_pivot,
            eye_centers=mesh.eye_centers,
        )
