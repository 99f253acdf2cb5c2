"""Make an avatar of a person from one video, from photos, from calibrated pictures or from a neutral scan.

    python -m gaussian_heads.training.personalize me.mp4 --out me.uhap --name "Ada Smith" \\
        --consent "I am Ada Smith and want this avatar of myself"

The person has to agree: say with --consent who agreed to what; it goes into the package with the date and a digest of
the input. Work is kept in a folder: Ctrl-C stops it, the same command goes on from there.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.assets import ASSETS
from ..core.errors import AvatarError
from ..core.stopping import leave, stopped_at_once
from .commands import STOPPED, run_command

if TYPE_CHECKING:
    from .personalization.fit_settings import FitSettings
    from .personalization.pipeline import Order

PRIOR = ASSETS / "prior"


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_command(lambda: personalize(parse(arguments)))


def personalize(options: argparse.Namespace) -> None:
    """Run the stages that are not done yet and write the package."""
    with stopped_at_once(STOPPED):
        import torch

        from .personalization.pipeline import STAGES, Personalization
        from .personalization.stages import Reporter, open_work

    # Small tensors gain nothing from threads; what does divides its work itself.
    torch.set_num_threads(1)
    order = order_of(options)
    reporter = Reporter(STAGES, sys.stdout if options.json_progress else None)
    with open_work(options.work or options.out.with_suffix(".work"), reporter) as work:
        package = Personalization(order, work).run()
    sys.stderr.write(f"{package}: {package.stat().st_size / 1e6:.2f} MB\n")


def order_of(options: argparse.Namespace) -> Order:
    """What the command line asks for; raises a `GaussianHeadsError` where it makes no sense."""
    from .personalization.inputs import classify
    from .personalization.personal_export import PersonStatement
    from .personalization.pipeline import Order
    from .personalization.reading import require_consent

    require_consent(options.consent, is_synthetic=options.synthetic)
    if options.out.suffix != ".uhap":
        raise AvatarError(f"'{options.out}' must end in .uhap: change --out.")
    if options.minutes is not None and not options.minutes > 0:
        raise AvatarError("--minutes must be above 0.")
    require_place(options.out)
    require_prior(options.prior)
    settings = fit_settings(options)
    statement = PersonStatement(
        name=options.name or options.out.stem.capitalize(),
        author=options.author,
        licence=options.licence or PersonStatement.licence,
        consent=options.consent,
        is_synthetic=options.synthetic,
    )
    return Order(
        given=classify(options.input),
        out=options.out,
        statement=statement,
        prior=options.prior,
        fit=settings,
        minutes=options.minutes,
        motion=options.motion,
        tracker=options.tracker,
        face=options.face,
        focal_px=options.focal_px,
    )


def fit_settings(options: argparse.Namespace) -> FitSettings:
    """Steps, budget and device of the fit."""
    from .personalization.fit_settings import FitSettings

    settings = FitSettings(device=device_of(options.device))
    if options.steps is not None:
        if options.steps < 0:
            raise AvatarError("--steps must be 0 (the first guess alone) or more.")
        settings = dataclasses.replace(settings, steps=options.steps)
    if options.budget is not None:
        growth, hair = settings.growth, settings.hair
        most = growth.max_anchors + hair.max_gaussians
        if not 5_000 <= options.budget <= 400_000:
            raise AvatarError(f"--budget is {options.budget:,}: give 5,000 to 400,000 Gaussians.")
        share = options.budget / most
        growth = dataclasses.replace(
            growth,
            max_anchors=round(growth.max_anchors * share),
            first_share=min(growth.first_share, share),
        )
        hair = dataclasses.replace(hair, max_gaussians=round(hair.max_gaussians * share))
        settings = dataclasses.replace(settings, growth=growth, hair=hair)
    return settings


def require_place(out: Path) -> None:
    """Refuse at once, and not after the fit, a package that could not be written."""
    if out.is_dir():
        raise AvatarError(f"'{out}' is a folder: give --out another name.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise AvatarError(
            f"Nothing can be written in '{out.parent}' ({error.strerror}): choose another folder for --out."
        ) from error


def require_prior(folder: Path) -> None:
    """Refuse at once, and not after the video was read, a folder without a prior and all that belongs to it."""
    from .prior_controls import load_controls
    from .prior_file import read_record
    from .prior_identity import require_identity

    read_record(folder)
    load_controls(folder)
    require_identity(folder)


def device_of(wanted: str) -> str:
    """The device that is there; raises `AvatarError` where the wanted one is not."""
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise AvatarError("There is no CUDA device that PyTorch can use: choose --device cpu.")
    return "cpu"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="personalize",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", type=Path, nargs="+", help="a video, photos, or one folder (photos, cameras, scan)"
    )
    parser.add_argument("--out", type=Path, required=True, help="package to write (.uhap)")
    parser.add_argument("--consent", default="", help="who agreed to what; needed for real people")
    parser.add_argument(
        "--synthetic", action="store_true", help="the person shown does not exist (renders)"
    )
    parser.add_argument("--name", default="", help="the avatar's name (default: the file's)")
    parser.add_argument("--author", default="", help="who made it")
    parser.add_argument("--licence", default="", help="all rights of the person shown by default")
    parser.add_argument("--work", type=Path, help="folder of the work (default: beside --out)")
    parser.add_argument("--prior", type=Path, default=PRIOR, help="folder of the trained prior")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="steps of the fit; 0 bakes the first guess")
    length.add_argument("--minutes", type=float, help="time for the fit instead of steps")
    parser.add_argument("--budget", type=int, help="most Gaussians of the head")
    parser.add_argument(
        "--motion",
        choices=("universal", "personal"),
        default="universal",
        help="personal: also learn how this person speaks, from the video's sound",
    )
    parser.add_argument("--tracker", type=Path, help="model file of MediaPipe's Face Landmarker")
    parser.add_argument(
        "--face",
        choices=("only", "largest", "left", "right"),
        default="only",
        help="whose face, where there are several (default: refuse)",
    )
    parser.add_argument("--focal-px", type=float, help="focal length in pixels, if it is known")
    parser.add_argument(
        "--json-progress", action="store_true", help="tell stages as lines of JSON on stdout"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    leave(main())
