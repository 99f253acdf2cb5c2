"""What the commands `encode` and `personalize` do: faces in videos become tracks and new avatars."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.timing import frame_rate
from .commands import CommandError, ProgressLine

if TYPE_CHECKING:
    from ..core.monocular.encoded import EncodedVideo

LOG = logging.getLogger(__name__)
POLL_SEC = 0.2
CLEAN_EXIT_SEC = 60.0
LOG_NAME = "personalize.log"
# Words that go on to the process as they are.
PASSED_ON = (
    "device",
    "steps",
    "minutes",
    "budget",
    "motion",
    "tracker",
    "face",
    "focal_px",
    "work",
)


def encode(options: argparse.Namespace) -> None:
    """Write what the face in a video or picture does as .npz or .csv."""
    from ..core.monocular.landmarker import FaceLandmarker
    from ..core.monocular.video import EncodingChoices, encode_video

    _check_encoding(options)
    choices = EncodingChoices(
        begin_sec=options.begin, end_sec=options.end, face=options.face, focal_px=options.focal_px
    )
    encoded = encode_video(
        options.video,
        fps=frame_rate(options.fps) if options.fps else None,
        progress=ProgressLine("encode"),
        tracker=FaceLandmarker.open(options.tracker) if options.tracker else None,
        choices=choices,
    )
    kind = _write_encoded(encoded, options)
    for note in encoded.notes:
        LOG.info("%s", note)
    seen = float(encoded.is_present.mean())
    sys.stdout.write(
        f"{options.out}: {encoded.num_frames} frames at {float(encoded.fps):.6g} fps, a face in {seen:.0%} of "
        f"them, mean confidence {float(encoded.confidence.mean()):.2f}, {kind}\n"
    )


def _check_encoding(options: argparse.Namespace) -> None:
    """Refuse words of `encode` that do not fit together."""
    suffix = options.out.suffix.lower()
    if options.action_units and suffix != ".csv":
        raise CommandError(
            f"--out is '{options.out}', Action Units are written as .csv: change the name's ending."
        )
    if suffix not in (".npz", ".csv"):
        raise CommandError(
            f"--out is '{options.out}', this command writes .npz or .csv: change the name's ending."
        )
    if options.begin < 0 or (options.end is not None and options.end <= options.begin):
        raise CommandError("--begin and --end are seconds, and the end comes after the beginning.")


def _write_encoded(encoded: EncodedVideo, options: argparse.Namespace) -> str:
    """Write the file that the options ask for; returns what it holds, in words."""
    from ..core.exporters.action_units import write_action_units
    from ..core.livelink import write_livelink_csv
    from ..core.monocular.action_units import action_units_of
    from ..core.spaces.conversion import arkit_track

    track = encoded.track(use_rest=options.neutral_from_video)
    if options.action_units:
        weights = arkit_track(track).codes().clip(0.0, 1.0)
        write_action_units(
            options.out,
            encoded.times_sec,
            action_units_of(weights),
            confidence=encoded.confidence,
            is_present=encoded.is_present,
        )
        return "Action Units as OpenFace writes them"
    if options.out.suffix.lower() == ".csv":
        write_livelink_csv(arkit_track(track), options.out)
    else:
        track.save(options.out)
    return f"codes '{track.code_space}'"


def personalize(options: argparse.Namespace) -> None:
    """Make an avatar of a person in a process with PyTorch; Ctrl-C stops it, the same words go on."""
    from .personalizing import PersonalizeProcess, PersonalizeRequest

    request = PersonalizeRequest(
        inputs=tuple(options.input),
        out=options.out,
        consent=options.consent,
        is_synthetic=options.synthetic,
        name=options.name,
        author=options.author,
        licence=options.licence,
        options=tuple(_passed_on(options)),
    )
    request.check()
    python = _python_of(options.python)
    log_path = Path(tempfile.gettempdir()) / LOG_NAME
    if options.work is not None:
        log_path = options.work / LOG_NAME
    process = PersonalizeProcess(request, python, log_path)
    try:
        _watch(process)
    except KeyboardInterrupt:
        process.cancel()
        _wait(process)
        process.kill()
        LOG.info("\nThe work is kept: the same words go on from there.")
        raise
    out = process.result()
    sys.stdout.write(f"{out}: {os.path.getsize(out) / 1e6:.1f} MB\n")
    report = out.with_suffix(".report.html")
    if report.is_file():
        sys.stdout.write(f"{report}\n")


def _python_of(environment: Path | None) -> Path:
    """The Python with PyTorch; in Blender, that of the preferences where no other is named."""
    if environment is None and "bpy" in sys.modules:
        from .people import environment_python

        return environment_python()
    from .personalizing import torch_python

    return torch_python(environment)


def _passed_on(options: argparse.Namespace) -> list[str]:
    words = []
    for name in PASSED_ON:
        value = getattr(options, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def _watch(process: object) -> None:
    line, doing = ProgressLine("personalize"), ""
    while process.is_running:
        standing = process.standing
        if standing.doing.rpartition(" ")[0] != doing:
            doing = standing.doing.rpartition(" ")[0]
            LOG.info("\r%s …", doing or standing.doing)
        # The end of the line is told by the result.
        line(min(standing.share, 0.999))
        time.sleep(POLL_SEC)
    line(1.0)


def _wait(process: object) -> None:
    end_sec = time.monotonic() + CLEAN_EXIT_SEC
    while process.is_running and time.monotonic() < end_sec:
        time.sleep(POLL_SEC)


def add_parsers(subparsers: argparse._SubParsersAction) -> None:
    """The words of both commands."""
    _add_encode(subparsers)
    _add_personalize(subparsers)


def _add_encode(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("encode", help="the face in a video or picture to a track")
    parser.add_argument("video", type=Path, help="a video, or a picture as a video of one frame")
    parser.add_argument(
        "--out", type=Path, required=True, help="T.npz, or T.csv as Live Link Face writes it"
    )
    parser.add_argument(
        "--action-units",
        action="store_true",
        help="write U.csv with Action Units (0 to 5) in OpenFace's columns",
    )
    parser.add_argument("--fps", help="of the track; 25, 29.97, …; the video's rate by default")
    parser.add_argument("--begin", type=float, default=0.0, metavar="SEC", help="read from here")
    parser.add_argument("--end", type=float, metavar="SEC", help="read up to here; all by default")
    parser.add_argument(
        "--face",
        choices=("largest", "left", "right", "only"),
        default="largest",
        help="whose face, where there are several; only refuses a second one",
    )
    parser.add_argument(
        "--neutral-from-video",
        action="store_true",
        help="the face at rest in the video counts as neutral",
    )
    parser.add_argument("--focal-px", type=float, help="focal length in pixels, if it is known")
    parser.add_argument(
        "--tracker", type=Path, metavar="FILE", help="model of MediaPipe's Face Landmarker to help"
    )
    parser.set_defaults(run=encode)


def _add_personalize(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "personalize", help="a new avatar from a video, photos, calibrated pictures or a scan"
    )
    parser.add_argument(
        "input", type=Path, nargs="+", help="one video, photos, or one folder (photos, scan)"
    )
    parser.add_argument("--out", type=Path, required=True, help="the .uhap file to write")
    parser.add_argument(
        "--consent", default="", help="who agreed to what; nothing is made of real people without"
    )
    parser.add_argument(
        "--synthetic", action="store_true", help="the person shown does not exist (a render)"
    )
    parser.add_argument("--name", default="", help="of the avatar; the file's by default")
    parser.add_argument("--author", default="", help="who made it")
    parser.add_argument("--licence", default="", help="under which it may be used")
    parser.add_argument(
        "--motion",
        choices=("universal", "personal"),
        help="personal also learns the person's manner of speaking from the video's sound",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help="time for the fit")
    length.add_argument("--steps", type=int, help="steps of the fit; 0 takes the first guess")
    parser.add_argument("--budget", type=int, help="most Gaussians of the head")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="what computes")
    parser.add_argument(
        "--face",
        choices=("only", "largest", "left", "right"),
        help="whose, where there are several",
    )
    parser.add_argument("--focal-px", type=float, help="focal length in pixels, if it is known")
    parser.add_argument("--tracker", type=Path, help="model of MediaPipe's Face Landmarker")
    parser.add_argument("--work", type=Path, help="folder of the work; beside --out by default")
    parser.add_argument(
        "--python",
        type=Path,
        metavar="ENV",
        help="environment with PyTorch, or its Python; this one where it has PyTorch",
    )
    parser.set_defaults(run=personalize)
