"""The universal anchors of the prior: one set of points on the topology that all persons share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack
from scipy.spatial import cKDTree

from .anchors import (
    SHEET_DISTANCE_M,
    Anchors,
    Coverage,
    sample_anchors,
    sample_surface,
    triangle_frames,
)
from .dataset.layout import Topology
from .head_folder import HeadMesh
from .head_light import blend_matrix
from .head_regions import Spacing, garment_spacing_m, skin_inset_m, skin_spacing_m
from .head_visibility import visible_triangles
from .networks.mesh_head import on_weight_grid
from .prior_settings import GaussianSettings

INSIDE = ("mouth_cavity", "gums", "tongue")
SCLERA, IRIS = ("sclera_left", "sclera_right"), ("iris_left", "iris_right")
GARMENT, TEETH = ("garment",), ("teeth",)
# What the neutral scan shows dark, at least in part: it gets colours of its own.
HIDDEN_AT_REST = (*INSIDE, *TEETH, *SCLERA, *IRIS)
# What the mean head just hides, another head may show: it is covered too, in larger discs.
RINGS_FOR_OTHERS, BESIDE_SPACING = 4, 1.8


@dataclass(frozen=True)
class UniversalAnchors:
    """Points of the mean head that every person's Gaussians stand on."""

    triangle: np.ndarray  # [N]
    barycentric: np.ndarray  # [N, 3]
    spacing: np.ndarray  # [N] m on the mean head
    wanted: np.ndarray  # [F] m, inf where nothing stands
    inset: np.ndarray  # [V] m that skin is drawn below the surface

    def __len__(self) -> int:
        return len(self.triangle)


def head_mesh(
    topology: Topology, vertices: np.ndarray, eye_centers: np.ndarray | None = None
) -> HeadMesh:
    """A person's neutral mesh in the form that the studio's tools take, without controls."""
    return HeadMesh(
        vertices=np.asarray(vertices, np.float64),
        triangles=topology.triangles.astype(np.int64),
        uvs=topology.uvs.astype(np.float64),
        part=topology.part.astype(np.int64),
        part_names=topology.part_names,
        controls=np.zeros((0, len(vertices), 3)),
        landmarks=topology.landmarks68.astype(np.int64),
        neck_weights=topology.neck_weights.astype(np.float64),
        neck_pivot=np.zeros(3),
        eye_centers=np.zeros((2, 3)) if eye_centers is None else np.asarray(eye_centers),
    )


def spread_anchors(
    mesh: HeadMesh, shapes: list[np.ndarray], settings: GaussianSettings, rng: np.random.Generator
) -> UniversalAnchors:
    """Spread anchors on the mean head; `shapes` are expressions that show what the neutral hides."""
    seen = mesh.part_mask("garment")
    body = np.flatnonzero(~seen)
    seen[body] = visible_triangles([mesh.vertices, *shapes], mesh.triangles[body], rng)
    beside = _around(mesh, seen) & mesh.part_mask(*INSIDE, *SCLERA) & ~seen
    seen |= beside
    # A capture without landmarks gets the face's spacing all over.
    skin = np.full(len(mesh.triangles), settings.spacing.face * 1e-3)
    if len(mesh.landmarks):
        skin = skin_spacing_m(mesh, settings.spacing)
    coarser = np.where(beside, BESIDE_SPACING, 1.0)
    groups = [
        np.where(mesh.part_mask(*names) & seen, coarser * wanted, np.inf)
        for names, wanted in _wanted_spacings(mesh, settings.spacing, skin)
    ]
    found = [
        sample_anchors(mesh.vertices, mesh.triangles, wanted, rng).anchors
        for wanted in groups
        if np.isfinite(wanted).any()
    ]
    return UniversalAnchors(
        triangle=np.concatenate([group.triangle for group in found]),
        barycentric=on_weight_grid(np.concatenate([group.barycentric for group in found])),
        spacing=np.concatenate([group.spacing for group in found]),
        wanted=np.min(groups, axis=0),
        inset=skin_inset_m(mesh, skin, settings.inset),
    )


