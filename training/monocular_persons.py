"""Persons for the monocular encoder's pictures: those of the capture, and mixes of them.

    python -m gaussian_heads.training.monocular_persons --prior assets/prior --data build/capture \\
        --out build/monocular/persons

A mix has the head of two or three persons, somewhat beyond them, another's skin and another's hair. What is
made is kept: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.files import replace_on_success
from ..core.locks import InUseError, held
from .commands import run_command
from .dataset import open_capture
from .dataset.layout import STRAND_GROUPS, TRAIN, VALIDATE
from .dataset.reader import Subject
from .networks.prior import BakedHead, UniversalPrior
from .package_parts import lip_contact_offset_mm
from .prior_bake import bake_head
from .prior_file import load_prior
from .prior_person import NeutralScan
from .strands import Strands

logger = logging.getLogger(__name__)
# A hair of fewer pieces draws faster, and a small picture does not show them.
HAIR_PIECES = 9000
# How far a mix goes beyond the mean of its persons.
EXTRAPOLATION = 1.2
MIXED_OF = (2, 3)
BALD_SHARE, BEARDLESS_SHARE = 0.06, 0.35
# Buffers that need no more than half precision on disk.
HALVES = ("basis_m", "gain_light", "map_light", "all_sh", "strand_colors", "surface_colors")


@dataclass(frozen=True)
class RenderPerson:
    """A baked head and what labels need to know of it."""

    name: str
    head: BakedHead
    eye_centers: np.ndarray  # [2, 3] left, right (m)
    neck_pivot: np.ndarray  # [3]
    contact_mm: float
    identity: np.ndarray  # [Z] identity code

    @property
    def num_surface(self) -> int:
        """Gaussians of the skin; strands come after them."""
        return len(self.head.head.surface_colors)

    @property
    def num_bound(self) -> int:
        """Pieces of brows, lashes and beard, between skin and hair."""
        return len(self.head.neck_weights) - self.num_surface - len(self.head.head.still_means_m)


@torch.no_grad()
def bake_person(prior: UniversalPrior, name: str, scan: NeutralScan) -> RenderPerson:
    """The head of one scan, ready to draw."""
    head = bake_head(prior, scan, HAIR_PIECES)
    landmarks = head(torch.zeros(prior.settings.network.code_dim))[5].numpy()
    return RenderPerson(
        name=name,
        head=head,
        eye_centers=np.asarray(scan.eye_centers, np.float64),
        neck_pivot=np.asarray(scan.neck_pivot, np.float64),
        contact_mm=lip_contact_offset_mm(landmarks),
        identity=_identity(prior, scan),
    )


def mixed_scan(subjects: list[Subject], rng: np.random.Generator) -> NeutralScan:
    """The neutral scan of a person who does not exist."""
    chosen = [subjects[i] for i in rng.permutation(len(subjects))]
    count = min(int(rng.integers(MIXED_OF[0], MIXED_OF[1] + 1)), len(chosen))
    weights = rng.dirichlet(np.full(count, 1.5))
    mean = np.mean([s.neutral_vertices for s in subjects], axis=0, dtype=np.float64)

    def mixed(values: list[np.ndarray], about: np.ndarray) -> np.ndarray:
        total = sum(w * np.asarray(v, np.float64) for w, v in zip(weights, values, strict=True))
        return about + EXTRAPOLATION * (total - about)

    parents = chosen[:count]
    vertices = mixed([s.neutral_vertices for s in parents], mean)
    eyes = np.mean([s.eye_centers for s in subjects], axis=0)
    pivot = np.mean([s.neck_pivot for s in subjects], axis=0)
    return NeutralScan(
        vertices=vertices,
        texture=parents[-1].neutral_texture(),
        strands=_strands(chosen, parents[-1], vertices, rng),
        eye_centers=mixed([s.eye_centers for s in parents], eyes),
        neck_pivot=mixed([s.neck_pivot for s in parents], pivot),
    )


def _strands(
    chosen: list[Subject], skin: Subject, vertices: np.ndarray, rng: np.random.Generator
) -> dict[str, Strands]:
    """Brows and lashes of whom the skin is of, hair of another: the skin shows stubble and brows."""
    donors = dict.fromkeys(STRAND_GROUPS, skin)
    donors["hair"] = chosen[-1]
    found = {}
    for name in STRAND_GROUPS:
        donor = donors[name]
        group = donor.strands().get(name)
        is_left_out = (name == "hair" and rng.random() < BALD_SHARE) or (
            name == "beard" and rng.random() < BEARDLESS_SHARE
        )
        if group is None or len(group.points) == 0 or is_left_out:
            continue
        triangles = donor.topology.triangles
        before = donor.neutral_vertices.astype(np.float64)[triangles]
        found[name] = group.carried(before, vertices[triangles])
    return found


def _identity(prior: UniversalPrior, scan: NeutralScan) -> np.ndarray:
    from .prior_person import PersonMaker

    maker = PersonMaker(prior.parts, prior.settings.gaussians, prior.settings.network.image_px)
    maps = torch.from_numpy(maker.maps(scan))[None]
    return prior.identify(maps)[0].code.numpy()


def save_person(path: Path, person: RenderPerson) -> None:
    """Keep a person for other processes of the same training."""
    for module in person.head.modules():
        for name, value in module.named_buffers(recurse=False):
            if name in HALVES:
                setattr(module, name, value.half())
    with replace_on_success(path) as temporary:
        torch.save({f.name: getattr(person, f.name) for f in dataclasses.fields(person)}, temporary)


def load_person(path: Path) -> RenderPerson:
    """Read what `save_person` wrote; only for files of one's own, for they are pickles."""
    person = RenderPerson(**torch.load(path, weights_only=False))
    for module in person.head.modules():
        for name, value in module.named_buffers(recurse=False):
            if isinstance(value, Tensor) and value.dtype == torch.float16:
                setattr(module, name, value.float())
    return person


def make_persons(
    prior: UniversalPrior, data: Path, out: Path, mixes: int, seed: int, *, split: str = TRAIN
) -> None:
    """Bake the persons of a split and `mixes` mixed ones that are not in `out` yet."""
    subjects = open_capture(data).subjects(split)
    out.mkdir(parents=True, exist_ok=True)
    # Alternately, so that any beginning of the work is of use.
    names = [f"mix{i:03d}" for i in range(mixes)]
    for i in range(max(len(names), len(subjects))):
        for name in [s.name for s in subjects[i : i + 1]] + names[i : i + 1]:
            path = out / f"{name}.pt"
            # What another process is at work on, it makes; a lock ends with its process, however that ends.
            with contextlib.suppress(InUseError), held(out / f"{name}.lock"):
                if path.is_file():
                    continue
                if name.startswith("mix"):
                    scan = mixed_scan(subjects, np.random.default_rng([seed, int(name[3:])]))
                else:
                    scan = NeutralScan.of(subjects[i])
                save_person(path, bake_person(prior, name, scan))
                logger.info("%s", path.name)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prior", type=Path, required=True, help="folder of the trained prior")
    parser.add_argument("--data", type=Path, required=True, help="capture with the persons")
    parser.add_argument("--out", type=Path, required=True, help="folder for the baked heads")
    parser.add_argument("--mixes", type=int, default=72, help="mixed persons (default: 72)")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument(
        "--split", choices=(TRAIN, VALIDATE), default=TRAIN, help="persons of the capture"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    return run_command(
        lambda: make_persons(
            load_prior(options.prior),
            options.data,
            options.out,
            options.mixes,
            options.seed,
            split=options.split,
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
