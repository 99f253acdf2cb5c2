"""Where curves come from: a folder of files, our own network, and what both are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from gaussian_heads.core.audio import SPEECH_RATE_HZ
from gaussian_heads.core.measure import MeasuredHead, measure_track
from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.training.lip_curves import JawMouth, loudness_jaw, measure_codes, true_codes

from .clips import Clip
from .curves import BenchmarkError, Curves, check_covers, read_curves

# Of smoothings from 25 to 250 ms and powers from 0.5 to 2, the highest closure J on the validation
# recordings that closes no more than about 15 % of the other consonants.
LOUDNESS_SMOOTHING_SEC, LOUDNESS_EXPONENT = 0.05, 1.0
NUM_SHUFFLES = 5

MEASURED, TIMING, LOUDNESS, SHUFFLED = "measured", "perfect timing", "loudness", "shuffled"

Progress = Callable[[float], object]
Source = Mapping[str, Sequence[Curves]]
"""Curves by the name of the clip they are held against, one or several."""


def folder_source(folder: Path, clips: Sequence[Clip]) -> Source:
    """Curves `CLIP.csv` of a folder, as any program may have written them."""
    missing = [clip.name for clip in clips if not (folder / f"{clip.name}.csv").is_file()]
    if missing:
        raise BenchmarkError(
            f"'{folder}' has no curve of {len(missing)} of {len(clips)} clips: write "
            f"'{missing[0]}.csv' (--list names all clips and their sound)."
        )
    source = {}
    for clip in clips:
        path = folder / f"{clip.name}.csv"
        curves = read_curves(path)
        check_covers(curves, path, clip.speech_end_sec)
        source[clip.name] = [curves]
    return source


@dataclass(frozen=True)
class Reference:
    """A head that speaks at a frame rate; makes every curve that is not read."""

    head: MeasuredHead
    fps: Fraction

    def network(
        self, model: SpeechModel, clips: Sequence[Clip], folder: Path | None, progress: Progress
    ) -> Source:
        """The network's curves, as the command `measure` writes them; kept in `folder` if given."""
        source = {}
        for number, clip in enumerate(clips):
            progress(number / len(clips))
            track = model.track(clip.waveform(), SPEECH_RATE_HZ, fps=self.fps)
            measured = measure_track(track, self.head)
            if folder is not None:
                measured.write_csv(folder / f"{clip.name}.csv")
            source[clip.name] = [Curves.of_measurement(measured)]
        progress(1.0)
        return source

    def perfect_timing(self, clips: Sequence[Clip], progress: Progress) -> Source:
        """Curves of the clips' own phones through the network's mouth decoder."""
        source = {}
        for number, clip in enumerate(clips):
            progress(number / len(clips))
            codes = true_codes(clip.phones, self._times_sec(clip), self.fps)
            source[clip.name] = [Curves.of_measurement(measure_codes(codes, self.fps, self.head))]
        progress(1.0)
        return source

    def loudness(self, clips: Sequence[Clip]) -> Source:
        """Curves of a jaw that opens with the loudness."""
        mouth = JawMouth(self.head)
        source = {}
        for clip in clips:
            times_sec = self._times_sec(clip)
            jaw = loudness_jaw(
                clip.waveform(), times_sec, LOUDNESS_SMOOTHING_SEC, LOUDNESS_EXPONENT
            )
            gap, width = (mouth.column(name, jaw) for name in ("lip_gap", "mouth_width"))
            source[clip.name] = [Curves(times_sec, gap, width)]
        return source

    def _times_sec(self, clip: Clip) -> np.ndarray:
        end_sec = max([end for _, _, end in clip.phones], default=0.0)
        if clip.tracked is not None:
            end_sec = max(end_sec, clip.tracked.times_sec[-1])
        return np.arange(int(end_sec * self.fps) + 1) / float(self.fps)


def shuffled(source: Source, clips: Sequence[Clip], seed: int) -> Source:
    """Every clip held against curves of up to five other clips, looped where these are shorter."""
    order = np.random.default_rng(seed).permutation(len(clips))
    mixed: dict[str, list[Curves]] = {clip.name: [] for clip in clips}
    for turn in range(1, min(NUM_SHUFFLES, len(clips) - 1) + 1):
        for heard, other in zip(order, np.roll(order, turn), strict=True):
            clip = clips[heard]
            end_sec = max([clip.speech_end_sec, *_tracked_end(clip)])
            mixed[clip.name] += [c.looped(end_sec) for c in source[clips[other].name]]
    return mixed


def _tracked_end(clip: Clip) -> list[float]:
    return [] if clip.tracked is None else [float(clip.tracked.times_sec[-1])]
