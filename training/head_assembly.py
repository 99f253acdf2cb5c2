"""From a studio head to the parts of a `MeshHead`: which Gaussians sit where and what they look like."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from .head_eyes import find_lid_vertices, make_eye_rig, make_lid_rig
from .head_folder import HeadFolder, HeadMesh
from .head_light import compress_light, light_activations
from .head_mouth_light import make_aperture
from .head_regions import Spacing, garment_spacing_m, skin_spacing_m
from .head_rig import pose_mesh
from .head_settings import HeadSettings
from .head_splats import SplatMaker
from .head_visibility import visible_triangles
from .networks.mesh_head_parts import (
    BoundSplats,
    MeshHeadParts,
    MeshRig,
    SurfaceSplats,
)

Bound = TypeVar("Bound", SurfaceSplats, BoundSplats)
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
# Deltas below this are noise of the model's float16 storage.
SMALLEST_DELTA_M = 2e-5


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
    maker = SplatMaker(head, settings, rng)
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

    def renumbered(self, splats: Bound) -> Bound:
        """The same splats with triangles of the vertices in use."""
        return type(splats)(**{**vars(splats), "triangles": self.index[splats.triangles]})
