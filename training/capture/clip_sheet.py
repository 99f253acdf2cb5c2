"""A spoken ten-second clip of an avatar beside Cycles' renders of the same frames of the same person.

    python -m gaussian_heads.training.capture.clip_sheet --avatar assets/avatars/mia.uhap --seed 12 \\
        --work build/clips/mia --out docs/images/mia_clip.jpg

The sentence goes through the speech network; of each part of the clip the frame that speaks most is shown, and
once the blink that closes the eyes most. The person of the seed is built and rendered by the studio into
`--work`, where finished pictures are kept.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ...core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from ...core.audio import load_audio
from ...core.avatar import Avatar
from ...core.camera import Camera
from ...core.errors import GaussianHeadsError
from ...core.expression import ExpressionTrack
from ...core.files import replace_on_success
from ...core.render import render
from ...core.spaces.conversion import convert_track
from ...core.speech import SPEECH_LAYER, SpeechModel
from ...core.speech.blinks import BLINK_LAYER
from ..evaluate_metrics import BACKGROUND, Score, composite, score
from ..evaluate_sheet import as_bytes
from .cameras import TARGET_M, ReferenceQuality, camera_around
from .sources import Sources, find_sources

LOG = logging.getLogger(__name__)
CLIP_SEC, FPS = 10.0, Fraction(30)
SIDE_PX, LABEL_PX, TEXTURE_PX, ZOOM = 512, 18, 1024, 1.08
# One camera for each frame, in turn.
TURNS_DEG = (0.0, 28.0, -18.0, -40.0)
WHITE = (235, 235, 235)


@dataclass(frozen=True)
class Shot:
    """One moment of the clip from one camera."""

    time_sec: float
    arkit: np.ndarray  # [52]
    code: np.ndarray  # [D] in the avatar's space
    camera: Camera


def spoken_clip(sound: Path, avatar: Avatar, num_shots: int) -> list[Shot]:
    """The liveliest moment of each of `num_shots` parts of the clip, cameras in turn."""
    waveform, rate = load_audio(sound)
    wanted = round(CLIP_SEC * rate)
    # A shorter sentence gets silence on both sides, in which people still blink.
    silence = max(wanted - len(waveform), 0)
    waveform = np.pad(waveform[:wanted], (silence // 3, silence - silence // 3))
    track = SpeechModel.open(SPEECH_MODEL).track(waveform, rate, fps=FPS)
    codes = convert_track(track, avatar).codes()
    arkit, times_sec = track.codes(), track.times_sec()
    cameras = clip_cameras()
    shots = []
    for number, span in enumerate(np.array_split(np.arange(len(arkit)), num_shots)):
        frame = telling_frame(track, span)
        camera = cameras[number % len(cameras)]
        shots.append(Shot(float(times_sec[frame]), arkit[frame], codes[frame], camera))
    return shots


def telling_frame(track: ExpressionTrack, span: np.ndarray) -> int:
    """The frame of `span` that speaks most; in the span with the strongest blink of all, that blink."""
    blink = int(track.layers[BLINK_LAYER].sum(1).argmax())
    if span[0] <= blink <= span[-1]:
        return blink
    return int(span[np.linalg.norm(track.layers[SPEECH_LAYER][span], axis=1).argmax()])


def clip_cameras() -> list[Camera]:
    """The cameras that the shots take in turn."""
    quality = ReferenceQuality(size_px=SIDE_PX)
    return [
        Camera(*camera_around(turn, quality, 2.0, ZOOM, TARGET_M), SIDE_PX, SIDE_PX)
        for turn in TURNS_DEG
    ]


def render_wanted(
    seed: int, shots: list[Shot], work: Path, sources: Sources, samples: int
) -> list[np.ndarray]:
    """Cycles' pictures [H, W, 4] uint8 of the shots; only those that `work` lacks are rendered."""
    paths = [
        work / f"{shot.time_sec:05.2f}s_{i % len(TURNS_DEG)}.png" for i, shot in enumerate(shots)
    ]
    missing = [i for i, path in enumerate(paths) if not path.is_file()]
    if missing:
        work.mkdir(parents=True, exist_ok=True)
        # Blender is heavy, and a finished folder does not need it.
        from .clip_studio import ClipStudio

        studio = ClipStudio(seed, sources, TEXTURE_PX)
        for index in missing:
            shot = shots[index]
            with replace_on_success(paths[index]) as temporary:
                studio.photograph(shot.arkit, shot.camera, str(temporary), samples)
            LOG.info("rendered %s", paths[index].name)
    return [np.array(Image.open(path).convert("RGBA")) for path in paths]


def draw_sheet(
    shots: list[Shot], ours: list[np.ndarray], wanted: list[np.ndarray], side_px: int
) -> tuple[Image.Image, list[Score]]:
    """Two rows, Gaussians above Cycles, one column per shot; and how near each pair is."""
    scores = [score(a, b) for a, b in zip(ours, wanted, strict=True)]
    columns = -(-len(shots) // 2) if len(shots) > 6 else len(shots)
    bands = -(-len(shots) // columns)
    band_px = 2 * side_px + LABEL_PX
    sheet = Image.new("RGB", (columns * side_px, bands * band_px))
    pen = ImageDraw.Draw(sheet)
    for index, (shot, drawn, picture) in enumerate(zip(shots, ours, wanted, strict=True)):
        left, top = index % columns * side_px, index // columns * band_px
        pen.text(
            (left + 4, top + 3), f"{shot.time_sec:.1f} s, {scores[index].psnr_db:.1f} dB", WHITE
        )
        for row, pixels in enumerate((drawn, composite(picture))):
            tile = Image.fromarray(as_bytes(pixels)).resize(
                (side_px, side_px), Image.Resampling.LANCZOS
            )
            sheet.paste(tile, (left, top + LABEL_PX + row * side_px))
        if index % columns == 0:
            pen.text((left + 4, top + LABEL_PX + 3), "Gaussians", WHITE)
            pen.text((left + 4, top + LABEL_PX + side_px + 3), "Cycles", WHITE)
    return sheet, scores


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--avatar", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True, help="the studio's person in the avatar")
    parser.add_argument("--work", type=Path, required=True, help="where Cycles' pictures are kept")
    parser.add_argument("--out", type=Path, required=True, help="the sheet, .png or .jpg")
    parser.add_argument("--sound", type=Path, default=SAMPLE_SENTENCE)
    parser.add_argument("--data", help="data folder, else GAUSSIAN_HEADS_DATA")
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--side", type=int, default=256, help="pixels of one picture on the sheet")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> list[Score]:
    """Render, draw and write the sheet; gives the scores of the shots."""
    avatar = Avatar.open(options.avatar)
    shots = spoken_clip(options.sound, avatar, options.shots)
    sources = find_sources(options.data)
    wanted = render_wanted(options.seed, shots, options.work, sources, options.samples)
    ours = [
        render(
            avatar.decode(shot.code, None), shot.camera, backend="cpu", background=BACKGROUND
        ).colors
        for shot in shots
    ]
    sheet, scores = draw_sheet(shots, ours, wanted, options.side)
    kind = {".jpg": {"quality": 90}}.get(options.out.suffix, {})
    with replace_on_success(options.out) as temporary:
        sheet.save(temporary, **kind)
    return scores


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        scores = run(parse(arguments))
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    mean_db = float(np.mean([s.psnr_db for s in scores]))
    sys.stdout.write(
        f"{len(scores)} shots: {mean_db:.1f} dB, SSIM {np.mean([s.ssim for s in scores]):.3f}, "
        f"lowest {min(s.psnr_db for s in scores):.1f} dB\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
