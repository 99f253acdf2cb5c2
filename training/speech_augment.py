"""Crops of training speech, made to sound like other voices, rooms and microphones.

Everything happens on mel power, so no audio is ever resampled: time and frequency scales, equaliser,
reverberation as a tail over frames, babble, music and breath, coloured noise, band limits, near silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.signal import lfilter
from torch.utils.data import IterableDataset

from .networks.speech import HOP, MEL_HIGH_HZ, MEL_LOW_HZ, SPEECH_RATE_HZ, mel_bank
from .speech_captured import CAPTURED
from .speech_data import UNKNOWN, SpectrumCache
from .speech_distractors import KINDS
from .speech_phones import SILENCE

NUM_WARPS = 17
REAL_SOURCES = frozenset(("multi_en", "reading_en", CAPTURED))
# Shares of the speech that is drawn; all other sources (synthetic voices) share the rest by their length.
SOURCE_WEIGHTS: Mapping[str, float] = {
    "multi_en": 0.40,
    "reading_en": 0.09,
    CAPTURED: 0.06,
    "en-flite": 0.08,
    "en-festival": 0.05,
}
REST_WEIGHT = 0.32
NUM_MASKS, MASKED_BANDS, MASKED_FRAMES = 2, 13, 10


@dataclass(frozen=True)
class AugmentConfig:
    """Chances and ranges; decibels are of power. `is_on` false leaves the sound as it is."""

    is_on: bool = True
    has_synthetic: bool = True
    has_captured: bool = True
    crop_frames: int = 400
    outside_frames: int = 60  # a crop may begin or end this far outside its clip
    time_scale: tuple[float, float] = (0.82, 1.25)
    warp: tuple[float, float] = (0.8, 1.25)
    tilt_db: float = 9.0
    ripple_db: float = 4.0
    reverb_chance: float = 0.5
    babble_chance: float = 0.12
    distractor_chance: float = 0.2
    distractor_snr_db: tuple[float, float] = (0.0, 25.0)
    noise_snr_db: tuple[float, float] = (3.0, 45.0)
    low_pass_chance: float = 0.3
    high_pass_chance: float = 0.3
    silent_chance: float = 0.09  # nobody speaks: noise, or music, breath and tones alone


GENTLE = AugmentConfig(
    time_scale=(0.9, 1.12),
    warp=(0.87, 1.15),
    tilt_db=5.0,
    ripple_db=2.0,
    reverb_chance=0.3,
    babble_chance=0.05,
    distractor_chance=0.12,
    distractor_snr_db=(8.0, 30.0),
    noise_snr_db=(15.0, 60.0),
    low_pass_chance=0.15,
    high_pass_chance=0.15,
)


UNKNOWN_LABEL = -1  # of a crop


class Crop(NamedTuple):
    """Mel power `[F, M]` float32, labels `[F]` int64 or UNKNOWN_LABEL, captured motion `[F, 4]` or NaN."""

    mel_power: np.ndarray
    labels: np.ndarray
    motion: np.ndarray


def mel_centres_hz(num_mels: int) -> np.ndarray:
    """Centre frequency of every mel band, `[M]`."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (MEL_LOW_HZ, MEL_HIGH_HZ))
    return 700.0 * (10.0 ** (np.linspace(low, high, num_mels + 2)[1:-1] / 2595.0) - 1.0)


