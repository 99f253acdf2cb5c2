"""What is spoken: recordings with phone times, and filmed speakers with tracked lips."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gaussian_heads.core.audio import SPEECH_RATE_HZ, load_audio
from gaussian_heads.training.speech_data import HELD_OUT, VALIDATION, read_phones, recordings
from gaussian_heads.training.speech_phones import PHONE_INDEX, flite_phone

from .curves import BenchmarkError, Curves

SETS = {"validation": VALIDATION, "held-out": HELD_OUT}
TRACKED_HZ = 25
SOUND_SUFFIXES = (".wav", ".flac", ".mpg")

Phone = tuple[str, float, float]
"""Class (ARPAbet or SIL), start and end in seconds."""


@dataclass(frozen=True)
class Clip:
    """A sound file, its phones and, of a filmed speaker, the tracked lips."""

    name: str
    audio: Path
    phones: Sequence[Phone]
    language: str = ""
    tracked: Curves | None = None

    @property
    def speech_end_sec(self) -> float:
        """When the last sound ends."""
        return max((end for name, _, end in self.phones if name != "SIL"), default=0.0)

    def waveform(self) -> np.ndarray:
        """Mono samples at 16 kHz; the sound of videos is read through Blender's audio library."""
        decoder = None
        if importlib.util.find_spec("bpy") is not None:
            from gaussian_heads.blender.sound import decode_with_aud as decoder
        return load_audio(self.audio, decoder, target_rate=SPEECH_RATE_HZ)[0]


def spoken_clips(data: Path, chosen: str) -> list[Clip]:
    """Recordings of `speech/multi_en` that training does not hear, "validation" or "held-out"."""
    found = [r for r in recordings(data) if r.corpus == "multi_en" and r.name in SETS[chosen]]
    if len(found) < len(SETS[chosen]):
        raise BenchmarkError(
            f"'{data}' holds {len(found)} of the {len(SETS[chosen])} {chosen} recordings: complete "
            "speech/multi_en."
        )
    return [Clip(r.name, r.path, r.phones) for r in found]


def filmed_clips(data: Path) -> list[Clip]:
    """The speakers of `video/grid` with their tracked lips (in outer eye corners' distances)."""
    folder = data / "video/grid"
    tracks = folder / "mouth_25fps.npz"
    if not tracks.is_file():
        raise BenchmarkError(
            f"There are no tracked lips '{tracks}': complete the data, or leave them out with "
            "--only phones."
        )
    clips = []
    with np.load(tracks) as arrays:
        for name in sorted(key.removesuffix("_lip_gap") for key in arrays if "_lip_gap" in key):
            gap = arrays[f"{name}_lip_gap"].astype(np.float64)
            width = arrays[f"{name}_mouth_width"].astype(np.float64)
            tracked = Curves(np.arange(len(gap)) / TRACKED_HZ, gap, width)
            phones = read_phones(folder / "phones" / f"{name}.json")
            clips.append(Clip(name, _sound(folder, name), phones, tracked=tracked))
    return clips


def _sound(folder: Path, name: str) -> Path:
    paths = [folder / f"{name}{suffix}" for suffix in SOUND_SUFFIXES]
    found = [path for path in paths if path.is_file()]
    if not found:
        raise BenchmarkError(f"There is no sound of '{name}' in '{folder}': complete the data.")
    return found[0]


def listed_clips(path: Path) -> list[Clip]:
    """Clips of a CSV list with the columns clip, audio, phones and, if wanted, language.

    Paths are relative to the list. Phones are JSON: rows of name, start and end in seconds, or the
    aligner's words of `speech/multi_en`.
    """
    if not path.is_file():
        raise BenchmarkError(f"There is no list of clips '{path}': check the path.")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"clip", "audio", "phones"} <= set(rows[0]):
        raise BenchmarkError(
            f"'{path}' lists no clips: write a header line clip,audio,phones,language and a row each."
        )
    names = [row["clip"] for row in rows if row["clip"] and row["audio"] and row["phones"]]
    if len(set(names)) < len(rows):
        raise BenchmarkError(
            f"'{path}' has a row without clip, audio or phones, or a clip twice: correct the list."
        )
    return [
        Clip(
            row["clip"],
            path.parent / row["audio"],
            read_listed_phones(path.parent / row["phones"]),
            row.get("language") or "",
        )
        for row in rows
    ]


def read_listed_phones(path: Path) -> list[Phone]:
    """Phones of a JSON file: rows of (name, start, end), or an aligner's words."""
    try:
        content = json.loads(path.read_text("utf8"))
        if isinstance(content, dict):
            return read_phones(path)
        rows = [(str(name), float(start), float(end)) for name, start, end in content]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(
            f"The phones '{path}' cannot be read ({error}): write rows of name, start and end."
        ) from None
    phones = []
    for name, start_sec, end_sec in rows:
        upper = name.upper()
        known = upper if upper in PHONE_INDEX else flite_phone(name)
        if known is None:
            raise BenchmarkError(
                f"'{path}' names the phone '{name}': write ARPAbet names ({', '.join(PHONE_INDEX)})."
            )
        phones.append((known, start_sec, end_sec))
    return phones
