"""Light in texture space: scattering under the skin as a blur per colour, islands kept apart."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from .lighting import ADA_RIG, Rig
from .mesh import PART, TILE_OF_PART
from .texels import Texels

# Blur in metres per colour: red light travels furthest under the skin.
SCATTER_M = {
    "skin": (0.0016, 0.0009, 0.0007),
    "wet": (0.0011, 0.0009, 0.0009),
    "hard": (0.0005,) * 3,
}
# Enamel and dentine carry light on from tooth to tooth. The gain gives back what the blur loses to the
# dark roots, and warmth: much of a mouth's light has met gums and tongue before. Set by eye.
TEETH_SCATTER_M, TEETH_NEIGHBOURS, TEETH_STRIDE, TEETH_NORMAL = 0.003, 96, 3, 1.5
TEETH_GAIN = np.array([1.22, 1.12, 1.06])
# Light that comes back out of skin has passed blood: what Cycles' scattering adds to its colour, next to
# lamps (by eye) and under even light (medians over two faces in Cycles' pictures).
LAMP_GAIN = {"skin": (1.015, 0.985, 0.955)}
EVEN_GAIN = {"skin": (1.025, 1.02, 1.015), "hard": (1.08, 1.08, 1.08)}
KINDS = {
    "skin": ("face", "back_head"),
    "wet": ("gums", "tongue", "mouth_cavity", "eye_socket"),
    "hard": ("teeth", "sclera_left", "sclera_right", "iris_left", "iris_right", "garment"),
}


def scatter(light: np.ndarray, texels: Texels, rig: Rig = ADA_RIG) -> np.ndarray:
    """Blur the light [r, r, 3] over each kind of surface by how far light travels in it."""
    gains = LAMP_GAIN if rig.lamps else EVEN_GAIN
    result = np.zeros_like(light)
    for kind, parts in KINDS.items():
        for tile in sorted({TILE_OF_PART.get(part, part) for part in parts}):
            members = [PART[p] for p in parts if TILE_OF_PART.get(p, p) == tile]
            chosen = np.isin(texels.part, members)
            mask = texels.image(chosen[:, None].astype(np.float32))[..., 0]
            sigma = np.asarray(SCATTER_M[kind]) / texel_size_m(texels, chosen)
            blurred = blur_within(light, mask, np.maximum(sigma, 0.6))
            result += blurred * gains.get(kind, (1.0, 1.0, 1.0))
    return result


def scatter_in_teeth(light: np.ndarray, texels: Texels) -> np.ndarray:
    """Light [r, r, 3] with that of the teeth blurred in space, over surfaces that face alike.

    Their islands are cut up in the atlas, so that a blur there cannot cross from tooth to tooth; and
    a mouth that is dark lights them through the few samples that find its opening.
    """
    teeth = np.flatnonzero(texels.part == PART["teeth"])
    rows, columns = texels.rows[teeth], texels.columns[teeth]
    space, facing = texels.positions[teeth] / TEETH_SCATTER_M, texels.normals[teeth] * TEETH_NORMAL
    place, source = np.hstack([space, facing]), slice(None, None, TEETH_STRIDE)
    distance, index = cKDTree(place[source]).query(place, k=TEETH_NEIGHBOURS)
    weight = np.exp(-0.5 * distance**2)[..., None]
    blurred = (weight * light[rows[source], columns[source]][index]).sum(1) / weight.sum(1)
    result = light.copy()
    result[rows, columns] = blurred * TEETH_GAIN
    return result


def texel_size_m(texels: Texels, chosen: np.ndarray) -> float:
    """Typical distance in space between neighbouring texels of the chosen ones."""
    index = texels.image(np.arange(1, len(texels.rows) + 1)[:, None])[..., 0]
    here = np.flatnonzero(chosen)
    right = index[texels.rows[here], np.minimum(texels.columns[here] + 1, texels.resolution - 1)]
    pair = right > 0
    step = texels.positions[right[pair] - 1] - texels.positions[here[pair]]
    return float(np.median(np.linalg.norm(step, axis=1)))


def blur_within(light: np.ndarray, mask: np.ndarray, sigma_px: np.ndarray) -> np.ndarray:
    """Gaussian blur of [r, r, 3] that neither takes from nor gives to texels outside `mask`."""
    planes = []
    for k in range(3):
        weight = np.maximum(gaussian_filter(mask, sigma_px[k]), 1e-4)
        planes.append(gaussian_filter(light[..., k] * mask, sigma_px[k]) / weight * mask)
    return np.stack(planes, axis=2)


def to_resolution(light: np.ndarray, coarse: Texels, fine: Texels) -> np.ndarray:
    """Light [N, 3] at the texels of `fine` from an image of the resolution of `coarse`."""
    rows, columns = distance_transform_edt(
        ~coarse.mask(), return_distances=False, return_indices=True
    )
    spread = light[rows, columns]
    scale = coarse.resolution / fine.resolution
    place = [(fine.rows + 0.5) * scale - 0.5, (fine.columns + 0.5) * scale - 0.5]
    planes = [map_coordinates(spread[..., k], place, order=1, mode="nearest") for k in range(3)]
    return np.stack(planes, axis=1)
