"""The same personalization without one of its parts each, for `evaluate_personal`.

    python -m gaussian_heads.training.ablate_personal --work me.work --out build/ablations --steps 1200

Every run starts from the first guess that a finished `personalize` left in its work folder, and takes as many steps. A
stopped run goes on, a finished one is kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import shutil
import time
from pathlib import Path

import torch

from ..core.files import replace_on_success
from .commands import run_command
from .personalization.fit_person import fit_person
from .personalization.fit_settings import FitSettings
from .personalization.following import GUESS
from .personalization.personal_export import PersonStatement, describe_person
from .personalization.subject import VideoSubject
from .personalization.subject_files import load_subject
from .prior_controls import load_controls
from .prior_file import load_prior, read_record
from .prior_settings import TrainingError

LOG = logging.getLogger(__name__)
FULL = "full"
FEWER_SHARE = 0.6
RUNS = (FULL, "no_codes", "no_density", "no_prior", "fixed", "fewer")


def variants(
    settings: FitSettings, num_anchors: int, counts: tuple[int, int] | None = None
) -> dict[str, FitSettings]:
    """Settings by name: everything, and without the encoder's codes, density control, and the prior.

    Without density control anchors are split by chance, at the same times, until there are as many on the surface and
    free as the full head ended with: `counts`. "fixed" has the prior's `num_anchors` and never changes their number,
    "fewer" has the control, FEWER_SHARE of them and of the most hair.
    """
    growth, hair = settings.growth, settings.hair
    chance = dataclasses.replace(growth, rule="random")
    if counts is not None:
        chance = dataclasses.replace(chance, max_anchors=counts[0])
        hair = dataclasses.replace(hair, max_gaussians=counts[1])
    fewer = dataclasses.replace(growth, max_anchors=round(FEWER_SHARE * num_anchors))
    less_hair = round(FEWER_SHARE * settings.hair.max_gaussians)
    return {
        FULL: settings,
        "no_codes": dataclasses.replace(settings, uses_codes=False),
        "no_density": dataclasses.replace(settings, growth=chance, hair=hair),
        "no_prior": dataclasses.replace(settings, uses_prior=False),
        "fixed": dataclasses.replace(settings, growth=dataclasses.replace(growth, rule="none")),
        "fewer": dataclasses.replace(
            settings,
            growth=fewer,
            hair=dataclasses.replace(settings.hair, max_gaussians=less_hair),
        ),
    }


def run(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Fit and export what is missing; what each run took and has."""
    torch.set_num_threads(1)
    guess = options.work / "guess"
    subject, prior = load_subject(guess), load_prior(options.prior)
    settings = dataclasses.replace(FitSettings(), steps=options.steps, device=options.device)
    path, records = options.out / "runs.json", {}
    if path.is_file():
        records = json.loads(path.read_text("utf8"))
    for name in options.runs:
        out = options.out / f"{name}.uhap"
        if out.is_file() and name in records:
            continue
        whole = records.get(FULL)
        if whole is None and name == "no_density":
            raise TrainingError("no_density has as many Gaussians as 'full': run that first.")
        counts = None if whole is None else (whole["surface"], whole["free"])
        chosen = variants(settings, len(prior.parts.anchors), counts)[name]
        records[name] = _fitted(name, chosen, subject, prior, options)
        work = out.with_suffix(".work") / "guess"
        work.mkdir(parents=True, exist_ok=True)
        shutil.copy(guess / GUESS, work / GUESS)
        with replace_on_success(path) as temporary:
            temporary.write_text(json.dumps(records, indent=1) + "\n", encoding="utf8")
        LOG.info("%s: %s", name, records[name])
    return records


def _fitted(
    name: str,
    settings: FitSettings,
    subject: VideoSubject,
    prior: object,
    options: argparse.Namespace,
) -> dict[str, float]:
    began = time.monotonic()
    person = fit_person(prior, subject, settings, work=options.out / f"{name}.fit")
    took_sec = time.monotonic() - began
    statement = PersonStatement(name=name, is_synthetic=True, source="An ablation of a fit")
    info = describe_person(person, statement, read_record(options.prior))
    person.export(options.out / f"{name}.uhap", info, load_controls(options.prior))
    surface, free = person.num_gaussians
    return {
        "surface": surface,
        "free": free,
        "steps": settings.steps,
        "seconds": round(took_sec, 1),
    }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="work folder of a personalization")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=RUNS)
    parser.add_argument("--steps", type=int, default=FitSettings().steps)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--prior", type=Path, default=Path("assets/prior"))
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    return run_command(lambda: run(parse(arguments)))


if __name__ == "__main__":
    raise SystemExit(main())
