"""The command line: `gaussian-heads …` in a shell, `blender --command gaussian_heads …` in Blender.

Only `animate`, `shot`, `render` and `export-ply` need Blender; the others run without importing it. `batch`
starts a process with Blender for each shot.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import GaussianHeadsError
from ..core.framing import FRAMINGS
from ..core.render import BACKENDS
from ..core.shot_cells import OUTPUTS, VIEWS
from ..core.shots import ShotsError
from . import commands, face_commands
from .exchange import commands as performance_commands
from .portraits import commands as portrait_commands
from .shots import commands as batch_commands
from .shots import part_commands

EXIT_FAILED = 1
EXIT_BAD_WORDS = 2
EXIT_CANCELLED = 130
STYLE_HELP = {
    "liveliness": "how often the head nods, brows rise and eyes glance aside, 0 to 2",
    "head": "how far the head moves, 0 to 2",
    "brows": "how far brows move, 0 to 2",
    "gaze": "how far eyes wander from the camera, 0 to 2",
    "blinks_per_min": "mean rate of blinks, 0 to 60",
    "articulation": "how clearly the mouth speaks: the size of all of its motion, 0 to 2",
    "effort": "how far a louder voice moves the mouth further, 0 (not at all) to 2",
    "jaw": "how far the jaw opens, 0 to 2; lips close all the same",
    "lips": "how far lips part, spread and touch the teeth, 0 to 2",
    "rounding": "how far lips purse for rounded sounds, 0 to 2",
    "smoothing_ms": "milliseconds that the mouth's motion is averaged over, 0 to 200",
    "sync_ms": "milliseconds by which the face comes later than the sound, -500 to 500",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, or another exit code after one sentence on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        with _stopped_by_terminate():
            options = build_parser().parse_args(argv)
            return options.run(options) or 0
    except ShotsError as error:
        sys.stderr.write("".join(f"gaussian-heads: {fault}\n" for fault in error.faults))
        return EXIT_BAD_WORDS
    except GaussianHeadsError as error:
        sys.stderr.write(f"gaussian-heads: {error}\n")
        return EXIT_FAILED
    except ImportError as error:
        from ..core.dependencies import explain_fault

        sys.stderr.write(f"gaussian-heads: {explain_fault(error, 'The command failed')}\n")
        return EXIT_FAILED
    except OSError as error:
        where = f" '{error.filename}'" if error.filename else ""
        sys.stderr.write(
            f"gaussian-heads: {error.strerror or error}{where}: check path and disk.\n"
        )
        return EXIT_FAILED
    except KeyboardInterrupt:
        sys.stderr.write(
            "\ngaussian-heads: cancelled; finished frames are kept, nothing is half written.\n"
        )
        return EXIT_CANCELLED
    except SystemExit as stop:
        # argparse leaves this way; Blender wants a number back.
        return stop.code if isinstance(stop.code, int) else EXIT_FAILED


@contextmanager
def _stopped_by_terminate() -> Iterator[None]:
    """Let a wish to terminate end a command as cleanly as Ctrl C does; farms and `kill` send it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = argparse.ArgumentParser(
        prog="gaussian-heads", description="3D Gaussian heads that speak."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_animate(subparsers)
    _add_batch(subparsers)
    _add_shot(subparsers)
    _add_bake(subparsers)
    _add_render(subparsers)
    _add_film(subparsers)
    _add_speech(subparsers)
    face_commands.add_parsers(subparsers)
    _add_measure(subparsers)
    _add_landmarks(subparsers)
    _add_convert(subparsers)

    info = subparsers.add_parser("info", help="what an avatar package holds")
    info.add_argument("avatar", help="a .uhap file, builtin:NAME or a .ply of splats")
    info.set_defaults(run=commands.info)

    _add_import_lam(subparsers)
    _add_export_ply(subparsers)
    performance_commands.add_parser(subparsers)
    _add_bench(subparsers)
    return parser


def _add_bench(subparsers: argparse._SubParsersAction) -> None:
    bench = subparsers.add_parser("bench", help="how fast this machine decodes, draws and listens")
    _add_avatar(bench)
    bench.add_argument("--json", action="store_true", help="for programs")
    bench.add_argument(
        "--backends", nargs="+", choices=BACKENDS[1:], default=[], help="all that work by default"
    )
    bench.add_argument(
        "--speech-minutes",
        type=float,
        metavar="M",
        help="also listen to a file of so many minutes: time of each stage and memory",
    )
    bench.set_defaults(run=commands.bench)


def _add_import_lam(subparsers: argparse._SubParsersAction) -> None:
    lam = subparsers.add_parser("import-lam", help="turn a LAM ARKit head into an avatar")
    lam.add_argument("zip", type=Path)
    lam.add_argument("--out", type=Path, required=True, help="the .uhap file to write")
    lam.add_argument("--name", default="", help="of the avatar; the zip's by default")
    lam.add_argument("--author", default="", help="who made the head")
    lam.add_argument("--licence", help="under which the head may be used, as an SPDX identifier")
    lam.add_argument("--consent", default="", help="what the pictured person agreed to")
    lam.set_defaults(run=commands.import_lam)


def _add_export_ply(subparsers: argparse._SubParsersAction) -> None:
    ply = subparsers.add_parser(
        "export-ply", help="an avatar of a saved scene as 3D Gaussian Splatting .ply"
    )
    ply.add_argument("blend", type=Path)
    ply.add_argument("--out", type=Path, required=True, help="the .ply file; frames get numbers")
    ply.add_argument("--frames", help="a-b, a-b:step or a single frame; the saved frame by default")
    ply.add_argument("--object", help="name of the avatar's object, where there are several")
    ply.add_argument(
        "--up", default="minus-y", choices=("minus-y", "y", "z"), help="upward axis of the file"
    )
    ply.add_argument("--world", action="store_true", help="keep the object's place in the scene")
    ply.add_argument("--overwrite", action="store_true", help="write files that are there again")
    ply.set_defaults(run=commands.export_ply)


def _add_animate(subparsers: argparse._SubParsersAction) -> None:
    animate = subparsers.add_parser(
        "animate", help="sound in; keyframes, frames or a video with sound out"
    )
    animate.add_argument("audio", type=Path)
    animate.add_argument("--out", type=Path, required=True, help="X.mp4, or a folder for frames")
    _add_picture(animate)
    _add_staging(animate)
    animate.add_argument("--save-blend", type=Path, help="also write the scene")
    animate.add_argument(
        "--overwrite", action="store_true", help="discard frames of an earlier job in the folder"
    )
    portrait_commands.add_words(animate)
    animate.set_defaults(run=commands.animate)


def _add_staging(parser: argparse.ArgumentParser) -> None:
    """Words that `animate` and `bake` share."""
    parser.add_argument("--scene", type=Path, help="a .blend to stage the head in")
    parser.add_argument("--object", help="name of the avatar's object, where the scene has several")
    parser.add_argument(
        "--sound-frame", type=int, help="at which the sound starts; 1, or the scene's first"
    )
    parser.add_argument("--frames", help="a-b, a-b:step or a list; all of the sound by default")
    parser.add_argument(
        "--performance", type=Path, help="a recorded face (.csv, .json, .npz) to add to the speech"
    )
    _add_direction(parser)
    parser.add_argument("--format", choices=("png", "exr"), default="png", help="of the frames")
    parser.add_argument("--transparent", action="store_true", help="no background behind the head")


def _add_bake(subparsers: argparse._SubParsersAction) -> None:
    bake = subparsers.add_parser(
        "bake", help="sound, or a scene's dialogue, to a scene with keys that renders by itself"
    )
    bake.add_argument("source", type=Path, help="a sound, or a .blend whose lines are keyed")
    bake.add_argument("--out", type=Path, required=True, help="the .blend file to write")
    _add_picture(bake)
    _add_staging(bake)
    bake.set_defaults(run=part_commands.bake)


def _add_film(subparsers: argparse._SubParsersAction) -> None:
    film = subparsers.add_parser("film", help="finished frames and a scene's sound to a video")
    film.add_argument("blend", type=Path)
    film.add_argument(
        "--pictures", type=Path, required=True, help="folder with the frames 0001.png …"
    )
    film.add_argument("--out", type=Path, required=True, help="the .mp4 file to write")
    film.add_argument("--frames", help="a-b; the scene's range by default")
    film.set_defaults(run=part_commands.film)


def _add_picture(parser: argparse.ArgumentParser) -> None:
    """Words that `animate` and `batch` share."""
    _add_avatar(parser)
    _add_fps(parser)
    parser.add_argument("--size", type=int, nargs=2, metavar=("W", "H"), help="512 512 by default")
    framings = ", ".join(FRAMINGS)
    parser.add_argument("--camera", help=f"{framings}, or the name of a camera of the scene")
    parser.add_argument("--style-preset", metavar="NAME", help="a preset of the manner of speaking")
    parser.add_argument("--look", metavar="NAME", help="a preset of the head's look")
    parser.add_argument("--view", choices=VIEWS, help="view transform; Standard, or the scene's")
    parser.add_argument("--backend", default="auto", choices=BACKENDS, help="what draws the heads")
    _add_style(parser)


def _add_batch(subparsers: argparse._SubParsersAction) -> None:
    batch = subparsers.add_parser(
        "batch", help="many shots from a table; goes on where it stopped, skips what is finished"
    )
    batch.add_argument("shots", type=Path, help="a .csv or .json file, a row for each shot")
    batch.add_argument("--out", type=Path, required=True, help="folder for videos, frames and logs")
    batch.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="shots at work at once; 1, or what a cluster has room for",
    )
    batch.add_argument(
        "--ray", metavar="ADDRESS", help="of a Ray cluster to make them: auto, HOST:6379"
    )
    batch.add_argument(
        "--cpus", type=int, metavar="N", help="processor cores for each shot on a Ray cluster; 2"
    )
    batch.add_argument("--only", nargs="+", metavar="NAME", help="these shots of the file alone")
    batch.add_argument("--overwrite", action="store_true", help="make finished shots again")
    batch.add_argument("--dry-run", action="store_true", help="say what there is to do, and stop")
    batch.add_argument(
        "--stop-on-error", action="store_true", help="start no shot after a failed one"
    )
    batch.add_argument("--json", action="store_true", help="the table for programs")
    group = batch.add_argument_group("for cells that are empty in the file")
    group.add_argument("--output", choices=OUTPUTS, help="mp4, or a folder of png or exr")
    _add_picture(batch)
    batch.set_defaults(run=batch_commands.batch)


