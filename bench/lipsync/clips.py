"""What is spoken: recordings with phone times, and filmed speakers with tracked lips."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from gaussian_heads.core.audio import SPEECH_RATE_HZ, load_audio
from gaussian_heads.core.files import replace_on_success
from gaussian_heads.training.speech_corpus import read_shard
from gaussian_heads.training.speech_damage import degrade
from gaussian_heads.training.speech_distractors import KINDS
from gaussian_heads.training.speech_inventory import ALL_PHONES
from gaussian_heads.training.speech_languages import HELD_OUT_LANGUAGES
from gaussian_heads.training.speech_phones import flite_phone
from gaussian_heads.training.speech_recordings import HELD_OUT, VALIDATION, read_phones, recordings
from gaussian_heads.training.speech_spoken import class_intervals

from .curves import BenchmarkError, Curves

# It alone speaks the held-out languages; another's English would compare engines.
SYNTHETIC_ENGINE = "espeak"
LIST_COLUMNS = ("clip", "audio", "phones", "language")
SETS = {"validation": VALIDATION, "held-out": HELD_OUT}
TRACKED_HZ = 25
BESIDE_DB = -15.0
SOUND_SUFFIXES = (".wav", ".flac", ".mpg")

Phone = tuple[str, float, float]
"""Class (of `speech_inventory.ALL_PHONES`: ARPAbet, SIL, and four that English lacks), start and end in seconds."""


@dataclass(frozen=True)
class Clip:
    """A sound file, its phones and, of a filmed speaker, the tracked lips."""

    name: str
    audio: Path
    phones: Sequence[Phone]
    language: str = ""
    tracked: Curves | None = None
    sound: np.ndarray | None = None  # at 16 kHz, where it is a part of the file only

    @property
    def speech_end_sec(self) -> float:
        """When the last sound ends."""
        return max((end for name, _, end in self.phones if name != "SIL"), default=0.0)

    def waveform(self) -> np.ndarray:
        """Mono samples at 16 kHz; the sound of videos is read through Blender's audio library."""
        if self.sound is not None:
            return self.sound
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


def damaged_clips(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """The same clips through bad devices and rooms, beside noise, music or breath 15 dB below the voice."""
    kinds = sorted(KINDS)
    damaged = []
    for number, clip in enumerate(clips):
        rng = np.random.default_rng([seed, number])
        sound = degrade(clip.waveform(), rng)
        beside = KINDS[kinds[number % len(kinds)]](len(sound), rng)
        gain = 10.0 ** (BESIDE_DB / 20.0) * sound.std() / max(float(np.std(beside)), 1e-9)
        damaged.append(replace(clip, sound=(sound + gain * beside).astype(np.float32)))
    return damaged


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
        known = upper if upper in ALL_PHONES else flite_phone(name)
        if known is None:
            raise BenchmarkError(
                f"'{path}' names the phone '{name}': write ARPAbet names ({', '.join(ALL_PHONES)})."
            )
        phones.append((known, start_sec, end_sec))
    return phones


def synthetic_clips(folder: Path, per_language: int) -> list[Clip]:
    """Sentences of voices and languages that training never hears, evenly from a corpus's shards.

    Of `training.speech_corpus --split held_out`: English and the held-out languages, all by the engine that
    speaks every one of them.
    """
    clips = []
    for language in ("en", *HELD_OUT_LANGUAGES):
        shards = sorted(folder.glob(f"held_out-{language}-{SYNTHETIC_ENGINE}-*.json"))
        spoken = [(shard, one) for shard in shards for one in read_shard(shard)]
        if not spoken:
            raise BenchmarkError(
                f"'{folder}' holds no held-out speech in '{language}': make it with "
                "training.speech_corpus --split held_out."
            )
        count = min(per_language, len(spoken))
        for index in np.linspace(0, len(spoken) - 1, count).astype(int):
            shard, one = spoken[index]
            phones = class_intervals(one.phones, language)
            audio = shard.with_suffix(".flac")
            clips.append(
                Clip(f"{language}-{index:04d}", audio, phones, language, sound=one.waveform)
            )
    return clips


def write_clips(folder: Path, clips: Sequence[Clip]) -> Path:
    """Sound, phones and a list of `clips` for other programs, as `listed_clips` reads them."""
    rows = []
    for clip in clips:
        row = (clip.name, f"{clip.name}.flac", f"{clip.name}.json", clip.language)
        with replace_on_success(folder / row[1]) as temporary:
            soundfile.write(temporary, clip.waveform(), SPEECH_RATE_HZ, format="FLAC")
        with replace_on_success(folder / row[2]) as temporary:
            temporary.write_text(json.dumps([list(phone) for phone in clip.phones]), "utf8")
        rows.append(row)
    path = folder / "clips.csv"
    with (
        replace_on_success(path) as temporary,
        temporary.open("w", encoding="utf8", newline="") as stream,
    ):
        csv.writer(stream).writerows([LIST_COLUMNS, *rows])
    return path
