"""How often lips that speak meet on p, b and m, as an independent tracker reads it off the portrait and off heads.

    python -m gaussian_heads.training.speak_portrait --film build/videos/s1003 --out build/portrait/s1003 \\
        --heads zero_shot=build/zero_shot.uhap personal=build/personal.uhap --tracker face_landmarker.task

Recordings that the speech network never heard speak through the photo and the heads of `training.compare_portrait`, heads
still, before the camera of the film. The same motion goes to all.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..core.assets import SPEECH_MODEL
from ..core.audio import SPEECH_RATE_HZ
from ..core.avatar import Avatar
from ..core.files import replace_on_success
from ..core.monocular.landmarker import FaceLandmarker
from ..core.spaces.conversion import convert_track
from ..core.speech import SpeechModel
from .commands import run_command
from .compare_portrait import APART_SEC, open_scene, options_parser, waveform_of, ways_of
from .evaluate_personal_film import TrueFrame
from .personalization.motion_scores import BILABIALS, Phone
from .portrait.measures import seen_closures, tracked
from .portrait.ways import Scene
from .speech_recordings import HELD_OUT, Recording, data_folder, recordings

LOG = logging.getLogger(__name__)
FPS = Fraction(25)


def spoken(
    clips: Sequence[Recording], waveforms: Sequence[np.ndarray], avatar: Avatar, scene: Scene
) -> tuple[list[TrueFrame], np.ndarray, list[Phone]]:
    """Frames of all clips (16 kHz) one after the other, their times `[N]`, and the phones among them."""
    model = SpeechModel.open(SPEECH_MODEL)
    frames, times_sec, phones = [], [], []
    for number, (clip, waveform) in enumerate(zip(clips, waveforms, strict=True)):
        heard = model.listen(waveform, SPEECH_RATE_HZ)
        codes = convert_track(heard.perform(fps=FPS), avatar).codes()
        moments = np.arange(len(codes)) / float(FPS)
        later = number * APART_SEC
        times_sec.append(moments + later)
        phones += [(p, a + later, b + later) for p, a, b in clip.phones if b <= moments[-1]]
        still, pose = np.zeros(52), scene.photo_frame.head_pose
        frames += [
            TrueFrame(clip.name, float(moment), still, pose, code, {})
            for moment, code in zip(moments, codes, strict=True)
        ]
    return frames, np.concatenate(times_sec), phones


def speak(options: argparse.Namespace) -> None:
    """Let every way speak; print closures and write them."""
    kept = [r for r in recordings(data_folder(options.data)) if r.name in HELD_OUT]
    clips = kept[: options.clips]
    waveforms = [waveform_of(clip.path) for clip in clips]
    names = [clip.name for clip in clips]
    ways = ways_of(options, dict(zip(names, waveforms, strict=True)))
    landmarker = FaceLandmarker.open(options.tracker)
    options.out.mkdir(parents=True, exist_ok=True)
    scene = open_scene(options.film, options.out, options.prior)
    frames, times_sec, phones = spoken(clips, waveforms, Avatar.open(options.driver), scene)
    found: dict[str, float] = {}
    for name, draw in ways.items():
        points = tracked(landmarker, draw(scene, frames))
        found[name] = seen_closures(points, times_sec, phones)
        LOG.info("%s: %.2f", name, found[name])
    count = sum(name in BILABIALS for name, _, _ in phones)
    record = {"seconds": len(frames) / float(FPS), "p_b_m": count, "closure_j": found}
    with replace_on_success(options.out / "speech.json") as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = options_parser(__doc__)
    parser.add_argument("--clips", type=int, default=8, help="so many recordings")
    parser.add_argument("--data", type=Path, help="data folder, else GAUSSIAN_HEADS_DATA")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.tracker is None:
        parser.error("lips are read by a tracker: give its model with --tracker.")
    return run_command(lambda: speak(options))


if __name__ == "__main__":
    raise SystemExit(main())
