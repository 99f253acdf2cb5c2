"""Where a voice speaks, pauses and stresses, from the waveform alone.

Accents weigh pitch, loudness and length of a syllable against its neighbours, the three correlates of
prominence that have been measured most often (Fry 1958, Terken & Hermes 2000). Everything is relative to
the recording, so that its level does not matter; single tones, steady hums and noise hold no syllables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64

from ..progress import Progress, part, report
from .pitch import FRAME_HZ, PitchTrack, track_pitch

MIN_PAUSE_SEC = 0.2
MIN_PHRASE_SEC = 0.12
# Consonants around the voiced part of a syllable belong to it.
NEAR_VOICE_SEC = 0.12
PERIODIC, LINE_SHARE = 0.55, 0.985
SPOKEN = 0.5
# Where in the whole analysis pitch is tracked, syllables are found and weighed.
TRACKED_PART, PEAKED_PART, WEIGHED_PART = 0.85, 0.9, 0.97
FLAT_SEC, FLAT_SEMITONES, FLAT_PART = 0.11, 0.02, 0.2
MIN_VOICED_SEC = 0.03
FAINTEST_DB = -80.0
LOUD_RANGE_DB, OVER_NOISE_DB, MIN_RANGE_DB = 30.0, 6.0, 12.0
SMOOTH_SEC = 0.028
SYLLABLE_DIP_DB, MIN_SYLLABLE_SEC = 2.0, 0.1
NEIGHBOURS_SEC = 1.6
WEIGHTS = {"pitch": 0.4, "level": 0.3, "length": 0.3}
ACCENT_APART_SEC = 0.3
ACCENT_FROM = 0.15
PITCH_RANGE_SEMITONES = 14.0


@dataclass(frozen=True)
class Prosody:
    """What the voice does, in seconds of the sound.

    `phrases [P, 2]` are the stretches between pauses of at least 0.2 s; `syllables_sec [N]` the middles of
    syllables; of those the accents are `accents_sec [A]` with `strengths [A]` in (0, 1].
    """

    duration_sec: float
    phrases: Float64[np.ndarray, "P 2"]
    syllables_sec: Float64[np.ndarray, " N"]
    accents_sec: Float64[np.ndarray, " A"]
    strengths: Float64[np.ndarray, " A"]

    def is_speaking(self, time_sec: float | int, margin_sec: float | int = 0.0) -> bool:
        """Whether a phrase is under way at the time, or within the margin of it."""
        starts, ends = self.phrases[:, 0] - margin_sec, self.phrases[:, 1] + margin_sec
        return bool(((starts <= time_sec) & (time_sec < ends)).any())


def analyse_prosody(
    samples: Float32[np.ndarray, " S"],
    duration_sec: float | int,
    *,
    voice: tuple[Float32[np.ndarray, " F"], int] | None = None,
    progress: Progress | None = None,
) -> Prosody:
    """Prosody of sound of 16 kHz that lasts `duration_sec`.

    `voice`, where something knows it, is the probability that somebody speaks and its frames per second,
    row `i` at `(i + 0.5) / rate`: a tune, a breath or a machine elsewhere is then not taken for speech.
    """
    track = track_pitch(samples, part(progress, 0.0, TRACKED_PART))
    spoken = _spoken_frames(len(track.level_db), voice)
    voiced = find_voice(track, spoken)
    speaking = _speech_frames(track, voiced)
    report(progress, TRACKED_PART)
    level = _smooth(track.level_db.astype(np.float64), SMOOTH_SEC)
    peaks = _syllables(level, voiced & speaking)
    report(progress, PEAKED_PART)
    # A stretch without any syllable is a sound, not speech.
    spoken = [
        run
        for run in runs(speaking)
        if np.searchsorted(peaks, run[0]) < np.searchsorted(peaks, run[1])
    ]
    phrases = np.array(spoken, np.float64).reshape(-1, 2) / FRAME_HZ
    phrases = np.minimum(phrases, float(duration_sec))
    prominence = _prominence(track, level, voiced, peaks)
    report(progress, WEIGHED_PART)
    times = (peaks + 0.5) / FRAME_HZ
    chosen = _accents(times, prominence)
    strengths = np.clip((prominence[chosen] + 0.2) / 2.0, 0.1, 1.0)
    report(progress, 1.0)
    return Prosody(float(duration_sec), phrases, times, times[chosen], strengths)


def find_voice(
    track: PitchTrack, spoken: Bool[np.ndarray, " F"] | None = None
) -> Bool[np.ndarray, " F"]:
    """Frames in which a human voice may sound: periodic, loud enough, and neither tone nor hum.

    With `spoken`, none but these.
    """
    periodic = (track.periodicity > PERIODIC) & (track.tone < LINE_SHARE)
    if spoken is not None:
        periodic &= spoken
    if not periodic.any():
        return periodic
    loud_db = np.percentile(track.level_db[periodic], 90)
    voiced = periodic & (track.level_db > max(loud_db - LOUD_RANGE_DB, FAINTEST_DB))
    steady = _local_std(_semitones(track), FLAT_SEC) < FLAT_SEMITONES
    for begin, end in runs(voiced):
        is_flat = steady[begin:end].mean() > FLAT_PART
        if end - begin < MIN_VOICED_SEC * FRAME_HZ or is_flat:
            voiced[begin:end] = False
    return voiced


def runs(mask: Bool[np.ndarray, " F"]) -> list[tuple[int, int]]:
    """First and one past the last index of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _spoken_frames(num_frames: int, voice: tuple[np.ndarray, int] | None) -> np.ndarray | None:
    """Frames in which somebody more likely speaks than not; what is no pause between words counts."""
    if voice is None:
        return None
    probability, rate_hz = voice
    moment = ((np.arange(num_frames) + 0.5) / FRAME_HZ * rate_hz).astype(np.int64)
    spoken = probability[np.minimum(moment, len(probability) - 1)] > SPOKEN
    return _bridge_pauses(spoken)


