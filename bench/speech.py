"""What listening to a long sound costs, as JSON: python bench/speech.py [--minutes 60] [--rate 48000] [--fps 25]

Writes a stereo file in which the sample sentence comes again and again, louder and fainter, and lets a process
of its own read and analyse it as the add-on does. `x_realtime` counts reading and analysis together; where other
programs run beside it, look at `cpu_sec`, the processor time of all threads together. The peak of resident memory
is told at the end of every stage (it never falls), `start` being Python with the network open. `track_mb` is what
the track alone takes: four layers of 52 weights and the head's pose for every frame.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from gaussian_heads.core.audio import SPEECH_RATE_HZ, load_audio, resample
from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.core.speech.model import NETWORK_PART, PROSODY_PART, RESAMPLED_PART

STAGES = {"resampled": RESAMPLED_PART, "heard": NETWORK_PART, "prosody": PROSODY_PART}


def write_speech(path: Path, minutes: float, sample_rate: int) -> None:
    """The sample sentence at changing levels, two channels of 16 bits, block by block."""
    sentence = resample(*load_audio(SAMPLE_SENTENCE), sample_rate)
    pause = np.zeros(sample_rate // 2, np.float32)
    left = round(60.0 * minutes * sample_rate)
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", sample_rate, 2, "PCM_16") as sound:
        while left > 0:
            said = np.concatenate([sentence * rng.uniform(0.1, 1.0), pause])[:left]
            sound.write(np.stack([said, 0.7 * said], 1))
            left -= len(said)


def listen(path: Path, model: Path, fps: Fraction, num_threads: int) -> dict[str, object]:
    """Read and analyse the file in this process: seconds, and megabytes at the end of each stage."""
    speech = SpeechModel.open(model, num_threads=num_threads)
    peaks_mb = {"start": peak_mb()}
    started, computed = time.perf_counter(), time.process_time()
    waveform, rate = load_audio(path, target_rate=SPEECH_RATE_HZ)
    read_sec = time.perf_counter() - started
    peaks_mb["read"] = peak_mb()

    def note(done: float) -> None:
        for stage, end in STAGES.items():
            if done >= end:
                peaks_mb.setdefault(stage, peak_mb())

    track = speech.track(waveform, rate, fps=fps, progress=note)
    total_sec = time.perf_counter() - started
    peaks_mb["track"] = peak_mb()
    size = sum(layer.nbytes for layer in track.layers.values()) + track.head_pose.nbytes
    sound_sec = len(waveform) / rate
    return {
        "sound_sec": round(sound_sec, 1),
        "read_sec": round(read_sec, 2),
        "analysis_sec": round(total_sec - read_sec, 2),
        "x_realtime": round(sound_sec / total_sec, 1),
        "cpu_sec": round(time.process_time() - computed, 2),
        "num_frames": track.num_frames,
        "track_mb": round(size / 1e6),
        "peak_mb": peaks_mb,
    }


def peak_mb() -> int:
    """The most resident memory that this process has held so far, in millions of bytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def main() -> int:
    """Write the sound here, listen in a fresh process, pass its report on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=48_000, help="sample rate of the file in Hz")
    parser.add_argument("--fps", type=Fraction, default=Fraction(25))
    parser.add_argument("--threads", type=int, default=0, help="0: as the add-on decides")
    parser.add_argument("--model", type=Path, default=SPEECH_MODEL)
    parser.add_argument(
        "--listen", type=Path, metavar="SOUND", help="an existing file, in this process"
    )
    options = parser.parse_args()
    if options.listen:
        report = listen(options.listen, options.model, options.fps, options.threads)
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder, "speech.wav")
        write_speech(sound, options.minutes, options.rate)
        # Peaks of memory are a process's own, so that the writing must not count.
        words = [sys.executable, __file__, *sys.argv[1:], "--listen", sound]
        return subprocess.run([str(word) for word in words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