def _add_shot(subparsers: argparse._SubParsersAction) -> None:
    shot = subparsers.add_parser("shot", help="one shot of such a table, in this very process")
    shot.add_argument("shots", type=Path, help="a .csv or .json file")
    shot.add_argument("--name", help="of the shot, where the file has several")
    shot.add_argument("--out", type=Path, required=True, help="folder for its files")
    shot.add_argument("--overwrite", action="store_true", help="make a finished shot again")
    shot.add_argument(
        "--stop-with-input", action="store_true", help="stop cleanly when standard input ends"
    )
    shot.add_argument(
        "--progress",
        type=Path,
        metavar="FILE",
        help="file that is told how far the shot is, 0 to 1",
    )
    shot.add_argument(
        "--wait",
        type=float,
        default=30.0,
        metavar="SEC",
        help="for another process at work on it; 30",
    )
    shot.set_defaults(run=batch_commands.shot)


def _add_render(subparsers: argparse._SubParsersAction) -> None:
    render = subparsers.add_parser("render", help="frames of a saved scene; skips what is there")
    render.add_argument("blend", type=Path)
    render.add_argument(
        "--frames", help="a-b, a-b:step or a single frame; the scene's range by default"
    )
    render.add_argument(
        "--out", type=Path, help="folder for the frames; the scene's output path by default"
    )
    render.add_argument(
        "--overwrite", action="store_true", help="render frames that are there again"
    )
    render.set_defaults(run=commands.render)


