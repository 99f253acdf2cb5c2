"""The gloss of skin, lips, teeth and wet eyes as a viewer in front sees it, added to the bake.

Gaussians without view dependence can only carry one view's highlights; the frontal one is the
one that a talking head is seen from.
"""

from __future__ import annotations

import numpy as np

from .lighting import ADA_RIG, Lamp, Rig
from .material_maps import Surfaces
from .mesh import HeadMesh, vertex_normals
from .texels import Texels

VIEWER = np.array([0.0, -0.02, 1.2])
F0 = 0.028
# Highlights move with the viewer: what is baked is a part of what the frontal viewer sees.
SHARE = 0.62
# What the dome around the lamps mirrors in skin, by eye.
DOME_COLOUR = (0.46, 0.475, 0.50)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


# Specular reflectance of the head's material at normal incidence (its IOR level is 0.42).
DOME_F0 = 0.0336
# A Gaussian shows one colour from all sides: how far the frontal view's grazing shine goes in.
LEAST_FACING = 0.45


def gloss(
    texels: Texels,
    mesh: HeadMesh,
    vertices: np.ndarray,
    surfaces: Surfaces,
    light: np.ndarray,
    rig: Rig,
) -> np.ndarray:
    """Mirrored light [N, 3] under any rig; `light` [N, 3] is the diffuse light that arrives.

    What a smooth coat mirrors does not reach the colour below it, which under a dome shows: there the
    sum is right; highlights of lamps are added.
    """
    if rig.lamps:
        return sheen(texels, mesh, vertices, surfaces, light, rig)
    points, normals = bumped_points(texels, mesh, vertices, surfaces)
    rough = surfaces.roughness[texels.rows, texels.columns, 0]
    view = unit(VIEWER - points)
    facing = np.clip((normals * view).sum(1), LEAST_FACING, 1.0)
    mirrored = 2 * (normals * view).sum(1, keepdims=True) * normals - view
    share = coat_reflectance(facing, rough)[:, None]
    # Where little diffuse light arrives, the mirrored sky is hidden too.
    open_share = np.clip(light / rig.sky(normals[:, 1]), 0.0, 1.0)
    colour = surfaces.colour[texels.rows, texels.columns]
    return share * (rig.sky(mirrored[:, 1]) * open_share - colour * light)


def coat_reflectance(facing: np.ndarray, roughness: np.ndarray) -> np.ndarray:
    """Share [N] that a rough dielectric mirrors of even light, `facing` being the cosine to the viewer.

    The analytic fit of the environment's integral by Karis (Physically Based Shading on Mobile, 2014).
    """
    x, y = 1.0 - roughness, 0.0425 - 0.0275 * roughness
    z, w = 1.04 - 0.572 * roughness, 0.022 * roughness - 0.04
    grazing = np.minimum(x * x, np.exp2(-9.28 * facing)) * x + y
    return DOME_F0 * (-1.04 * grazing + z) + 1.04 * grazing + w


def bumped_points(
    texels: Texels, mesh: HeadMesh, vertices: np.ndarray, surfaces: Surfaces
) -> tuple[np.ndarray, np.ndarray]:
    """Places [N, 3] and normals [N, 3] of the texels on posed vertices, relief and all."""
    corners = mesh.triangles[texels.triangle]
    weights = texels.barycentric
    points = np.einsum("nk,nkc->nc", weights, vertices[corners])
    smooth = vertex_normals(vertices, mesh.triangles)[corners]
    normals = unit(np.einsum("nk,nkc->nc", weights, smooth))
    return points, bumped(texels, points, normals, surfaces.height[..., 0])


