"""What the command `export-performance` does."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ...core.timing import frame_rate
from ..commands import ProgressLine, quiet_blender, require_blender


def export_performance(options: argparse.Namespace) -> None:
    """Write what an avatar of a saved scene does as .csv (Live Link Face) or .npz."""
    require_blender("export-performance")
    from .export import PerformanceExport, export_performance_file, frame_range

    out = Path(os.path.abspath(options.out))
    export = PerformanceExport(
        out,
        frame_range(options.frames),
        frame_rate(options.fps) if options.fps else None,
        not options.no_head,
    )
    with quiet_blender():
        track = export_performance_file(
            options.blend, export, options.object, ProgressLine("export-performance")
        )
    sys.stdout.write(f"{out}: {track.num_frames} frames at {float(track.fps):.6g} fps\n")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """The words of the command."""
    parser = subparsers.add_parser(
        "export-performance", help="what an avatar of a saved scene does, as ARKit weights"
    )
    parser.add_argument("blend", type=Path)
    parser.add_argument(
        "--out", type=Path, required=True, help="X.csv as Live Link Face writes it, or X.npz"
    )
    parser.add_argument("--object", help="name of the avatar's object, where there are several")
    parser.add_argument("--frames", help="a-b or a single frame; the scene's range by default")
    parser.add_argument("--fps", help="25, 29.97, 30000/1001, …; the scene's rate by default")
    parser.add_argument("--no-head", action="store_true", help="leave the head's motion out")
    parser.set_defaults(run=export_performance)
