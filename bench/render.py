"""Times the rasterisers on a synthetic head and prints JSON: python bench/render.py [--backends cpu ...]

Milliseconds are medians. `ratio_to_reference` divides the reference's time by the backend's in this very
run, `psnr_db` compares their pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable

import numpy as np
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.gaussians import Gaussians, concatenate
from gaussian_heads.core.render import RenderOutput, cpu, reference

SIZES = {"512": (512, 512), "1080p": (1920, 1080)}
COUNTS = {"60k": 60_000, "200k": 200_000}
SCENES = [f"{count}_{size}" for count in COUNTS for size in SIZES]

_Draw = Callable[[Gaussians, Camera], RenderOutput]


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


def portrait_camera(width: int, height: int) -> Camera:
    """The head at 0.8 of the picture's height, from 1 m in front and a little to the side."""
    view = look_at(
        np.array([0.3, 0.05, 0.95]), np.array([0.0, -0.03, 0.0]), np.array([0.0, 1.0, 0.0])
    )
    return Camera(view, intrinsics(0.8 * height / 0.33, width, height), width, height)


def measure_ms(draw: _Draw, gaussians: Gaussians, camera: Camera, frames: int) -> list[float]:
    """Sorted times of `frames` pictures, after one that is not counted."""
    times_ms = []
    for _ in range(frames + 1):
        start = time.perf_counter()
        draw(gaussians, camera)
        times_ms.append((time.perf_counter() - start) * 1e3)
    return sorted(times_ms[1:])


def backend_draws(names: list[str], num_threads: int) -> dict[str, _Draw]:
    """A drawing function for each backend named."""
    draws: dict[str, _Draw] = {
        "reference": reference.render,
        "cpu": lambda gaussians, camera: cpu.render(gaussians, camera, num_threads=num_threads),
        "cpu_1_thread": lambda gaussians, camera: cpu.render(gaussians, camera, num_threads=1),
    }
    return {name: draws[name] for name in names}


def measure_scene(
    gaussians: Gaussians, camera: Camera, draws: dict[str, _Draw], frames: int
) -> dict[str, dict[str, float]]:
    """Figures of every backend on one scene."""
    figures: dict[str, dict[str, float]] = {}
    for name, draw in draws.items():
        times_ms = measure_ms(draw, gaussians, camera, 3 if name == "reference" else frames)
        median_ms = times_ms[len(times_ms) // 2]
        figures[name] = {"ms": round(median_ms, 2), "fastest_ms": round(times_ms[0], 2)}
        figures[name]["fps"] = round(1e3 / median_ms, 1)
    if "reference" in figures:
        expected = draws["reference"](gaussians, camera).colors.astype(np.float64)
        for name in set(draws) - {"reference"}:
            difference = draws[name](gaussians, camera).colors - expected
            figures[name]["psnr_db"] = round(-10 * np.log10(np.mean(difference**2)), 1)
            figures[name]["max_error"] = round(float(np.abs(difference).max()), 5)
            ratio = figures["reference"]["ms"] / figures[name]["ms"]
            figures[name]["ratio_to_reference"] = round(ratio, 1)
    return figures


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backends", nargs="+", default=["reference", "cpu", "cpu_1_thread"])
    parser.add_argument("--scenes", nargs="+", default=SCENES, choices=SCENES)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--frames", type=int, default=25)
    arguments = parser.parse_args()
    draws = backend_draws(arguments.backends, arguments.threads)
    report = {"machine": platform.platform(), "threads": arguments.threads, "scenes": {}}
    for scene in arguments.scenes:
        count, size = scene.split("_")
        gaussians, camera = synthetic_head(COUNTS[count]), portrait_camera(*SIZES[size])
        report["scenes"][scene] = measure_scene(gaussians, camera, draws, arguments.frames)
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
