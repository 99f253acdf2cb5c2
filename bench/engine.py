"""What `blender -b -a` costs through our engine, as JSON: python bench/engine.py [--frames 60 --rounds 3]

The built-in head speaks for some seconds. Each way of rendering it is a process of its own, taking turns:
our engine; a blank engine that hands over a finished picture of the same scene and so writes the same kind of
files; and decoding and drawing alone. Times are those of the animation, without Blender's start and without
reading the avatar. Of every frame the fastest round counts, which a busy machine disturbs least, and
`overhead` is engine / (blank + work) - 1. Blender makes a graphics context for every frame of an engine that
may draw with it, as ours may: `blank_on_gpu` shows what that costs here. `--profile` prints where time goes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from scenes import SIZES

WORKER = Path(__file__).with_name("engine_worker.py")
KINDS = ("engine", "blank", "blank_on_gpu", "work")
FPS = 25
MAX_OVERHEAD = 0.25
ANIMATE = "import sys; from gaussian_heads.blender.cli import main; sys.exit(main(sys.argv[1:]))"


def make_scene(folder: Path, num_frames: int) -> Path:
    """A saved scene in which the built-in head speaks for `num_frames` frames."""
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    sound, blend = folder / "speech.wav", folder / "scene.blend"
    soundfile.write(sound, samples[: round(num_frames / FPS * rate)], rate)
    words = ["animate", sound, "--out", folder / "small", "--size", 32, 32, "--save-blend", blend]
    words += ["--fps", FPS, "--backend", "cpu"]
    _run([sys.executable, "-c", ANIMATE, *map(str, words)])
    return blend


def frame_times_ms(kind: str, blend: Path, size: str, *, is_profiled: bool = False) -> list[float]:
    """How long one process takes for each frame of the animation."""
    folder = blend.parent / f"{kind}_{size}"
    profile = ["-m", "cProfile", "-s", "tottime"] if is_profiled else []
    words = [sys.executable, *profile, WORKER, kind, blend, *map(str, SIZES[size]), folder]
    said = _run([str(word) for word in words])
    if is_profiled:
        sys.stderr.write(said[said.index("function calls") - 40 :][:6000])
    return json.loads((folder / "report.json").read_text("utf8"))["frames_ms"]


def _run(words: list[str]) -> str:
    """What a process says; a failure ends the measurement with it."""
    process = subprocess.run(words, capture_output=True, text=True, env=os.environ)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}\n{process.stdout}\n{process.stderr}")
    return process.stdout


def measure(blend: Path, sizes: list[str], rounds: int) -> dict[str, dict[str, object]]:
    """Figures of each size."""
    rounds_ms: dict[tuple[str, str], list[list[float]]] = {(s, k): [] for s in sizes for k in KINDS}
    for _ in range(rounds):
        for (size, kind), measured_ms in rounds_ms.items():
            measured_ms.append(frame_times_ms(kind, blend, size))
    return {size: size_figures({k: rounds_ms[size, k] for k in KINDS}) for size in sizes}


def size_figures(rounds_ms: dict[str, list[list[float]]]) -> dict[str, object]:
    """Mean milliseconds a frame of each kind, each frame in its fastest round, and what follows."""
    frame_ms = {k: float(np.mean(np.min(rounds, axis=0))) for k, rounds in rounds_ms.items()}
    engine, blank, blank_on_gpu, work = (frame_ms[kind] for kind in KINDS)
    overhead = engine / (blank + work) - 1
    return {
        "frame_ms": {kind: round(value, 2) for kind, value in frame_ms.items()},
        "overhead": round(overhead, 3),
        "overhead_beside_graphics_context": round(engine / (blank_on_gpu + work) - 1, 3),
        "wanted": f"< {MAX_OVERHEAD}",
        "met": overhead < MAX_OVERHEAD,
    }


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--profile", action="store_true", help="print where the engine's time goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        blend = make_scene(Path(scratch), arguments.frames)
        if arguments.profile:
            frame_times_ms("engine", blend, arguments.sizes[0], is_profiled=True)
        report = {"num_frames": arguments.frames, "load_average": os.getloadavg()[0]}
        report |= measure(blend, arguments.sizes, arguments.rounds)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
