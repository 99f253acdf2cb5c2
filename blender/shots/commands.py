"""The commands `batch` and `shot`: shots of a table, each in a process of its own, and one in this one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.shots import Shot, ShotsError, read_shots
from ..commands import given_style, load_blender, quiet_blender, require_blender

if TYPE_CHECKING:
    from .outcomes import Outcome
    from .queue import BatchRequest

_PLAIN = ("fps", "camera", "view", "output", "seed", "style_preset", "look")
COLUMN_TITLES = ("shot", "result", "frames", "drawn", "seconds", "backend", "says")


def batch(options: argparse.Namespace) -> int:
    """Make the shots of a file; 0 when all are there, 1 when some failed, 130 when it was stopped."""
    from .display import Display
    from .queue import plan, run_batch

    require_blender("batch")
    request = _batch_request(options)
    if options.dry_run:
        outcomes = plan(request)
    else:
        with closing(Display(sys.stderr)) as display:
            outcomes = run_batch(request, display.tell, display.show)
    say_outcomes(outcomes, as_json=options.json)
    if any(outcome.result == "cancelled" for outcome in outcomes):
        return 130
    return int(any(outcome.result in ("failed", "not started") for outcome in outcomes))


def _batch_request(options: argparse.Namespace) -> BatchRequest:
    from .queue import BatchRequest

    shots = choose_shots(options.shots, options.only, _defaults(options))
    faults = [
        f"--{name} is {value}: give 1 or more."
        for name, value in (("jobs", options.jobs), ("cpus", options.cpus))
        if value is not None and value < 1
    ]
    if options.cpus is not None and not options.ray:
        faults.append("--cpus is for a Ray cluster: give its address with --ray, or leave it out.")
    if faults:
        raise ShotsError(faults)
    return BatchRequest(
        tuple(shots),
        options.out,
        options.jobs or (0 if options.ray else 1),
        options.overwrite,
        options.stop_on_error,
        options.ray or "",
        options.cpus or BatchRequest.cpus,
    )


def shot(options: argparse.Namespace) -> None:
    """Make one shot of a file here; raises with a sentence when it cannot be."""
    load_blender("shot")
    from .standing import ProgressFile
    from .work import make_shot, stopped_with_input

    chosen = choose_shots(options.shots, [options.name] if options.name else None)
    if len(chosen) != 1:
        raise ShotsError([f"'{options.shots}' has {len(chosen)} shots: choose one with --name."])
    watched = stopped_with_input() if options.stop_with_input else nullcontext()
    told = ProgressFile(options.progress) if options.progress else None
    with watched, quiet_blender():
        record = make_shot(
            chosen[0],
            options.out,
            overwrite=options.overwrite,
            progress=told,
            wait_sec=options.wait,
        )
    sys.stdout.write(f"{record}\n")


def choose_shots(
    path: Path, names: Sequence[str] | None, defaults: dict[str, str] | None = None
) -> list[Shot]:
    """The shots of the file `path`, or those called `names`; all must be without fault."""
    shots = read_shots(path, defaults)
    known = {shot.name: shot for shot in shots}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ShotsError([f"'{path}' has no shot '{name}': choose one it has." for name in unknown])
    return [known[name] for name in dict.fromkeys(names)] if names else shots


def _defaults(options: argparse.Namespace) -> dict[str, str]:
    """The words for empty cells, as cells."""
    texts = {name: getattr(options, name) for name in _PLAIN}
    texts |= {"backend": options.backend if options.backend != "auto" else None}
    texts |= {"size": "x".join(str(side) for side in options.size or ())}
    texts |= {"avatar": options.avatar}
    texts |= given_style(options)
    return {name: str(text) for name, text in texts.items() if text not in (None, "")}


def say_outcomes(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    """Write the table of what became of each shot, with a line of sums."""
    from .outcomes import as_row, summary

    if as_json:
        sys.stdout.write(json.dumps(summary(outcomes), indent=1) + "\n")
        return
    rows = [COLUMN_TITLES, *(as_row(outcome) for outcome in outcomes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMN_TITLES) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        sys.stdout.write("  ".join([*cells, row[-1]]).rstrip() + "\n")
    counts = summary(outcomes)["counts"]
    sys.stdout.write(", ".join(f"{count} {result}" for result, count in counts.items()) + "\n")
