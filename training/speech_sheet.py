"""An avatar that speaks four languages, as a sheet of pictures at the midpoints of phones.

    python -m gaussian_heads.training.speech_sheet --corpus build/corpus/held_out [--recording NAME]
        [--languages fr pl tr] --out docs/images/four_languages.jpg

English is a real recording kept out of training; the other languages are sentences of voices, and Polish
and Turkish languages, that training never hears (`speech_corpus --split held_out --languages ...`).
Which phones are shown is decided by what the mouth is to do, in turn: shut, bite, rounded, open, spread,
hissing, hushing, others; each kind evenly over time.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..core.assets import SPEECH_MODEL, avatar_path, default_avatar_reference
from ..core.audio import SPEECH_RATE_HZ
from ..core.avatar import Avatar
from ..core.camera import Camera, intrinsics, look_at
from ..core.errors import GaussianHeadsError
from ..core.expression import ExpressionTrack
from ..core.files import replace_on_success
from ..core.measure import measure_landmarks
from ..core.render import render
from ..core.spaces import ARKIT_SPACE
from ..core.spaces.conversion import convert_track
from ..core.speech import SPEECH_LAYER, SpeechModel
from .lip_curves import true_codes
from .prior_settings import TrainingError
from .speech_inventory import SILENT, Articulation, parts
from .speech_languages import HELD_OUT_LANGUAGES
from .speech_recordings import data_folder
from .speech_spoken import class_intervals
from .speech_unheard import Sentence, recorded_sentences, synthetic_sentences

FPS = Fraction(100)
SECONDS, PICTURES, COLUMNS, SIDE_PX = 7.5, 24, 8, 256
CAPTION_PX, HEADING_PX, HEADING_LETTERS = 26, 30, 200
SHORTEST_SEC = 0.04
RECORDING = "533-1066-0001"
NAMES = {"cmn": "Mandarin", "de": "German", "en": "English", "es": "Spanish", "fr": "French",
         "it": "Italian", "pl": "Polish", "pt": "Portuguese", "ru": "Russian", "tr": "Turkish"}  # fmt: skip
BACKGROUND = np.array([0.18, 0.19, 0.21], np.float32)
INK, PAPER = (235, 235, 235), (28, 29, 32)
# Turned a little to the side, protruding lips show.
TURN_DEG, DISTANCE_M = 20.0, 1.2
# What is seen, by the height from the chin to the brows.
VIEW_SHARE = 1.15
CHIN_AND_FACE = np.r_[7:10, 17:68]
QUALITY = 85


TrackOf = Callable[[Sentence], ExpressionTrack]


@dataclass(frozen=True)
class Moment:
    """The midpoint of one phone of a sentence, and what the mouth is to do."""

    sentence: int
    ipa: str
    kind: str
    time_sec: float  # of the sentence


@dataclass(frozen=True)
class Picture:
    """A face at one moment."""

    moment: Moment
    pixels: np.ndarray  # [H, W, 3]
    gap_mm: float
    width_mm: float


def kind_of(shape: Articulation) -> str:
    """What one sees of a phone."""
    is_vowel = shape.vowel > 0
    rules = {
        "shut": shape.closure >= 1,
        "bite": shape.lip_teeth >= 1,
        "rounded": shape.rounding >= 0.6,
        "open": is_vowel and shape.jaw >= 0.75,
        "spread": is_vowel and shape.front >= 0.8 and shape.jaw <= 0.45,
        "hush": shape.sibilant > 0 and shape.rounding > 0,
        "hiss": shape.sibilant > 0,
    }
    return next((name for name, holds in rules.items() if holds), "other")


def moments(spoken: Sequence[Sentence], count: int) -> list[Moment]:
    """`count` midpoints of phones, all kinds in turn, in the order they are spoken."""
    kinds: dict[str, list[Moment]] = {}
    for number, sentence in enumerate(spoken):
        for ipa, start_sec, end_sec in sentence.phones:
            if ipa != SILENT and end_sec - start_sec >= SHORTEST_SEC:
                kind = kind_of(parts(ipa, sentence.language)[0].articulation)
                middle_sec = (start_sec + end_sec) / 2
                kinds.setdefault(kind, []).append(Moment(number, ipa, kind, middle_sec))
    shares = dict.fromkeys(kinds, 0)
    while sum(shares.values()) < min(count, sum(map(len, kinds.values()))):
        open_kinds = [kind for kind in kinds if shares[kind] < len(kinds[kind])]
        shares[min(open_kinds, key=lambda kind: shares[kind])] += 1
    chosen = []
    for kind, share in shares.items():
        places = (np.arange(share) + 0.5) * len(kinds[kind]) / share
        chosen += [kinds[kind][int(place)] for place in places]
    return sorted(chosen, key=lambda moment: (moment.sentence, moment.time_sec))


def face_camera(avatar: Avatar, side_px: int) -> Camera:
    """A camera on the face from the brows to the chin, a little from the side."""
    points = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    if points is None:
        raise TrainingError(f"'{avatar.name}' has no landmarks: choose another avatar.")
    points = points[CHIN_AND_FACE]
    center, height_m = (points.min(0) + points.max(0)) / 2, np.ptp(points[:, 1])
    center[2] = points[:, 2].max()
    turn = np.radians(TURN_DEG)
    eye = center + DISTANCE_M * np.array([np.sin(turn), 0.0, np.cos(turn)])
    view = look_at(eye, center, np.array([0.0, 1.0, 0.0]))
    matrix = intrinsics(side_px * DISTANCE_M / (VIEW_SHARE * height_m), side_px, side_px)
    return Camera(view, matrix, side_px, side_px)


def heard_track(model: SpeechModel) -> TrackOf:
    """What a network makes of a sentence's sound."""
    return lambda sentence: model.track(sentence.waveform, SPEECH_RATE_HZ, fps=FPS)


