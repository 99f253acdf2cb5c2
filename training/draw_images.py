"""Pictures of a head with known cameras, as `fit_images` takes them, drawn by the C rasteriser.

    python -m gaussian_heads.training.draw_images HEAD --out DIR [--views 36 --size 400 --turn 75]

HEAD is a `.ply` of 3D Gaussian Splatting, a `.uhap` avatar or builtin:NAME, drawn at rest. The cameras stand
on a sphere around it, evenly spread from side to side and from a little below to above.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from ..core.assets import avatar_path
from ..core.avatar import Avatar
from ..core.camera import Camera, intrinsics, look_at
from ..core.errors import GaussianHeadsError
from ..core.gaussians import Gaussians
from ..core.importers.splat_ply import read_splats
from ..core.render import render
from .calibrated_images import CalibratedImage, save_images

MAX_TURN_DEG = 75.0
RISES_DEG = (-20.0, 40.0)
# A long lens: the subject stands this many times its radius away.
DISTANCE = 6.0
# Steps of the R2 sequence (Roberts 2018), which fills a square evenly with any number of points.
R2 = np.array([0.7548776662466927, 0.5698402909980532])
# A part of the Gaussians, from the middle, that a picture has to show; strays may stand outside.
SHOWN_PERCENT = 99.0


def head_at_rest(name: str) -> Gaussians:
    """Gaussians of a `.ply`, of a `.uhap` file or of builtin:NAME, without expression."""
    if name.endswith(".ply"):
        return read_splats(name)
    avatar = Avatar.open(avatar_path(name))
    return avatar.decode(np.zeros(avatar.code_dim, np.float32))


def cameras_around(
    gaussians: Gaussians, count: int, size_px: int, max_turn_deg: float = MAX_TURN_DEG
) -> list[Camera]:
    """Cameras `[count]` that look at the middle of the head from all around its front."""
    edges = np.percentile(gaussians.means, (100 - SHOWN_PERCENT, SHOWN_PERCENT), axis=0)
    center, radius = edges.mean(axis=0), np.linalg.norm(edges[1] - edges[0]) / 2
    focal_px = 0.5 * size_px * DISTANCE
    spread = (0.5 + R2 * np.arange(count)[:, None]) % 1.0
    turns = np.radians(max_turn_deg * (2 * spread[:, 0] - 1))
    rises = np.radians(np.interp(spread[:, 1], (0, 1), RISES_DEG))
    cameras = []
    for turn, rise in zip(turns, rises, strict=True):
        out = np.array([np.sin(turn) * np.cos(rise), np.sin(rise), np.cos(turn) * np.cos(rise)])
        view = look_at(center + DISTANCE * radius * out, center, np.array([0.0, 1.0, 0.0]))
        cameras.append(Camera(view, intrinsics(focal_px, size_px, size_px), size_px, size_px))
    return cameras


def photograph(gaussians: Gaussians, camera: Camera, name: str) -> CalibratedImage:
    """One picture with straight alpha, 8 bits a channel."""
    output = render(gaussians, camera, backend="cpu")
    alphas = output.alphas[..., None]
    colors = np.divide(output.colors, alphas, out=np.zeros_like(output.colors), where=alphas > 0)
    rgba = np.concatenate([colors, alphas], axis=2)
    return CalibratedImage(name, (np.clip(rgba, 0, 1) * 255).round().astype(np.uint8), camera)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("head", help="a .ply, a .uhap file or builtin:NAME")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and cameras")
    parser.add_argument("--views", type=int, default=36)
    parser.add_argument("--size", type=int, default=400, help="of the square pictures, in pixels")
    parser.add_argument(
        "--turn", type=float, default=MAX_TURN_DEG, help="of the outermost cameras, in degrees"
    )
    options = parser.parse_args(arguments)
    try:
        gaussians = head_at_rest(options.head)
        cameras = cameras_around(gaussians, options.views, options.size, options.turn)
        images = [photograph(gaussians, c, f"view_{i:03d}") for i, c in enumerate(cameras)]
        save_images(options.out, images)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.out}: {len(images)} pictures of {options.size} px\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
