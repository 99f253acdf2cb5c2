"""From a studio head to the parts of a `MeshHead`: which Gaussians sit where and what they look like."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import numpy as np

from .anchors import Anchors, Coverage, sample_anchors, triangle_frames
from .head_eye_shade import POWERS, fit_eye_shade
from .head_eyes import EyeSettings, eye_parts, find_lid_vertices, make_eye_rig, make_lid_rig
from .head_folder import HeadFolder, HeadMesh, Strands
from .head_light import anchor_colors, compress_light, light_activations, light_changes
from .head_mouth_light import TONGUE, make_aperture, mouth_changes
from .head_nostrils import nostril_shade
from .head_regions import Spacing, garment_spacing_m, skin_inset_m, skin_spacing_m
from .head_rig import pose_mesh, vertex_normals
from .head_strands import Pieces, StrandSettings, cut_strands
from .head_visibility import visible_triangles
from .networks.mesh_head import on_weight_grid, rest_frames
from .networks.mesh_head_parts import (
    BoundSplats,
    EyeSplats,
    MeshHeadParts,
    MeshRig,
    RigidSplats,
    SplatLook,
    SurfaceSplats,
)

logger = logging.getLogger(__name__)

# Expressions that show what the neutral hides: teeth, tongue, mouth cavity, lids.
REVEALING = (
    {},
    {"jawOpen": 1.0},
    {"jawOpen": 0.5, "tongueOut": 1.0},
    {"jawOpen": 0.3, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
    {"jawOpen": 0.4, "mouthFunnel": 1.0},
    {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0, "mouthPucker": 1.0},
    {"mouthUpperUpLeft": 1.0, "mouthUpperUpRight": 1.0, "mouthLowerDownLeft": 1.0},
)
SKIN = ("face", "back_head", "eye_socket")
INNER_MOUTH = ("mouth_cavity", "gums", "tongue")
INSIDE = (*INNER_MOUTH, "teeth")
# Brows slide over a skull about this point.
SKULL_CENTER_M = np.array([0.0, 0.0, -0.06])
# Deltas below this are noise of the model's float16 storage.
SMALLEST_DELTA_M = 2e-5


@dataclass(frozen=True)
class HeadSettings:
    """Everything that shapes an avatar besides the head folder itself."""

    seed: int = 7
    spacing: Spacing = field(default_factory=Spacing)
    eyes: EyeSettings = field(default_factory=EyeSettings)
    # Sigma of a disc in units of the distance to its neighbours, and across the surface.
    tangent_sigma: float = 0.62
    normal_sigma: float = 0.12
    opacity: float = 0.95
    # Depth of the skin's anchors below the surface in units of their spacing.
    inset: float = 0.2
    sharpening_rounds: int = 4
    # Rank of the light's change over all baked states.
    light_columns: int = 32
    strands: dict[str, StrandSettings] = field(
        default_factory=lambda: {
            "hair": StrandSettings(
                19.0, 0.15, 0.8, max_strands=2700, overlap=0.38, picture_blur_mm=0.34
            ),
            "brows": StrandSettings(3.5, 0.06, 0.6, picture_blur_mm=0.6),
            "lashes": StrandSettings(2.0, 0.06, 0.8, overlap=0.34, picture_blur_mm=0.4),
        }
    )
    other_strands: StrandSettings = field(default_factory=lambda: StrandSettings(5.0, 0.2, 0.8))


@dataclass(frozen=True)
class AssembledHead:
    """The decoder's parts and what the package stores beside it."""

    parts: MeshHeadParts
    neck_weights: np.ndarray  # [N]


def assemble_head(head: HeadFolder, settings: HeadSettings) -> AssembledHead:
    """Spread anchors, colour them, cut the strands and collect everything for the decoder."""
    rng = np.random.default_rng(settings.seed)
    mesh = head.mesh
    seen = _seen_triangles(mesh, rng)
    maker = _SplatMaker(head, settings, rng)
    surface, surface_neck = maker.surface(_surface_spacings(mesh, settings.spacing, seen))
    eyes = tuple(maker.eye(i, side) for i, side in enumerate(("left", "right")))
    bound, still, strand_neck = maker.hair()
    vertices = _VertexUse(mesh, find_lid_vertices(mesh, settings.eyes), [surface, bound])
    rig = MeshRig(
        neutral=maker.drawn_vertices[vertices.used],
        basis=_clean_basis(mesh.controls[:, vertices.used]),
        landmarks=vertices.index[mesh.landmarks],
        lids=make_lid_rig(mesh, vertices.lids, settings.eyes),
        eyes=make_eye_rig(mesh, settings.eyes),
    )
    aperture = make_aperture(mesh, head.light)
    mix, light = compress_light(surface.look.light, settings.light_columns)
    lost = np.tensordot(mix, light, axes=1) - surface.look.light
    logger.info(
        "light: %d states in %d columns, largest rms error of a state %.4f",
        len(mix), len(light), np.sqrt((lost**2).mean(axis=(1, 2))).max(initial=0.0),
    )  # fmt: skip
    columns = replace(
        light_activations(head.light)[0],
        mix=mix,
        aperture=aperture
        and replace(
            aperture, upper=vertices.index[aperture.upper], lower=vertices.index[aperture.lower]
        ),
    )
    surface = replace(surface, look=replace(surface.look, light=light))
    parts = MeshHeadParts(
        rig=rig,
        surface=vertices.renumbered(surface),
        eyes=eyes,
        bound=vertices.renumbered(bound),
        still=still,
        columns=columns,
    )
    eye_count = sum(len(eye.means) for eye in eyes)
    neck = np.concatenate([surface_neck, np.ones(eye_count), strand_neck])
    logger.info(
        "%d Gaussians: %d surface, %d eyes, %d bound strands, %d still strands; %d vertices",
        len(neck), len(surface.owner), eye_count, len(bound.owner), len(still.means), len(vertices.used),
    )  # fmt: skip
    return AssembledHead(parts, neck)


