"""What devices, lines and codecs do to a voice, on the waveform: nothing moves in time, no length changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float32
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, rfft
from scipy.signal import fftconvolve

from ..core.audio import SPEECH_RATE_HZ
from .sound_shaping import decays, filtered, from_db, log_uniform, num_samples, random_times_sec

SPEED_OF_SOUND = 343.0
CHANCE = 0.22
MU = 255.0
MOST_REFLECTED = 1.2  # amplitude beside the direct sound: people speak near the microphone
# Bands of about an equal share of hearing (Zwicker 1961), Hz.
BAND_EDGES_HZ = (0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320)
BAND_EDGES_HZ += (2700, 3150, 3700, 4400, 5300, 6400, 7700, 8001)

Damage = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def degrade(
    waveform: Float32[np.ndarray, " S"], rng: np.random.Generator
) -> Float32[np.ndarray, " S"]:
    """One to a few random damages in the order in which a recording meets them.

    Length and timing stay (no delay above 1 ms). Gain and offset may carry the sound beyond ±1, as
    they do in float files.
    """
    names = [name for name in DAMAGES if rng.random() < CHANCE]
    names = names or [list(DAMAGES)[rng.integers(len(DAMAGES))]]
    sound = waveform.astype(np.float64)
    for name in names:
        sound = DAMAGES[name](sound, rng)
    return sound.astype(np.float32)


def small_room(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reflections of a box-shaped room by mirrored sources (Allen & Berkley 1979) and a diffuse tail.

    The direct sound comes without its delay and stays the strongest arrival.
    """
    response = _room_response(rng)
    return fftconvolve(waveform, response)[: len(waveform)]


def _room_response(rng: np.random.Generator) -> np.ndarray:
    size_m = rng.uniform((2.0, 2.0, 2.2), (8.0, 6.0, 3.5))
    source_m = size_m * rng.uniform(0.2, 0.8, 3)
    away = rng.standard_normal(3)
    away *= rng.uniform(0.2, 1.8) / np.linalg.norm(away)
    heard_m = np.clip(source_m + away, 0.1, size_m - 0.1)
    kept = rng.uniform(0.4, 0.9)  # amplitude that a wall gives back
    cells = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    sides = np.array(list(itertools.product((0, 1), repeat=3)))
    images_m = (1 - 2 * sides)[None] * source_m + 2 * cells[:, None] * size_m
    bounces = np.abs(2 * cells[:, None] - sides[None]).sum(-1).ravel()
    distance_m = np.linalg.norm(images_m - heard_m, axis=-1).ravel()
    direct_m = np.linalg.norm(source_m - heard_m)
    gains = kept**bounces * direct_m / np.maximum(distance_m, direct_m)
    delays = np.rint((distance_m - direct_m) / SPEED_OF_SOUND * SPEECH_RATE_HZ).astype(int)
    volume, surface = size_m.prod(), 2 * (size_m * np.roll(size_m, 1)).sum()
    fall_sec = 0.161 * volume / (surface * (1.0 - kept**2))  # Sabine
    response = np.zeros(max(num_samples(min(fall_sec, 1.2)), 512))
    early = (bounces > 0) & (delays < len(response))
    # Walls turn the phase, each differently at each frequency: at random here.
    np.add.at(response, delays[early], gains[early] * rng.choice([-1.0, 1.0], early.sum()))
    tail = rng.standard_normal(len(response)) * decays(len(response), fall_sec)
    begins = np.minimum(np.arange(len(response)) / (0.02 * SPEECH_RATE_HZ), 1.0) ** 2
    response += tail * begins * (0.5 * np.sqrt(np.sum(response**2) / np.sum(tail**2)))
    loudest, total = np.abs(response).max(), np.sqrt(np.sum(response**2))
    response *= min(1.0, 0.7 / max(loudest, 1e-9), MOST_REFLECTED / max(total, 1e-9))
    response[0] = 1.0
    return response / np.sqrt(np.sum(response**2))


