"""What is measured: synthetic heads of any number of Gaussians, and a portrait camera."""

from __future__ import annotations

import numpy as np
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.gaussians import Gaussians, concatenate

SIZES = {"512": (512, 512), "1080p": (1920, 1080)}


def synthetic_head(count: int, seed: int = 0) -> Gaussians:
    """A skull of flat splats, a neck, and a quarter of all splats as hair: long, thin, standing out."""
    rng = np.random.default_rng(seed)
    num_hair, num_neck = count // 4, count // 8
    # Splats keep covering the surface when there are more of them.
    size_m = 0.0009 * np.sqrt(60_000 / count)
    skin = _shell(rng, count - num_hair - num_neck, [0.078, 0.115, 0.095], [0, 0, 0], size_m)
    neck = _shell(rng, num_neck, [0.055, 0.07, 0.055], [0, -0.14, -0.02], size_m)
    hair = _shell(rng, num_hair, [0.086, 0.1, 0.103], [0, 0.03, -0.012], size_m * 0.7)
    hair.scales[:, 0] *= 4.0
    return concatenate([skin, neck, hair])


def _shell(
    rng: np.random.Generator, count: int, radii_m: list[float], center_m: list[float], size_m: float
) -> Gaussians:
    """Splats on an ellipsoid, in the order of a space-filling sweep as an atlas would give them."""
    height = np.linspace(-1.0, 1.0, count)
    azimuth = np.sort(
        rng.uniform(0, 2 * np.pi, (count + 255) // 256 * 256).reshape(-1, 256), axis=1
    )
    azimuth = azimuth.ravel()[:count]
    ring = np.sqrt(1.0 - height**2)
    normals = np.stack([ring * np.cos(azimuth), height, ring * np.sin(azimuth)], axis=1)
    means = normals * radii_m + center_m + rng.normal(0, 0.001, (count, 3))
    return Gaussians(
        means=means.astype(np.float32),
        quats=rng.normal(size=(count, 4)).astype(np.float32),
        scales=(size_m * np.exp(rng.normal(0, 0.5, (count, 3)))).astype(np.float32),
        opacities=(1 / (1 + np.exp(-rng.normal(1.0, 2.0, count)))).astype(np.float32),
        colors=np.clip(0.5 + 0.4 * normals + rng.normal(0, 0.05, (count, 3)), 0, 1).astype(
            np.float32
        ),
    )


def portrait_camera(size: str) -> Camera:
    """The head at 0.8 of the picture's height, from 1 m in front and a little to the side."""
    width, height = SIZES[size]
    view = look_at(
        np.array([0.3, 0.05, 0.95]), np.array([0.0, -0.03, 0.0]), np.array([0.0, 1.0, 0.0])
    )
    return Camera(view, intrinsics(0.8 * height / 0.33, width, height), width, height)
