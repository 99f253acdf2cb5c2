"""Speech with phone times, as log power spectra and a phone class per 10 ms.

Real recordings come from the folder `speech/` of the data (option or GAUSSIAN_HEADS_DATA), synthetic
ones from flite and espeak-ng. The recordings named here stay out of training.
"""

from __future__ import annotations

import csv
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.audio import SPEECH_RATE_HZ, load_audio
from . import DATA_VARIABLE
from .networks.speech import FRAME_RATE_HZ, power_spectrum
from .speech_phones import PHONE_INDEX, SILENCE
from .speech_synthesis import ESPEAK_ACCENTS, Delivery, Espeak, Utterance, speak_flite

LOG = logging.getLogger(__name__)
# Kept for the reported figures: all readers but the crowd's are heard nowhere else in training.
HELD_OUT: tuple[str, ...] = (
    "533-1066-0001",
    "533-1066-0003",
    "533-1066-0007",
    "367-130732-0002",
    "367-130732-0004",
    "367-130732-0007",
    "3080-5032-0001",
    "3080-5032-0003",
    "3080-5032-0005",
    "LJ001-0003",
    "LJ001-0005",
    "1034-121119-0000",
    "1246-124548-0000",
    "1455-134435-0000",
    "2002-139469-0000",
    "233-134440-0000",
    "289-121652-0000",
    "coffee_00e09cf0a01d",
    "coffee_02b77977ada7",
    "coffee_05b2d3484ab5",
)
# Kept for choosing settings, so that the reported figures are of recordings nothing was tuned on.
VALIDATION: tuple[str, ...] = (
    "2414-128291-0001",
    "2414-128291-0004",
    "2414-128291-0005",
    "2414-128291-0007",
    "150-126107-0000",
    "2384-152900-0000",
    "2836-5354-0000",
    "311-124404-0000",
    "coffee_05da5bb15c0e",
)
CROWD = "crowd_unknown"
# The aligner's times lie this much before the sound (fricatives and vowels against band energies).
ALIGNER_EARLY_SEC = 0.01
# Minutes of synthetic speech per voice.
FLITE_MINUTES = {"slt": 25.0, "rms": 25.0, "awb": 20.0, "kal16": 12.0}
ESPEAK_MINUTES = 60.0


@dataclass(frozen=True)
class Recording:
    """One real recording: its sound file and its phones as (class, start, end) in seconds."""

    name: str
    corpus: str
    speaker: str
    text: str
    path: Path
    phones: list[tuple[str, float, float]]


def data_folder(option: Path | None) -> Path:
    """The folder with `speech/` in it, from the option or the environment."""
    value = option or os.environ.get(DATA_VARIABLE)
    if not value or not (Path(value) / "speech").is_dir():
        raise SystemExit(
            f"The speech recordings are missing: give --data or set {DATA_VARIABLE} to a folder with "
            "speech/reading_en and speech/multi_en (LibriSpeech, LJSpeech and other open corpora "
            "with phone times; docs/TRAINING.md names the sources)."
        )
    return Path(value)


def read_phones(path: Path) -> list[tuple[str, float, float]]:
    """Phones of one aligned recording, corrected for the aligner's lead; noises count as silence."""
    phones = []
    for word in json.loads(path.read_text("utf8"))["w"]:
        for phone in word["w"]:
            name = phone["t"] if phone["t"] in PHONE_INDEX else "SIL"
            start_sec = phone["b"] + ALIGNER_EARLY_SEC
            phones.append((name, start_sec, start_sec + phone["d"]))
    return phones


def recordings(data: Path) -> list[Recording]:
    """Every aligned recording of both corpora, in a fixed order."""
    found = []
    for name, speaker, text in _multi_rows(data):
        found.append(_recording(data, "multi_en", name, speaker, text))
    for name, text in _reading_rows(data):
        found.append(_recording(data, "reading_en", name, "reading_en", text))
    return [recording for recording in found if recording is not None]