class CropMaker:
    """Draws augmented crops from a cache of spectra."""

    def __init__(
        self, cache: SpectrumCache, num_mels: int, config: AugmentConfig, seed: int
    ) -> None:
        self.cache, self.config = cache, config
        self.rng = np.random.default_rng(seed)
        warps = np.linspace(*config.warp, NUM_WARPS) if config.is_on else np.ones(1)
        self.banks = [mel_bank(num_mels, warp) for warp in warps]
        self.centres_hz = mel_centres_hz(num_mels)
        self.height = np.linspace(-1.0, 1.0, num_mels)
        frames = np.array([clip["frames"] for clip in cache.index])
        self.frames, self.starts = frames, np.concatenate([[0], np.cumsum(frames)[:-1]])
        self.sources = np.array([clip["source"] for clip in cache.index])
        self.quiet: dict[int, np.ndarray] = {}
        self.speech = self._chances(self._weights())
        self.distractors = self._chances(
            {kind: 1.0 for kind in KINDS if (self.sources == kind).any()}
        )

    def _weights(self) -> dict[str, float]:
        named = {s: w for s, w in SOURCE_WEIGHTS.items() if (self.sources == s).any()}
        others = sorted(set(self.sources.tolist()) - set(named) - set(KINDS))
        minutes = np.array([self.frames[self.sources == s].sum() for s in others], float)
        rest = REST_WEIGHT * minutes / max(minutes.sum(), 1.0)
        weights = named | dict(zip(others, rest.tolist(), strict=True))
        if not self.config.has_synthetic:
            weights = {s: w for s, w in weights.items() if s in REAL_SOURCES}
        if not self.config.has_captured:
            weights.pop(CAPTURED, None)
        return weights

    def _chances(self, weights: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Clips and how likely each is drawn: by its source's weight, then by its length."""
        clips, chances = [], []
        for source, weight in weights.items():
            own = np.flatnonzero(self.sources == source)
            clips.append(own)
            chances.append(weight * self.frames[own] / self.frames[own].sum())
        if not clips:
            return np.zeros(0, int), np.zeros(0)
        share = np.concatenate(chances)
        return np.concatenate(clips), np.cumsum(share / share.sum())

    def _pick(self, chances: tuple[np.ndarray, np.ndarray]) -> int:
        clips, cumulative = chances
        return int(clips[min(np.searchsorted(cumulative, self.rng.random()), len(clips) - 1)])

    def draw(self) -> Crop:
        """One crop."""
        config, rng = self.config, self.rng
        crop = self._crop(self._pick(self.speech))
        if rng.random() < config.silent_chance:
            return self._nobody(crop)
        if not config.is_on:
            return crop
        mel = crop.mel_power * self._equaliser()
        if rng.random() < config.reverb_chance:
            mel = self._reverberate(mel)
        if rng.random() < config.babble_chance:
            other = self._crop(self._pick(self.speech)).mel_power
            mel = mel + other * self._gain_for(mel, other, rng.uniform(5.0, 25.0))
        if len(self.distractors[0]) and rng.random() < config.distractor_chance:
            other = self._crop(self._pick(self.distractors)).mel_power
            mel = mel + other * self._gain_for(mel, other, rng.uniform(*config.distractor_snr_db))
        mel = mel + self._noise(mel)
        return crop._replace(mel_power=(mel * self._band_limits()).astype(np.float32))

    def _nobody(self, crop: Crop) -> Crop:
        """A room without speech: something else alone, or noise, at times nothing at all."""
        mel = crop.mel_power
        if len(self.distractors[0]) and self.rng.random() < 0.65:
            other = self._crop(self._pick(self.distractors)).mel_power * self._equaliser()
            mel = other + self._noise(other)
        else:
            mel = 10.0 ** self.rng.uniform(-10.0, 0.0) * self._noise(mel)
        return Crop(
            (mel * self._band_limits()).astype(np.float32),
            np.full_like(crop.labels, SILENCE),
            np.full_like(crop.motion, np.nan),
        )

    def _crop(self, clip: int) -> Crop:
        """A stretch of a clip at another pace and with another tract."""
        config, rng = self.config, self.rng
        length, start = self.frames[clip], self.starts[clip]
        scale = rng.uniform(*config.time_scale) if config.is_on else 1.0
        span = config.crop_frames * scale
        low, high = -config.outside_frames, length - span + config.outside_frames
        begin = rng.uniform(min(low, high), max(low, high))
        positions = begin + np.arange(config.crop_frames) * scale
        inside = (positions >= 0) & (positions <= length - 1)
        whole = np.clip(positions, 0, length - 1)
        first, last = int(whole[0]), min(int(whole[-1]) + 2, length)
        rows = slice(start + first, start + last)
        log_power = np.asarray(self.cache.log_power[rows], np.float32)
        floor = whole.astype(int) - first
        above = np.minimum(floor + 1, last - first - 1)
        weight = (whole - first - floor)[:, None].astype(np.float32)
        log_crop = log_power[floor] * (1 - weight) + log_power[above] * weight
        if not inside.all():
            log_crop[~inside] = self._quiet_spectrum(clip)
        nearest = np.rint(whole).astype(int) - first
        labels = np.asarray(self.cache.labels[rows])[nearest].astype(np.int64)
        labels = np.where(labels == UNKNOWN, UNKNOWN_LABEL, np.where(inside, labels, SILENCE))
        motion = np.asarray(self.cache.motion[rows], np.float32)[nearest]
        motion[~inside] = np.nan
        bank = self.banks[rng.integers(len(self.banks))]
        return Crop(np.exp(np.float32(np.log(10.0)) * log_crop) @ bank, labels, motion)

    def _quiet_spectrum(self, clip: int) -> np.ndarray:
        """Mean log power `[257]` of the quietest twentieth of a clip."""
        if clip not in self.quiet:
            rows = slice(self.starts[clip], self.starts[clip] + self.frames[clip])
            log_power = np.asarray(self.cache.log_power[rows], np.float32)
            order = np.argsort(log_power.mean(1))
            self.quiet[clip] = log_power[order[: max(len(order) // 20, 1)]].mean(0)
        return self.quiet[clip]

    def _equaliser(self) -> np.ndarray:
        rng, config = self.rng, self.config
        tilt_db = rng.uniform(-config.tilt_db, config.tilt_db) * self.height
        phase = rng.uniform(0, 2 * np.pi)
        ripple_db = config.ripple_db * np.cos(rng.uniform(1, 6) * self.height + phase)
        gain_db = tilt_db + rng.uniform(0, 1) * ripple_db + rng.uniform(-30.0, 15.0)
        return 10.0 ** (gain_db / 10.0)

    def _reverberate(self, mel: np.ndarray) -> np.ndarray:
        decay_sec = self.rng.uniform(0.1, 0.7)  # time to fall by 60 dB
        decay = 10.0 ** (-6.0 * HOP / SPEECH_RATE_HZ / decay_sec)
        direct_to_tail = 10.0 ** (self.rng.uniform(0.0, 22.0) / 10.0)
        tail = lfilter([0.0, 1.0 - decay], [1.0, -decay], mel, axis=0)
        return mel + tail / direct_to_tail

    def _gain_for(self, mel: np.ndarray, other: np.ndarray, snr_db: float) -> float:
        return float(mel.mean() / (other.mean() + 1e-20) * 10.0 ** (-snr_db / 10.0))

    def _noise(self, mel: np.ndarray) -> np.ndarray:
        rng = self.rng
        frames = len(mel)
        slope_db = rng.uniform(-15, 10) * self.height
        bump_db = rng.uniform(0, 10) * np.cos(rng.uniform(1, 8) * self.height + rng.uniform(0, 6))
        colour = 10.0 ** ((slope_db + bump_db) / 10.0)
        shape = rng.uniform(2.0, 12.0)  # wide bands average many bins: they fluctuate less
        noise = colour * rng.standard_gamma(shape, mel.shape, dtype=np.float32) / shape
        phase, turns = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 2.0)
        drift_db = rng.uniform(0, 4) * np.cos(np.linspace(0, turns * 2 * np.pi, frames) + phase)
        noise = noise * 10.0 ** (drift_db / 10.0)[:, None]
        return noise * self._gain_for(mel, noise, rng.uniform(*self.config.noise_snr_db))

    def _band_limits(self) -> np.ndarray:
        rng, gain_db = self.rng, np.zeros(len(self.height))
        if rng.random() < self.config.low_pass_chance:
            octaves = np.log2(self.centres_hz / rng.uniform(3000, 7600))
            gain_db -= np.clip(octaves * rng.uniform(40, 200), 0, 60)
        if rng.random() < self.config.high_pass_chance:
            octaves = np.log2(rng.uniform(80, 350) / self.centres_hz)
            gain_db -= np.clip(octaves * rng.uniform(12, 36), 0, 40)
        return 10.0 ** (gain_db / 10.0)


class Crops(IterableDataset):
    """Endless crops for a DataLoader; each worker draws its own sequence."""

    def __init__(
        self, cache: SpectrumCache, num_mels: int, config: AugmentConfig, seed: int
    ) -> None:
        self.arguments = (cache, num_mels, config)
        self.seed = seed

    def __iter__(self) -> Iterator[Crop]:
        worker = torch.utils.data.get_worker_info()
        maker = CropMaker(*self.arguments, seed=self.seed + (worker.id if worker else 0))
        while True:
            yield maker.draw()


def mask_features(features: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random contrast, two band masks and two time masks (each on half of the crops) on `[B, M, F]`."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    for crop in features:
        crop *= draw(0.85, 1.15)
        for _ in range(NUM_MASKS):
            if draw(0, 1) < 0.5:
                width, start = int(draw(2, MASKED_BANDS)), int(draw(0, crop.shape[0]))
                crop[start : start + width] = 0.0
            if draw(0, 1) < 0.5:
                width, start = int(draw(2, MASKED_FRAMES)), int(draw(0, crop.shape[1]))
                crop[:, start : start + width] = 0.0
    return features
