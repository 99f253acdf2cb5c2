"""Sentences that an avatar may be judged by: said by nobody that training hears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.audio import SPEECH_RATE_HZ, load_audio
from .prior_settings import TrainingError
from .speech_corpus import read_shard
from .speech_inventory import ARPABET_TO_IPA
from .speech_languages import sentences
from .speech_recordings import HELD_OUT, recordings


@dataclass(frozen=True)
class Sentence:
    """What is said: a sound `[S]` at 16 kHz and its phones in IPA with start and end in seconds."""

    text: str
    voice: str
    language: str
    waveform: np.ndarray
    phones: Sequence[tuple[str, float, float]]


def recorded_sentences(data: Path, name: str, seconds: float) -> Iterator[Sentence]:
    """A kept-out recording, cut at the first pause between phones after so many seconds."""
    if name not in HELD_OUT:
        raise TrainingError(
            f"'{name}' is not kept out of training: choose one of speech_recordings."
        )
    found = next(r for r in recordings(data) if r.corpus == "multi_en" and r.name == name)
    waveform, _ = load_audio(found.path, target_rate=SPEECH_RATE_HZ)
    ends = [end for _, _, end in found.phones if end >= seconds] or [found.phones[-1][2]]
    phones = [(ARPABET_TO_IPA[p], a, b) for p, a, b in found.phones if b <= ends[0]]
    sound = waveform[: round(ends[0] * SPEECH_RATE_HZ)]
    voice = "a recording"
    yield Sentence(found.text, voice, "en", sound, phones)


def synthetic_sentences(corpus: Path, language: str, seconds: float) -> Iterator[Sentence]:
    """Whole sentences of held-out synthetic speech that last so many seconds together."""
    known, said, left_sec = set(sentences(language)), set(), seconds
    for shard in sorted(corpus.glob(f"held_out-{language}-*.json")):
        for one in read_shard(shard):
            order = one.order
            if order.text not in known or order.text in said or left_sec <= 0:
                continue
            said.add(order.text)
            left_sec -= len(one.waveform) / SPEECH_RATE_HZ
            yield Sentence(order.text, order.voice, language, one.waveform, one.phones)
    if not said:
        raise TrainingError(
            f"'{corpus}' holds no held-out sentence in '{language}': make some with "
            f"training.speech_corpus --split held_out --languages {language}."
        )
