"""The speech network: a raw waveform in, what is heard in it and an expression track out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from ..audio import resample
from ..errors import AudioError, ModelError
from ..expression import ExpressionTrack
from ..progress import Progress, part, report
from ..sessions import open_session
from .beginning import MIRRORED_SEC, led_in, silent_samples
from .contract import ARKIT, CLOSURE, STYLE, VOICE, WAVEFORM, SpeechSpecification, check_contract
from .heard import HeardSpeech
from .pitch import RATE_HZ as PROSODY_RATE_HZ
from .prosody import analyse_prosody
from .resampling import require_frames
from .style import SpeechStyle

# Thirty seconds: a piece is over soon after somebody cancels, and its context costs little.
CHUNK_FRAMES = 3000
# Reading the sound from its file comes before, and takes this part of the whole.
DECODED_PART = 0.15
# Where in the rest listening ends and performing begins; where in the listening the resampling and the
# network end, and the prosody begins.
HEARD_PART, RESAMPLED_PART, NETWORK_PART = 0.95, 0.05, 0.7
# Sound lies between -1 and 1, or is whole numbers of 16 bits; powers of more leave float32's range.
LOUDEST = 32768.0


@dataclass(frozen=True)
class SpeechCurves:
    """What the network hears, frame `i` at `(i + 0.5) / rate_hz` seconds.

    ARKit weights, how far the lips touch, and the probability that somebody speaks, each 0 to 1.
    """

    arkit: Float32[np.ndarray, "F 52"]
    lip_closure: Float32[np.ndarray, " F"]
    voice: Float32[np.ndarray, " F"]
    rate_hz: int


class SpeechModel:
    """A speech network read from an ONNX file; `open` checks the file before it is used.

    The object holds no state between calls and may be shared by threads.
    """

    def __init__(self, session: object, specification: SpeechSpecification) -> None:
        self._session = session
        self.specification = specification

    @classmethod
    def open(cls, path: Path | str, *, num_threads: int = 0) -> SpeechModel:
        """Read the network at `path`; raises `ModelError` with the reason where it cannot be used."""
        path = Path(path)
        session = open_session(path, "speech network", num_threads)
        return cls(session, check_contract(path, session))

    def track(
        self,
        waveform: Float32[np.ndarray, " S"],
        sample_rate: int,
        *,
        fps: Fraction,
        start_sec: float | int = 0.0,
        seed: int = 0,
        style: SpeechStyle | None = None,
        progress: Progress | None = None,
    ) -> ExpressionTrack:
        """Listen to a mono waveform and perform it: see `listen` and `HeardSpeech.perform`.

        Frames lie at `start_sec + t / fps` seconds of the sound, as many as begin before its end; all
        of the sound is heard whatever `start_sec` is. `seed` decides all but the mouth.
        """
        style = style or SpeechStyle()
        require_frames(Fraction(len(waveform), sample_rate), fps, start_sec)
        hearing = part(progress, 0.0, HEARD_PART)
        heard = self.listen(waveform, sample_rate, effort=style.effort, progress=hearing)
        return heard.perform(
            fps=fps,
            start_sec=start_sec,
            seed=seed,
            style=style,
            progress=part(progress, HEARD_PART, 1.0),
        )

    def listen(
        self,
        waveform: Float32[np.ndarray, " S"],
        sample_rate: int,
        *,
        effort: float | int = 1.0,
        progress: Progress | None = None,
    ) -> HeardSpeech:
        """All that performances of a mono waveform need, whatever their style, rate and seed.

        `effort` is how far a louder voice moves the mouth further, as in `SpeechStyle`.
        """
        duration_sec = Fraction(len(waveform), sample_rate)
        waveform = _checked(waveform)
        report(progress, 0.0)
        rate = self.specification.sample_rate_hz
        samples = resample(waveform, sample_rate, rate, part(progress, 0.0, RESAMPLED_PART))
        hearing = part(progress, RESAMPLED_PART, NETWORK_PART)
        curves = self.curves(samples, rate, style=SpeechStyle(effort=effort), progress=hearing)
        prosody = analyse_prosody(
            resample(samples, rate, PROSODY_RATE_HZ),
            float(duration_sec),
            voice=(curves.voice, curves.rate_hz),
            progress=part(progress, NETWORK_PART, 1.0),
        )
        return HeardSpeech.of(
            curves.arkit,
            curves.lip_closure,
            curves.rate_hz,
            prosody,
            duration_sec=duration_sec,
            effort=effort,
        )

    def curves(
        self,
        waveform: Float32[np.ndarray, " S"],
        sample_rate: int,
        *,
        style: SpeechStyle | None = None,
        progress: Progress | None = None,
    ) -> SpeechCurves:
        """What the network hears in a mono waveform, at its own rate.

        Long sound goes through in pieces that overlap by all that a frame can depend on, so that the
        result does not show where they meet and memory stays bounded.
        """
        waveform = _checked(waveform)
        spec, style = self.specification, style or SpeechStyle()
        samples = resample(waveform, sample_rate, spec.sample_rate_hz)
        num_frames = max(-(-len(samples) // spec.hop), 1)
        step = spec.samples_step // spec.hop
        silent = silent_samples(samples) // spec.samples_step * step
        samples = samples[silent * spec.hop :]
        manner = np.array([getattr(style, name) for name in spec.style_names], np.float32)
        # A recorder's offset is no sound, but it would reach the lowest bands.
        offset = samples.mean(dtype=np.float64).astype(np.float32)
        pieces = []
        size = _rounded_up(CHUNK_FRAMES, step)
        for first in range(0, num_frames - silent, size):
            report(progress, first / num_frames)
            around, kept = self._around(samples, first, first + size)
            missing = _rounded_up(len(around), spec.samples_step) - len(around)
            outputs = self._run(np.pad(around - offset, (0, missing)), manner)
            pieces.append([values[kept] for values in outputs])
        report(progress, 1.0)
        whole = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        arkit, closure, voice = (values[: num_frames - silent] for values in whole)
        return SpeechCurves(
            led_in(arkit, silent, spec.frame_rate_hz),
            led_in(closure, silent, spec.frame_rate_hz),
            np.pad(voice, (silent, 0)),
            rate_hz=spec.frame_rate_hz,
        )

    def _around(self, samples: np.ndarray, first: int, last: int) -> tuple[np.ndarray, slice]:
        """The sound that frames [first, last) depend on, and where these frames lie among its own.

        Before the sound there is its own beginning, backwards: a network that hears the noise of a room
        set in takes it for a voice.
        """
        spec = self.specification
        step = spec.samples_step // spec.hop
        mirrored = min(round(MIRRORED_SEC * spec.sample_rate_hz), len(samples))
        mirrored = mirrored // spec.samples_step * step
        begin = max(first - _rounded_up(spec.past_frames, step), -mirrored)
        end = last + _rounded_up(spec.future_frames, step)
        around = samples[max(begin, 0) * spec.hop : end * spec.hop]
        if begin < 0:
            around = np.concatenate([samples[: -begin * spec.hop][::-1], around])
        return around, slice(first - begin, last - begin)

    def _run(self, heard: np.ndarray, manner: np.ndarray) -> tuple[np.ndarray, ...]:
        """ARKit weights `[F, 52]`, lip closure `[F]` and voice `[F]` of whole steps of samples."""
        outputs = self._session.run([ARKIT, CLOSURE, VOICE], {WAVEFORM: heard, STYLE: manner})
        if not all(np.isfinite(values).all() for values in outputs):
            raise ModelError(
                "The speech network gave numbers that are not finite: reinstall the extension."
            )
        return tuple(outputs)


def _checked(waveform: np.ndarray) -> np.ndarray:
    """The waveform, within what resampling and the network can take; refused if it is none."""
    if waveform.ndim != 1:
        raise AudioError(f"The waveform has shape {waveform.shape}: give one channel, [S].")
    if waveform.size == 0:
        raise AudioError("There is no sound to analyse (zero samples): choose another file.")
    if not np.isfinite(waveform).all():
        raise AudioError("The sound holds samples that are not numbers: export it again.")
    if -LOUDEST <= waveform.min() and waveform.max() <= LOUDEST:
        return waveform
    return np.clip(waveform, -LOUDEST, LOUDEST)


def _rounded_up(count: int, step: int) -> int:
    return -(-count // step) * step