def true_track(sentence: Sentence) -> ExpressionTrack:
    """What the mouth decoder makes of a sentence's own phones: what a perfect ear would show."""
    times_sec = np.arange(int(len(sentence.waveform) / SPEECH_RATE_HZ * FPS)) / float(FPS)
    phones = class_intervals(list(sentence.phones), sentence.language)
    codes = true_codes(phones, times_sec, FPS)
    pose = np.zeros((len(codes), 6), np.float32)
    return ExpressionTrack({SPEECH_LAYER: codes}, pose, ARKIT_SPACE, FPS)


def pictures(
    track_of: TrackOf, avatar: Avatar, spoken: Sequence[Sentence], count: int, side_px: int
) -> list[Picture]:
    """The avatar at `count` moments of what is spoken."""
    camera, neutral = face_camera(avatar, side_px), np.zeros(avatar.code_dim, np.float32)
    tracks = {}
    found = []
    for moment in moments(spoken, count):
        if moment.sentence not in tracks:
            tracks[moment.sentence] = convert_track(track_of(spoken[moment.sentence]), avatar)
        track = tracks[moment.sentence]
        row = min(round(moment.time_sec * FPS), track.num_frames - 1)
        code = track.codes()[row]
        head = avatar.decode(code, track.head_pose[row])
        drawn = render(head, camera, backend="cpu", background=BACKGROUND)
        columns = measure_landmarks(
            avatar.landmarks(code)[None], avatar.landmarks(neutral), avatar.lip_contact_offset_mm
        )
        gap_mm, width_mm = (float(columns[name][0]) for name in ("lip_gap", "mouth_width"))
        found.append(Picture(moment, np.clip(drawn.colors, 0, 1), gap_mm, width_mm))
    return found


