"""Makes the splats of a head, group by group: skin and mouth, eyes, brows and lashes, hair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .anchors import Anchors, Coverage, sample_anchors, triangle_frames
from .head_eye_shade import POWERS, fit_eye_shade
from .head_eyes import eye_parts
from .head_folder import HeadFolder, HeadMesh
from .head_light import anchor_colors, light_activations, light_changes
from .head_mouth_light import TONGUE, mouth_changes
from .head_nostrils import nostril_shade
from .head_regions import skin_inset_m, skin_spacing_m
from .head_rig import vertex_normals
from .head_settings import HeadSettings
from .head_strands import Pieces, cut_strands
from .networks.mesh_head import on_weight_grid, rest_frames
from .networks.mesh_head_parts import (
    BoundSplats,
    EyeSplats,
    RigidSplats,
    SplatLook,
    SurfaceSplats,
)
from .strands import Strands

# What is lit through the lips' opening.
INSIDE = ("mouth_cavity", "gums", "tongue", "teeth")
# Brows slide over a skull about this point.
SKULL_CENTER_M = np.array([0.0, 0.0, -0.06])


class SplatMaker:
    """Makes every group of splats of one head."""

    def __init__(
        self,
        head: HeadFolder,
        settings: HeadSettings,
        rng: np.random.Generator,
    ) -> None:
        self.head, self.mesh, self.settings, self.rng = head, head.mesh, settings, rng
        self.drawn_vertices = _inset_vertices(head.mesh, settings)

    def surface(self, spacings: list[np.ndarray]) -> tuple[SurfaceSplats, np.ndarray]:
        """Discs on everything that deforms with the mesh, and their neck weights."""
        coverages = [self._cover(spacing) for spacing in spacings if np.isfinite(spacing).any()]
        colored = [self._disc_look(coverage) for coverage in coverages]
        triangle = np.concatenate([c.anchors.triangle for c in coverages])
        barycentric = np.concatenate([c.anchors.barycentric for c in coverages])
        used, owner = np.unique(triangle, return_inverse=True)
        corners = self.mesh.triangles[triangle]
        neck = (self.mesh.neck_weights[corners] * barycentric).sum(axis=1)
        splats = SurfaceSplats(
            triangles=self.mesh.triangles[used],
            owner=owner,
            barycentric=barycentric,
            color_range=np.concatenate([colors for _, colors in colored], axis=1),
            look=_joined([look for look, _ in colored]),
        )
        return splats, neck

    def eye(self, eye: int, side: str) -> EyeSplats:
        """Discs of one eyeball: the white, and the finer iris."""
        spacing = self.settings.spacing
        parts = []
        for name, wanted_mm in zip(eye_parts(side), (spacing.eyes, spacing.irises), strict=True):
            wanted = np.where(self.mesh.part_mask(name), wanted_mm * 1e-3, np.inf)
            parts.append(self._cover(wanted))
        means = np.concatenate([self._positions(c.anchors) for c in parts])
        look = _joined([self._disc_look(c)[0] for c in parts])
        from_center = means - self.mesh.eye_centers[eye]
        shade = fit_eye_shade(
            look.colors,
            look.light[:-1],
            from_center / np.linalg.norm(from_center, axis=1, keepdims=True),
            np.arange(len(means)) < len(parts[0].anchors),
        )
        return EyeSplats(
            means=means,
            quats=np.concatenate(
                [rest_frames(self.mesh.vertices, self._triangles_of(c.anchors))[1] for c in parts]
            ),
            powers=POWERS,
            shade=shade.rest,
            shade_change=shade.change,
            is_late=self._shuts_lids(),
            look=replace(look, colors=shade.colors, light=look.light[:0]),
        )

    def _shuts_lids(self) -> np.ndarray:
        states = self.head.light
        return np.array(
            [
                all(name.startswith("eyeBlink") for name in states[index].controls)
                for index, _ in light_activations(states)[1]
            ],
            float,
        )

    def hair(self) -> tuple[BoundSplats, RigidSplats, np.ndarray]:
        """Brows and lashes bound to their roots, scalp hair still, and neck weights of both."""
        bound, still, neck = [], [], []
        for name, strands in self.head.strands.items():
            settings = self.settings.strands.get(name, self.settings.other_strands)
            pieces = cut_strands(strands, settings, self.rng)
            if name.startswith("hair"):
                still.append(RigidSplats(pieces.means, pieces.quats, piece_look(pieces)))
            else:
                bound.append(bind_pieces(self.mesh, self.drawn_vertices, name, strands, pieces))
        neck = np.ones(sum(len(g.owner) for g in bound) + sum(len(g.means) for g in still))
        return joined_bound(bound), joined_rigid(still), neck

    def _cover(self, spacing: np.ndarray) -> Coverage:
        return sample_anchors(self.mesh.vertices, self.mesh.triangles, spacing, self.rng)

    def _positions(self, anchors: Anchors) -> np.ndarray:
        return anchors.positions(self.mesh.vertices, self.mesh.triangles)

    def _triangles_of(self, anchors: Anchors) -> np.ndarray:
        return self.mesh.triangles[anchors.triangle]

    def _disc_look(self, coverage: Coverage) -> tuple[SplatLook, np.ndarray]:
        """Look of discs, and the lowest and highest colour `[2, N, 3]` of any state."""
        settings, spacing = self.settings, coverage.anchors.spacing
        colors = anchor_colors(
            self.mesh, coverage, self.head.light, settings.tangent_sigma, settings.sharpening_rounds
        )
        colors = colors * self._nostril_shade(coverage.anchors)[:, None]
        tangent, normal = settings.tangent_sigma * spacing, settings.normal_sigma * spacing
        look = SplatLook(
            scales=np.stack([tangent, tangent, normal], axis=1),
            opacities=np.full(len(spacing), settings.opacity),
            colors=colors[0],
            light=self._changes(colors, coverage.anchors),
        )
        return look, np.stack([colors.min(axis=0), colors.max(axis=0)])

    def _nostril_shade(self, anchors: Anchors) -> np.ndarray:
        if not self.mesh.part_mask("face")[anchors.triangle].any():
            return np.ones(len(anchors))
        normals, _ = triangle_frames(self.mesh.vertices, self.mesh.triangles)
        return nostril_shade(self.mesh, self._positions(anchors), normals[anchors.triangle])

    def _changes(self, colors: np.ndarray, anchors: Anchors) -> np.ndarray:
        """Change of colour `[S + 1, N, 3]` per light state, and with the mouth's aperture."""
        states = self.head.light
        if self.mesh.part_mask(*INSIDE)[anchors.triangle].all():
            return mouth_changes(self.mesh, colors, states, light_activations(states)[1])
        changes = light_changes(colors, states, self._positions(anchors))
        for row, (index, _) in enumerate(light_activations(states)[1]):
            if TONGUE in states[index].controls:
                # Lips are dark below the tongue, where they cannot be seen; halfway out they can.
                changes[row] = 0.0
        return np.concatenate([changes, np.zeros((1, *colors.shape[1:]))])