def _speech_frames(track: PitchTrack, voiced: np.ndarray) -> np.ndarray:
    """Frames of phrases: a voice and the consonants about it, short gaps filled."""
    if not voiced.any():
        return voiced
    loud_db = np.percentile(track.level_db[voiced], 90)
    noise_db = np.percentile(track.level_db, 5)
    threshold = max(loud_db - LOUD_RANGE_DB, noise_db + OVER_NOISE_DB)
    loud = track.level_db > min(threshold, loud_db - MIN_RANGE_DB)
    reach = round(NEAR_VOICE_SEC * FRAME_HZ)
    near = np.convolve(np.pad(voiced, reach), np.ones(2 * reach + 1), "valid") > 0.5
    speaking = _bridge_pauses(voiced | (near & loud))
    for begin, end in runs(speaking):
        if end - begin < MIN_PHRASE_SEC * FRAME_HZ:
            speaking[begin:end] = False
    return speaking


def _bridge_pauses(mask: np.ndarray) -> np.ndarray:
    """The mask with gaps filled that are too short for a pause."""
    filled = mask.copy()
    for begin, end in runs(~mask):
        is_inside = begin > 0 and end < len(mask)
        if is_inside and end - begin < MIN_PAUSE_SEC * FRAME_HZ:
            filled[begin:end] = True
    return filled


def _syllables(level_db: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Frames `[N]` of voiced peaks of the level with a dip on both sides."""
    rising = np.diff(level_db, prepend=level_db[0] - 1.0) > 0
    falling = np.diff(level_db, append=level_db[-1] - 1.0) <= 0
    kept: list[int] = []
    for peak in np.flatnonzero(rising & falling & voiced):
        if not kept:
            kept.append(int(peak))
            continue
        dip = level_db[kept[-1] : peak + 1].min()
        lower = min(level_db[kept[-1]], level_db[peak])
        is_apart = peak - kept[-1] >= MIN_SYLLABLE_SEC * FRAME_HZ
        if lower - dip >= SYLLABLE_DIP_DB and is_apart:
            kept.append(int(peak))
        elif level_db[peak] > level_db[kept[-1]]:
            kept[-1] = int(peak)
    return np.array(kept, np.int64)


def _prominence(
    track: PitchTrack, level_db: np.ndarray, voiced: np.ndarray, peaks: np.ndarray
) -> np.ndarray:
    """How far each syllable `[N]` stands out from those within 1.6 s, in standard deviations."""
    if not len(peaks):
        return np.zeros(0)
    pitch = _semitones(track)
    usual = np.median(pitch[voiced])
    pitch = np.clip(pitch, usual - PITCH_RANGE_SEMITONES, usual + PITCH_RANGE_SEMITONES)
    features = np.array([_syllable_features(pitch, level_db, voiced, int(peak)) for peak in peaks])
    weights = np.array(list(WEIGHTS.values()))
    # What counts as a difference at all; quieter variation stays small instead of being blown up.
    least = np.array([1.0, 1.5, 0.03])
    spread = np.maximum(features.std(0), least)
    reach = round(NEIGHBOURS_SEC * FRAME_HZ)
    first, last = np.searchsorted(peaks, [peaks - reach, peaks + reach + 1])
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(features, 0)])
    mean = (sums[last] - sums[first]) / (last - first)[:, None]
    return np.clip((features - mean) / spread, -2.5, 2.5) @ weights / np.linalg.norm(weights)


def _syllable_features(
    pitch: np.ndarray, level_db: np.ndarray, voiced: np.ndarray, peak: int
) -> tuple[float, float, float]:
    """Highest pitch (semitones), peak level (dB) and length (s) of the vowel about `peak`."""
    reach = round(0.25 * FRAME_HZ)
    begin, end = peak, peak + 1
    floor_db = level_db[peak] - 6.0
    while (
        begin > 0 and peak - begin < reach and voiced[begin - 1] and level_db[begin - 1] > floor_db
    ):
        begin -= 1
    while end < len(voiced) and end - peak < reach and voiced[end] and level_db[end] > floor_db:
        end += 1
    # A high percentile, as single frames jump by octaves.
    high = float(np.percentile(pitch[begin:end], 80))
    return high, float(level_db[peak]), (end - begin) / FRAME_HZ


def _accents(times_sec: np.ndarray, prominence: np.ndarray) -> np.ndarray:
    """Indices of syllables that stand out and are the strongest within 0.3 s."""
    chosen = []
    for index in np.flatnonzero(prominence > ACCENT_FROM):
        near = np.abs(times_sec - times_sec[index]) < ACCENT_APART_SEC
        if prominence[index] >= prominence[near].max():
            chosen.append(index)
    return np.array(chosen, np.int64)


def _semitones(track: PitchTrack) -> np.ndarray:
    return 12.0 * np.log2(track.pitch_hz.astype(np.float64) / 100.0)


def _smooth(values: np.ndarray, sigma_sec: float) -> np.ndarray:
    """Gaussian smoothing of a curve `[F]`; the ends hold."""
    reach = int(np.ceil(3 * sigma_sec * FRAME_HZ))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma_sec * FRAME_HZ)) ** 2)
    return np.convolve(np.pad(values, reach, "edge"), kernel / kernel.sum(), "valid")


def _local_std(values: np.ndarray, length_sec: float) -> np.ndarray:
    """Standard deviation within `length_sec` about each frame `[F]`."""
    reach = round(0.5 * length_sec * FRAME_HZ)
    padded = np.pad(values, reach, "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return windows.std(1)
