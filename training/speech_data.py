"""Makes the data that the speech network learns from, all of it with one command.

Run: python -m gaussian_heads.training.speech_data --data DATA --work build/speech --hours 12

Log power spectra with a phone class per 10 ms: real recordings from the folder `speech/` of the data (option
or GAUSSIAN_HEADS_DATA), hours of synthetic speech (`speech_corpus`), sounds that nobody speaks
(`speech_distractors`), and captured motion of an actor (FACEGOOD), which has curves instead of phones. What
stays out of training is named in `speech_recordings`, `speech_captured` and `speech_languages`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.audio import SPEECH_RATE_HZ, load_audio, resample
from ..core.files import replace_on_success
from .networks.speech import FRAME_RATE_HZ, NUM_BINS, power_spectrum
from .speech_captured import (
    CAPTURED,
    CAPTURED_HELD_OUT,
    MOTION_COLUMNS,
    captured_motion,
)
from .speech_corpus import SHARD_MINUTES, check_settings, make_corpus, plan, read_shard
from .speech_damage import degrade
from .speech_distractors import distractors
from .speech_languages import HELD_OUT_LANGUAGES, LANGUAGES
from .speech_recordings import Recording, data_folder, recordings, training_recordings
from .speech_spoken import Interval, class_intervals, frame_labels

LOG = logging.getLogger(__name__)
# Frames of captured motion have no phone class.
UNKNOWN = 255
# A recording played as if it had been made at these rates is another voice at another pace.
OTHER_RATES_HZ = (14000, 15000, 17000, 18000)
DEGRADED_SHARE = 0.35  # of the synthetic utterances
DISTRACTOR_MINUTES = 30.0


@dataclass(frozen=True)
class Clip:
    """A waveform `[S]` at 16 kHz and either its phones or the captured motion `[F, 4]` of every 10 ms."""

    source: str
    waveform: np.ndarray
    phones: list[Interval]
    motion: np.ndarray | None = None

    def at_rate(self, rate_hz: int) -> Clip:
        """The same sound as if it had been recorded at another rate."""
        scale = SPEECH_RATE_HZ / rate_hz
        phones = [(name, start * scale, end * scale) for name, start, end in self.phones]
        return replace(self, waveform=resample(self.waveform, rate_hz), phones=phones)


def real_clips(clips: list[Recording], rng: np.random.Generator) -> Iterator[Clip]:
    """Every recording as it is, and again as other voices through bad devices."""
    for recording in clips:
        waveform, _ = load_audio(recording.path, target_rate=SPEECH_RATE_HZ)
        clip = Clip(recording.corpus, waveform, recording.phones)
        yield clip
        for rate_hz in OTHER_RATES_HZ:
            other = clip.at_rate(rate_hz)
            yield replace(other, waveform=degrade(other.waveform, rng))


def synthetic_clips(folder: Path, rng: np.random.Generator) -> Iterator[Clip]:
    """Every utterance of a folder of shards, some through a bad device."""
    for path in sorted(folder.glob("training-*.json")):
        _, language, engine, _ = path.stem.split("-")
        for spoken in read_shard(path):
            waveform = spoken.waveform
            if rng.random() < DEGRADED_SHARE:
                waveform = degrade(waveform, rng)
            yield Clip(f"{language}-{engine}", waveform, class_intervals(spoken.phones, language))


def captured_clips(data: Path, rng: np.random.Generator) -> Iterator[Clip]:
    """The sound of captured motion with that motion, all but the clip that is kept out."""
    for name, waveform, motion in captured_motion(data):
        if name != CAPTURED_HELD_OUT:
            clip = Clip(CAPTURED, waveform, [], motion)
            yield clip
            yield replace(clip, waveform=degrade(waveform, rng))


def distractor_clips(minutes: float, seed: int) -> Iterator[Clip]:
    """Breath, music, noise and tones."""
    for kind, waveform in distractors(minutes, seed):
        yield Clip(kind, waveform, [])


class SpectrumCache:
    """Log10 power `[N, 257]`, labels `[N]` and motion `[N, 4]` of all clips end to end, memory-mapped.

    Labels are classes of `speech_inventory.ALL_PHONES` or UNKNOWN; motion is not a number where none was captured.
    """

    def __init__(self, folder: Path) -> None:
        self.index = json.loads((folder / "index.json").read_text("utf8"))
        frames = sum(clip["frames"] for clip in self.index)
        shape = (frames, NUM_BINS)
        self.log_power = np.memmap(folder / "log_power.f16", np.float16, "r", shape=shape)
        self.labels = np.load(folder / "labels.npy", mmap_mode="r")
        self.motion = np.load(folder / "motion.npy", mmap_mode="r")


def build_cache(data: Path, folder: Path, shards: Path, seed: int) -> None:
    """Compute the spectra of all training speech into `folder` (185 MB an hour)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    clips = training_recordings(recordings(data))
    minutes: Counter[str] = Counter()
    index, labels, motions = [], [], []
    streams = (
        real_clips(clips, rng),
        captured_clips(data, rng),
        synthetic_clips(shards, rng),
        distractor_clips(DISTRACTOR_MINUTES, seed),
    )
    with (folder / "log_power.f16").open("wb") as spectra:
        for clip in (clip for stream in streams for clip in stream):
            log_power = np.log10(power_spectrum(clip.waveform) + 1e-10).astype(np.float16)
            spectra.write(log_power.tobytes())
            frames = len(log_power)
            motion = np.full((frames, len(MOTION_COLUMNS)), np.nan, np.float16)
            label = frame_labels(clip.phones, FRAME_RATE_HZ, frames)
            if clip.motion is not None:
                motion[:] = clip.motion[:frames]
                label[:] = UNKNOWN
            index.append({"source": clip.source, "frames": frames})
            labels.append(label)
            motions.append(motion)
            minutes[clip.source] += frames / FRAME_RATE_HZ / 60.0
            if len(index) % 2000 == 0:
                LOG.info("%d clips, %.0f min", len(index), minutes.total())
    np.save(folder / "labels.npy", np.concatenate(labels))
    np.save(folder / "motion.npy", np.concatenate(motions))
    LOG.info("minutes: %s", {source: round(value) for source, value in minutes.items()})
    # The index comes last: a cache without it does not count as made.
    with replace_on_success(folder / "index.json") as temporary:
        temporary.write_text(json.dumps(index), encoding="utf8")


def make_data(data: Path, work: Path, hours: float, seed: int, jobs: int) -> Path:
    """Synthesise what is missing and build the cache; returns its folder. Goes on where it stopped."""
    cache, shards = work / "cache", work / "synthetic"
    if (cache / "index.json").exists():
        return cache
    languages = tuple(language for language in LANGUAGES if language not in HELD_OUT_LANGUAGES)
    texts = [clip.text for clip in training_recordings(recordings(data))]
    if hours:
        shards.mkdir(parents=True, exist_ok=True)
        check_settings(shards, seed, texts)
        make_corpus(plan("training", languages, hours, seed), shards, texts, jobs, SHARD_MINUTES)
    build_cache(data, cache, shards, seed)
    return cache


def main() -> None:
    """Command line: make all data of a working folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with speech/ (GAUSSIAN_HEADS_DATA)")
    parser.add_argument("--work", type=Path, default=Path("build/speech"), help="working folder")
    parser.add_argument("--hours", type=float, default=12.0, help="of synthetic speech")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data = data_folder(options.data)
    make_data(data, options.work, options.hours, options.seed, options.jobs)


if __name__ == "__main__":
    main()
