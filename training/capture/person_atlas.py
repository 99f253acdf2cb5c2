"""What all persons share: the scan's skin, carried once over to the mean head's atlas.

All heads have one topology, so what is painted at a place on the mean head lies at the right place
on every head.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np

from ...core.files import replace_on_success
from . import ict
from .hair_scalp import mean_head
from .mesh import HeadMesh, vertex_normals
from .skin import BROAD_PX, NARROW_PX, carry_colour, even_out, skin_mask
from .sources import Sources
from .texels import Texels

# Counts up when the tone of the same atlas comes out differently.
VERSION = 1


@dataclass(frozen=True)
class PersonAtlas:
    """The mean head, its texels, and what a real skin's colour does beside its mean."""

    mesh: HeadMesh
    texels: Texels
    # Gains [N, 3] about 1: pores, hairs' roots and blotches of the scan, without its light.
    tone: np.ndarray

    @property
    def landmarks(self) -> np.ndarray:
        """The 68 landmarks [68, 3] of the mean head, metres."""
        return self.mesh.vertices[self.mesh.landmarks68].astype(np.float64)


def person_atlas(texels: Texels, sources: Sources) -> PersonAtlas:
    """The shared atlas with the texels of `texels`, from memory or the user's cache if possible."""
    mean = mean_mesh(sources)
    placed = on_mean(texels, mean)
    return PersonAtlas(mean, placed, shared_tone(mean, placed, sources))


@lru_cache(maxsize=1)
def mean_mesh(sources: Sources) -> HeadMesh:
    """The head of no identity in particular."""
    return mean_head(ict.load_model(sources))


def on_mean(texels: Texels, mean: HeadMesh) -> Texels:
    """The same texels, told by their places and normals on the mean head."""
    corners, weights = mean.triangles[texels.triangle], texels.barycentric
    normals = np.einsum(
        "nk,nkc->nc", weights, vertex_normals(mean.vertices, mean.triangles)[corners]
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    positions = np.einsum("nk,nkc->nc", weights, mean.vertices[corners])
    return replace(texels, positions=positions, normals=normals / np.maximum(length, 1e-12))


def shared_tone(mesh: HeadMesh, texels: Texels, sources: Sources) -> np.ndarray:
    """Tone [N, 3] of the atlas of these texels of the mean head."""
    key = sha256(texels.triangle.tobytes()).hexdigest()[:16]
    path = cache_folder() / f"skin-tone-{VERSION}-{key}.npy"
    if path.is_file():
        return np.load(path).astype(np.float32)
    colour = even_out(texels, carry_colour(mesh, texels, sources), BROAD_PX, 0.92)
    colour = even_out(texels, colour, NARROW_PX, 0.6)
    mean = np.median(colour[skin_mask(texels)], axis=0)
    tone = np.clip(colour / mean, 0.4, 1.6).astype(np.float16)
    with replace_on_success(path) as temporary:
        np.save(temporary, tone)
    return tone.astype(np.float32)


def cache_folder() -> Path:
    """The user's folder for what can be made again."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "gaussian_heads"