def _around(mesh: HeadMesh, chosen: np.ndarray) -> np.ndarray:
    """Mask `[F]` of the triangles within a few rings of the chosen."""
    wider = chosen.copy()
    for _ in range(RINGS_FOR_OTHERS):
        touched = np.zeros(len(mesh.vertices), bool)
        touched[mesh.triangles[wider]] = True
        wider = touched[mesh.triangles].any(axis=1)
    return wider


def anchor_blend(
    mesh: HeadMesh, anchors: UniversalAnchors, blur: float
) -> tuple[csr_matrix, np.ndarray]:
    """What every anchor's disc adds to dense samples of the surface `[M, N]`, and the samples' uvs `[M, 2]`.

    Each region is blended for itself: an eyeball must not lend its colour to the lid in front of it.
    """
    samples = sample_surface(mesh.vertices, mesh.triangles, anchors.wanted)
    blends, rows = [], []
    for group in _groups(mesh):
        own = np.flatnonzero(np.isin(mesh.part[anchors.triangle], group))
        picks = np.flatnonzero(np.isin(mesh.part[samples.triangle], group))
        if len(own) == 0 or len(picks) == 0:
            continue
        some = Anchors(anchors.triangle[own], anchors.barycentric[own], anchors.spacing[own])
        coverage = Coverage(some, samples.take(picks), np.zeros(0, int))
        local = blend_matrix(mesh, coverage, blur).tocoo()
        shape = (len(picks), len(anchors))
        blends.append(csr_matrix((local.data, (local.row, own[local.col])), shape))
        rows.append(picks)
    shown = samples.take(np.concatenate(rows))
    uv = np.einsum("mk,mkc->mc", shown.barycentric, mesh.uvs[shown.triangle])
    return vstack(blends).tocsr(), uv


def neighbours(mesh: HeadMesh, anchors: UniversalAnchors, count: int = 3) -> np.ndarray:
    """The nearest anchors of each on its own sheet of the surface, `[N, count]`."""
    found = Anchors(anchors.triangle, anchors.barycentric, anchors.spacing)
    normals = triangle_frames(mesh.vertices, mesh.triangles)[0][anchors.triangle]
    points = found.positions(mesh.vertices, mesh.triangles)
    points = np.concatenate([points, SHEET_DISTANCE_M * normals], axis=1)
    return cKDTree(points).query(points, k=count + 1)[1][:, 1:]


def size_factors(mesh: HeadMesh, mean_vertices: np.ndarray) -> np.ndarray:
    """How much larger than on the mean head every triangle is, as a length `[F]`."""
    own = triangle_frames(mesh.vertices, mesh.triangles)[1]
    mean = triangle_frames(mean_vertices, mesh.triangles)[1]
    return np.sqrt(np.clip(own / np.maximum(mean, 1e-14), 0.25, 4.0))


def _skin(mesh: HeadMesh) -> tuple[str, ...]:
    """Whatever is nothing else."""
    others = (*INSIDE, *TEETH, *SCLERA, *IRIS, *GARMENT)
    return tuple(name for name in mesh.part_names if name not in others)


def _groups(mesh: HeadMesh) -> list[list[int]]:
    names = (_skin(mesh), INSIDE, TEETH, SCLERA + IRIS, GARMENT)
    return [[i for i, n in enumerate(mesh.part_names) if n in group] for group in names]


def _wanted_spacings(
    mesh: HeadMesh, spacing: Spacing, skin: np.ndarray
) -> list[tuple[tuple[str, ...], np.ndarray]]:
    same = [
        (INSIDE, spacing.mouth),
        (TEETH, spacing.teeth),
        (SCLERA, spacing.eyes),
        (IRIS, spacing.irises),
    ]
    groups = [
        (_skin(mesh), skin),
        *((names, np.full(len(skin), wanted * 1e-3)) for names, wanted in same),
    ]
    if mesh.part_mask(*GARMENT).any():
        groups.append((GARMENT, garment_spacing_m(mesh, spacing)))
    return groups
