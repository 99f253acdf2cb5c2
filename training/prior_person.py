"""From a person's neutral scan to what the prior needs of it: rest geometry, scan colours, strands, maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree

from .atlas_texels import texel_map
from .dataset.reader import Subject
from .head_folder import HeadMesh
from .head_light import sample_atlas, sharpened
from .head_rig import vertex_normals
from .head_splats import bind_pieces, joined_bound, joined_rigid, piece_look
from .head_strands import Pieces, StrandSettings, cut_strands
from .networks.mesh_head_parts import BoundSplats, RigidSplats, SplatLook, SurfaceSplats
from .networks.person_head import PersonHead, PersonParts
from .networks.prior import Scan, UniversalParts, UniversalPrior
from .networks.strand_look import NUM_FEATURES, NUM_GROUPS
from .prior_anchors import anchor_blend, head_mesh, size_factors
from .prior_settings import GaussianSettings
from .strands import Strands

GROUPS = ("hair", "brows", "lashes", "beard")
# Positions are given to networks in this unit, colours about this grey.
POSITION_UNIT_M, HEAD_UNIT_M, GREY = 0.01, 0.1, 0.4
DEPTH_NEIGHBOUR, WIDTH_UNIT_M = 8, 0.3e-3


@dataclass(frozen=True)
class NeutralScan:
    """A person at rest, on the shared topology: all that an avatar of it is made from."""

    vertices: np.ndarray  # [V, 3] m
    texture: np.ndarray  # [R, R, 3] lit sRGB in [0, 1], row 0 at v = 1
    strands: dict[str, Strands]
    eye_centers: np.ndarray  # [2, 3] left, right
    neck_pivot: np.ndarray  # [3]
    # The part of `vertices` [V, 3] (m) that no model of people knows, such as wider shoulders; networks are not told of it.
    beyond: np.ndarray | None = None

    @classmethod
    def of(cls, subject: Subject) -> NeutralScan:
        """The scan of a person of a capture."""
        return cls(
            subject.neutral_vertices.astype(np.float64),
            subject.neutral_texture(),
            subject.strands(),
            subject.eye_centers,
            subject.neck_pivot,
        )


class PersonMaker:
    """Makes persons for one prior; what all share is computed once."""

    def __init__(self, parts: UniversalParts, settings: GaussianSettings, image_px: int) -> None:
        self.parts, self.settings, self.image_px = parts, settings, image_px
        anchors, topology = parts.anchors, parts.topology
        corners = topology.uvs[anchors.triangle].astype(np.float64)
        self.uv = np.einsum("nk,nkc->nc", anchors.barycentric, corners)

    @cached_property
    def blend(self) -> tuple:
        """How the discs blend on the mean head, and the uvs where that is known."""
        mesh = head_mesh(self.parts.topology, self.parts.mean_vertices)
        return anchor_blend(mesh, self.parts.anchors, self.settings.tangent_sigma)

    @cached_property
    def texels(self) -> tuple[np.ndarray, np.ndarray]:
        """Triangle `[R, R]` (-1 outside) and barycentrics of the texels that the identity encoder sees."""
        return texel_map(self.parts.topology.uvs, self.image_px)

    def scan_colors(self, texture: np.ndarray) -> np.ndarray:
        """sRGB `[N, 3]` of discs that show a texture when they are blended."""
        blend, uv = self.blend
        return sharpened(blend, sample_atlas(texture, uv), self.settings.sharpening_rounds)

    def person(self, scan: NeutralScan, *, only_used: bool = False) -> PersonParts:
        """All of one person, or without the vertices that nothing hangs on."""
        parts = self.parts
        mesh = head_mesh(parts.topology, scan.vertices, scan.eye_centers)
        drawn = mesh.vertices - parts.anchors.inset[:, None] * vertex_normals(mesh)
        bound, still, features = self._strands(mesh, drawn, scan)
        surface = self._surface(mesh)
        vertices, moving = self._vertices(surface, bound, only_used)
        index = np.full(len(drawn), -1)
        index[vertices] = np.arange(len(vertices))
        anchors, neck = parts.anchors, parts.topology.neck_weights
        corners = parts.topology.triangles[anchors.triangle]
        return PersonParts(
            neutral=drawn[vertices],
            num_moving=moving,
            landmarks=index[parts.topology.landmarks68],
            surface=replace(surface, triangles=index[surface.triangles]),
            bound=replace(bound, triangles=index[bound.triangles]),
            still=still,
            base_colors=surface.look.colors,
            uv=self.uv,
            strand_features=features,
            maps=self.maps(scan),
            neck_weights=np.concatenate(
                [(neck[corners] * anchors.barycentric).sum(axis=1), np.ones(len(features))]
            ),
            vertices=vertices,
        )

    def maps(self, scan: NeutralScan) -> np.ndarray:
        """Neutral position against the mean, texture, and where the atlas is covered, `[7, R, R]`."""
        triangle, barycentric = self.texels
        covered = triangle >= 0
        corners = self.parts.topology.triangles[triangle[covered]]
        known = scan.vertices if scan.beyond is None else scan.vertices - scan.beyond
        moved = (known - self.parts.mean_vertices) / POSITION_UNIT_M
        maps = np.zeros((7, *triangle.shape), np.float32)
        maps[:3, covered] = np.einsum("nk,nkc->cn", barycentric[covered], moved[corners])
        maps[3:6] = np.moveaxis(shrunk(scan.texture, self.image_px), 2, 0) - GREY
        maps[3:6, ~covered] = 0.0
        maps[6] = covered
        return maps

    def _surface(self, mesh: HeadMesh) -> SurfaceSplats:
        anchors, settings = self.parts.anchors, self.settings
        used, owner = np.unique(anchors.triangle, return_inverse=True)
        factor = size_factors(mesh, self.parts.mean_vertices)[anchors.triangle]
        spacing = anchors.spacing * factor
        tangent, normal = settings.tangent_sigma * spacing, settings.normal_sigma * spacing
        count = len(anchors)
        look = SplatLook(
            scales=np.stack([tangent, tangent, normal], axis=1),
            opacities=np.full(count, settings.opacity),
            colors=np.zeros((count, 3)),
            light=np.zeros((0, count, 3)),
        )
        triangles = mesh.triangles[used]
        return SurfaceSplats(triangles, owner, anchors.barycentric, np.zeros((2, 0, 3)), look)

    def _vertices(
        self, surface: SurfaceSplats, bound: BoundSplats, only_used: bool
    ) -> tuple[np.ndarray, int]:
        """The vertices to keep, those that move first, and how many move."""
        moving = self.parts.moving
        others = np.setdiff1d(np.arange(len(self.parts.mean_vertices)), moving)
        if only_used:
            needed = np.unique(np.concatenate([surface.triangles.ravel(), bound.triangles.ravel()]))
            needed = np.union1d(needed, self.parts.topology.landmarks68)
            moving, others = moving[np.isin(moving, needed)], np.intersect1d(others, needed)
        return np.concatenate([moving, others]), len(moving)

    def _strands(
        self, mesh: HeadMesh, drawn: np.ndarray, scan: NeutralScan
    ) -> tuple[BoundSplats, RigidSplats, np.ndarray]:
        """Bound groups, hair, and the features of all pieces in that order."""
        rng = np.random.default_rng(0)
        bound, still, bound_features, still_features = [], [], [], []
        for name, strands in scan.strands.items():
            if len(strands.points) == 0:
                continue
            settings = self._strand_settings(name, strands)
            pieces = cut_strands(strands, settings, rng)
            features = strand_features(name, pieces)
            if name.startswith("hair"):
                still.append(RigidSplats(pieces.means, pieces.quats, piece_look(pieces)))
                still_features.append(features)
            else:
                bound.append(bind_pieces(mesh, drawn, name, strands, pieces))
                bound_features.append(features)
        features = np.concatenate([np.zeros((0, NUM_FEATURES)), *bound_features, *still_features])
        return joined_bound(bound), joined_rigid(still), features

    def _strand_settings(self, name: str, strands: Strands) -> StrandSettings:
        """Pieces as short, and then as many strands, as the group's budget allows."""
        settings = self.settings.strands.get(name, self.settings.other_strands)
        budget = self.settings.strand_budget.get(name, self.settings.strand_budget["beard"])
        shortest_mm = self.settings.shortest_piece_mm.get(name, settings.piece_mm)
        lengths_mm = 1e3 * np.linalg.norm(np.diff(strands.points, axis=1), axis=2).sum(axis=1)
        piece_mm = float(np.clip(lengths_mm.sum() / budget, shortest_mm, settings.piece_mm))
        pieces = np.maximum(np.round(lengths_mm / piece_mm), 1).mean()
        most = min(settings.max_strands, max(int(budget / pieces), 1))
        return replace(settings, piece_mm=piece_mm, max_strands=most)


