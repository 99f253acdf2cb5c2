"""Measures the rasterisers on synthetic heads and prints JSON: python bench/render.py [--only PART ...]

Everything that is compared takes turns in one run; ratios are made of the fastest times, which a busy machine
disturbs least. `goals` says what is wanted of each figure and whether it was met. The parts:

accuracy  pictures of 20,000 to 250,000 Gaussians at 512² and 1080p against the float64 reference
torch     the C rasteriser against the same rasteriser in vectorised PyTorch (`torch_rasterizer`)
scaling   time per Gaussian from 20,000 to 1,000,000
backward  the backward pass against the forward pass
threads   two threads against one
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from gaussian_heads.core.render import cpu, reference
from gaussian_heads.core.render.gradients import ImageGradients
from scenes import SIZES, portrait_camera, synthetic_head
from stopwatch import take_turns

COUNTS = {"20k": 20_000, "60k": 60_000, "200k": 200_000, "250k": 250_000}
SCALING_COUNTS = (20_000, 60_000, 200_000, 500_000, 1_000_000)

_Figures = dict[str, object]


@dataclass(frozen=True)
class Goal:
    """A figure and what is wanted of it."""

    name: str
    value: float
    wanted: str
    is_met: bool


def at_least(name: str, value: float, bound: float) -> Goal:
    """A goal that is met from `bound` on."""
    return Goal(name, round(value, 4), f">= {bound:g}", bool(value >= bound))


def at_most(name: str, value: float, bound: float) -> Goal:
    """A goal that is met up to `bound`."""
    return Goal(name, round(value, 4), f"<= {bound:g}", bool(value <= bound))


def measure_accuracy(rounds: int) -> tuple[_Figures, list[Goal]]:
    """Pictures and times of the C rasteriser beside the reference's."""
    figures: _Figures = {}
    for count_name, count in COUNTS.items():
        gaussians = synthetic_head(count)
        for size in SIZES:
            camera = portrait_camera(size)
            # Once is enough for what takes seconds.
            started = time.perf_counter()
            wanted = reference.render(gaussians, camera).colors
            reference_ms = (time.perf_counter() - started) * 1e3
            fast = take_turns({"cpu": lambda g=gaussians, c=camera: cpu.render(g, c)}, rounds)[
                "cpu"
            ]
            scene = fast.figures() | compare(cpu.render(gaussians, camera).colors, wanted)
            scene["ratio_to_reference"] = round(reference_ms / fast.fastest_ms, 1)
            figures[f"{count_name}_{size}"] = scene
    goals = [
        at_least("psnr_db", min(scene["psnr_db"] for scene in figures.values()), 85),
        at_most("max_error", max(scene["max_error"] for scene in figures.values()), 0.05),
    ]
    return figures, goals


