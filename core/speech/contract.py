"""What a speech network's file says of itself, checked before the network is used."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from ..errors import ModelError
from ..sessions import require_kind
from ..spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from .style import SpeechStyle

KIND, VERSION = "gaussian_heads.speech", 2
WAVEFORM, STYLE = "waveform", "style"
ARKIT, CLOSURE, VOICE = "arkit", "lip_closure", "voice"


@dataclass(frozen=True)
class SpeechSpecification:
    """Rates of a speech network and how far it looks; frames are of its own rate.

    A frame of its output depends on `past_frames` before it and `future_frames` after it, and on nothing
    else. `style_names` are the fields of `SpeechStyle` that go into the network, in its order.
    """

    sample_rate_hz: int
    frame_rate_hz: int
    samples_step: int
    past_frames: int
    future_frames: int
    style_names: tuple[str, ...]

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.sample_rate_hz // self.frame_rate_hz

    @property
    def look_ahead_sec(self) -> float:
        """How much of the sound after a frame must be known before the frame is."""
        return self.future_frames / self.frame_rate_hz


def check_contract(path: Path, session: object) -> SpeechSpecification:
    """Compare inputs, outputs and metadata of the file with what `SpeechModel` gives and expects."""
    metadata = require_kind(path, session, KIND, VERSION, "speech network")
    if metadata.get("code_space") != ARKIT_SPACE:
        raise ModelError(
            f"'{path}' speaks the code space {metadata.get('code_space')}, not {ARKIT_SPACE}: "
            "choose another speech network."
        )
    specification = _specification(path, metadata)
    _check_tensors(path, session, specification)
    return specification


def _check_tensors(path: Path, session: object, specification: SpeechSpecification) -> None:
    inputs = [_Tensor.of(value) for value in session.get_inputs()]
    outputs = [_Tensor.of(value) for value in session.get_outputs()]
    expected_in = [_Tensor(WAVEFORM), _Tensor(STYLE, width=len(specification.style_names))]
    expected_out = [_Tensor(ARKIT, 2, len(ARKIT_BLENDSHAPES)), _Tensor(CLOSURE), _Tensor(VOICE)]
    if inputs != expected_in or outputs != expected_out:
        raise ModelError(f"'{path}' has other inputs or outputs than a speech network: reinstall.")


@dataclass(frozen=True)
class _Tensor:
    """An input or output; `width` is its last size where that is no number of samples or frames."""

    name: str
    rank: int = 1
    width: int = 0
    type: str = "tensor(float)"

    @classmethod
    def of(cls, value: object) -> _Tensor:
        has_width = value.name in (STYLE, ARKIT) and value.shape
        width = value.shape[-1] if has_width else 0
        return cls(value.name, len(value.shape), width, value.type)


def _specification(path: Path, metadata: dict[str, str]) -> SpeechSpecification:
    names = ("sample_rate_hz", "frame_rate_hz", "samples_step", "past_frames", "future_frames")
    styles = tuple(filter(None, metadata.get("style_names", "").split(",")))
    try:
        specification = SpeechSpecification(*(int(metadata[name]) for name in names), styles)
    except (KeyError, ValueError):
        specification = SpeechSpecification(0, 0, 0, -1, -1, styles)
    rate, frame_rate = specification.sample_rate_hz, specification.frame_rate_hz
    is_whole = frame_rate > 0 and rate > 0 and rate % frame_rate == 0
    if not is_whole or min(specification.past_frames, specification.future_frames) < 0:
        raise ModelError(f"'{path}' does not say its rates and context: reinstall the extension.")
    if specification.samples_step <= 0 or specification.samples_step % specification.hop:
        raise ModelError(f"'{path}' does not say its step in samples: reinstall the extension.")
    unknown = sorted(set(styles) - {field.name for field in fields(SpeechStyle)})
    if unknown:
        raise ModelError(f"'{path}' asks for the style '{unknown[0]}': update the extension.")
    return specification