def _add_speech(subparsers: argparse._SubParsersAction) -> None:
    speech = subparsers.add_parser("speech", help="sound to an expression track")
    speech.add_argument("audio", type=Path)
    speech.add_argument(
        "--out", type=Path, required=True, help="T.npz, or T.csv as Live Link Face writes it"
    )
    _add_fps(speech)
    _add_direction(speech)
    _add_style(speech)
    speech.set_defaults(run=commands.speech)


def _add_measure(subparsers: argparse._SubParsersAction) -> None:
    measure = subparsers.add_parser("measure", help="what the mouth does, in millimetres")
    measure.add_argument("input", type=Path, help="a sound file or a track (.npz, .csv, .json)")
    _add_avatar(measure)
    measure.add_argument("--out", type=Path, required=True, help="the .csv file to write")
    _add_fps(measure)
    _add_style(measure)
    measure.set_defaults(run=commands.measure)


def _add_landmarks(subparsers: argparse._SubParsersAction) -> None:
    landmarks = subparsers.add_parser(
        "landmarks", help="68 points of the speaking head by frame, metres in the avatar frame"
    )
    landmarks.add_argument("input", type=Path, help="a sound file or a track (.npz, .csv, .json)")
    _add_avatar(landmarks)
    landmarks.add_argument("--out", type=Path, required=True, help="X.csv or X.npz")
    landmarks.add_argument("--no-head", action="store_true", help="leave the head's motion out")
    _add_fps(landmarks)
    _add_style(landmarks)
    landmarks.set_defaults(run=commands.landmarks)


def _add_convert(subparsers: argparse._SubParsersAction) -> None:
    convert = subparsers.add_parser("convert", help="a track in the codes of another avatar")
    convert.add_argument(
        "track", type=Path, help="T.npz, T.csv of Live Link Face or T.json of Audio2Face"
    )
    _add_avatar(convert)
    convert.add_argument(
        "--out",
        type=Path,
        required=True,
        help="T.npz in the avatar's codes, or T.csv of ARKit weights",
    )
    convert.add_argument("--fps", help="of a recording that does not say its rate")
    convert.set_defaults(run=commands.convert)


def _add_avatar(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--avatar", help="a .uhap file or builtin:NAME; the first built-in one by default"
    )


def _add_direction(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--direction",
        metavar="WORDS",
        help="what to act beside the speech: an expression (joy, joy:0.8) or a .csv of Action Units",
    )


def _add_style(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="of glances, brows, blinks and head motion; 0")
    group = parser.add_argument_group("manner of speaking (1 is usual, 0 is none)")
    for name, help_text in STYLE_HELP.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="X", help=help_text)


def _add_fps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fps", help="25 (the usual), 29.97, 30000/1001, …")


if __name__ == "__main__":
    sys.exit(main())
