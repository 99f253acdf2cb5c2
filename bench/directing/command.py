"""How well the motion generator does what it is asked for, and what that costs the speech.

    python bench/directing --data DATA [--labels build/au_motion/labels.onnx] [--out FIGURES.json]

Sentences are the recordings that no network of ours was trained on, lips are tracked on filmed speakers, heads are
those that ship. Every figure is of landmarks that heads decode. `--labels` is a generator that was trained on one-hot
emotions (`training.au_motion --labels`); without it that way is left out. `--tracker FILE` (with the package mediapipe) also lets a
tracker that is not ours read pictures of the heads.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gaussian_heads.core.assets import DIRECTION_MODEL, SAMPLE_SENTENCE, SPEECH_MODEL
from gaussian_heads.core.audio import SPEECH_RATE_HZ, load_audio
from gaussian_heads.core.direction import MotionGenerator
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.files import replace_on_success
from gaussian_heads.core.spaces import ACTION_UNITS
from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.training.directing.captured import captured_mouths, captured_whole
from gaussian_heads.training.speech_captured import CAPTURED_LATE_SEC
from gaussian_heads.training.speech_recordings import data_folder
from lipsync.clips import Clip, filmed_clips, spoken_clips

from .figures import (
    Recorded,
    Spoken,
    compared,
    cost_to_speech,
    intensities,
    rest,
    smoothness,
    speaking,
    speed,
)
from .filmed import read_back
from .heads import BenchHead
from .report import report
from .tracked import tracked
from .ways import Ways

PARTS = ("intensity", "speech", "ways", "jitter", "speed", "video", "tracked")


def main(words: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with speech/ and video/")
    parser.add_argument("--model", type=Path, default=DIRECTION_MODEL)
    parser.add_argument("--labels", type=Path, help="generator of one-hot emotions")
    parser.add_argument("--heads", nargs="+", default=("builtin:maya", "builtin:otto"))
    parser.add_argument("--tracker", type=Path, help="model of MediaPipe's Face Landmarker")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sentences", type=int, default=20, help="recordings that are used")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write all figures as JSON")
    options = parser.parse_args(words)
    try:
        found = measure(options)
    except (GaussianHeadsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(report(found))
    if options.out is not None:
        with replace_on_success(options.out) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", "utf8")
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures that are asked for, by part."""
    data = data_folder(options.data)
    labelled = MotionGenerator.open(options.labels) if options.labels else None
    ways = Ways(MotionGenerator.open(options.model), labelled)
    heads = [BenchHead.open(name) for name in options.heads]
    ears = SpeechModel.open(SPEECH_MODEL)
    spoken = [_heard(ears, clip) for clip in spoken_clips(data, "held-out")[: options.sentences]]
    found: dict[str, Any] = {"units": list(ACTION_UNITS), "sentences": len(spoken)}
    if "intensity" in options.only:
        found["intensity"] = intensities(ways, heads, spoken[:: max(len(spoken) // 6, 1)])
    if "speech" in options.only:
        filmed = [_heard(ears, clip) for clip in filmed_clips(data)]
        found["speech"] = cost_to_speech(ways, heads[0], spoken, filmed)
    if "ways" in options.only:
        found["ways"] = compared(ways, heads[0], spoken, options.seed)
    if "jitter" in options.only:
        found["jitter"] = smoothness(ways, heads[0], spoken, _captured(ears, data))
    if "speed" in options.only:
        longest = max(spoken, key=lambda one: one.heard.duration_sec)
        found["speed"] = {
            "times_real_time": speed(ways, longest.heard),
            "at_rest": rest(ways, spoken),
        }
    if "video" in options.only:
        found["video"] = read_back(options.heads)
    if "tracked" in options.only and options.tracker is not None:
        sentence = ears.listen(*load_audio(SAMPLE_SENTENCE))
        found["tracked"] = tracked(options, ways, sentence)
    return found


def _captured(ears: SpeechModel, data: Path) -> dict[str, list[Recorded]]:
    """Recorded mouths while they speak; of the whole face there is no sound, so all of it counts."""
    whole = captured_whole(data)
    mouths = []
    for weights, path in captured_mouths(data).values():
        heard = ears.listen(*load_audio(path))
        mouths.append(Recorded(weights, speaking(heard, len(weights), CAPTURED_LATE_SEC)))
    return {"mouth": mouths, "eyes and brows": [Recorded(whole, np.ones(len(whole), bool))]}


def _heard(ears: SpeechModel, clip: Clip) -> Spoken:
    return Spoken(clip, ears.listen(np.asarray(clip.waveform(), np.float32), SPEECH_RATE_HZ))