def _seen_triangles(mesh: HeadMesh, rng: np.random.Generator) -> np.ndarray:
    """The shirt counts as seen; all else is tested."""
    seen = mesh.part_mask("garment")
    body = np.flatnonzero(~seen)
    shapes = [pose_mesh(mesh, weights) for weights in REVEALING]
    seen[body] = visible_triangles(shapes, mesh.triangles[body], rng)
    return seen


def _surface_spacings(mesh: HeadMesh, spacing: Spacing, seen: np.ndarray) -> list[np.ndarray]:
    """Spacing `[F]` (m, inf = none) of every group that is sampled on its own."""
    skin = skin_spacing_m(mesh, spacing)
    groups = [
        (SKIN, skin),
        (INNER_MOUTH, np.full(len(skin), spacing.mouth * 1e-3)),
        (("teeth",), np.full(len(skin), spacing.teeth * 1e-3)),
        (("garment",), garment_spacing_m(mesh, spacing)),
    ]
    return [np.where(mesh.part_mask(*names) & seen, wanted, np.inf) for names, wanted in groups]


def _inset_vertices(mesh: HeadMesh, settings: HeadSettings) -> np.ndarray:
    """Neutral vertices with the coarser skin a little below the surface."""
    depth_m = skin_inset_m(mesh, skin_spacing_m(mesh, settings.spacing), settings.inset)
    return mesh.vertices - depth_m[:, None] * vertex_normals(mesh)


def _clean_basis(controls: np.ndarray) -> np.ndarray:
    small = np.linalg.norm(controls, axis=2, keepdims=True) < SMALLEST_DELTA_M
    return np.where(small, 0.0, controls)


class _VertexUse:
    """Renumbering to the vertices in use, with the lids of both eyes first."""

    def __init__(
        self,
        mesh: HeadMesh,
        lids: list[np.ndarray],
        splats: list[SurfaceSplats | BoundSplats],
    ) -> None:
        needed = np.unique(np.concatenate([group.triangles.ravel() for group in splats]))
        needed = np.union1d(needed, mesh.landmarks)
        self.lids = [np.intersect1d(ids, needed) for ids in lids]
        first = np.concatenate(self.lids)
        self.used = np.concatenate([first, np.setdiff1d(needed, first)])
        self.index = np.full(len(mesh.vertices), -1)
        self.index[self.used] = np.arange(len(self.used))

    def renumbered(self, splats):
        """The same splats with triangles of the vertices in use."""
        return type(splats)(**{**vars(splats), "triangles": self.index[splats.triangles]})


class _SplatMaker:
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
                still.append(RigidSplats(pieces.means, pieces.quats, _piece_look(pieces)))
            else:
                bound.append(self._bind(name, strands, pieces))
        neck = np.ones(sum(len(g.owner) for g in bound) + sum(len(g.means) for g in still))
        return _joined_bound(bound), _joined_rigid(still), neck

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

    def _bind(self, name: str, strands: Strands, pieces: Pieces) -> BoundSplats:
        roots, owner = np.unique(pieces.strand, return_inverse=True)
        triangles = self.mesh.triangles[strands.triangle[roots]]
        weights = on_weight_grid(strands.barycentric[roots])
        root = np.einsum("rk,rkc->rc", weights, self.drawn_vertices[triangles])
        pivot = np.broadcast_to(SKULL_CENTER_M, root.shape)
        if name.startswith("lash"):
            pivot = self.mesh.eye_centers[(root[:, 0] < 0).astype(int)]
        return BoundSplats(
            triangles=triangles,
            root_barycentric=weights,
            pivot=pivot,
            owner=owner,
            offset_m=pieces.means - root[owner],
            quats=pieces.quats,
            look=_piece_look(pieces),
        )


def _piece_look(pieces: Pieces) -> SplatLook:
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


def _joined_bound(groups: list[BoundSplats]) -> BoundSplats:
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


def _joined_rigid(groups: list[RigidSplats]) -> RigidSplats:
    return RigidSplats(
        means=np.concatenate([np.zeros((0, 3)), *(group.means for group in groups)]),
        quats=np.concatenate([np.zeros((0, 4)), *(group.quats for group in groups)]),
        look=_joined([group.look for group in groups]),
    )
