"""PSNR of an imported LAM head against the panels of the picture that comes with it, as JSON.

    python bench/lam_preview.py [--data DIR] [--backend cpu] [--side-by-side OUT.png]

The camera's position and focal length are fitted to the neutral panel alone (Levenberg-Marquardt on
the pixels, coarse to fine); the panel with jawOpen is then drawn with that camera and only measured.
Needs Pillow and the LAM head of the project's data folder (option --data or GAUSSIAN_HEADS_DATA).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gaussian_heads.core.avatar import Avatar, write_avatar
from gaussian_heads.core.camera import Camera, intrinsics
from gaussian_heads.core.importers.lam import import_lam
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces import arkit_vector
from gaussian_heads.training import DATA_VARIABLE
from PIL import Image

WHITE = np.ones(3)
NUM_PANELS = 3
# Panels of the picture, left to right, whose expression is known.
PANELS: dict[str, dict[str, float]] = {"neutral": {}, "jawOpen": {"jawOpen": 1.0}}
# Side of the square over which the fit averages pixels, one round after the other.
ROUNDS = ((12, 12), (4, 8), (1, 8))
STEPS = np.array([1e-3, 1e-3, 4e-3, 4e-3])


def camera_of(parameters: np.ndarray, side_px: int) -> Camera:
    """A camera that looks along -Z: x, y, z (m) and the logarithm of focal length over side."""
    viewmat = np.diag([1.0, -1.0, -1.0, 1.0])
    viewmat[:3, 3] = -viewmat[:3, :3] @ parameters[:3]
    return Camera(
        viewmat,
        intrinsics(float(np.exp(parameters[3])) * side_px, side_px, side_px),
        side_px,
        side_px,
    )


def averaged(picture: np.ndarray, cell_px: int) -> np.ndarray:
    """Means over squares of `cell_px` pixels, flattened."""
    side = picture.shape[0] // cell_px * cell_px
    cells = picture[:side, :side].reshape(side // cell_px, cell_px, side // cell_px, cell_px, 3)
    return cells.mean(axis=(1, 3)).ravel()


def fit_camera(draw: Callable[[np.ndarray], np.ndarray], panel: np.ndarray) -> np.ndarray:
    """Camera parameters that bring `draw(parameters)` closest to `panel` in the least squares."""
    # A portrait lens a metre away, at the height of the eyes.
    parameters = np.array([0.0, -0.03, 1.0, np.log(2.5)])
    for cell_px, iterations in ROUNDS:
        target, damping = averaged(panel, cell_px), 1e-2
        residual = averaged(draw(parameters), cell_px) - target
        for _ in range(iterations):
            jacobian = numeric_jacobian(
                lambda p, c=cell_px: averaged(draw(p), c), parameters, residual + target
            )
            normal = jacobian.T @ jacobian
            step = np.linalg.solve(
                normal + damping * np.diag(np.diag(normal)), jacobian.T @ residual
            )
            trial = averaged(draw(parameters - step), cell_px) - target
            if trial @ trial < residual @ residual:
                parameters, residual, damping = parameters - step, trial, damping / 4
            else:
                damping *= 8
    return parameters


def numeric_jacobian(
    function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, value: np.ndarray
) -> np.ndarray:
    """Forward differences of `function` with `STEPS`, `[values, parameters]`."""
    columns = [(function(at + step) - value) / step.sum() for step in np.diag(STEPS)]
    return np.stack(columns, axis=1)


def psnr_db(picture: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio over the whole panel, values in [0, 1]."""
    return float(-10 * np.log10(np.mean((picture - reference) ** 2)))


def measure(folder: Path, backend: str) -> tuple[dict[str, object], np.ndarray]:
    """Figures of every known panel, and a picture: panels above, renders below."""
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch) / "lam.uhap"
        write_avatar(package, import_lam(folder / "p2-1.zip"))
        avatar = Avatar.open(package)
    preview = np.asarray(Image.open(folder / "preview.png").convert("RGB"), np.float64) / 255
    side_px = preview.shape[0]
    panels = np.split(preview[:, : NUM_PANELS * side_px], NUM_PANELS, axis=1)

    def draw(parameters: np.ndarray, code: np.ndarray) -> np.ndarray:
        camera = camera_of(parameters, side_px)
        output = render(avatar.decode(code), camera, backend=backend, background=WHITE)
        return np.clip(output.colors.astype(np.float64), 0, 1)

    neutral = np.zeros(avatar.code_dim, np.float32)
    parameters = fit_camera(lambda p: draw(p, neutral), panels[0])
    drawn = [draw(parameters, arkit_vector(weights)) for weights in PANELS.values()]
    pairs = list(zip(PANELS, drawn, panels, strict=False))
    figures = {
        "psnr_db": {name: round(psnr_db(picture, panel), 2) for name, picture, panel in pairs},
        "camera_position_m": [round(float(v), 4) for v in parameters[:3]],
        "focal_over_side": round(float(np.exp(parameters[3])), 4),
        "num_gaussians": avatar.num_gaussians,
        "backend": backend,
    }
    rows = [np.concatenate([p for _, _, p in pairs], axis=1), np.concatenate(drawn, axis=1)]
    return figures, np.concatenate([*rows, np.abs(rows[0] - rows[1])], axis=0)


def main() -> int:
    """Print the figures; the exit code says whether both panels reach 25 dB."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get(DATA_VARIABLE))
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--side-by-side", type=Path)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("name the data folder with --data or GAUSSIAN_HEADS_DATA")
    figures, picture = measure(Path(arguments.data) / "splats" / "lam", arguments.backend)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    if arguments.side_by_side:
        Image.fromarray((picture * 255).round().astype(np.uint8)).save(arguments.side_by_side)
    return 0 if min(figures["psnr_db"].values()) >= 25 else 1


if __name__ == "__main__":
    sys.exit(main())