def _multi_rows(data: Path) -> Iterator[tuple[str, str, str]]:
    with (data / "speech/multi_en/transcripts.csv").open(encoding="utf8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield row["clip"], row["speaker"], row["text"]


def _reading_rows(data: Path) -> Iterator[tuple[str, str]]:
    for line in (data / "speech/reading_en/transcript.csv").read_text("utf8").splitlines():
        name, _, texts = line.partition("|")
        yield name, texts.rpartition("|")[2]


def _recording(data: Path, corpus: str, name: str, speaker: str, text: str) -> Recording | None:
    folder = data / "speech" / corpus
    audio, phones = folder / "audio" / f"{name}.flac", folder / "phones" / f"{name}.json"
    if not (audio.exists() and phones.exists()):
        return None
    return Recording(name, corpus, speaker, text, audio, read_phones(phones))


def training_recordings(everything: list[Recording]) -> list[Recording]:
    """What may be trained on: no kept recording, no other one of its reader, none of its text."""
    kept = [r for r in everything if r.corpus == "multi_en" and r.name in HELD_OUT + VALIDATION]
    speakers = {r.speaker for r in kept} - {CROWD}
    texts = {_words(r.text) for r in kept if r.speaker != CROWD}
    names = {r.name for r in kept}
    return [
        r
        for r in everything
        if not (r.corpus == "multi_en" and (r.name in names or r.speaker in speakers))
        and _words(r.text) not in texts
    ]


def _words(text: str) -> tuple[str, ...]:
    return tuple("".join(c if c.isalpha() or c == "'" else " " for c in text.lower()).split())


def frame_labels(phones: list[tuple[str, float, float]], num_frames: int) -> np.ndarray:
    """Phone class at the centre of every 10 ms frame, `[F]` uint8."""
    labels = np.full(num_frames, SILENCE, np.uint8)
    for name, start_sec, end_sec in phones:
        first, last = (round(sec * FRAME_RATE_HZ) for sec in (start_sec, end_sec))
        labels[max(first, 0) : max(last, 0)] = PHONE_INDEX[name]
    return labels


def sentences(texts: list[str], rng: np.random.Generator) -> Iterator[str]:
    """Endless sentences: every other one a real text, every other one its words drawn at random."""
    word_lists = [_words(text) for text in texts]
    vocabulary = np.array(sorted({word for words in word_lists for word in words}))
    while True:
        yield " ".join(word_lists[rng.integers(len(word_lists))])
        yield " ".join(rng.choice(vocabulary, rng.integers(5, 14)))


def synthetic_utterances(
    texts: list[str], seed: int, scale: float = 1.0
) -> Iterator[tuple[str, Utterance]]:
    """(voice, utterance) of every synthetic voice, `scale` times the minutes set above."""
    rng = np.random.default_rng(seed)
    source = sentences(texts, rng)
    for voice, minutes in FLITE_MINUTES.items():
        left_sec = 60.0 * minutes * scale
        while left_sec > 0:
            pitch_hz = rng.uniform(90, 210) if rng.random() < 0.5 else None
            delivery = Delivery(rng.uniform(0.8, 1.15), pitch_hz)
            utterance = speak_flite(next(source), voice, delivery)
            left_sec -= len(utterance.waveform) / SPEECH_RATE_HZ
            yield voice, utterance
    espeak = Espeak()
    variants = espeak.variants()
    left_sec = 60.0 * ESPEAK_MINUTES * scale
    while left_sec > 0:
        voice = f"{rng.choice(ESPEAK_ACCENTS)}+{rng.choice(variants)}"
        rate, pitch, pitch_range = rng.integers((120, 20, 20), (220, 80, 80)).tolist()
        utterance = espeak.speak(next(source), voice, rate, pitch, pitch_range)
        left_sec -= len(utterance.waveform) / SPEECH_RATE_HZ
        yield "espeak", utterance


class SpectrumCache:
    """Log10 power `[F, 257]` float16 and labels `[F]` of all clips end to end, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self.index = json.loads((folder / "index.json").read_text("utf8"))
        self.log_power = np.load(folder / "log_power.npy", mmap_mode="r")
        self.labels = np.load(folder / "labels.npy", mmap_mode="r")


def build_cache(data: Path, folder: Path, seed: int, scale: float = 1.0) -> None:
    """Compute the spectra of all training speech into `folder` (about 650 MB at scale 1)."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = training_recordings(recordings(data))
    index, spectra, labels = [], [], []

    def add(source: str, utterance: Utterance) -> None:
        log_power = np.log10(power_spectrum(utterance.waveform) + 1e-10).astype(np.float16)
        index.append({"source": source, "frames": len(log_power)})
        spectra.append(log_power)
        labels.append(frame_labels(utterance.phones, len(log_power)))

    for clip in clips:
        waveform, _ = load_audio(clip.path, target_rate=SPEECH_RATE_HZ)
        add(clip.corpus, Utterance(waveform, clip.phones))
    LOG.info("%d real recordings", len(clips))
    for source, utterance in synthetic_utterances([clip.text for clip in clips], seed, scale):
        add(source, utterance)
    LOG.info("%d clips, %.0f min", len(index), sum(map(len, labels)) / FRAME_RATE_HZ / 60)
    np.save(folder / "log_power.npy", np.concatenate(spectra))
    np.save(folder / "labels.npy", np.concatenate(labels))
    (folder / "index.json").write_text(json.dumps(index), encoding="utf8")
