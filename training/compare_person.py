"""A personalized avatar beside the video it was made from, and speaking with another's sound.

    python -m gaussian_heads.training.compare_person --video me.mp4 --avatar me.uhap --out build/me
    python -m gaussian_heads.training.compare_person --video me.mp4 --avatar me.uhap --sound other.mp4 --out build/me

`side.mp4` shows the video and the avatar under the codes and head poses that were read from each frame, before the same
camera; `sheet.jpg` eight moments of it. `figures.json` says how like they are over the foreground dilated by 8 px, frames
that were fitted to and held-out ones apart, and how lips and landmarks move. With --sound, `driven.mp4` shows the avatar
speaking as `animate` lets it speak. Where MediaPipe's curves (`mouth_25fps.npz`) and phones (`phones/NAME.json`) lie beside
a video, the lips are held against them too.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import torch

from ..core.assets import ASSETS
from ..core.avatar import Avatar
from ..core.errors import ModelError
from ..core.files import replace_on_success
from .commands import run_command
from .comparison.beside import compare
from .comparison.clip import open_clip
from .comparison.lips import Seen
from .comparison.speaking import Speaker, speak
from .personalization.stages import Reporter

LOG = logging.getLogger(__name__)
FIGURES = "figures.json"
STAGES = ("open", "side", "listen", "driven")


def compare_person(options: argparse.Namespace, reporter: Reporter) -> dict[str, Any]:
    """Make all that is asked for; returns the figures."""
    out = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"Nothing can be written in '{out}' ({error.strerror}): choose another --out."
        ) from error
    reporter.tell("open", 0.0)
    avatar = Avatar.open(options.avatar, threads=1)
    seen = Seen.beside(options.video, options.tracked, options.phones)
    work = options.work or options.avatar.with_suffix(".work")
    clip = open_clip(options.video, avatar, work, options.prior)
    figures: dict[str, Any] = {
        "video": options.video.name,
        "avatar": options.avatar.name,
        "gaussians": avatar.num_gaussians,
        "has_personal_motion": avatar.motion is not None,
    }
    figures |= compare(clip, avatar, seen, out, reporter.of("side"))
    if options.sound is not None:
        speaker = Speaker.open(options.sound, out, reporter.of("listen"))
        figures["driven"] = speak(avatar, clip.camera, speaker, out, reporter.of("driven"))
    with replace_on_success(out / FIGURES) as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n", "utf8")
    return figures


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="compare_person",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--video", type=Path, required=True, help="what the avatar was made from")
    parser.add_argument("--avatar", type=Path, required=True, help="the personalized .uhap")
    parser.add_argument("--work", type=Path, help="its work folder (default: beside the avatar)")
    parser.add_argument("--sound", type=Path, help="a video or sound file for it to speak")
    parser.add_argument("--out", type=Path, required=True, help="folder for videos and figures")
    parser.add_argument("--tracked", type=Path, help="lip gaps of the video by a tracker (.npz)")
    parser.add_argument("--phones", type=Path, help="aligned phones of the video (.json)")
    parser.add_argument("--prior", type=Path, default=ASSETS / "prior")
    parser.add_argument(
        "--json-progress", action="store_true", help="tell stages as lines of JSON on stdout"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(1)
    reporter = Reporter(STAGES, sys.stdout if options.json_progress else None)

    def work() -> None:
        figures = compare_person(options, reporter)
        if not options.json_progress:
            sys.stdout.write(json.dumps(figures, indent=1) + "\n")

    return run_command(work)


if __name__ == "__main__":
    raise SystemExit(main())
