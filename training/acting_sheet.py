"""One sentence under six directions, two avatars: a sheet of pictures at the middles of the same phones.

    python -m gaussian_heads.training.acting_sheet --out docs/images/acting_directions.jpg

A row is a direction, held from beginning to end as the expression's Action Units; the moments are the same in all rows,
so that lips that touch on p, b and m can be seen to touch in every one of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..core.assets import DIRECTION_MODEL, SAMPLE_SENTENCE, SPEECH_MODEL, avatar_path
from ..core.audio import load_audio
from ..core.avatar import Avatar
from ..core.camera import Camera, intrinsics, look_at
from ..core.direction import ActingDirection, MotionGenerator
from ..core.direction.expressions import direction_units
from ..core.errors import GaussianHeadsError, TrackError
from ..core.files import replace_on_success
from ..core.measure import measure_landmarks
from ..core.render import render
from ..core.speech import HeardSpeech, SpeechModel
from .comparison.speaking import avatar_codes

DIRECTIONS = ("neutral", "joy", "anger", "sadness", "surprise", "disgust")
AVATARS = ("builtin:maya", "builtin:otto")
FPS = Fraction(100)
SIDE_PX, CAPTION_PX, LABEL_PX = 280, 24, 96
INK, PAPER = (235, 235, 235), (28, 29, 32)
BACKGROUND = np.array([0.18, 0.19, 0.21], np.float32)
TURN_DEG, DISTANCE_M, VIEW_SHARE = 14.0, 1.2, 1.42
QUALITY = 88


def directed(name: str, intensity: float = 1.0) -> ActingDirection:
    """An expression held all the time; "neutral" asks for nothing."""
    units = {} if name == "neutral" else direction_units(name, intensity)
    return ActingDirection.constant(**units)


def head_camera(
    avatar: Avatar, side_px: int, turn_deg: float = TURN_DEG, view_share: float = VIEW_SHARE
) -> Camera:
    """A camera on the face and its hair, a little from the side; `view_share` is the picture's side by the face's height."""
    points = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    height_m = float(np.ptp(points[:, 1]))
    center = (points.min(0) + points.max(0)) / 2 + np.array([0.0, 0.08 * height_m, 0.0])
    center[2] = points[:, 2].mean()
    turn = np.radians(turn_deg)
    eye = center + DISTANCE_M * np.array([np.sin(turn), 0.0, np.cos(turn)])
    view = look_at(eye, center, np.array([0.0, 1.0, 0.0]))
    return Camera(
        view,
        intrinsics(side_px * DISTANCE_M / (view_share * height_m), side_px, side_px),
        side_px,
        side_px,
    )


def moments(wanted: Sequence[str]) -> list[tuple[str, float]]:
    """Label and second of the middles of phones of the sample sentence, given as "phone:number" from 0."""
    phones = json.loads(SAMPLE_SENTENCE.with_suffix(".phones.json").read_text("utf8"))
    found = []
    for each in wanted:
        name, _, number = each.partition(":")
        spoken = [times for phone, *times in phones if phone == name]
        if not number.isdecimal() or int(number) >= len(spoken):
            raise TrackError(
                f"'{each}' is no moment of the sample sentence, which says '{name}' {len(spoken)} times: "
                "give a phone and its number from 0, as in b:0."
            )
        begin, end = spoken[int(number)]
        found.append((name, (begin + end) / 2))
    return found


def faces(
    avatar: Avatar,
    heard: HeardSpeech,
    generator: MotionGenerator,
    direction: ActingDirection,
    times_sec: Sequence[float],
    options: argparse.Namespace,
) -> list[tuple[np.ndarray, float]]:
    """Pictures `[H, W, 3]` and lip gaps (mm) at the seconds."""
    acted = generator.act(heard, direction, seed=options.seed)
    track = heard.perform(fps=FPS, seed=options.seed, acted=acted)
    codes, camera = avatar_codes(track, avatar), head_camera(avatar, options.side)
    found = []
    for time_sec in times_sec:
        row = round(time_sec * FPS)
        drawn = render(
            avatar.decode(codes[row], track.head_pose[row]),
            camera,
            backend="cpu",
            background=BACKGROUND,
        )
        points = avatar.landmarks(codes[row])[None]
        neutral = avatar.landmarks(np.zeros_like(codes[row]))
        gap = measure_landmarks(points, neutral, avatar.lip_contact_offset_mm)["lip_gap"][0]
        found.append((np.clip(drawn.colors, 0.0, 1.0), float(gap)))
    return found


def draw_sheet(
    rows: Sequence[tuple[str, Sequence[np.ndarray]]], captions: Sequence[str], side_px: int
) -> Image.Image:
    """Directions below each other, moments beside each other."""
    small = ImageFont.load_default(17)
    width = LABEL_PX + len(captions) * side_px
    sheet = Image.new("RGB", (width, CAPTION_PX + len(rows) * side_px), PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, caption in enumerate(captions):
        middle = LABEL_PX + (number + 0.5) * side_px
        pen.text((middle, 3), caption, INK, font=small, anchor="ma")
    for number, (label, pictures) in enumerate(rows):
        top = CAPTION_PX + number * side_px
        pen.text((8, top + side_px / 2), label, INK, font=small, anchor="lm")
        for column, pixels in enumerate(pictures):
            tile = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
            sheet.paste(tile, (LABEL_PX + column * side_px, top))
    return sheet


def main(words: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--avatars", nargs="+", default=AVATARS)
    parser.add_argument("--directions", nargs="+", default=DIRECTIONS)
    parser.add_argument("--moments", nargs="+", default=("b:0", "ay:0", "uw:0", "ay:1"))
    parser.add_argument("--model", type=Path, default=DIRECTION_MODEL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=SIDE_PX, help="pixels of one picture")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(words)
    try:
        generator = MotionGenerator.open(options.model)
        heard = SpeechModel.open(SPEECH_MODEL).listen(*load_audio(SAMPLE_SENTENCE))
        shown = moments(options.moments)
        avatars = [Avatar.open(avatar_path(name)) for name in options.avatars]
        rows = []
        for name in options.directions:
            row = []
            for avatar in avatars:
                found = faces(
                    avatar, heard, generator, directed(name), [t for _, t in shown], options
                )
                row += [pixels for pixels, _ in found]
                gaps = ", ".join(
                    f"{p} {g:.1f}" for (p, _), (_, g) in zip(shown, found, strict=True)
                )
                sys.stdout.write(f"{name} {avatar.name}: lip gap mm {gaps}\n")
            rows.append((name, row))
        captions = [f"{a.name}  /{p}/ {t:.2f} s" for a in avatars for p, t in shown]
        sheet = draw_sheet(rows, captions, options.side)
        with replace_on_success(options.out) as temporary:
            sheet.save(temporary, "JPEG", quality=QUALITY, optimize=True)
    except (GaussianHeadsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
