"""The motion generator: what was heard and what is asked for in, what acting adds to the face out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..assets import DIRECTION_MODEL
from ..errors import ModelError
from ..landmarks import NUM_LANDMARKS
from ..progress import Progress, report
from ..sessions import open_session
from ..speech.heard import ActedSpeech, HeardSpeech
from .contract import (
    ACTING,
    CLOSURE,
    FEATURES_INPUT,
    LANDMARKS,
    NOISE,
    UNITS,
    WEIGHTS,
    GeneratorSpecification,
    check_contract,
)
from .direction import ActingDirection
from .features import PER_FRAME, heard_closure, heard_weights, speech_features

# Forty seconds: a piece is over soon after somebody cancels, and its context costs little.
CHUNK_FRAMES = 2000
MAX_TEMPERATURE = 3.0
# Seeds of a performance are shared with gaze, blinks and brows: this keeps the draws apart.
STREAM = 20


class MotionGenerator:
    """A generator read from an ONNX file; `open` checks the file before it is used.

    A flow gives a conditional variational network its latents, after Chang et al. 2025 (arXiv 2509.19749). The object
    holds no state between calls and may be shared by threads.
    """

    def __init__(self, session: object, specification: GeneratorSpecification) -> None:
        self._session = session
        self.specification = specification

    @classmethod
    def open(cls, path: Path | str = DIRECTION_MODEL) -> MotionGenerator:
        """Read the network at `path`; raises `ModelError` with the reason where it cannot be used."""
        path = Path(path)
        session = open_session(path, "motion generator")
        return cls(session, check_contract(path, session))

    def act(
        self,
        heard: HeardSpeech,
        direction: ActingDirection,
        *,
        seed: int = 0,
        temperature: float | int = 1.0,
        with_landmarks: bool = False,
        progress: Progress | None = None,
    ) -> ActedSpeech:
        """Act what was heard as the direction asks; another seed acts it another way.

        `temperature` is how far performances differ: at 0 there is one, the most usual. Long sound goes through in
        pieces that overlap by all that a frame can depend on, so that the result does not show where they meet.
        """
        if not 0.0 <= temperature <= MAX_TEMPERATURE:
            raise ModelError(
                f"The temperature of the acting is {temperature}: give 0 to {MAX_TEMPERATURE:g}."
            )
        if seed < 0:
            raise ModelError(f"The seed of the acting is {seed}: give 0 or more.")
        given = self._given(heard, direction, seed, temperature)
        num_frames, rows = len(given[FEATURES_INPUT]), len(heard.levels)
        acting = np.empty_like(given[WEIGHTS])
        points = np.empty((len(acting), NUM_LANDMARKS, 3), np.float32) if with_landmarks else None
        stride = self.specification.stride
        size = max(CHUNK_FRAMES // stride, 1) * stride
        for first in range(0, num_frames, size):
            report(progress, first / num_frames)
            self._piece(given, (first, min(first + size, num_frames)), acting, points)
        report(progress, 1.0)
        landmarks = None if points is None else points[:rows]
        return ActedSpeech(acting[:rows], given[CLOSURE][:rows], heard.rate_hz, landmarks)

    def _given(
        self,
        heard: HeardSpeech,
        direction: ActingDirection,
        seed: int,
        temperature: float | int,
    ) -> dict[str, np.ndarray]:
        """All that goes into the network, in whole strides: zeros stand behind the sound."""
        spec = self.specification
        if heard.rate_hz != PER_FRAME * spec.frame_rate_hz:
            raise ModelError(
                f"The speech was heard at {heard.rate_hz} frames a second, the motion generator takes "
                f"{PER_FRAME * spec.frame_rate_hz}: listen to the sound again."
            )
        missing = -len(heard.levels) % (PER_FRAME * spec.stride)
        weights = np.pad(heard_weights(heard), ((0, missing), (0, 0)))
        closure = np.pad(heard_closure(heard), (0, missing))
        features = speech_features(weights, closure, heard.prosody, heard.rate_hz)
        times_sec = (np.arange(len(features)) + 0.5) / spec.frame_rate_hz
        rng = np.random.default_rng([seed, STREAM])
        latents = len(features) // spec.stride
        noise = rng.standard_normal((latents, spec.noise_dim), np.float32)
        return {
            FEATURES_INPUT: features,
            UNITS: direction.at(times_sec),
            NOISE: np.float32(temperature) * noise,
            WEIGHTS: weights,
            CLOSURE: closure,
        }

    def _piece(
        self,
        given: dict[str, np.ndarray],
        frames: tuple[int, int],
        acting: np.ndarray,
        points: np.ndarray | None,
    ) -> None:
        """Act the frames from a first to before a last, with what they depend on around them."""
        spec, num_frames = self.specification, len(given[FEATURES_INPUT])
        reach = -(-spec.reach // spec.stride) * spec.stride
        first, last = frames
        begin, end = max(first - reach, 0), min(last + reach, num_frames)
        around = {
            name: values[begin * len(values) // num_frames : end * len(values) // num_frames]
            for name, values in given.items()
        }
        wanted = [ACTING] if points is None else [ACTING, LANDMARKS]
        outputs = self._session.run(wanted, around)
        if not all(np.isfinite(values).all() for values in outputs):
            raise ModelError(
                "The motion generator gave numbers that are not finite: reinstall the extension."
            )
        rows = slice(PER_FRAME * first, PER_FRAME * last)
        kept = slice(PER_FRAME * (first - begin), PER_FRAME * (last - begin))
        for target, values in zip((acting, points), outputs, strict=False):
            target[rows] = values[kept]
