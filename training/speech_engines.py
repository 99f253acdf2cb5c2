"""Three synthesizers behind one face: flite, festival and espeak-ng, phones in IPA with their times.

Every engine's labels are shifted by what `speech_offsets` measured against its sound. Stress and
phrase ends come with them, for brows and head: festival knows its stressed syllables, espeak-ng marks
them in its phonemes, and for flite espeak-ng's marks are matched to flite's phones.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

from . import speech_festival
from .speech_espeak import EspeakEngine
from .speech_inventory import ARPABET_TO_IPA
from .speech_languages import ESPEAK_VOICES
from .speech_spoken import Order, Spoken, finish, matched_stress
from .speech_synthesis import FLITE_VOICES, Delivery, speak_flite

FLITE_LATE_SEC = 0.0  # as measured by `speech_offsets`


class Engine(Protocol):
    """A synthesizer: its voices per language, and speech for orders; orders it cannot say are left out."""

    def voices(self, language: str) -> list[str]: ...

    def speak(self, orders: Iterable[Order]) -> Iterator[Spoken]: ...


class FliteEngine:
    """Debian's flite: four English voices, their durations printed by the program itself."""

    def __init__(self) -> None:
        self._espeak = EspeakEngine() if EspeakEngine.available() else None

    @staticmethod
    def available() -> bool:
        """Whether the program is installed."""
        return shutil.which("flite") is not None

    def voices(self, language: str) -> list[str]:
        """Voices of a language."""
        return list(FLITE_VOICES) if language == "en" else []

    def speak(self, orders: Iterable[Order]) -> Iterator[Spoken]:
        """Speech for every order."""
        for order in orders:
            pitch_hz = 90.0 + 120.0 * order.pitch if order.pitch_range >= 0.5 else None
            said = speak_flite(order.text, order.voice, Delivery(1.0 / order.tempo, pitch_hz))
            raw = [(ARPABET_TO_IPA[name], start, end) for name, start, end in said.phones]
            marked = self._espeak.marked(order.text, ESPEAK_VOICES["en"][0]) if self._espeak else []
            stress = matched_stress(raw, marked, "en")
            yield finish(order, said.waveform, raw, stress, FLITE_LATE_SEC)


class FestivalEngine:
    """festival: diphone, statistical and unit-selection voices of three languages."""

    def __init__(self) -> None:
        self._voices = speech_festival.installed_voices()

    @staticmethod
    def available() -> bool:
        """Whether the program is installed with at least one known voice."""
        return bool(speech_festival.installed_voices())

    def voices(self, language: str) -> list[str]:
        """Installed voices of a language."""
        return [v for v in self._voices if speech_festival.VOICES[v].language == language]

    def speak(self, orders: Iterable[Order]) -> Iterator[Spoken]:
        """Speech for every order that festival manages to say."""
        for order, waveform, raw, stress in speech_festival.speak_festival(list(orders)):
            yield finish(order, waveform, raw, stress, speech_festival.VOICES[order.voice].late_sec)


ENGINES: Mapping[str, type[FliteEngine] | type[FestivalEngine] | type[EspeakEngine]] = (
    MappingProxyType({"flite": FliteEngine, "festival": FestivalEngine, "espeak": EspeakEngine})
)
INSTALL: Mapping[str, str] = MappingProxyType(
    {
        "flite": "apt-get install flite",
        "espeak": "apt-get install espeak-ng",
        "festival": "apt-get install festival " + " ".join(speech_festival.PACKAGES),
    }
)
