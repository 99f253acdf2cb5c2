"""Real recordings with aligned phones, and which of them stay out of training.

They lie in the folder `speech/` of the data (option or GAUSSIAN_HEADS_DATA).
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import DATA_VARIABLE
from .speech_phones import PHONE_INDEX

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
