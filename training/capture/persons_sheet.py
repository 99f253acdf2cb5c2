"""A sheet of random persons of the studio, path-traced at rest: do they look varied, human and whole?

    python -m gaussian_heads.training.capture.persons_sheet --out docs/images/persons.jpg

Seeds are drawn at random from those for training, by a generator of its own (`--draw`). Finished pictures stay in
`--work`, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ...core.camera import Camera
from ...core.errors import GaussianHeadsError
from ...core.files import replace_on_success
from ...core.spaces import ARKIT_BLENDSHAPES
from ..evaluate_metrics import composite
from ..evaluate_sheet import as_bytes
from .cameras import TARGET_M, ReferenceQuality, camera_around
from .people_plan import FIRST_VALIDATE_SEED
from .sources import Sources, find_sources

LOG = logging.getLogger(__name__)
SIDE_PX, SHOWN_PX, COLUMNS, TEXTURE_PX, ZOOM = 384, 256, 8, 1024, 1.04
# The cameras stand before the face, in turn.
TURNS_DEG = (0.0, 24.0, -24.0)


def draw_seeds(count: int, draw: int) -> list[int]:
    """Different seeds of persons for training."""
    rng = np.random.default_rng(draw)
    return sorted(rng.choice(FIRST_VALIDATE_SEED, count, replace=False).tolist())


def photograph_persons(
    seeds: list[int], work: Path, sources: Sources, samples: int
) -> list[np.ndarray]:
    """Pictures [H, W, 4] uint8 of the persons; only those that `work` lacks are traced."""
    work.mkdir(parents=True, exist_ok=True)
    paths = [work / f"s{seed:04d}.png" for seed in seeds]
    quality = ReferenceQuality(size_px=SIDE_PX)
    for number, (seed, path) in enumerate(zip(seeds, paths, strict=True)):
        if path.is_file():
            continue
        # Blender is heavy, and a finished folder does not need it.
        from .clip_studio import ClipStudio

        turn = TURNS_DEG[number % len(TURNS_DEG)]
        camera = Camera(*camera_around(turn, quality, 2.0, ZOOM, TARGET_M), SIDE_PX, SIDE_PX)
        at_rest = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
        with replace_on_success(path) as temporary:
            ClipStudio(seed, sources, TEXTURE_PX).photograph(
                at_rest, camera, str(temporary), samples
            )
        LOG.info("seed %d, %d of %d", seed, number + 1, len(seeds))
    return [np.array(Image.open(path).convert("RGBA")) for path in paths]


def write_persons(pictures: list[np.ndarray], out: Path) -> None:
    """All pictures in rows of eight."""
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SHOWN_PX, rows * SHOWN_PX))
    for number, picture in enumerate(pictures):
        tile = Image.fromarray(as_bytes(composite(picture)))
        tile = tile.resize((SHOWN_PX, SHOWN_PX), Image.Resampling.LANCZOS)
        sheet.paste(tile, (number % COLUMNS * SHOWN_PX, number // COLUMNS * SHOWN_PX))
    out.parent.mkdir(parents=True, exist_ok=True)
    with replace_on_success(out) as temporary:
        sheet.save(temporary, quality=90)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the sheet, .jpg")
    parser.add_argument("--work", type=Path, default=Path("build/persons"))
    parser.add_argument("--data", help="data folder, else GAUSSIAN_HEADS_DATA")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--draw", type=int, default=4, help="seed of the draw")
    parser.add_argument("--samples", type=int, default=16)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = parse(arguments)
    try:
        sources = find_sources(options.data)
        seeds = draw_seeds(options.count, options.draw)
        pictures = photograph_persons(seeds, options.work, sources, options.samples)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write_persons(pictures, options.out)
    sys.stdout.write(f"{options.out}: seeds {', '.join(map(str, seeds))}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
