"""Checks and times the CUDA worker and prints JSON: python bench/cuda.py --accelerator FOLDER [--rounds N]

Runs in the add-on's own environment; FOLDER is the accelerator environment (docs/CUDA.md), by default what
GAUSSIAN_HEADS_ACCELERATOR names. Pictures of gsplat are compared with the float64 reference and the C
rasteriser; times are those a frame of Blender has, the way through shared memory included. Without a card
the report says why and the exit code is 3. `--rasterizer native` tries the script itself without a card.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.camera import Camera
from gaussian_heads.core.errors import BackendUnavailable
from gaussian_heads.core.render import RenderOutput, cpu, reference
from gaussian_heads.core.render.cuda import (
    ENVIRONMENT_VARIABLE,
    Accelerator,
    HeadRequest,
    Timeouts,
    environment_python,
)
from gaussian_heads.core.render.cuda_process import WorkerCommand
from render import compare as compare_different
from scenes import portrait_camera, synthetic_head
from stopwatch import take_turns

EXIT_NO_CARD = 3
# gsplat compiles itself at the first start.
START_TIMEOUT_SEC = 1800.0
CHECKED = (("20k", 20_000), ("60k", 60_000), ("250k", 250_000))
TIMED = (("60k", 60_000, "512"), ("60k", 60_000, "1080p"), ("250k", 250_000, "1080p"))


def main() -> int:
    """Measure and print; returns the exit code."""
    options = _options()
    if not options.accelerator:
        return _say_none(f"no environment: give --accelerator or set {ENVIRONMENT_VARIABLE}")
    with tempfile.TemporaryDirectory() as folder:
        command = WorkerCommand(
            environment_python(options.accelerator),
            Path(folder) / "worker.log",
            ("--rasterizer", options.rasterizer),
        )
        accelerator = Accelerator(command, Timeouts(start_sec=START_TIMEOUT_SEC))
        try:
            facts = _start(accelerator)
        except BackendUnavailable as error:
            return _say_none(str(error))
        try:
            report = {"worker": facts, "pictures": check_pictures(accelerator)}
            report["times"] = measure(accelerator, options.rounds)
            report["heads"] = measure_heads(accelerator, options.rounds)
        finally:
            accelerator.close()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


def check_pictures(accelerator: Accelerator) -> dict[str, object]:
    """Colours, alphas and depths against the reference, perspective and orthographic."""
    figures: dict[str, object] = {}
    for name, count in CHECKED:
        gaussians = synthetic_head(count)
        for kind, camera in (("perspective", portrait_camera("512")), ("flat", _flat_camera())):
            wanted = reference.render(gaussians, camera)
            drawn = accelerator.draw(gaussians, camera)
            figures[f"{name}_{kind}"] = {
                "colors": compare(drawn.colors, wanted.colors),
                "alphas": compare(drawn.alphas, wanted.alphas),
                "depths_where_half_covered": _compare_depths(drawn, wanted),
            }
    return figures


def measure(accelerator: Accelerator, rounds: int) -> dict[str, object]:
    """The worker beside the C rasteriser in the same run."""
    figures: dict[str, object] = {}
    for name, count, size in TIMED:
        gaussians, camera = synthetic_head(count), portrait_camera(size)
        draws: dict[str, Callable[[], object]] = {
            "cuda": lambda g=gaussians, c=camera: accelerator.draw(g, c),
            "cpu": lambda g=gaussians, c=camera: cpu.render(g, c),
        }
        times = take_turns(draws, rounds)
        figures[f"{name}_{size}"] = {k: t.figures() for k, t in times.items()}
    return figures


def measure_heads(accelerator: Accelerator, rounds: int) -> dict[str, object]:
    """A frame of each built-in head: decoded and drawn by the worker, and by this process alone."""
    figures: dict[str, object] = {}
    camera = portrait_camera("512")
    for name, path in builtin_avatars().items():
        avatar = Avatar.open(path)
        code = np.zeros(avatar.code_dim)
        code[::5] = 0.4
        head = HeadRequest(path, code, np.array([0.1, 0.3, 0.0, 0.0, 0.0, 0.0]), np.eye(4))
        wanted = cpu.render(avatar.decode(code, head.head_pose).seen_by(camera), camera)
        drawn, _ = accelerator.draw_heads([head], camera)
        frames: dict[str, Callable[[], object]] = {
            "cuda": lambda h=head: accelerator.draw_heads([h], camera),
            "cpu": lambda a=avatar, h=head: cpu.render(
                a.decode(h.code, h.head_pose).seen_by(camera), camera
            ),
        }
        times = {k: t.figures() for k, t in take_turns(frames, rounds).items()}
        _, inside = accelerator.draw_heads([head], camera)
        figures[name] = {
            "num_gaussians": avatar.num_gaussians,
            **compare(drawn.colors, wanted.colors),
            **times,
            "within_worker_ms": round(inside["total_ms"], 3),
        }
    return figures


def compare(drawn: np.ndarray, wanted: np.ndarray) -> dict[str, float | None]:
    """PSNR and the largest error; no PSNR where nothing differs, since JSON has no infinity."""
    if np.array_equal(drawn, wanted):
        return {"psnr_db": None, "max_error": 0.0}
    return compare_different(drawn, wanted)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accelerator", default=os.environ.get(ENVIRONMENT_VARIABLE, ""))
    parser.add_argument("--rasterizer", choices=("gsplat", "native"), default="gsplat")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _start(accelerator: Accelerator) -> dict[str, object]:
    """Facts of the worker; waits while gsplat compiles."""
    while True:
        try:
            return accelerator.check()
        except BackendUnavailable:
            if not accelerator.is_starting:
                raise


def _say_none(reason: str) -> int:
    sys.stdout.write(json.dumps({"worker": None, "reason": reason}, indent=2) + "\n")
    return EXIT_NO_CARD


def _flat_camera() -> Camera:
    camera = portrait_camera("512")
    scale = np.diag([1.0 / 0.95, 1.0 / 0.95, 1.0])
    intrinsics = camera.K.copy()
    intrinsics[:2, :2] = (scale @ camera.K)[:2, :2]
    return replace(camera, K=intrinsics, is_orthographic=True)


def _compare_depths(drawn: RenderOutput, wanted: RenderOutput) -> dict[str, float]:
    covered = wanted.alphas > 0.5
    error_m = np.abs(drawn.depths[covered] - wanted.depths[covered])
    return {"max_error_m": round(float(error_m.max()), 6)}


if __name__ == "__main__":
    raise SystemExit(main())