def telephone(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Nothing below 300 and above 3400 Hz, edges and steepness a little different each time."""
    low_hz, high_hz = 300.0 * rng.uniform(0.85, 1.1), 3400.0 * rng.uniform(0.95, 1.1)
    order = rng.uniform(6.0, 16.0)

    def gain_at(hz: np.ndarray) -> np.ndarray:
        below = (low_hz / np.maximum(hz, 1.0)) ** order
        return 1.0 / np.sqrt((1.0 + below) * (1.0 + (hz / high_hz) ** (2.0 * order)))

    return filtered(waveform, gain_at)


def hard_clipping(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All beyond 5 to 60 % of the peak cut off."""
    limit = np.abs(waveform).max(initial=0.0) * log_uniform(rng, 0.05, 0.6)
    return np.clip(waveform, -limit, limit)


def soft_clipping(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An overdriven amplifier, bent more to one side than to the other; silence stays 0."""
    peak = max(np.abs(waveform).max(initial=0.0), 1e-12)
    drive, bias = log_uniform(rng, 1.5, 12.0), rng.uniform(-0.3, 0.3)
    return peak * (np.tanh(drive * waveform / peak + bias) - np.tanh(bias))


def eight_bits(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """256 levels, linear or by the mu-law (ITU-T G.711), with the peak at 10 to 100 % of them."""
    scale = rng.uniform(0.1, 1.0) / max(np.abs(waveform).max(initial=0.0), 1e-12)
    scaled = waveform * scale
    if rng.random() < 0.5:
        return np.rint(scaled * 127.0) / (127.0 * scale)
    levels = np.rint(127.0 * np.sign(scaled) * np.log1p(MU * np.abs(scaled)) / np.log1p(MU)) / 127.0
    return np.sign(levels) * np.expm1(np.abs(levels) * np.log1p(MU)) / (MU * scale)


def low_bit_rate(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Holes as of an MP3 of few bits: per frame and band coarse steps, faint bands zero, a low pass."""
    window_size = int(rng.choice([512, 1024]))
    hop = window_size // 2
    window = np.sin(np.pi * (np.arange(window_size) + 0.5) / window_size)
    whole = -(-len(waveform) // hop) * hop
    padded = np.pad(waveform, (hop, whole - len(waveform) + hop))
    spectrum = rfft(sliding_window_view(padded, window_size)[::hop] * window, axis=1)
    coded = irfft(_coarse(spectrum, window_size, rng), window_size, axis=1) * window
    total = np.zeros(len(padded))
    total[: len(coded) * hop] = coded[:, :hop].ravel()
    total[hop : hop + len(coded) * hop] += coded[:, hop:].ravel()
    return total[hop : hop + len(waveform)]


def _coarse(spectrum: np.ndarray, window_size: int, rng: np.random.Generator) -> np.ndarray:
    """Spectra `[T, K]` with the real and imaginary parts of every band rounded to its own steps."""
    hz = np.arange(spectrum.shape[1]) * SPEECH_RATE_HZ / window_size
    edges = np.unique(np.searchsorted(hz, BAND_EDGES_HZ))
    power = np.abs(spectrum) ** 2
    levels = np.add.reduceat(power, edges[:-1], axis=1) / np.diff(edges)
    steps = np.sqrt(levels) * log_uniform(rng, 0.4, 1.8)
    faint = levels < levels.max(1, keepdims=True) * from_db(-2.0 * rng.uniform(18.0, 40.0))
    steps[faint] = np.inf
    step = np.repeat(np.maximum(steps, 1e-12), np.diff(edges), axis=1)
    parts = [np.rint(part / step) for part in (spectrum.real, spectrum.imag)]
    finite = np.where(np.isfinite(step), step, 0.0)
    coded = (parts[0] + 1j * parts[1]) * finite
    coded[:, hz > rng.uniform(3500.0, 7800.0)] = 0.0
    return coded


def lost_packets(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Packets of 10 to 30 ms that never came: silence, or the one before once more, fainter."""
    sound, length = waveform.copy(), num_samples(rng.uniform(0.01, 0.03))
    conceals = rng.random() < 0.5
    for moment in random_times_sec(len(sound), log_uniform(rng, 0.3, 6.0), rng):
        first = int(moment * SPEECH_RATE_HZ) // length * length
        before = sound[max(first - length, 0) : first]
        lost = sound[first : first + length]
        lost[:] = 0.5 * np.resize(before, len(lost)) if conceals and len(before) else 0.0
    return sound


def gain(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """-40 to +20 dB."""
    return waveform * from_db(rng.uniform(-40.0, 20.0))


def offset(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A constant of up to 30 % of full scale."""
    return waveform + rng.uniform(-0.3, 0.3)


DAMAGES: Mapping[str, Damage] = {
    "small_room": small_room,
    "soft_clipping": soft_clipping,
    "hard_clipping": hard_clipping,
    "telephone": telephone,
    "eight_bits": eight_bits,
    "low_bit_rate": low_bit_rate,
    "lost_packets": lost_packets,
    "gain": gain,
    "offset": offset,
}
