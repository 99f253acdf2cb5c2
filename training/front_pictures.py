"""The two pictures that README.md begins with: five heads in the middle of a sentence, and two that speak it.

    python -m gaussian_heads.training.front_pictures --still docs/images/speaking.jpg --film docs/images/speaking.webp

Everything is drawn by the engine's own rasteriser from what the extension ships, without Blender. The film is an
animated WebP, which pages show without a player; it has no sound, so each phrase stands below the faces while it is said.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..core.assets import SAMPLE_SENTENCE, SPEECH_MODEL, avatar_path
from ..core.audio import load_audio
from ..core.avatar import Avatar
from ..core.camera import Camera
from ..core.direction import MotionGenerator
from ..core.files import replace_on_success
from ..core.render import render
from ..core.speech import HeardSpeech, SpeechModel
from .acting_sheet import directed, head_camera
from .commands import run_command
from .comparison.speaking import avatar_codes

FPS = Fraction(25)
INK, PAPER = (52, 56, 64), (236, 238, 241)
BACKGROUND = np.array(PAPER, np.float32) / 255
CAPTION_PX = 44
STILL_QUALITY, FILM_QUALITY = 90, 66
VIEW_SHARE, ABOVE_SHARE, GAP_PX = 2.3, 0.02, 6


@dataclass(frozen=True)
class Role:
    """A head, what it acts while it speaks, how the camera is turned (degrees), and its moment in the still (s)."""

    avatar: str
    direction: str
    intensity: float
    turn_deg: float
    moment_sec: float
    seed: int = 1


CAST = (
    Role("builtin:kofi", "neutral", 0.0, 12.0, 3.16),
    Role("builtin:maya", "joy", 0.7, 12.0, 3.16),
    Role("builtin:otto", "neutral", 0.0, 4.0, 1.12),
    Role("builtin:mei", "joy", 0.4, -10.0, 3.16),
    Role("builtin:ada", "joy", 0.5, -12.0, 4.2),
)
SPEAKERS = (CAST[1], Role("builtin:otto", "neutral", 0.0, -12.0, 0.0, seed=2))


class Performance:
    """One role's frames of the sample sentence at `FPS`, drawn one at a time."""

    def __init__(self, role: Role, heard: HeardSpeech, size: tuple[int, int]) -> None:
        self.avatar = Avatar.open(avatar_path(role.avatar))
        direction = directed(role.direction, role.intensity)
        acted = MotionGenerator.open().act(heard, direction, seed=role.seed)
        self.track = heard.perform(fps=FPS, seed=role.seed, acted=acted)
        self.codes = avatar_codes(self.track, self.avatar)
        self.camera = framed(self.avatar, role.turn_deg, size)

    def __len__(self) -> int:
        return len(self.codes)

    def picture(self, row: int) -> np.ndarray:
        """Frame `row` as `[H, W, 3]` uint8."""
        gaussians = self.avatar.decode(self.codes[row], self.track.head_pose[row])
        drawn = render(gaussians, self.camera, backend="cpu", background=BACKGROUND)
        return np.round(np.clip(drawn.colors, 0, 1) * 255).astype(np.uint8)


def framed(avatar: Avatar, turn_deg: float, size: tuple[int, int]) -> Camera:
    """A camera on head and hair whose picture is `size` (width, height) pixels."""
    width, height = size
    camera = head_camera(avatar, height, turn_deg, view_share=VIEW_SHARE)
    K = camera.K.copy()
    K[:2, 2] = width / 2, height * (0.5 + ABOVE_SHARE)
    return Camera(camera.viewmat, K, width, height)


def phrases() -> list[tuple[float, float, str]]:
    """Begin and end (s) and words of each phrase of the sample sentence, told apart by its pauses."""
    phones = json.loads(SAMPLE_SENTENCE.with_suffix(".phones.json").read_text("utf8"))
    words = re.findall(r"[^,.]+[,.]", SAMPLE_SENTENCE.with_suffix(".txt").read_text("utf8"))
    spoken: list[list[float]] = []
    was_silent = True
    for name, begin, end in phones:
        if name != "pau" and was_silent:
            spoken.append([begin, end])
        elif name != "pau":
            spoken[-1][1] = end
        was_silent = name == "pau"
    return [(*times, text.strip()) for times, text in zip(spoken, words, strict=True)]


def still(performances: Sequence[Performance], roles: Sequence[Role]) -> Image.Image:
    """All heads beside each other, each at its own moment."""
    pictures = [
        performance.picture(round(role.moment_sec * FPS))
        for performance, role in zip(performances, roles, strict=True)
    ]
    height, width, _ = pictures[0].shape
    sheet = Image.new("RGB", (len(pictures) * (width + GAP_PX) - GAP_PX, height), "white")
    for number, pixels in enumerate(pictures):
        sheet.paste(Image.fromarray(pixels), (number * (width + GAP_PX), 0))
    return sheet


def film(performances: Sequence[Performance]) -> Iterator[Image.Image]:
    """Frames of the heads beside each other, with the phrase that is said below them."""
    font, spoken = ImageFont.load_default(21), phrases()
    for row in range(len(performances[0])):
        pixels = np.hstack([p.picture(row) for p in performances])
        height, width, _ = pixels.shape
        frame = Image.new("RGB", (width, height + CAPTION_PX), PAPER)
        frame.paste(Image.fromarray(pixels))
        said = [text for begin, _, text in spoken if begin <= (row + 1) / FPS]
        middle = (width / 2, height + CAPTION_PX / 2)
        ImageDraw.Draw(frame).text(middle, said[-1] if said else "", INK, font=font, anchor="mm")
        yield frame


def write_pictures(options: argparse.Namespace) -> None:
    """Make what was asked for."""
    heard = SpeechModel.open(SPEECH_MODEL).listen(*load_audio(SAMPLE_SENTENCE))
    if options.still:
        size = (round(options.height * 0.9), options.height)
        cast = [Performance(role, heard, size) for role in CAST]
        with replace_on_success(options.still) as temporary:
            still(cast, CAST).save(temporary, "JPEG", quality=STILL_QUALITY, optimize=True)
    if options.film:
        size = (options.height, options.height)
        speakers = [Performance(role, heard, size) for role in SPEAKERS]
        first, *others = film(speakers)
        settings = dict(duration=round(1000 / FPS), loop=0, quality=FILM_QUALITY, method=6)
        with replace_on_success(options.film) as temporary:
            first.save(temporary, "WEBP", save_all=True, append_images=others, **settings)


def main(words: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--still", type=Path, help="the five heads, a .jpg")
    parser.add_argument("--film", type=Path, help="two of them speaking, a .webp")
    parser.add_argument("--height", type=int, default=400, help="pixels of a head's picture")
    options = parser.parse_args(words)
    if not (options.still or options.film):
        parser.error("say what to make: --still X.jpg, --film X.webp, or both")
    return run_command(lambda: write_pictures(options))


if __name__ == "__main__":
    sys.exit(main())
