"""Faces read off real videos: lips, lids and closures beside a tracker's curves.

Run: python bench/monocular [--data DATA] [--encoder FILE.onnx] [--tracker FILE.task] [--sheets FOLDER] [--json]

Each clip is encoded as `gaussian-heads encode` does it. "read" are the measures that the encoder gives beside
the code, "driven" what the built-in avatar's lips and lids do when the code drives them. docs/BENCHMARKS.md says what
every figure means. Sheets show people: keep them to yourself where their licence says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from gaussian_heads.core.assets import avatar_path, default_avatar_reference
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.measure import measure_track
from gaussian_heads.core.monocular.encoded import EncodedVideo
from gaussian_heads.core.monocular.encoder import (
    ENCODER,
    LEFT_LIDS,
    LIP_GAP,
    MOUTH_WIDTH,
    RIGHT_LIDS,
    MonocularEncoder,
)
from gaussian_heads.core.monocular.landmarker import FaceLandmarker
from gaussian_heads.core.monocular.video import encode_video
from gaussian_heads.training.speech_recordings import data_folder

from .clips import FilmedClip, filmed_clips
from .scores import CLOSED_PART, blinks, closures, correlation, jitter
from .sheet import write_sheet

COLUMNS = (
    ("gap_read", "lip gap r"),
    ("gap_driven", "driven r"),
    ("width_read", "width r"),
    ("width_driven", "driven r"),
    ("lids_read", "lids r"),
    ("blinks_seen", "blinks"),
    ("blinks_found", "found"),
    ("blinks_others", "others"),
    ("plosives", "p b m"),
    ("closed_read", "closed"),
    ("closed_driven", "driven"),
    ("closed_tracker", "tracker"),
    ("jitter", "jitter ‰"),
    ("confidence", "confidence"),
    ("ms_per_frame", "CPU ms/frame"),
)


def score(clip: FilmedClip, encoded: EncodedVideo, avatar: Avatar, seconds: float) -> dict:
    """All figures of one clip."""
    rows = slice(0, min(len(clip.lip_gap), encoded.num_frames))
    mouth = encoded.mouth_mm[rows].astype(float)
    driven = measure_track(encoded.track(), avatar).columns_mm
    lids = mouth[:, [LEFT_LIDS, RIGHT_LIDS]].mean(1)
    found = blinks(lids, clip.blink[rows])
    rate = float(encoded.fps)

    def closed(gap: np.ndarray) -> float:
        parts = closures(gap, clip.plosives, rate)
        return float((parts < CLOSED_PART).mean()) if len(parts) else float("nan")

    return {
        "gap_read": correlation(mouth[:, LIP_GAP], clip.lip_gap[rows]),
        "gap_driven": correlation(driven["lip_gap"][rows], clip.lip_gap[rows]),
        "width_read": correlation(mouth[:, MOUTH_WIDTH], clip.mouth_width[rows]),
        "width_driven": correlation(driven["mouth_width"][rows], clip.mouth_width[rows]),
        "lids_read": correlation(-lids, clip.blink[rows]),
        "blinks_seen": found.seen,
        "blinks_found": found.found,
        "blinks_others": found.others,
        "plosives": len(clip.plosives),
        "closed_read": closed(mouth[:, LIP_GAP]),
        "closed_driven": closed(np.asarray(driven["lip_gap"][rows], float)),
        "closed_tracker": closed(clip.lip_gap[rows]),
        "jitter": jitter(encoded.landmarks_px),
        "confidence": float(encoded.confidence.mean()),
        "ms_per_frame": 1e3 * seconds / encoded.num_frames,
    }


def summed(scores: Sequence[dict]) -> dict:
    """Means over clips, and sums of what is counted."""
    counted = ("blinks_seen", "blinks_found", "blinks_others", "plosives")
    return {
        name: (np.sum if name in counted else np.nanmean)([s[name] for s in scores]).item()
        for name in scores[0]
    }


def table(scores: dict[str, dict]) -> str:
    """Rows of aligned text, a clip each."""
    lines = [["", *(title for _, title in COLUMNS)]]
    for name, figures in scores.items():
        cells = [figures[key] for key, _ in COLUMNS]
        lines.append([name, *(str(c) if isinstance(c, int) else f"{c:.2f}" for c in cells)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--data", type=Path, help="folder with video/grid")
    found.add_argument("--encoder", type=Path, default=ENCODER, help="another encoder's ONNX file")
    found.add_argument("--tracker", type=Path, help="model of MediaPipe's Face Landmarker")
    found.add_argument("--avatar", default=default_avatar_reference(), help="whom the codes drive")
    found.add_argument("--threads", type=int, default=1, help="of the encoder (default 1)")
    found.add_argument("--sheets", type=Path, help="folder for a picture of every clip")
    found.add_argument("--json", action="store_true", help="print JSON in place of a table")
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Print a table or JSON; 1 and a sentence where something is missing or wrong."""
    options = parser().parse_args(words)
    try:
        clips = filmed_clips(data_folder(options.data))
        avatar = Avatar.open(avatar_path(options.avatar), threads=options.threads)
        encoder = MonocularEncoder.open(options.encoder, num_threads=options.threads)
        tracker = FaceLandmarker.open(options.tracker) if options.tracker else None
        scores = {}
        for clip in clips:
            began = time.process_time()
            encoded = encode_video(clip.path, encoder=encoder, tracker=tracker)
            scores[clip.name] = score(clip, encoded, avatar, time.process_time() - began)
            if options.sheets:
                write_sheet(clip.path, encoded, avatar, options.sheets / f"{clip.name}.png")
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    scores["all"] = summed(list(scores.values()))
    sys.stdout.write((json.dumps(scores, indent=2) if options.json else table(scores)) + "\n")
    return 0
