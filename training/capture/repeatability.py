"""How well the path tracer repeats its own pictures: what no avatar can score above.

    python -m gaussian_heads.training.capture.repeatability --capture build/capture --subject s1002

Evaluation pictures of a person are traced again with other random numbers and compared with those of the capture,
with the figures and the regions of `training.evaluate`. Hair finer than a pixel differs most.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...core.errors import GaussianHeadsError
from ...core.files import replace_on_success
from ..dataset import open_capture
from ..dataset.layout import CaptureError
from ..dataset.reader import Subject
from ..evaluate import evaluation_images
from ..evaluate_metrics import REGIONS, Score, composite, region_masks, score
from .people_plan import QUALITIES
from .sources import Sources, find_sources

if TYPE_CHECKING:
    from .clip_studio import ClipStudio

LOG = logging.getLogger(__name__)
OTHER_SEED = 2


def repeat_pictures(
    capture: Path, name: str, work: Path, sources: Sources, samples: int
) -> list[Score]:
    """Scores of pictures of the person `name`, traced again into `work`, against the capture's."""
    subject = open_capture(capture).subject(name)
    images = evaluation_images(subject)
    if not images or subject.controls is None:
        raise CaptureError(
            f"The capture '{capture}' has no evaluation pictures of '{name}' that the studio could repeat: "
            "name a person for validation, or one of the first to train on."
        )
    studio = open_studio(subject, sources)
    scores = []
    for image in images:
        pixels, camera = subject.picture(image)
        path = work / f"{name}_{image.frame}_{image.camera}.png"
        arkit = subject.controls[subject.frame_names.index(image.frame)]
        with replace_on_success(path) as temporary:
            studio.photograph(arkit, camera, str(temporary), samples)
        again = composite(np.array(Image.open(path).convert("RGBA")))
        vertices = subject.frame_vertices(image.frame)
        regions = region_masks(vertices, subject.topology, subject.strands(), camera)
        scores.append(score(again, pixels, regions))
        LOG.info("%s: %.1f dB, SSIM %.3f", path.stem, scores[-1].psnr_db, scores[-1].ssim)
    return scores


def open_studio(subject: Subject, sources: Sources) -> ClipStudio:
    """The studio with the person in it and random numbers other than the capture's."""
    # Blender is heavy, and a wrong name needs none of it.
    from .clip_studio import ClipStudio

    studio = ClipStudio(subject.info.seed, sources, QUALITIES["final"].neutral_texture_px)
    studio.studio.scene.cycles.seed = OTHER_SEED
    return studio


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--capture", type=Path, required=True)
    parser.add_argument("--subject", required=True)
    parser.add_argument("--work", type=Path, default=Path("build/repeated"))
    parser.add_argument("--data", help="data folder, else GAUSSIAN_HEADS_DATA")
    parser.add_argument("--samples", type=int, default=QUALITIES["final"].evaluation_samples)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = parse(arguments)
    try:
        sources = find_sources(options.data)
        scores = repeat_pictures(
            options.capture, options.subject, options.work, sources, options.samples
        )
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    parts = ", ".join(f"{name} {_mean(scores, name):.1f} dB" for name in REGIONS)
    psnr, ssim = (np.mean([getattr(s, name) for s in scores]) for name in ("psnr_db", "ssim"))
    sys.stdout.write(f"{len(scores)} pictures: {psnr:.1f} dB, SSIM {ssim:.3f}; {parts}\n")
    return 0


def _mean(scores: list[Score], region: str) -> float:
    values = [s.region_psnr_db[region] for s in scores if region in s.region_psnr_db]
    return float(np.mean(values)) if values else float("nan")


if __name__ == "__main__":
    raise SystemExit(main())