def draw_sheet(
    groups: Sequence[tuple[Sequence[Sentence], Sequence[Picture]]], side_px: int, font: str
) -> Image.Image:
    """Languages below each other: what is said, then the faces with their phones in IPA."""
    letters, small = (ImageFont.truetype(font, size) for size in (20, 17))
    blocks = [(spoken, _headings(spoken), shown) for spoken, shown in groups]
    row_px = side_px + CAPTION_PX
    heights = [len(h) * HEADING_PX + -(-len(p) // COLUMNS) * row_px for _, h, p in blocks]
    sheet = Image.new("RGB", (COLUMNS * side_px, sum(heights)), PAPER)
    pen, top = ImageDraw.Draw(sheet), 0
    for (spoken, headings, shown), height in zip(blocks, heights, strict=True):
        for line, heading in enumerate(headings):
            pen.text((8, top + line * HEADING_PX + 4), heading, INK, font=small)
        first = top + len(headings) * HEADING_PX
        for number, picture in enumerate(shown):
            left, upper = number % COLUMNS * side_px, first + number // COLUMNS * row_px
            pixels = Image.fromarray(np.round(picture.pixels * 255).astype(np.uint8))
            sheet.paste(pixels, (left, upper))
            moment = picture.moment
            before_sec = sum(len(s.waveform) for s in spoken[: moment.sentence]) / SPEECH_RATE_HZ
            caption = f"{moment.ipa.strip('-')}  {before_sec + moment.time_sec:.2f} s"
            pen.text((left + side_px / 2, upper + side_px), caption, INK, font=letters, anchor="ma")
        top += height
    return sheet


def _headings(spoken: Sequence[Sentence]) -> list[str]:
    first = spoken[0]
    name = NAMES.get(first.language, first.language)
    unheard = "a language" if first.language in HELD_OUT_LANGUAGES else "voices"
    if first.language == "en":
        unheard = "a reader"
    whole = " / ".join(f"{s.text} ({s.voice})" for s in spoken)
    return textwrap.wrap(f"{name}, {unheard} never heard in training: {whole}", HEADING_LETTERS)


def report(groups: Sequence[tuple[Sequence[Sentence], Sequence[Picture]]]) -> str:
    """Lip gap and mouth width of the pictures by language and by what the mouth is to do."""
    lines = []
    for spoken, shown in groups:
        for kind in dict.fromkeys(p.moment.kind for p in shown):
            some = [p for p in shown if p.moment.kind == kind]
            gaps = " ".join(f"{p.moment.ipa} {p.gap_mm:.1f}" for p in some)
            width_mm = np.mean([p.width_mm for p in some])
            lines.append(f"{spoken[0].language} {kind:8} width {width_mm:4.1f} mm; gaps {gaps}")
    return "\n".join(lines) + "\n"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="held-out speech")
    parser.add_argument("--data", type=Path, help="folder with speech/ (GAUSSIAN_HEADS_DATA)")
    parser.add_argument("--recording", default=RECORDING, help="of English, kept out of training")
    parser.add_argument("--languages", nargs="+", default=["fr", "pl", "tr"])
    parser.add_argument("--model", type=Path, default=SPEECH_MODEL)
    parser.add_argument(
        "--true-phones", action="store_true", help="show the phones themselves, not what is heard"
    )
    parser.add_argument("--avatar", default=None, help="a .uhap file or builtin:NAME")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each language")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="of each language")
    parser.add_argument("--side", type=int, default=SIDE_PX, help="pixels of one picture")
    parser.add_argument("--font", default="DejaVuSans.ttf", help="a font that has IPA letters")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(arguments)


def spoken_in(options: argparse.Namespace, language: str) -> list[Sentence]:
    """What is said in one language."""
    if language == "en":
        data = data_folder(options.data)
        return list(recorded_sentences(data, options.recording, options.seconds))
    for corpus in options.corpus:
        if next(corpus.glob(f"held_out-{language}-*.json"), None):
            return list(synthetic_sentences(corpus, language, options.seconds))
    return list(synthetic_sentences(options.corpus[0], language, options.seconds))


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(arguments)
    try:
        track_of = true_track
        if not options.true_phones:
            track_of = heard_track(SpeechModel.open(options.model))
        avatar = Avatar.open(avatar_path(options.avatar or default_avatar_reference()))
        groups = []
        for language in ("en", *options.languages):
            spoken = spoken_in(options, language)
            shown = pictures(track_of, avatar, spoken, options.pictures, options.side)
            groups.append((spoken, shown))
        sheet = draw_sheet(groups, options.side, options.font)
    except (GaussianHeadsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with replace_on_success(options.out) as temporary:
        sheet.save(temporary, "JPEG", quality=QUALITY, optimize=True)
    sys.stdout.write(report(groups))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
