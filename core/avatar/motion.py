"""Personal motion: from what is heard to the audio vector that some decoders take beside the code.

After PGSTalker (Zhu et al. 2025, arXiv 2509.16922), which deforms a person's Gaussians by sound on top of
where they lie. The window of moments is that of its forerunner TalkingGaussian (Li et al. 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float32, Int32

from ..errors import AvatarError
from ..expression import ExpressionTrack
from ..spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from .archive import MOTION
from .tensors import TensorSpec, load_tensors, save_tensors

SPEECH_LAYER = "speech"
MAX_MOMENTS, MAX_HIDDEN, MAX_OFFSET_SEC = 64, 1024, 2.0


@dataclass(frozen=True, eq=False)
class SpeechMotion:
    """A small network from the ARKit weights heard about a moment to A numbers in (-1, 1).

    `x` stacks the weights of `channels` at `offsets_sec` from the moment, one moment after another; the vector
    is `tanh(f(x) - f(0))` with `f(x) = weights_out · max(weights_in · x + bias_in, 0)`: nothing for silence.
    """

    offsets_sec: Float32[np.ndarray, " K"]
    channels: Int32[np.ndarray, " C"]
    weights_in: Float32[np.ndarray, "H KC"]
    bias_in: Float32[np.ndarray, " H"]
    weights_out: Float32[np.ndarray, "A H"]

    @property
    def dim(self) -> int:
        """Numbers A per frame."""
        return len(self.weights_out)

    def vectors(
        self, speech: Float32[np.ndarray, "T 52"], fps: Fraction
    ) -> Float32[np.ndarray, "T A"]:
        """Audio vectors of every frame of a speech layer in ARKit weights; its ends hold."""
        window = speech_window(speech, self.channels, self.offsets_sec * float(fps))
        hidden = np.maximum(window @ self.weights_in.T + self.bias_in, 0.0)
        at_rest = np.maximum(self.bias_in, 0.0)
        return np.tanh((hidden - at_rest) @ self.weights_out.T).astype(np.float32)

    def to_bytes(self) -> bytes:
        """The network as the member `motion.safetensors`."""
        return save_tensors(vars(self))

    @classmethod
    def from_bytes(cls, data: bytes, motion_dim: int) -> SpeechMotion:
        """Read and check the member `motion.safetensors` of an avatar with `motion_dim` numbers."""
        specs = {
            "offsets_sec": TensorSpec(np.float32, (-1,)),
            "channels": TensorSpec(np.int32, (-1,)),
            "weights_in": TensorSpec(np.float32, (-1, -1)),
            "bias_in": TensorSpec(np.float32, (-1,)),
            "weights_out": TensorSpec(np.float32, (motion_dim, -1)),
        }
        arrays = load_tensors(data, MOTION, specs)
        _check(arrays)
        return cls(**arrays)


def speech_window(
    speech: Float32[np.ndarray, "T 52"], channels: np.ndarray, offsets_frames: np.ndarray
) -> Float32[np.ndarray, "T KC"]:
    """Weights of `channels` at offsets (frames) from every frame, between frames on a line; the ends hold."""
    chosen, last = speech[:, channels], len(speech) - 1
    moments = []
    for offset in offsets_frames:
        times = np.clip(np.arange(len(speech)) + float(offset), 0, last)
        below = np.minimum(times.astype(np.int64), max(last - 1, 0))
        share = (times - below)[:, None].astype(np.float32)
        above = np.minimum(below + 1, last)
        moments.append((1 - share) * chosen[below] + share * chosen[above])
    return np.concatenate(moments, axis=1).astype(np.float32)


def track_motion(
    track: ExpressionTrack, motion: SpeechMotion | None
) -> Float32[np.ndarray, "T A"] | None:
    """Audio vectors of a track that was heard by the speech network; None where there is nothing to move.

    Codes from a video or a capture show how a person moves already, so they get none.
    """
    is_speech = track.is_heard and track.code_space == ARKIT_SPACE and SPEECH_LAYER in track.layers
    if motion is None or not is_speech:
        return None
    return motion.vectors(track.layers[SPEECH_LAYER], track.fps)


def _check(arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse sizes that do not belong together and channels that do not exist."""
    offsets_sec, channels = arrays["offsets_sec"], arrays["channels"]
    moments, hidden = len(offsets_sec), len(arrays["bias_in"])
    if not (1 <= moments <= MAX_MOMENTS and 1 <= hidden <= MAX_HIDDEN and len(channels)):
        _refuse(f"has {moments} moments, {len(channels)} channels and {hidden} hidden numbers")
    wanted = (hidden, moments * len(channels))
    if arrays["weights_in"].shape != wanted:
        _refuse(f"has weights_in of shape {arrays['weights_in'].shape}, not {wanted}")
    if arrays["weights_out"].shape[1] != hidden:
        _refuse(f"has weights_out of shape {arrays['weights_out'].shape} for {hidden} numbers")
    if np.abs(offsets_sec).max() > MAX_OFFSET_SEC:
        _refuse(f"looks further than {MAX_OFFSET_SEC:g} s")
    count = len(ARKIT_BLENDSHAPES)
    if channels.min() < 0 or channels.max() >= count or (np.diff(channels) < 1).any():
        _refuse(f"names channels that are not ascending ones of ARKit's {count}")


def _refuse(fault: str) -> None:
    raise AvatarError(f"Its member '{MOTION}' {fault}: export the avatar again.")
