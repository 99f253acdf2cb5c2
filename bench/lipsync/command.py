"""Lip sync of any program's curves, or of our own network, beside what it should be compared with.

Run: python bench/lipsync [--data DATA] [--set held-out | --clips LIST.csv] [--curves FOLDER] [--json]

Without `--curves` our speech network speaks through an avatar. With it, FOLDER holds a CSV file
`CLIP.csv` for every clip with the columns time (seconds), lip_gap (0 where the lips touch) and
mouth_width, in one unit. docs/BENCHMARKS.md says what every figure means.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gaussian_heads.blender.commands import ProgressLine
from gaussian_heads.core.assets import SPEECH_MODEL, avatar_path, default_avatar_reference
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.core.timing import frame_rate
from gaussian_heads.training.speech_data import data_folder
from gaussian_heads.training.speech_heads import IctHead

from .clips import SETS, Clip, filmed_clips, listed_clips, spoken_clips
from .figures import Row, motion_rows, phone_rows
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
        is_data_needed = "video" in parts or options.clips is None
        data = data_folder(options.data) if is_data_needed else None
        spoken, filmed = [], []
        if "phones" in parts:
            spoken = (
                listed_clips(options.clips) if options.clips else spoken_clips(data, options.set)
            )
        if "video" in parts:
            filmed = filmed_clips(data)
        return cls(spoken, filmed)


def parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    parser = argparse.ArgumentParser(
        "bench/lipsync", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="the data folder (GAUSSIAN_HEADS_DATA)")
    parser.add_argument("--set", choices=tuple(SETS), default="validation")
    parser.add_argument("--clips", type=Path, help="recordings of your own instead: a CSV list")
    parser.add_argument("--only", choices=PARTS, help="leave the other kind of clips out")
    parser.add_argument("--curves", type=Path, help="folder with a CSV file for every clip")
    parser.add_argument("--model", type=Path, default=SPEECH_MODEL)
    parser.add_argument("--avatar", help="a .uhap file, builtin:NAME or 'ict'; the default one")
    parser.add_argument("--fps", default="25", help="of all curves that are made here")
    parser.add_argument("--write-curves", type=Path, help="folder for the network's curves")
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


def measure(
    options: argparse.Namespace, clips: Sequence[Clip], reference: Reference
) -> dict[str, Source]:
    """Curves of all sources for `clips`, the measured one first."""
    if options.curves is not None:
        measured = folder_source(options.curves, clips)
    else:
        model = SpeechModel.open(options.model)
        line = ProgressLine("network")
        measured = reference.network(model, clips, options.write_curves, line)
    sources = {
        MEASURED: measured,
        TIMING: reference.perfect_timing(clips, ProgressLine(TIMING)),
        LOUDNESS: reference.loudness(clips),
    }
    if len(clips) > 1:  # one clip alone has no other to be held against
        sources[SHUFFLED] = shuffled(measured, clips, options.seed)
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
    about = {
        "measured": str(options.curves or options.model.name),
        "recordings": str(options.clips or options.set),
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
    return f"{title}\n\n{table(rows, (MEASURED, TIMING, LOUDNESS, SHUFFLED))}"
