"""How a long sound fares: an hour from a file to a track, the time of each stage and the memory."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from ..core.audio import SPEECH_RATE_HZ, load_audio, resample
from ..core.errors import AudioError
from ..core.files import new_scratch_folder
from ..core.progress import Progress, part
from ..core.speech import DECODED_PART, SpeechModel
from ..core.speech.model import HEARD_PART, NETWORK_PART

# As cameras and recorders write sound.
FILE_RATE_HZ, NUM_CHANNELS = 48_000, 2
FPS = Fraction(60)
MAX_MINUTES = 360.0
# Where in the work on the loaded sound each stage ends.
STAGES = {"network": HEARD_PART * NETWORK_PART, "prosody": HEARD_PART, "sampling": 1.0}


@dataclass(frozen=True)
class LongSpeechFigures:
    """Seconds that each stage took for so many minutes of sound, and the peak of the whole process.

    `peak_mb` is not known on Windows.
    """

    minutes: float
    stages_sec: dict[str, float]
    peak_mb: float | None

    @property
    def x_realtime(self) -> float:
        """Seconds of sound analysed in a second, the reading of the file and all else included."""
        return 60.0 * self.minutes / sum(self.stages_sec.values())

    def as_json(self) -> dict[str, object]:
        """Flat keys."""
        stages = {f"speech_long_sec_{name}": round(s, 2) for name, s in self.stages_sec.items()}
        report = {
            "speech_long_minutes": round(self.minutes, 2),
            "speech_long_x_realtime": round(self.x_realtime, 1),
        }
        peak = {} if self.peak_mb is None else {"speech_long_peak_mb": round(self.peak_mb)}
        return report | stages | peak

    def as_text(self) -> str:
        """For people."""
        stages = ", ".join(f"{name} {sec:.1f} s" for name, sec in self.stages_sec.items())
        peak = "" if self.peak_mb is None else f", {self.peak_mb:.0f} MB at most"
        return (
            f"{self.minutes:.0f} minutes of speech at {FPS} fps: {self.x_realtime:.0f} times as fast "
            f"as it is spoken ({stages}){peak}"
        )


def measure_long_speech(minutes: float, progress: Progress) -> LongSpeechFigures:
    """Read and analyse a stereo file of 48 kHz that repeats the sample sentence for so many minutes."""
    if not (math.isfinite(minutes) and 0 < minutes <= MAX_MINUTES):
        raise AudioError(
            f"{minutes:g} minutes of speech: give more than 0, at most {MAX_MINUTES:g}."
        )
    model = SpeechModel.open(SPEECH_MODEL)
    with new_scratch_folder() as folder:
        path = Path(folder) / "long.wav"
        length_sec = _write_speech(path, 60.0 * minutes)
        started = time.perf_counter()
        reading = part(progress, 0.0, DECODED_PART)
        waveform, rate = load_audio(path, target_rate=SPEECH_RATE_HZ, progress=reading)
    read = time.perf_counter()
    told: list[tuple[float, float]] = []

    def note(done: float) -> None:
        told.append((done, time.perf_counter()))
        progress(DECODED_PART + (1.0 - DECODED_PART) * done)

    model.track(waveform, rate, fps=FPS, progress=note)
    ends = [next(moment for done, moment in told if done >= end) for end in STAGES.values()]
    stages = dict(zip(STAGES, np.diff([read, *ends]), strict=True))
    return LongSpeechFigures(length_sec / 60.0, {"decoding": read - started, **stages}, _peak_mb())


def _write_speech(path: Path, length_sec: float) -> float:
    """Write the sample sentence again and again; returns the length in seconds."""
    import soundfile

    mono = resample(*load_audio(SAMPLE_SENTENCE), FILE_RATE_HZ)
    stereo = np.repeat(mono[:, None], NUM_CHANNELS, 1)
    left = round(length_sec * FILE_RATE_HZ)
    with soundfile.SoundFile(path, "w", FILE_RATE_HZ, NUM_CHANNELS, "PCM_16") as sound:
        while left > 0:
            sound.write(stereo[:left])
            left -= len(stereo)
        return sound.frames / FILE_RATE_HZ


def _peak_mb() -> float | None:
    """The most memory that this process ever held."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
