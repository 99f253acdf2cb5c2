"""What each command of the command line does; `cli.py` reads the words, this does the work.

Imports stay inside the functions, so that no command pays for another's libraries.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.assets import SPEECH_MODEL, avatar_path, default_avatar_reference
from ..core.errors import GaussianHeadsError, plain_text
from ..core.stopping import stopped_at_once
from ..core.timing import frame_rate, parse_frames

if TYPE_CHECKING:
    import numpy as np

    from ..core.avatar import Avatar
    from ..core.expression import ExpressionTrack
    from ..core.speech import SpeechStyle
    from .shots.requests import AnimateRequest


STDOUT = 1
PROGRESS_VARIABLE = "GAUSSIAN_HEADS_PROGRESS"
TRACK_SUFFIXES = (".npz", ".csv", ".json")
USUAL_RATE = 25
# Where a directed performance has listened to the sound; what is left is acting.
LISTENED_PART = 0.7


class CommandError(GaussianHeadsError):
    """Words of the command line that do not fit together."""


def info(options: argparse.Namespace) -> None:
    """Print what an avatar package or a splat file holds."""
    from ..core.avatar import describe
    from ..core.importers.splat_ply import open_avatar

    _say(describe(open_avatar(avatar_path(options.avatar))))


def import_lam(options: argparse.Namespace) -> None:
    """Write an avatar from a LAM head and print what it holds."""
    from ..core.avatar import Avatar, describe, write_avatar
    from ..core.importers.lam import UNKNOWN_LICENCE, LamStatement, import_lam

    out = _with_suffix(options.out, ".uhap")
    statement = LamStatement(
        name=options.name,
        author=options.author,
        licence=options.licence or UNKNOWN_LICENCE,
        consent=options.consent,
    )
    write_avatar(out, import_lam(options.zip, statement))
    _say(describe(Avatar.open(out)))


def speech(options: argparse.Namespace) -> None:
    """Write the track of a sound file as .npz or .csv."""
    from ..core.livelink import write_livelink_csv

    out = _with_suffix(options.out, ".npz", ".csv")
    track = _analyse(options.audio, options)
    write_livelink_csv(track, out) if out.suffix == ".csv" else track.save(out)
    _say(
        f"{out}: {track.num_frames} frames at {float(track.fps):.6g} fps, codes '{track.code_space}'"
    )


def convert(options: argparse.Namespace) -> None:
    """Write a track in an avatar's codes, or as ARKit weights."""
    from ..core.importers.performance import read_performance
    from ..core.livelink import write_livelink_csv
    from ..core.spaces.conversion import arkit_track, convert_track

    out = _with_suffix(options.out, ".npz", ".csv")
    fps = frame_rate(options.fps) if options.fps else None
    track, avatar = read_performance(options.track, fps), _open_avatar(options)
    track = arkit_track(track, avatar) if out.suffix == ".csv" else convert_track(track, avatar)
    write_livelink_csv(track, out) if out.suffix == ".csv" else track.save(out)
    _say(f"{out}: {track.num_frames} frames, codes '{track.code_space}'")


def measure(options: argparse.Namespace) -> None:
    """Write the curves of the decoded head's mouth as .csv."""
    from ..core.measure import measure_track

    out = _with_suffix(options.out, ".csv")
    avatar, track = _open_avatar(options), _heard_or_recorded(options)
    measure_track(track, avatar).write_csv(out)
    _say(f"{out}: {track.num_frames} frames of '{avatar.name}'")


def landmarks(options: argparse.Namespace) -> None:
    """Write the decoded head's 68 landmarks in the avatar frame as .csv or .npz."""
    import numpy as np

    from ..core.exporters.landmarks import LandmarkMotion, write_landmarks
    from ..core.landmarks import track_landmarks

    out = _with_suffix(options.out, ".csv", ".npz")
    avatar, track = _open_avatar(options), _heard_or_recorded(options)
    points = track_landmarks(track, avatar, is_posed=not options.no_head)
    frames = np.arange(track.num_frames)
    motion = LandmarkMotion(avatar.name, frames, track.times_sec(), track.fps, points, "avatar")
    write_landmarks(motion, out)
    _say(f"{out}: {track.num_frames} frames of '{avatar.name}' at {float(track.fps):.6g} fps")