def strand_features(name: str, pieces: Pieces) -> np.ndarray:
    """What `StrandLook` knows of every piece, `[S, F]`."""
    first = np.flatnonzero(np.diff(pieces.strand, prepend=-1))
    count = np.diff(np.append(first, len(pieces.strand)))
    share = (np.arange(len(pieces.strand)) - np.repeat(first, count) + 0.5) / np.repeat(
        count, count
    )
    w, x, y, z = pieces.quats.T
    direction = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], 1)
    k = min(DEPTH_NEIGHBOUR, len(pieces.means))
    near = cKDTree(pieces.means).query(pieces.means, k=[k], workers=2)[0]
    group = GROUPS.index(name) if name in GROUPS else GROUPS.index("beard")
    return np.concatenate(
        [
            2 * (pieces.colors - GREY),
            direction,
            pieces.means / HEAD_UNIT_M,
            2 * share[:, None] - 1,
            np.log(np.maximum(near, 1e-4) * 1e3),
            np.log(pieces.scales[:, 1:2] / WIDTH_UNIT_M),
            2 * pieces.opacities[:, None] - 1,
            np.eye(NUM_GROUPS)[np.full(len(share), group)],
        ],
        axis=1,
    )


def person_tensors(
    prior: UniversalPrior, parts: PersonParts, colors: np.ndarray
) -> tuple[PersonHead, Scan]:
    """The decoder of a person and its scan, on the prior's device; `colors` `[N, 3]` are the scan's."""
    device = prior.basis.device
    basis = prior.basis
    kept = parts.vertices[: parts.num_moving]
    if len(kept) < len(prior.parts.moving):
        rows = np.flatnonzero(np.isin(prior.parts.moving, kept))
        chosen = (rows[:, None] * 3 + np.arange(3)).ravel()
        basis = prior.basis[:, torch.from_numpy(chosen).to(device)]
    parts = replace(parts, base_colors=colors)
    person = PersonHead(parts, basis, prior.map_px).to(device)
    looks = [parts.bound.look, parts.still.look]
    surface = parts.surface.look
    arrays = (
        parts.maps,
        colors,
        surface.scales,
        surface.opacities,
        parts.strand_features,
        *(
            np.concatenate([getattr(k, n) for k in looks])
            for n in ("colors", "scales", "opacities")
        ),
    )
    tensors = (torch.from_numpy(np.asarray(a, np.float32)).to(device) for a in arrays)
    return person, Scan(*tensors)


def shrunk(texture: np.ndarray, side_px: int) -> np.ndarray:
    """A square texture averaged down to `side_px`; where the sides do not fit, its nearest texels."""
    size = len(texture)
    if size % side_px == 0:
        step = size // side_px
        return texture.reshape(side_px, step, side_px, step, 3).mean(axis=(1, 3))
    picks = ((np.arange(side_px) + 0.5) * size / side_px).astype(int)
    return texture[picks][:, picks]