def bind_pieces(
    mesh: HeadMesh, drawn_vertices: np.ndarray, name: str, strands: Strands, pieces: Pieces
) -> BoundSplats:
    """Pieces of one group bound to the roots of their strands on the mesh as it is drawn."""
    roots, owner = np.unique(pieces.strand, return_inverse=True)
    triangles = mesh.triangles[strands.triangle[roots]]
    weights = on_weight_grid(strands.barycentric[roots])
    root = np.einsum("rk,rkc->rc", weights, drawn_vertices[triangles])
    pivot = np.broadcast_to(SKULL_CENTER_M, root.shape)
    if name.startswith("lash"):
        pivot = mesh.eye_centers[(root[:, 0] < 0).astype(int)]
    return BoundSplats(
        triangles=triangles,
        root_barycentric=weights,
        pivot=pivot,
        owner=owner,
        offset_m=pieces.means - root[owner],
        quats=pieces.quats,
        look=piece_look(pieces),
    )


def piece_look(pieces: Pieces) -> SplatLook:
    """Look of pieces of strands, lit as they are."""
    return SplatLook(pieces.scales, pieces.opacities, pieces.colors, np.zeros((0, 0, 3)))


def _joined(looks: list[SplatLook]) -> SplatLook:
    if not looks:
        return SplatLook(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)), np.zeros((0, 0, 3)))
    return SplatLook(
        scales=np.concatenate([look.scales for look in looks]),
        opacities=np.concatenate([look.opacities for look in looks]),
        colors=np.concatenate([look.colors for look in looks]),
        light=np.concatenate([look.light for look in looks], axis=1),
    )


def joined_bound(groups: list[BoundSplats]) -> BoundSplats:
    """All groups as one."""
    starts = np.cumsum([0, *(len(group.triangles) for group in groups)])
    empty = {
        "triangles": (0, 3),
        "root_barycentric": (0, 3),
        "pivot": (0, 3),
        "offset_m": (0, 3),
        "quats": (0, 4),
    }
    return BoundSplats(
        owner=np.concatenate(
            [np.zeros(0, int), *(g.owner + s for g, s in zip(groups, starts, strict=False))]
        ),
        look=_joined([group.look for group in groups]),
        **{
            name: np.concatenate(
                [np.zeros(shape, int if name == "triangles" else float)]
                + [getattr(group, name) for group in groups]
            )
            for name, shape in empty.items()
        },
    )


def joined_rigid(groups: list[RigidSplats]) -> RigidSplats:
    """All groups as one."""
    return RigidSplats(
        means=np.concatenate([np.zeros((0, 3)), *(group.means for group in groups)]),
        quats=np.concatenate([np.zeros((0, 4)), *(group.quats for group in groups)]),
        look=_joined([group.look for group in groups]),
    )


def _inset_vertices(mesh: HeadMesh, settings: HeadSettings) -> np.ndarray:
    """Neutral vertices with the coarser skin a little below the surface."""
    depth_m = skin_inset_m(mesh, skin_spacing_m(mesh, settings.spacing), settings.inset)
    return mesh.vertices - depth_m[:, None] * vertex_normals(mesh)
