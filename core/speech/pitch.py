"""Level and pitch of a voice every 10 ms, by autocorrelation; the first step of its prosody.

The autocorrelation of a windowed frame divided by that of the window finds periods without a bias towards
short ones (Boersma 1993). One Fourier transform per frame gives it, the level, and how much of the sound
is a single tone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy.lib.stride_tricks import sliding_window_view

from ..progress import Progress, report

RATE_HZ = 16_000
FRAME_HZ = 100
HOP = RATE_HZ // FRAME_HZ
WINDOW = 800  # samples: three periods of the lowest voice, and a voice's pitch hardly moves within
TRANSFORM = 1024
# Voices between these; the band holds their first harmonics and formants but no hum and no hiss.
MIN_PITCH_HZ, MAX_PITCH_HZ = 70.0, 450.0
BAND_HZ = (80.0, 2000.0)
LEVEL_BAND_HZ = (120.0, 4000.0)
LAG_RATE_HZ = 8000
OCTAVE_COST = 0.06
TONE_BINS = 3
BLOCK_FRAMES = 2000
SILENCE_DB = -120.0


@dataclass(frozen=True)
class PitchTrack:
    """Frames `[F]` centred at (i + 0.5) / 100 seconds.

    `level_db` is the power between 120 and 4000 Hz, `pitch_hz` the best guess whether voiced or not,
    `periodicity` 0 to 1 how well it repeats, `tone` 0 to 1 the share of one spectral line.
    """

    level_db: Float32[np.ndarray, " F"]
    pitch_hz: Float32[np.ndarray, " F"]
    periodicity: Float32[np.ndarray, " F"]
    tone: Float32[np.ndarray, " F"]


def track_pitch(samples: Float32[np.ndarray, " S"], progress: Progress | None = None) -> PitchTrack:
    """Analyse sound of 16 kHz; memory stays bounded, and no frame shows where blocks meet."""
    num_frames = max(-(-len(samples) // HOP), 1)
    blocks = []
    for first in range(0, num_frames, BLOCK_FRAMES):
        report(progress, first / num_frames)
        blocks.append(_analyse(_frames(samples, first, min(first + BLOCK_FRAMES, num_frames))))
    return PitchTrack(
        *(np.concatenate(part).astype(np.float32) for part in zip(*blocks, strict=True))
    )


def _frames(samples: np.ndarray, first: int, last: int) -> np.ndarray:
    """Windows `[last - first, WINDOW]` about the middles of the frames, silence beyond the ends."""
    begin = first * HOP + HOP // 2 - WINDOW // 2
    end = (last - 1) * HOP + HOP // 2 + WINDOW // 2
    heard = samples[max(begin, 0) : end]
    before = max(-begin, 0)
    heard = np.pad(heard, (before, end - begin - before - len(heard)))
    return sliding_window_view(heard, WINDOW)[::HOP]


def _analyse(frames: np.ndarray) -> tuple[np.ndarray, ...]:
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, TRANSFORM, axis=1)) ** 2
    hz = np.arange(power.shape[1]) * RATE_HZ / TRANSFORM
    low, high = np.searchsorted(hz, LEVEL_BAND_HZ)
    total = power[:, low:high].sum(1) / window.sum() ** 2
    level_db = 10.0 * np.log10(total + 10 ** (SILENCE_DB / 10))
    return level_db, *_best_period(power, hz, window), _line_share(power * hz**2)


def _line_share(power: np.ndarray) -> np.ndarray:
    """The share of the strongest line, of power that is emphasised by 6 dB per octave."""
    running = np.pad(np.cumsum(power, 1), ((0, 0), (1, 0)))
    peak = power.argmax(1)
    rows = np.arange(len(power))
    above = np.minimum(peak + TONE_BINS + 1, power.shape[1])
    line = running[rows, above] - running[rows, np.maximum(peak - TONE_BINS, 0)]
    return line / np.maximum(running[:, -1], 1e-30)


def _best_period(
    power: np.ndarray, hz: np.ndarray, window: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz and periodicity from the spectrum; lags are counted at `LAG_RATE_HZ`."""
    size = TRANSFORM * LAG_RATE_HZ // RATE_HZ
    low, high = np.searchsorted(hz, BAND_HZ)
    banded = np.zeros((len(power), size // 2 + 1))
    # 3 dB per octave keep rumble from looking like a low voice.
    banded[:, low:high] = power[:, low:high] * hz[low:high]
    repeats = np.fft.irfft(banded, size, axis=1)
    step = RATE_HZ // LAG_RATE_HZ
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * WINDOW)) ** 2)[::step]
    first, last = round(LAG_RATE_HZ / MAX_PITCH_HZ), round(LAG_RATE_HZ / MIN_PITCH_HZ)
    lags = np.arange(first - 1, last + 2)
    start = np.maximum(repeats[:, :1], 1e-30)
    ratio = repeats[:, lags] / start * (own[0] / own[lags])
    score = ratio - OCTAVE_COST * np.log2(lags / lags[0])
    is_peak = (ratio[:, 1:-1] >= ratio[:, :-2]) & (ratio[:, 1:-1] > ratio[:, 2:])
    best = np.where(is_peak, score[:, 1:-1], -np.inf).argmax(1) + 1
    rows = np.arange(len(ratio))
    left, middle, right = (ratio[rows, best + offset] for offset in (-1, 0, 1))
    bend = 2.0 * middle - left - right
    shift = np.where(bend > 1e-9, 0.5 * (right - left) / np.maximum(bend, 1e-9), 0.0)
    pitch_hz = LAG_RATE_HZ / (lags[best] + np.clip(shift, -0.5, 0.5))
    return pitch_hz, np.clip(middle * is_peak.any(1), 0.0, 1.0)
