"""Languages and voices of the synthetic speech, what stays out of training, and what they say.

The sentences (`speech_sentences/<language>.txt`, one per line) were written for this project and are
dedicated to the public domain (CC0 1.0). Japanese stands in kana with spaces between words, Mandarin
in pinyin with tone digits, because that is what espeak-ng reads without a dictionary of characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from .speech_synthesis import ESPEAK_ACCENTS

SENTENCES = Path(__file__).parent / "speech_sentences"

ESPEAK_VOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "en": ESPEAK_ACCENTS,
        "de": ("gmw/de",),
        "fr": ("roa/fr", "roa/fr-BE", "roa/fr-CH"),
        "es": ("roa/es", "roa/es-419"),
        "it": ("roa/it",),
        "pt": ("roa/pt-BR", "roa/pt"),
        "ru": ("zle/ru",),
        "ja": ("jpx/ja",),
        "ko": ("ko",),
        "cmn": ("sit/cmn-Latn-pinyin",),
        "hi": ("inc/hi",),
        "pl": ("zlw/pl",),
        "tr": ("trk/tr",),
    }
)
LANGUAGES: tuple[str, ...] = tuple(ESPEAK_VOICES)
# Whole languages that no training hears.
HELD_OUT_LANGUAGES: tuple[str, ...] = ("pl", "tr")
# Voices that no training hears in any language: one of each engine's speakers, eight espeak-ng variants.
HELD_OUT_VOICES: frozenset[str] = frozenset(
    "awb pc_diphone Andrea Denis f4 Lee m8 Mario max steph".split()
)


@dataclass(frozen=True)
class Split:
    """Which voices speak which languages."""

    name: str

    def allows(self, language: str, voice: str) -> bool:
        """Whether this part of the data may hold that voice in that language."""
        held_out = language in HELD_OUT_LANGUAGES or voice in HELD_OUT_VOICES
        return held_out == (self.name == "held_out")


SPLITS: Mapping[str, Split] = MappingProxyType(
    {name: Split(name) for name in ("training", "held_out")}
)


def sentences(language: str) -> list[str]:
    """The sentences of a language, in the order of its file."""
    lines = (SENTENCES / f"{language}.txt").read_text("utf8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def endless_texts(texts: list[str], rng: np.random.Generator) -> Iterator[str]:
    """Every other one a sentence, every other one its words drawn at random in phrases."""
    words = {word for text in texts for word in text.split()}
    vocabulary = np.array(sorted(word for word in words if any(map(str.isalnum, word))))
    while True:
        for index in rng.permutation(len(texts)):
            yield texts[index]
            drawn = rng.choice(vocabulary, rng.integers(1, 14)).tolist()
            yield " ".join([*drawn[:-1], drawn[-1].rstrip(",;:")])
