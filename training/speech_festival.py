"""Speech by festival: one process says a batch, and writes sounds and segments into a scratch folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from ..core.audio import resample
from .speech_inventory import ARPABET_TO_IPA

if TYPE_CHECKING:
    from .speech_spoken import Interval, Order

PACKAGES: tuple[str, ...] = tuple(
    "festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts festvox-italp16k festvox-itapc16k "
    "festvox-ru".split()
)
TIMEOUT_SEC = 600

_ITALIAN: Mapping[str, str] = {
    **{letter: letter for letter in "i e a o u j w p t k b d f s v z m n l r".split()},
    **dict(zip("E O g S Z ts tS dz dZ J ng nf L #".split(),
               "ɛ ɔ ɡ ʃ ʒ ts tʃ dz dʒ ɲ ŋ ɱ ʎ _".split(), strict=True)),
}  # fmt: skip
# Doubled letters are stressed vowels and palatalised consonants.
_RUSSIAN: Mapping[str, str] = {
    **{letter + letter: letter + "ʲ" for letter in "p b t d k f v s z m n l r".split()},
    **{letter: letter for letter in "p b t d k f v s z m n l r j i u a e".split()},
    **dict(zip("pau ii yy uu ee oo aa y ae ay ur g gg c ch sh sch zh h hh".split(),
               "_ i ɨ u e o a ɨ ɪ ə ʊ ɡ ɡʲ ts tɕ ʂ ɕː ʐ x xʲ".split(), strict=True)),
}  # fmt: skip


@dataclass(frozen=True)
class FestivalVoice:
    """A voice: its language, the encoding it reads, its labels in IPA, whether it takes a pitch."""

    language: str
    encoding: str
    labels: Mapping[str, str]
    late_sec: float = 0.0  # of the labels against the sound, as measured by `speech_offsets`
    takes_pitch: bool = False


_ENGLISH = {name.lower(): ipa for name, ipa in ARPABET_TO_IPA.items()}
VOICES: Mapping[str, FestivalVoice] = MappingProxyType(
    {
        "kal_diphone": FestivalVoice("en", "latin-1", _ENGLISH, -0.007, takes_pitch=True),
        "ked_diphone": FestivalVoice("en", "latin-1", _ENGLISH, -0.007, takes_pitch=True),
        "cmu_us_slt_arctic_hts": FestivalVoice("en", "latin-1", _ENGLISH, -0.004),
        "lp_diphone": FestivalVoice("it", "latin-1", _ITALIAN, 0.003),
        "pc_diphone": FestivalVoice("it", "latin-1", _ITALIAN, 0.003),
        "msu_ru_nsh_clunits": FestivalVoice("ru", "utf-8", _RUSSIAN, 0.009),
    }
)

_SCHEME = """
(define (say_to folder name text)
  (let ((utt (eval (list 'Utterance 'Text text))) (file nil))
    (utt.synth utt)
    (utt.save.wave utt (string-append folder name ".wav") 'riff)
    (set! file (fopen (string-append folder name ".part") "w"))
    (mapcar (lambda (seg) (format file "%s\\t%s\\t%s\\n" (item.name seg) (item.feat seg "end")
                                  (item.feat seg "R:SylStructure.parent.stress")))
            (utt.relation.items utt 'Segment))
    (fclose file)))
"""


@cache
def installed_voices() -> tuple[str, ...]:
    """Names of the known voices that this machine's festival has."""
    if shutil.which("festival") is None:
        return ()
    listing = subprocess.run(
        ["festival", "-b", "(print (voice.list))"], capture_output=True, text=True, check=False
    ).stdout
    found = set(listing.replace("(", " ").replace(")", " ").split())
    return tuple(voice for voice in VOICES if voice in found)


def speak_festival(
    orders: list[Order],
) -> Iterator[tuple[Order, np.ndarray, list[Interval], list[float]]]:
    """(order, waveform at 16 kHz, phones, starts of stressed vowels) of all that could be said.

    A voice that stops festival (unit selection may lack a unit) loses its order, not the batch.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        left = list(enumerate(orders))
        while left:
            _run(left, folder)
            done = [number for number, _ in left if (folder / f"{number}.part").exists()]
            last = max(done, default=left[0][0] - 1)
            # The order after the last one that was said is the one that stopped the program.
            left = [(number, order) for number, order in left if number > last + 1]
        for number, order in enumerate(orders):
            read = _read(folder / str(number), VOICES[order.voice])
            if read is not None:
                yield order, *read


def _run(numbered: list[tuple[int, Order]], folder: Path) -> None:
    script = folder / "batch.scm"
    with script.open("wb") as stream:
        stream.write(_SCHEME.encode())
        for number, order in numbered:
            voice = VOICES[order.voice]
            text = order.text.replace("\\", " ").replace('"', " ")
            stream.write(f"(voice_{order.voice})\n".encode())
            stream.write(f"(Parameter.set 'Duration_Stretch {1.0 / order.tempo:.3f})\n".encode())
            if voice.takes_pitch:
                stream.write(_pitch(order).encode())
            call = f'(say_to "{folder}/" "{number}" "{text}")\n'
            stream.write(call.encode(voice.encoding, "replace"))
    subprocess.run(
        ["festival", "-b", str(script)],
        capture_output=True,
        check=False,
        timeout=TIMEOUT_SEC,
        cwd=folder,
    )


def _pitch(order: Order) -> str:
    mean_hz, deviation_hz = 85.0 + 75.0 * order.pitch, 6.0 + 20.0 * order.pitch_range
    return (
        f"(set! int_lr_params '((target_f0_mean {mean_hz:.0f}) (target_f0_std {deviation_hz:.0f}) "
        "(model_f0_mean 170) (model_f0_std 34)))\n"
    )


def _read(
    stem: Path, voice: FestivalVoice
) -> tuple[np.ndarray, list[Interval], list[float]] | None:
    segments = stem.with_suffix(".part")
    if not segments.exists():
        return None
    waveform, sample_rate = soundfile.read(stem.with_suffix(".wav"), dtype="float32")
    phones, stress, start_sec = [], [], 0.0
    for line in segments.read_text("latin-1").splitlines():
        label, end, stressed = line.split("\t")
        ipa = voice.labels.get(label) or voice.labels.get(label.rstrip("1"))
        if ipa is None:
            raise ValueError(f"festival says a segment '{label}' that has no phone")
        phones.append((ipa, start_sec, float(end)))
        if _is_stressed(voice, label, stressed):
            stress.append(start_sec)
        start_sec = float(end)
    return resample(waveform, sample_rate), phones, stress


def _is_stressed(voice: FestivalVoice, label: str, syllable_stress: str) -> bool:
    if voice.language == "it":
        return label.endswith("1")
    vowel = label[0] in "aeiouy"
    return vowel and syllable_stress == "1"
