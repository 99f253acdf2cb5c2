"""Lip sync of any program's curves, or of our own network, beside what it should be compared with.

Run: python bench/lipsync [--data DATA] [--set held-out | --clips LIST.csv | --synthetic CORPUS]
                          [--curves FOLDER] [--model [NAME=]FILE.onnx ...] [--json]

Without `--curves` our speech network speaks through an avatar. With it, FOLDER holds a CSV file
`CLIP.csv` for every clip with the columns time (seconds), lip_gap (0 where the lips touch) and
mouth_width, in one unit. Several networks stand side by side, and their differences to the first.
docs/BENCHMARKS.md says what every figure means.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gaussian_heads.blender.commands import ProgressLine
from gaussian_heads.core.assets import SPEECH_MODEL, avatar_path, default_avatar_reference
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.core.timing import frame_rate
from gaussian_heads.training.speech_heads import IctHead
from gaussian_heads.training.speech_recordings import data_folder

from .clips import (
    SETS,
    Clip,
    damaged_clips,
    filmed_clips,
    listed_clips,
    spoken_clips,
    synthetic_clips,
    write_clips,
)
from .curves import BenchmarkError
from .figures import Row, less, motion_rows, phone_rows
from .report import plain, table
from .sources import (
    LOUDNESS,
    MEASURED,
    SHUFFLED,
    TIMING,
    Reference,
    Source,
    folder_source,
    shuffled,
)

PARTS = ("phones", "video")


@dataclass(frozen=True)
class Chosen:
    """The clips to measure: recordings with phones, and filmed speakers."""

    spoken: list[Clip]
    filmed: list[Clip]

    @classmethod
    def of_options(cls, options: argparse.Namespace) -> Chosen:
        """What the command line names; the data folder is needed unless clips are listed alone."""
        parts = PARTS if options.only is None else (options.only,)
        if options.synthetic is not None:
            return cls(synthetic_clips(options.synthetic, options.per_language), [])
        is_data_needed = "video" in parts or options.clips is None
        data = data_folder(options.data) if is_data_needed else None
        spoken, filmed = [], []
        if "phones" in parts:
            spoken = (
                listed_clips(options.clips) if options.clips else spoken_clips(data, options.set)
            )
        if options.damaged:
            spoken = damaged_clips(spoken, options.seed)
        if "video" in parts:
            filmed = filmed_clips(data)
        return cls(spoken, filmed)


def parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    parser = argparse.ArgumentParser(
        "bench/lipsync", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="the data folder (GAUSSIAN_HEADS_DATA)")
    spoken = parser.add_mutually_exclusive_group()
    spoken.add_argument("--set", choices=tuple(SETS), default="validation")
    spoken.add_argument("--clips", type=Path, help="recordings of your own instead: a CSV list")
    spoken.add_argument("--synthetic", type=Path, help="held-out synthetic speech, by language")
    parser.add_argument(
        "--per-language", type=int, default=40, help="sentences of synthetic speech"
    )
    parser.add_argument(
        "--damaged", action="store_true", help="speech through bad devices, beside other sounds"
    )
    parser.add_argument("--only", choices=PARTS, help="leave the other kind of clips out")
    parser.add_argument("--curves", type=Path, help="folder with a CSV file for every clip")
    parser.add_argument(
        "--model", action="append", metavar="[NAME=]FILE", help="a network; as often as you like"
    )
    parser.add_argument("--avatar", help="a .uhap file, builtin:NAME or 'ict'; the default one")
    parser.add_argument("--fps", default="25", help="of all curves that are made here")
    parser.add_argument("--write-curves", type=Path, help="folder for the networks' curves")
    parser.add_argument("--write-clips", type=Path, help="write sound and phones there, no more")
    parser.add_argument("--seed", type=int, default=0, help="of bootstrap and shuffling")
    parser.add_argument(
        "--list", action="store_true", help="name the clips and their sound, no more"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def open_head(options: argparse.Namespace) -> Avatar | IctHead:
    """The head that every curve made here is measured on."""
    if options.avatar == "ict":
        return IctHead(data_folder(options.data))
    return Avatar.open(avatar_path(options.avatar or default_avatar_reference()))


def named_models(options: argparse.Namespace) -> dict[str, Path]:
    """The networks by the name of their column; one alone is what is measured."""
    words = options.model or ([] if options.curves else [str(SPEECH_MODEL)])
    pairs = [word.rpartition("=") for word in words]
    models = {name or Path(file).stem: Path(file) for name, _, file in pairs}
    if len(models) < len(pairs):
        raise BenchmarkError("Two networks have one name: write --model NAME=FILE for each.")
    is_alone = len(models) == 1 and options.curves is None
    return {MEASURED: next(iter(models.values()))} if is_alone else models


def measure(
    options: argparse.Namespace, clips: Sequence[Clip], reference: Reference
) -> dict[str, Source]:
    """Curves of all sources for `clips`, the measured ones first."""
    measured = {}
    if options.curves is not None:
        measured[MEASURED] = folder_source(options.curves, clips)
    models = named_models(options)
    for name, path in models.items():
        folder = options.write_curves
        folder = folder / name if folder is not None and len(models) > 1 else folder
        line = ProgressLine("network" if name == MEASURED else name)
        measured[name] = reference.network(SpeechModel.open(path), clips, folder, line)
    sources = {
        **measured,
        TIMING: reference.perfect_timing(clips, ProgressLine(TIMING)),
        LOUDNESS: reference.loudness(clips),
    }
    if len(clips) > 1:  # one clip alone has no other to be held against
        sources[SHUFFLED] = shuffled(next(iter(measured.values())), clips, options.seed)
    return sources


def rows_of(options: argparse.Namespace, chosen: Chosen, head: Avatar | IctHead) -> list[Row]:
    """All figures of the chosen clips."""
    reference, rows = Reference(head, frame_rate(options.fps)), []
    for clips, make_rows in ((chosen.spoken, phone_rows), (chosen.filmed, motion_rows)):
        if clips:
            rows += make_rows(measure(options, clips, reference), clips, options.seed)
    return rows


def main(words: Sequence[str] | None = None) -> int:
    """Print a table or JSON; 1 and a sentence where something is missing or wrong."""
    options = parser().parse_args(words)
    try:
        chosen = Chosen.of_options(options)
        if options.list:
            lines = [f"{clip.name}\t{clip.audio}" for clip in chosen.spoken + chosen.filmed]
            sys.stdout.write("\n".join(lines) + "\n")
            return 0
        if options.write_clips is not None:
            sys.stdout.write(f"{write_clips(options.write_clips, chosen.spoken)}\n")
            return 0
        head = open_head(options)
        rows = rows_of(options, chosen, head)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(_printed(options, chosen, head.name, rows) + "\n")
    return 0


def _printed(
    options: argparse.Namespace, chosen: Chosen, head_name: str, rows: Sequence[Row]
) -> str:
    models = named_models(options)
    names = ([MEASURED] if options.curves else []) + list(models)
    files = [str(options.curves)] if options.curves else []
    files += [path.name if name == MEASURED else name for name, path in models.items()]
    about = {
        "measured": ", ".join(files),
        "recordings": str(options.synthetic or options.clips or options.set),
        "num_recordings": len(chosen.spoken),
        "num_filmed": len(chosen.filmed),
        "head": head_name,
        "fps": str(frame_rate(options.fps)),
        "seed": options.seed,
    }
    if options.json:
        return json.dumps(about | {"figures": plain(rows)}, indent=2)
    title = (
        f"Lip sync of {about['measured']}: {len(chosen.spoken)} recordings ({about['recordings']}), "
        f"{len(chosen.filmed)} filmed speakers; 95 % intervals over clips."
    )
    tables = [title, table(rows, (*names, TIMING, LOUDNESS, SHUFFLED))]
    if len(names) > 1:
        apart = [replace(row, wanted="") for row in rows]
        tables.append(f"Less {names[0]}, of the same clips:")
        tables.append(table(apart, [less(name, names[0]) for name in names[1:]], names[1:]))
    return "\n\n".join(tables)
