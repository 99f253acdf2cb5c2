"""Expression tracks: what the audio analysis hands to Blender, layer by layer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from .array_files import read_arrays, write_arrays
from .errors import TrackError
from .json_text import parse_json

FORMAT, FORMAT_VERSION = "gaussian_heads.track", 1
MAX_FRAMES = 2_000_000
# No code and no pose comes near, nor does a second of any sound or a frame rate.
MAX_NUMBER = 1e6


@dataclass(frozen=True)
class ExpressionTrack:
    """Codes per frame as a sum of named layers, kept unscaled so that strengths can change later.

    Frame `t` lies at `start_sec + t / fps` seconds of the analysed sound. `layers` maps names such as
    "speech" and "blink" to `[T, D]`; `head_pose` is a rotation vector (rad) and a translation (m)
    about the avatar's neck pivot, `[T, 6]`; `code_space` names the space the codes live in. `is_heard` says
    that the speech layer is what the speech network heard, to which an avatar may add its personal motion.
    """

    layers: dict[str, Float32[np.ndarray, "T D"]]
    head_pose: Float32[np.ndarray, "T 6"]
    code_space: str
    fps: Fraction
    start_sec: float = 0.0
    is_heard: bool = False

    def __post_init__(self) -> None:
        if not self.layers:
            raise TrackError("The track has no layers: give at least one named array of codes.")
        shape = next(iter(self.layers.values())).shape
        for name, codes in self.layers.items():
            if codes.ndim != 2 or codes.shape != shape:
                raise TrackError(
                    f"Layer '{name}' has shape {codes.shape}, the first layer {shape}: make them equal."
                )
            if not np.isfinite(codes).all():
                raise TrackError(
                    f"Layer '{name}' holds numbers that are not finite: make the track again."
                )
        if self.head_pose.shape != (shape[0], 6) or not np.isfinite(self.head_pose).all():
            raise TrackError(
                f"The head pose must be finite and of shape {(shape[0], 6)}, not {self.head_pose.shape}."
            )
        if not 0 < self.fps <= MAX_NUMBER:
            raise TrackError(f"The track's frame rate is {self.fps}: it must be positive.")
        if not math.isfinite(self.start_sec) or abs(self.start_sec) > MAX_NUMBER:
            raise TrackError(
                f"The track starts at {self.start_sec} s: nothing does, make the track again."
            )

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return self.head_pose.shape[0]

    @property
    def code_dim(self) -> int:
        """Number of code channels D."""
        return next(iter(self.layers.values())).shape[1]

    def times_sec(self) -> np.ndarray:
        """Seconds of every frame in the analysed sound, `[T]` float64."""
        return self.start_sec + np.arange(self.num_frames) / float(self.fps)

    def codes(self, strengths: Mapping[str, float] | None = None) -> Float32[np.ndarray, "T C"]:
        """Sum of the layers, each times its strength (1 where none is given), `[T, D]`."""
        strengths = strengths or {}
        total = np.zeros((self.num_frames, self.code_dim), np.float32)
        for name, layer in self.layers.items():
            total += np.float32(strengths.get(name, 1.0)) * layer
        return total

    def save(self, path: Path) -> None:
        """Write the track as `.npz` (arrays only, no pickles)."""
        header = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "code_space": self.code_space,
            "fps": [self.fps.numerator, self.fps.denominator],
            "start_sec": self.start_sec,
            "layers": list(self.layers),
            "is_heard": self.is_heard,
        }
        arrays = {f"layer_{i}": codes for i, codes in enumerate(self.layers.values())}
        arrays |= {"header": np.array(json.dumps(header)), "head_pose": self.head_pose}
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path) -> ExpressionTrack:
        """Read a track written by `save`; raises `TrackError` with the reason when it is not one."""
        try:
            return cls._of_arrays(read_arrays(Path(path)))
        except FileNotFoundError:
            raise TrackError(f"There is no file '{path}': check the path.") from None
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
            raise TrackError(
                f"'{path}' is not an expression track ({error}): make it with 'gaussian-heads speech'."
            ) from None

    @classmethod
    def _of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ExpressionTrack:
        header = parse_json(str(arrays["header"]))
        if header["format"] != FORMAT:
            raise ValueError("it is of another format")
        if header["version"] != FORMAT_VERSION:
            raise ValueError(f"it is of another version, {header['version']}")
        names = [str(name) for name in header["layers"]]
        layers = {name: arrays[f"layer_{i}"] for i, name in enumerate(names)}
        return cls(
            {name: _singles(codes) for name, codes in layers.items()},
            _singles(arrays["head_pose"]),
            str(header["code_space"]),
            Fraction(*header["fps"]),
            float(header["start_sec"]),
            header.get("is_heard") is True,
        )


def _singles(values: np.ndarray) -> Float32[np.ndarray, "T C"]:
    """Numbers as float32; refuses what no code and no pose is."""
    # Not a number is neither within nor beyond: both comparisons must hold.
    is_within = values.dtype.kind in "fiu" and (
        not values.size or (values.min() >= -MAX_NUMBER and values.max() <= MAX_NUMBER)
    )
    if not is_within:
        raise ValueError(f"it holds numbers that are not finite or beyond {MAX_NUMBER:g}")
    return np.asarray(values, np.float32)
