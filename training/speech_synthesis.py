"""Synthetic speech with exact phone times: Debian's flite and espeak-ng (no MBROLA voices)."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ..core.audio import SPEECH_RATE_HZ, resample
from .speech_phones import flite_phone

FLITE_VOICES = ("slt", "rms", "awb", "kal16")
ESPEAK_ACCENTS = ("gmw/en-US", "gmw/en", "gmw/en-GB-scotland", "gmw/en-GB-x-rp", "gmw/en-029")
ESPEAK_LIBRARY = "libespeak-ng.so.1"
# Voices that are noises, whispers or robots rather than people.
ESPEAK_UNNATURAL = frozenset(
    "croak whisper whisperf UniRobot anikaRobot announcer Demonic fast Tweaky zac".split()
)


@dataclass(frozen=True)
class Utterance:
    """A waveform `[S]` at 16 kHz with its phones as (class, start, end) in seconds."""

    waveform: np.ndarray
    phones: list[tuple[str, float, float]]


@dataclass(frozen=True)
class Delivery:
    """How a synthetic voice says something: 1 is its own tempo, pitch in Hz or None for its own."""

    stretch: float = 1.0
    pitch_hz: float | None = None


def speak_flite(text: str, voice: str, delivery: Delivery) -> Utterance:
    """One utterance by a flite voice."""
    with tempfile.TemporaryDirectory() as scratch:
        wav = Path(scratch) / "speech.wav"
        command = ["flite", "-voice", voice, "-t", text + " ", "-o", str(wav), "-psdur"]
        command += ["--setf", f"duration_stretch={delivery.stretch}"]
        if delivery.pitch_hz:
            command += ["--setf", f"int_f0_target_mean={delivery.pitch_hz}"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        waveform, sample_rate = soundfile.read(wav, dtype="float32")
    phones, start_sec = [], 0.0
    for item in output.split():
        name, _, end = item.rpartition(":")
        phone = flite_phone(name)
        if phone is None:
            raise ValueError(f"flite voice {voice} says a phone '{name}' that has no class")
        phones.append((phone, start_sec, float(end)))
        start_sec = float(end)
    return Utterance(resample(waveform, sample_rate), phones)


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("text", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_EVENT_END, _EVENT_PHONEME = 0, 7
_SYNCHRONOUS, _PHONEME_EVENTS, _IPA_EVENTS, _UTF8 = 2, 1, 2, 1
_IPA_TEXT, _SEPARATOR_SHIFT = 2, 8
_RATE, _PITCH, _RANGE = 1, 3, 4


class Espeak:
    """espeak-ng through its C library, which alone tells when each phoneme starts.

    Its phonemes are named in IPA. The library has one state per process.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ESPEAK_LIBRARY)
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        options = _PHONEME_EVENTS | _IPA_EVENTS
        self._sample_rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, options)
        self._pieces: list[np.ndarray] = []
        self._events: list[tuple[str, int]] = []
        # ctypes frees a callback that nobody holds.
        self._callback = _Callback(self._on_sound)

    def _on_sound(self, samples: ctypes.POINTER, count: int, events: ctypes.POINTER) -> int:
        if count > 0 and samples:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            event = events[index]
            if event.type == _EVENT_PHONEME:
                name = bytes(event.id.text).split(b"\0")[0].decode("utf8", "replace")
                self._events.append((name, event.sample))
            index += 1
        return 0

    def variants(self) -> list[str]:
        """Names of the voice variants that sound like people."""
        folder = Path(self._data_path()) / "voices" / "!v"
        return sorted(path.name for path in folder.iterdir() if path.name not in ESPEAK_UNNATURAL)

    def _data_path(self) -> str:
        path = ctypes.c_char_p()
        self._library.espeak_Info(ctypes.byref(path))
        return os.fsdecode(path.value or b"")

    def choose(self, voice: str) -> None:
        """Speak with `voice`, "accent" or "accent+variant", from now on."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice '{voice}'")

    def say(
        self, text: str, rate: int, pitch: int, pitch_range: int
    ) -> tuple[np.ndarray, list[tuple[str, float]]]:
        """Waveform `[S]` at 16 kHz and the phonemes as (name, start in seconds as espeak-ng tells it)."""
        self._pieces, self._events = [], []
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
        waveform = np.concatenate(self._pieces).astype(np.float32) / 32768.0
        events = [(name, sample / self._sample_rate) for name, sample in self._events]
        return resample(waveform, self._sample_rate, SPEECH_RATE_HZ), events

    def phonemes(self, text: str) -> list[str]:
        """The phonemes of a text in IPA with stress marks, clause after clause, without times."""
        names: list[str] = []
        characters = ctypes.create_string_buffer(text.encode() + b"\0")
        rest = ctypes.c_void_p(ctypes.addressof(characters))
        mode = _IPA_TEXT | ord("_") << _SEPARATOR_SHIFT
        while rest.value:
            clause = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode)
            names += clause.decode("utf8", "replace").replace(" ", "_").split("_")
        return [name for name in names if name]
