"""The speech network: a raw waveform in, an expression track out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from ..audio import resample
from ..errors import AudioError, ModelError
from ..expression import ExpressionTrack
from ..spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from .pitch import RATE_HZ as PROSODY_RATE_HZ
from .presence import Presence
from .prosody import analyse_prosody
from .resampling import count_frames, frame_times_sec, resample_curves
from .style import SpeechStyle

SPEECH_LAYER = "speech"
KIND, VERSION = "gaussian_heads.speech", 1
CHUNK_FRAMES = 6000
MAX_THREADS = 4

Progress = Callable[[float], bool | None]
"""Told how much is done (0 to 1); returning False stops the analysis."""


class AnalysisCancelled(AudioError):
    """The progress callback asked to stop."""


@dataclass(frozen=True)
class SpeechSpecification:
    """What the network file says of itself; frames are of its own rate."""

    sample_rate_hz: int
    frame_rate_hz: int
    samples_step: int
    context_frames: int

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.sample_rate_hz // self.frame_rate_hz


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
        import onnxruntime

        path = Path(path)
        if not path.is_file():
            raise ModelError(f"There is no speech network '{path}': reinstall the extension.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads or min(MAX_THREADS, _num_cores())
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except (OSError, *_onnxruntime_errors()) as error:
            reason = str(error).splitlines()[0][:200]
            raise ModelError(
                f"'{path}' is not a network that can be read ({reason}): reinstall the extension."
            ) from None
        return cls(session, _check_contract(path, session))

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
        """Expression track of a mono waveform: layers "speech", "upper_face", "blink" and "gaze" in
        ARKit-52, and the head's pose.

        Frames lie at `start_sec + t / fps` seconds of the sound, as many as begin before its end; all
        of the sound is heard whatever `start_sec` is. `seed` decides all but the mouth.
        """
        style = style or SpeechStyle()
        duration_sec = Fraction(len(waveform), sample_rate)
        num_frames = count_frames(duration_sec, fps, start_sec)
        if not num_frames:
            raise AudioError(
                f"The sound ends at {float(duration_sec):.2f} s and the animation is to begin at "
                f"{start_sec:.2f} s: choose an earlier start."
            )
        _require_sound(waveform)
        samples = resample(waveform, sample_rate, self.specification.sample_rate_hz)
        curves, closure = self.curves(samples, self.specification.sample_rate_hz, progress)
        times_sec = frame_times_sec(num_frames, fps, start_sec)
        rate_hz = self.specification.frame_rate_hz
        speech = resample_curves(curves, closure, rate_hz, times_sec, float(1 / fps))
        heard = resample(samples, self.specification.sample_rate_hz, PROSODY_RATE_HZ)
        prosody = analyse_prosody(heard, float(duration_sec))
        presence = Presence.sample(prosody, style, seed)
        mouth = np.clip(speech * np.float32(style.articulation), 0.0, 1.0)
        layers = {SPEECH_LAYER: mouth} | presence.layers(times_sec)
        head_pose = presence.head_pose(times_sec)
        return ExpressionTrack(layers, head_pose, ARKIT_SPACE, fps, float(start_sec))

    def curves(
        self,
        waveform: Float32[np.ndarray, " S"],
        sample_rate: int,
        progress: Progress | None = None,
    ) -> tuple[Float32[np.ndarray, "F 52"], Float32[np.ndarray, " F"]]:
        """ARKit weights `[F, 52]` and lip closure `[F]` at the network's own rate.

        Long sound goes through in pieces that overlap by all that a frame can depend on, so that the
        result does not show where they meet and memory stays bounded.
        """
        _require_sound(waveform)
        spec = self.specification
        samples = resample(waveform, sample_rate, spec.sample_rate_hz)
        num_frames = max(-(-len(samples) // spec.hop), 1)
        whole = -(-max(len(samples), 1) // spec.samples_step) * spec.samples_step
        samples = np.pad(samples, (0, whole - len(samples)))
        pieces = []
        for first in range(0, whole // spec.hop, CHUNK_FRAMES):
            _report(progress, spec.hop * first / whole)
            pieces.append(self._run_piece(samples, first, first + CHUNK_FRAMES))
        _report(progress, 1.0)
        arkit = np.concatenate([piece[0] for piece in pieces])[:num_frames]
        closure = np.concatenate([piece[1] for piece in pieces])[:num_frames]
        return arkit, closure

    def _run_piece(
        self, samples: np.ndarray, first: int, last: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Frames [first, last) of `samples`, computed with as much around them as they depend on."""
        spec = self.specification
        frames_step = spec.samples_step // spec.hop
        context = -(-spec.context_frames // frames_step) * frames_step
        begin = max(first - context, 0)
        heard = samples[begin * spec.hop : (last + context) * spec.hop]
        arkit, closure = self._session.run(None, {"waveform": heard})
        kept = slice(first - begin, last - begin)
        if not np.isfinite(arkit).all():
            raise ModelError(
                "The speech network gave numbers that are not finite: reinstall the extension."
            )
        return arkit[kept], closure[kept]


def _require_sound(waveform: np.ndarray) -> None:
    if waveform.ndim != 1:
        raise AudioError(f"The waveform has shape {waveform.shape}: give one channel, [S].")
    if waveform.size == 0:
        raise AudioError("There is no sound to analyse (zero samples): choose another file.")
    if not np.isfinite(waveform).all():
        raise AudioError("The sound holds samples that are not numbers: export it again.")


def _report(progress: Progress | None, done: float) -> None:
    if progress is not None and progress(done) is False:
        raise AnalysisCancelled(
            "The analysis of the sound was stopped: start it again when needed."
        )


def _num_cores() -> int:
    return os.cpu_count() or 1


def _onnxruntime_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises for files it cannot use; its classes share no base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile")
    names += ("NotImplemented", "RuntimeException", "EPFail", "ModelLoaded", "NoModel")
    return tuple(getattr(state, name) for name in names if hasattr(state, name))


def _check_contract(path: Path, session: object) -> SpeechSpecification:
    """Compare inputs, outputs and metadata of the file with what this module gives and expects."""
    metadata = session.get_modelmeta().custom_metadata_map
    if metadata.get("kind") != KIND:
        raise ModelError(f"'{path}' is a network of another kind: choose a speech network.")
    if metadata.get("version") != str(VERSION):
        raise ModelError(
            f"'{path}' is a speech network of version {metadata.get('version')}, this release reads "
            f"version {VERSION}: update the extension."
        )
    if metadata.get("code_space") != ARKIT_SPACE:
        raise ModelError(
            f"'{path}' speaks the code space {metadata.get('code_space')}, not {ARKIT_SPACE}: "
            "choose another speech network."
        )
    inputs = [(i.name, i.type, len(i.shape)) for i in session.get_inputs()]
    outputs = [(o.name, o.type, len(o.shape), o.shape[-1]) for o in session.get_outputs()]
    expected_in = [("waveform", "tensor(float)", 1)]
    is_arkit = outputs[:1] == [("arkit", "tensor(float)", 2, len(ARKIT_BLENDSHAPES))]
    is_closure = [o[:3] for o in outputs[1:]] == [("lip_closure", "tensor(float)", 1)]
    if inputs != expected_in or not (is_arkit and is_closure):
        raise ModelError(f"'{path}' has other inputs or outputs than a speech network: reinstall.")
    return _specification(path, metadata)


def _specification(path: Path, metadata: dict[str, str]) -> SpeechSpecification:
    names = ("sample_rate_hz", "frame_rate_hz", "samples_step", "context_frames")
    try:
        specification = SpeechSpecification(*(int(metadata[name]) for name in names))
    except (KeyError, ValueError):
        specification = SpeechSpecification(0, 0, 0, -1)
    rate, frame_rate = specification.sample_rate_hz, specification.frame_rate_hz
    is_whole = frame_rate > 0 and rate > 0 and rate % frame_rate == 0
    if not is_whole or specification.context_frames < 0:
        raise ModelError(f"'{path}' does not say its rates and context: reinstall the extension.")
    if specification.samples_step <= 0 or specification.samples_step % specification.hop:
        raise ModelError(f"'{path}' does not say its step in samples: reinstall the extension.")
    return specification