def animate(options: argparse.Namespace) -> None:
    """The main job: sound to keyframes to frames or a video, through Blender."""
    load_blender("animate")
    from .animate import animate

    request = animate_request(options, options.audio, options.out, options.save_blend)
    with quiet_blender():
        result = animate(request, ProgressLine("animate"))
    for path in filter(None, (result.out, options.save_blend)):
        _say(str(path))


def animate_request(
    options: argparse.Namespace, audio: Path, out: Path, save_blend: Path | None
) -> AnimateRequest:
    """What the words of `animate` and `bake` ask for."""
    from .portraits.commands import order_of
    from .shots.requests import AnimateRequest

    width, height = options.size or (None, None)
    return AnimateRequest(
        audio=audio,
        avatar=options.avatar or "",
        out=out,
        fps=frame_rate(options.fps) if options.fps else None,
        width=width,
        height=height,
        backend=options.backend,
        seed=options.seed,
        style=given_style(options),
        save_blend=save_blend,
        is_transparent=options.transparent,
        frame_format=options.format,
        scene=options.scene,
        object=options.object or "",
        camera=options.camera or "",
        sound_frame=options.sound_frame,
        frames=tuple(parse_frames(options.frames)) if options.frames else None,
        style_preset=options.style_preset or "",
        look=options.look or "",
        performance=options.performance,
        view=options.view or "",
        direction=options.direction or "",
        leftovers="discard" if getattr(options, "overwrite", False) else "keep",
        portrait=order_of(options),
    )


def render(options: argparse.Namespace) -> None:
    """Frames of a saved scene, the missing ones only."""
    load_blender("render")
    from .batch import RenderRequest, render_file

    request = RenderRequest(options.blend, options.frames, options.out, options.overwrite)
    with quiet_blender():
        result = render_file(request, ProgressLine("render"))
    _say(f"{result.num_rendered} frames rendered, {result.num_skipped} were there: {result.folder}")


def bench(options: argparse.Namespace) -> None:
    """Print this machine's figures: decoding, drawing with every backend, listening to speech."""
    from .bench import measure_machine
    from .long_speech import measure_long_speech

    # First of all, so that the peak of memory is its own.
    minutes = options.speech_minutes
    long = measure_long_speech(minutes, ProgressLine("speech")) if minutes is not None else None
    with quiet_blender():
        if importlib.util.find_spec("bpy") is not None:
            # Blender's own backends are known only then.
            from .registration import ensure_registered

            ensure_registered()
        figures = measure_machine(_open_avatar(options), ProgressLine("bench"), options.backends)
    parts = [figures] if long is None else [figures, long]
    if options.json:
        _say(json.dumps({k: v for p in parts for k, v in p.as_json().items()}, indent=2))
    else:
        _say("\n".join(p.as_text() for p in parts))


def export_ply(options: argparse.Namespace) -> None:
    """Frames of a scene's avatar as splat files, the missing ones only."""
    load_blender("export-ply")
    from .splat_export import SplatExport, export_file

    out = _with_suffix(options.out, ".ply")
    export = SplatExport(
        Path(os.path.abspath(out)),
        tuple(parse_frames(options.frames)) if options.frames else None,
        options.up.replace("minus-", "-").upper(),
        options.world,
        options.overwrite,
    )
    with quiet_blender():
        written, kept = export_file(
            options.blend, export, options.object, ProgressLine("export-ply")
        )
    _say(f"{written} files written, {kept} were there: {export.path.parent}")


def load_blender(command: str) -> None:
    """Have Blender with the add-on at hand; raises `CommandError` where there is none."""
    require_blender(command)
    with stopped_at_once("gaussian-heads: cancelled before anything was begun."):
        from .registration import ensure_registered

        ensure_registered()


def require_blender(command: str) -> None:
    if importlib.util.find_spec("bpy") is None:
        raise CommandError(
            f"'{command}' needs Blender: run it as 'blender --command gaussian_heads {command} ...' "
            "or install the bpy wheel with 'pip install gaussian-heads[blender]'."
        )


@contextmanager
def quiet_blender() -> Iterator[None]:
    """Keep the lines that Blender prints for every frame, with temporary names, off the terminal."""
    sys.stdout.flush()
    kept = os.dup(STDOUT)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDOUT)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, STDOUT)
        os.close(nowhere)
        os.close(kept)