def sheen(
    texels: Texels,
    mesh: HeadMesh,
    vertices: np.ndarray,
    surfaces: Surfaces,
    light: np.ndarray,
    rig: Rig = ADA_RIG,
) -> np.ndarray:
    """Mirrored light [N, 3] of lamps and dome; `light` [N, 3] is the diffuse light that arrives."""
    points, normals = bumped_points(texels, mesh, vertices, surfaces)
    rough = surfaces.roughness[texels.rows, texels.columns, 0]
    view = unit(VIEWER - points)
    total = np.zeros((len(points), 3))
    expected = np.zeros(len(points))
    for lamp in rig.lamps:
        toward = np.asarray(lamp.place) - points
        strength = irradiance(lamp, toward)
        direction = unit(toward)
        facing = np.clip((normals * direction).sum(1), 0.0, 1.0)
        expected += facing * strength
        # A lamp with a size widens the highlight like some more roughness.
        width = np.clip(rough + 0.35 * lamp.side_m / np.linalg.norm(toward, axis=1), 0.05, 1.0)
        lobe = microfacet(normals, view, direction, width) * facing * strength
        total += lobe[:, None] * np.asarray(lamp.colour)
    grazing = F0 + (1 - F0) * (1 - np.clip((normals * view).sum(1), 0, 1)) ** 5
    mirrored = 2 * (normals * view).sum(1, keepdims=True) * normals - view
    sky = np.clip(0.55 + 0.5 * mirrored[:, 1:2], 0.1, 1.1) * np.asarray(DOME_COLOUR)
    total += (grazing * (1 - 0.75 * rough))[:, None] * sky
    arrives = light @ LUMINANCE
    open_share = np.clip(arrives / np.maximum(expected + 0.35, 1e-3), 0.0, 1.0)
    return SHARE * total * (open_share**1.5)[:, None]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [N, 3] at length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def irradiance(lamp: Lamp, toward: np.ndarray) -> np.ndarray:
    """What the lamp sends to a facing white surface, as a share of pi [N]."""
    axis = unit((np.asarray(lamp.target) - np.asarray(lamp.place))[None])
    square = (toward**2).sum(1)
    cosine = np.clip(-(unit(toward) * axis).sum(1), 0.0, 1.0)
    return lamp.power_w / np.pi**2 * cosine / square


def microfacet(normals, view, direction, roughness: np.ndarray) -> np.ndarray:
    """GGX reflectance [N] times pi, with Schlick's Fresnel."""
    half = unit(view + direction)
    cosine = np.clip((normals * half).sum(1), 0.0, 1.0)
    alpha = roughness**2
    square = np.maximum(alpha**2, 1e-5)
    spread = square / (cosine**2 * (square - 1.0) + 1.0) ** 2
    fresnel = F0 + (1 - F0) * (1 - np.clip((half * view).sum(1), 0, 1)) ** 5
    n_l = np.clip((normals * direction).sum(1), 0.0, 1.0)
    n_v = np.clip((normals * view).sum(1), 0.05, 1.0)
    k = alpha / 2
    masking = 1.0 / ((n_l * (1 - k) + k) * (n_v * (1 - k) + k))
    return spread * fresnel * masking / 4.0


def bumped(
    texels: Texels, points: np.ndarray, normals: np.ndarray, height: np.ndarray
) -> np.ndarray:
    """Normals [N, 3] tilted by the relief `height` [R, R] (metres)."""
    place = texels.image(points.astype(np.float32))
    covered = texels.mask()
    tilt = np.zeros_like(normals)
    for axis in (0, 1):
        ahead, behind = np.roll(place, -1, axis), np.roll(place, 1, axis)
        inside = np.roll(covered, -1, axis) & np.roll(covered, 1, axis)
        rise = np.roll(height, -1, axis) - np.roll(height, 1, axis)
        step = (ahead - behind)[texels.rows, texels.columns]
        square = (step**2).sum(1)
        valid = inside[texels.rows, texels.columns] & (square > 1e-10) & (square < 1e-4)
        slope = np.where(valid, rise[texels.rows, texels.columns] / np.maximum(square, 1e-10), 0.0)
        tilt += np.clip(slope, -600.0, 600.0)[:, None] * step
    return unit(normals - 0.8 * tilt)
