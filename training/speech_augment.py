"""Crops of training speech, made to sound like other voices, rooms and microphones.

Everything happens on mel power, so no audio is ever resampled: time and frequency scales, equaliser,
reverberation as a tail over frames, babble, coloured noise, band limits, near silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.signal import lfilter
from torch.utils.data import IterableDataset

from .networks.speech import HOP, MEL_HIGH_HZ, MEL_LOW_HZ, SPEECH_RATE_HZ, mel_bank
from .speech_data import SpectrumCache
from .speech_phones import SILENCE

NUM_WARPS = 17
SOURCE_WEIGHTS: Mapping[str, float] = {
    "multi_en": 0.42,
    "reading_en": 0.12,
    "espeak": 0.2,
    "slt": 0.08,
    "rms": 0.08,
    "awb": 0.07,
    "kal16": 0.03,
}


@dataclass(frozen=True)
class AugmentConfig:
    """Chances and ranges; decibels are of power."""

    crop_frames: int = 400
    outside_frames: int = 80  # a crop may begin or end this far outside its clip
    time_scale: tuple[float, float] = (0.85, 1.2)
    warp: tuple[float, float] = (0.82, 1.22)
    tilt_db: float = 9.0
    ripple_db: float = 4.0
    reverb_chance: float = 0.5
    babble_chance: float = 0.15
    noise_snr_db: tuple[float, float] = (3.0, 45.0)
    low_pass_chance: float = 0.35
    high_pass_chance: float = 0.35
    silent_chance: float = 0.05


def mel_centres_hz(num_mels: int) -> np.ndarray:
    """Centre frequency of every mel band, `[M]`."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (MEL_LOW_HZ, MEL_HIGH_HZ))
    return 700.0 * (10.0 ** (np.linspace(low, high, num_mels + 2)[1:-1] / 2595.0) - 1.0)


class CropMaker:
    """Draws augmented crops (mel power `[F, M]`, labels `[F]`) from a cache of spectra."""

    def __init__(
        self, cache: SpectrumCache, num_mels: int, config: AugmentConfig, seed: int
    ) -> None:
        self.cache, self.config = cache, config
        self.rng = np.random.default_rng(seed)
        warps = np.linspace(*config.warp, NUM_WARPS)
        self.banks = [mel_bank(num_mels, warp) for warp in warps]
        self.centres_hz = mel_centres_hz(num_mels)
        self.height = np.linspace(-1.0, 1.0, num_mels)
        self._index_clips()

    def _index_clips(self) -> None:
        frames = np.array([clip["frames"] for clip in self.cache.index])
        starts = np.concatenate([[0], np.cumsum(frames)[:-1]])
        sources = np.array([clip["source"] for clip in self.cache.index])
        self.clips = {}
        for source in SOURCE_WEIGHTS:
            chosen = np.flatnonzero(sources == source)
            if len(chosen):
                share = frames[chosen] / frames[chosen].sum()
                self.clips[source] = (starts[chosen], frames[chosen], share)
        weights = np.array([SOURCE_WEIGHTS[source] for source in self.clips])
        self.source_share = weights / weights.sum()

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """One crop: mel power `[F, M]` float32 and labels `[F]` int64."""
        mel, labels = self._speech()
        if self.rng.random() < self.config.silent_chance:
            return self._silence(mel), np.full_like(labels, SILENCE)
        mel = mel * self._equaliser()
        if self.rng.random() < self.config.reverb_chance:
            mel = self._reverberate(mel)
        if self.rng.random() < self.config.babble_chance:
            other, _ = self._speech()
            mel = mel + other * self._gain_for(mel, other, self.rng.uniform(5.0, 25.0))
        mel = mel + self._noise(mel)
        return (mel * self._band_limits()).astype(np.float32), labels

    def _silence(self, mel: np.ndarray) -> np.ndarray:
        """A room without speech: noise alone, at times nothing at all."""
        level = 10.0 ** self.rng.uniform(-10.0, 0.0)
        return (level * self._noise(mel) * self._band_limits()).astype(np.float32)

    def _speech(self) -> tuple[np.ndarray, np.ndarray]:
        config, rng = self.config, self.rng
        source = rng.choice(len(self.clips), p=self.source_share)
        starts, frames, share = list(self.clips.values())[source]
        clip = rng.choice(len(starts), p=share)
        scale = rng.uniform(*config.time_scale)
        length = config.crop_frames * scale
        low, high = -config.outside_frames, frames[clip] - length + config.outside_frames
        begin = rng.uniform(low, high) if high > low else rng.uniform(high, low)
        positions = begin + np.arange(config.crop_frames) * scale
        inside = (positions >= 0) & (positions <= frames[clip] - 1)
        whole = np.clip(positions, 0, frames[clip] - 1)
        floor = np.floor(whole).astype(int)
        ceil = np.minimum(floor + 1, frames[clip] - 1)
        weight = (whole - floor)[:, None].astype(np.float32)
        first, last = starts[clip], starts[clip] + frames[clip]
        log_power = np.asarray(self.cache.log_power[first:last], np.float32)
        labels = np.asarray(self.cache.labels[first:last])
        log_crop = log_power[floor] * (1 - weight) + log_power[ceil] * weight
        quiet = np.sort(log_power.mean(1))[: max(len(log_power) // 20, 1)].max()
        log_crop[~inside] = log_power[log_power.mean(1) <= quiet].mean(0)
        crop_labels = np.where(inside, labels[np.rint(whole).astype(int)], SILENCE)
        bank = self.banks[rng.integers(NUM_WARPS)]
        return (10.0**log_crop) @ bank, crop_labels.astype(np.int64)

    def _equaliser(self) -> np.ndarray:
        rng, config = self.rng, self.config
        tilt_db = rng.uniform(-config.tilt_db, config.tilt_db) * self.height
        phase = rng.uniform(0, 2 * np.pi)
        ripple_db = config.ripple_db * np.cos(rng.uniform(1, 6) * self.height + phase)
        return 10.0 ** ((tilt_db + rng.uniform(0, 1) * ripple_db) / 10.0)

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
        noise = colour * rng.gamma(shape, 1.0 / shape, mel.shape)
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

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        worker = torch.utils.data.get_worker_info()
        maker = CropMaker(*self.arguments, seed=self.seed + (worker.id if worker else 0))
        while True:
            yield maker.draw()


def mask_features(features: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random contrast, one band mask and one time mask (half of the crops each) on `[B, M, F]`."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    for crop in features:
        crop *= draw(0.85, 1.15)
        if draw(0, 1) < 0.5:
            width, start = int(draw(2, 8)), int(draw(0, crop.shape[0] - 8))
            crop[start : start + width] = 0.0
        if draw(0, 1) < 0.5:
            width, start = int(draw(2, 7)), int(draw(0, crop.shape[1] - 7))
            crop[:, start : start + width] = 0.0
    return features