def _heard_or_recorded(options: argparse.Namespace) -> ExpressionTrack:
    """The track of the sound or of the recording that is named."""
    from ..core.importers.performance import read_performance

    if options.input.suffix.lower() not in TRACK_SUFFIXES:
        return _analyse(options.input, options)
    return read_performance(options.input, frame_rate(options.fps) if options.fps else None)


def _analyse(path: Path, options: argparse.Namespace) -> ExpressionTrack:
    from ..core.audio import SPEECH_RATE_HZ, load_audio
    from ..core.direction import MotionGenerator
    from ..core.direction.words import read_direction
    from ..core.progress import part
    from ..core.speech import DECODED_PART, SpeechModel

    fps, style = frame_rate(options.fps or USUAL_RATE), _style(options)
    words, generator = getattr(options, "direction", None), None
    if words:
        # Refused before anybody waits for the sound.
        direction, generator = read_direction(words), MotionGenerator.open()
    line = ProgressLine("speech")
    waveform, sample_rate = load_audio(
        path, _other_decoder(), target_rate=SPEECH_RATE_HZ, progress=part(line, 0.0, DECODED_PART)
    )
    model, seed = SpeechModel.open(SPEECH_MODEL), options.seed or 0
    listening = part(line, DECODED_PART, 1.0)
    if generator is None:
        return model.track(
            waveform, sample_rate, fps=fps, seed=seed, style=style, progress=listening
        )
    hearing, acting = part(listening, 0.0, LISTENED_PART), part(listening, LISTENED_PART, 1.0)
    heard = model.listen(waveform, sample_rate, effort=style.effort, progress=hearing)
    acted = generator.act(heard, direction, seed=seed, progress=acting)
    return heard.perform(fps=fps, seed=seed, style=style, acted=acted)


def given_style(options: argparse.Namespace) -> dict[str, float]:
    """The words about the manner of speaking that were given."""
    from ..core.speech import SpeechStyle

    given = {field.name: getattr(options, field.name) for field in fields(SpeechStyle)}
    return {name: value for name, value in given.items() if value is not None}


def _style(options: argparse.Namespace) -> SpeechStyle:
    from ..core.speech import SpeechStyle

    return SpeechStyle(**given_style(options))


def _other_decoder() -> Callable[[Path], tuple[np.ndarray, int]]:
    """For sound that libsndfile refuses, in videos for one: Blender's audio library, else PyAV."""
    if importlib.util.find_spec("bpy") is None:
        from ..core.video import read_sound

        return read_sound

    def decode(path: Path) -> tuple[np.ndarray, int]:
        from .sound import decode_with_aud

        return decode_with_aud(path)

    return decode


def _open_avatar(options: argparse.Namespace) -> Avatar:
    from ..core.avatar import Avatar

    return Avatar.open(avatar_path(options.avatar or default_avatar_reference()))


def _with_suffix(path: Path, *suffixes: str) -> Path:
    if path.suffix.lower() not in suffixes:
        raise CommandError(
            f"--out is '{path}', this command writes {' or '.join(suffixes)}: change the name's ending."
        )
    return path


class ProgressLine:
    """How far a long step is: one line of a terminal, a line every tenth in a log file, or what OpenJD reads."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown = -1
        self._is_terminal = sys.stderr.isatty()
        self._is_for_openjd = os.environ.get(PROGRESS_VARIABLE) == "openjd"

    def __call__(self, done: float) -> None:
        """Show `done` (0 to 1)."""
        percent = int(100 * done)
        step = 1 if self._is_terminal else 10
        if percent // step == self._shown // step:
            return
        self._shown = percent
        if self._is_for_openjd:
            sys.stderr.write(f"openjd_progress: {percent}\n")
            sys.stderr.flush()
            return
        start, end = ("\r", "\n" * (percent == 100)) if self._is_terminal else ("", "\n")
        sys.stderr.write(f"{start}{self._title} {percent:3d} %{end}")
        sys.stderr.flush()


def _say(text: str) -> None:
    # Names of files may hold what no terminal can show, or what would move its cursor.
    lines = (plain_text(line, len(line)) for line in text.split("\n"))
    sys.stdout.write("\n".join(lines) + "\n")