def compare(drawn: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """PSNR in decibels and the largest error of one picture against another."""
    error = drawn.astype(np.float64) - wanted
    psnr_db = -10 * np.log10(np.mean(error**2))
    return {"psnr_db": round(float(psnr_db), 1), "max_error": round(float(np.abs(error).max()), 6)}


def measure_torch(rounds: int) -> tuple[_Figures, list[Goal]]:
    """Our C and the PyTorch baseline on 60,000 Gaussians at 512², with all processors and with one.

    The goal compares the best of either. Of one thread the time of its processor is taken: on a busy machine
    threads that wait for each other, as PyTorch's do, seem many times slower than they are.
    """
    import torch_rasterizer

    gaussians, camera = synthetic_head(60_000), portrait_camera("512")
    figures: _Figures = {}
    best_ms: dict[str, float] = {}
    for threads, clock in ((cpu.num_processors(), time.perf_counter), (1, time.thread_time)):
        torch_rasterizer.torch.set_num_threads(threads)
        draws = {
            "cpu": lambda n=threads: cpu.render(gaussians, camera, num_threads=n),
            "torch": lambda: torch_rasterizer.render(gaussians, camera),
            "torch_8px_tiles": lambda: torch_rasterizer.render(gaussians, camera, tile_px=8),
        }
        times = take_turns(draws, rounds, clock)
        ratios = {n: t.fastest_ms / times["cpu"].fastest_ms for n, t in times.items()}
        figures[f"threads_{threads}"] = {name: t.figures() for name, t in times.items()} | {
            "ratios": {name: round(ratio, 1) for name, ratio in ratios.items()}
        }
        for name, t in times.items():
            best_ms[name] = min(t.fastest_ms, best_ms.get(name, t.fastest_ms))
    baseline = torch_rasterizer.render(gaussians, camera).colors
    figures["torch_accuracy"] = compare(baseline, reference.render(gaussians, camera).colors)
    return figures, [at_least("ratio_to_torch", best_ms["torch"] / best_ms["cpu"], 50)]


def measure_scaling(rounds: int) -> tuple[_Figures, list[Goal]]:
    """Time per Gaussian at 512² as their number grows and they shrink to cover the same surface."""
    camera = portrait_camera("512")
    heads = {str(count): synthetic_head(count) for count in SCALING_COUNTS}
    times = take_turns({n: lambda g=g: cpu.render(g, camera) for n, g in heads.items()}, rounds)
    per_gaussian_ns = {n: t.fastest_ms * 1e6 / int(n) for n, t in times.items()}
    figures: _Figures = {
        n: t.figures() | {"per_gaussian_ns": round(per_gaussian_ns[n], 1)} for n, t in times.items()
    }
    growth = per_gaussian_ns[str(SCALING_COUNTS[-1])] / per_gaussian_ns[str(SCALING_COUNTS[0])]
    return figures, [at_most("growth_per_gaussian_20k_to_1m", growth, 1.0)]


def measure_backward(rounds: int) -> tuple[_Figures, list[Goal]]:
    """The backward pass of gradients of colour, alpha and depth, 60,000 Gaussians at 512²."""
    gaussians, camera = synthetic_head(60_000), portrait_camera("512")
    output = cpu.render(gaussians, camera)
    rng = np.random.default_rng(0)
    of_images = ImageGradients(
        *(rng.normal(size=image.shape).astype(np.float32) for image in asdict(output).values())
    )
    times = take_turns(
        {
            "forward": lambda: cpu.render(gaussians, camera),
            "backward": lambda: cpu.backward(gaussians, camera, output, of_images),
        },
        rounds,
    )
    ratio = times["backward"].fastest_ms / times["forward"].fastest_ms
    figures: _Figures = {name: t.figures() for name, t in times.items()}
    return figures | {"ratio": round(ratio, 2)}, [at_most("backward_to_forward", ratio, 3)]


def measure_threads(rounds: int) -> tuple[_Figures, list[Goal]]:
    """Two threads against one; each scene's gain, of which the typical one counts."""
    figures: _Figures = {}
    gains = []
    for count, size in (("60k", "512"), ("200k", "512"), ("60k", "1080p"), ("200k", "1080p")):
        gaussians, camera = synthetic_head(COUNTS[count]), portrait_camera(size)
        draws = {
            f"threads_{n}": lambda n=n, g=gaussians, c=camera: cpu.render(g, c, num_threads=n)
            for n in (1, 2)
        }
        times = take_turns(draws, rounds)
        gains.append(times["threads_1"].fastest_ms / times["threads_2"].fastest_ms)
        figures[f"{count}_{size}"] = {n: t.figures() for n, t in times.items()} | {
            "gain": round(gains[-1], 2)
        }
    return figures, [at_least("gain_of_two_threads", float(np.median(gains)), 1.7)]


PARTS: dict[str, Callable[[int], tuple[_Figures, list[Goal]]]] = {
    "accuracy": measure_accuracy,
    "torch": measure_torch,
    "scaling": measure_scaling,
    "backward": measure_backward,
    "threads": measure_threads,
}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    report: _Figures = {
        "machine": platform.platform(),
        "processors": cpu.num_processors(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    goals: list[Goal] = []
    for name in arguments.only:
        sys.stderr.write(f"measuring {name}\n")
        report[name], reached = PARTS[name](arguments.rounds)
        goals += reached
    report["goals"] = {
        g.name: {"value": g.value, "wanted": g.wanted, "met": g.is_met} for g in goals
    }
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
