"""The portrait network: a photo and landmarks in, pictures out, by a few steps of flow matching.

Lipman et al. 2023 (arXiv 2210.02747); `training/portrait/flow.py` is the same in torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8

from ..assets import ASSETS
from ..errors import ModelError
from ..progress import Progress
from ..sessions import first_line, open_session, require_kind, runtime_errors
from .drawing import landmark_maps, noise_spread
from .warping import warp_field
from .window import PORTRAIT_PX

PORTRAIT_FOLDER = ASSETS / "portrait"
VERSION = 1
# Steps from noise to a picture (more gain nothing: docs/BENCHMARKS.md), and how far the landmarks count beyond what
# the network says without them.
STEPS, GUIDANCE = 1, 1.0
MOST_STEPS = 64
# All frames begin from one noise: what differs between them is what the landmarks say.
NOISE_SEED = 0
ENCODED = ("fine", "coarse")
INPUTS = {
    "reference": ("picture", "maps"),
    "denoiser": ("change", "time", "picture", "maps", "field", *ENCODED),
}
OUTPUTS = {"reference": ENCODED, "denoiser": ("clean", "warped")}


class PortraitStopped(ModelError):
    """The progress callback asked to stop."""


@dataclass(frozen=True, eq=False)
class PortraitReference:
    """What the network knows of a photo: its pixels in [-1, 1], its points in [0, 1], and features of both."""

    picture: Float32[np.ndarray, "1 3 256 256"]
    points: Float32[np.ndarray, "70 2"]
    features: Mapping[str, Float32[np.ndarray, "1 C H W"]]


class PortraitModel:
    """Draws frames of one person's film; holds no state between calls and may be shared by threads."""

    def __init__(self, folder: Path, sessions: Mapping[str, object], change_scale: float) -> None:
        self.folder, self.change_scale = folder, change_scale
        self._sessions = dict(sessions)

    @classmethod
    def open(cls, folder: Path | str | None = None, *, num_threads: int = 0) -> PortraitModel:
        """Read both networks in `folder`, by default those that ship; raises `ModelError` where they cannot be used."""
        folder = Path(folder or PORTRAIT_FOLDER)
        require_networks(folder)
        sessions, scale = {}, 0.0
        for name, path in network_files(folder).items():
            title = f"portrait network ({name})"
            sessions[name] = open_session(path, title, num_threads)
            kind = f"gaussian_heads.portrait.{name}"
            metadata = require_kind(path, sessions[name], kind, VERSION, title)
            _require_ports(path, sessions[name], INPUTS[name], OUTPUTS[name])
            scale = _change_scale(path, metadata)
        return cls(folder, sessions, scale)

    def reference(
        self, picture: UInt8[np.ndarray, "256 256 3"], points: Float[np.ndarray, "70 2"]
    ) -> PortraitReference:
        """What the network needs of a photo's window and of the landmarks and irises in it, read once."""
        pixels = picture.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(127.5) - 1
        points = np.asarray(points, np.float32)
        features = self._run(
            "reference", ENCODED, {"picture": pixels, "maps": landmark_maps(points[None])}
        )
        return PortraitReference(pixels, points, dict(zip(ENCODED, features, strict=True)))

    def draw(
        self,
        reference: PortraitReference,
        points: Float[np.ndarray, "N 70 2"],
        *,
        steps: int = STEPS,
        guidance: float | int = GUIDANCE,
        progress: Progress | None = None,
    ) -> UInt8[np.ndarray, "N 256 256 3"]:
        """N consecutive frames with landmarks and irises at `points` in [0, 1] of the photo's window.

        `progress` is told the part that is done and may stop it (`PortraitStopped`).
        """
        if not 1 <= steps <= MOST_STEPS:
            raise ModelError(f"A portrait is drawn in 1 to {MOST_STEPS} steps, not {steps}.")
        given = self._conditions(reference, points)
        count = len(points)
        change = noise() * _unfolded(noise_spread(given["maps"]))
        warped = None
        for step in range(steps):
            if progress is not None and progress(step / steps) is False:
                raise PortraitStopped(
                    "Drawing the portrait was stopped: start it again when needed."
                )
            time = np.full(count, step / steps, np.float32)
            clean, warped = self._clean(change, time, given, guidance)
            # From here the way is straight towards the clean change.
            change = change + (clean - change) / np.float32(steps - step)
        pictures = np.clip(warped + np.float32(self.change_scale) * change, -1.0, 1.0)
        values = (pictures.transpose(0, 2, 3, 1) + 1) * np.float32(127.5) + np.float32(0.5)
        return np.clip(values, 0, 255).astype(np.uint8)

    def _conditions(
        self, reference: PortraitReference, points: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The denoiser's inputs that do not flow."""
        fields = np.stack([warp_field(reference.points, driven) for driven in points])
        return {
            "picture": reference.picture,
            "maps": landmark_maps(points),
            "field": np.ascontiguousarray(fields.transpose(0, 3, 1, 2)),
            **reference.features,
        }

    def _clean(
        self,
        change: np.ndarray,
        time: np.ndarray,
        given: Mapping[str, np.ndarray],
        guidance: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The change without noise as it is seen from here, unscaled as `change` is, and the warped photo."""

        def predicted(conditions: Mapping[str, np.ndarray]) -> list[np.ndarray]:
            return self._run(
                "denoiser", OUTPUTS["denoiser"], {"change": change, "time": time, **conditions}
            )

        clean, warped = predicted(given)
        if guidance != 1.0:
            # Without landmarks: guidance without a classifier (Ho & Salimans 2022).
            blind, _ = predicted({**given, "maps": np.zeros_like(given["maps"])})
            clean = blind + np.float32(guidance) * (clean - blind)
        return clean / np.float32(self.change_scale), warped

    def _run(
        self, name: str, outputs: Sequence[str], inputs: Mapping[str, np.ndarray]
    ) -> list[np.ndarray]:
        path = network_files(self.folder)[name]
        try:
            found = self._sessions[name].run(list(outputs), dict(inputs))
        except runtime_errors() as error:
            raise ModelError(
                f"The portrait network '{path}' failed ({first_line(error)}): reinstall the extension."
            ) from None
        if not all(np.isfinite(value).all() for value in found):
            raise ModelError(
                f"The portrait network '{path}' gave numbers that are not finite: reinstall the extension."
            )
        return found


def network_files(folder: Path | None = None) -> dict[str, Path]:
    """The files of both networks in `folder`, by default of those that ship."""
    return {name: (folder or PORTRAIT_FOLDER) / f"{name}.onnx" for name in INPUTS}


def require_networks(folder: Path | None = None) -> None:
    """Raise `ModelError` where the networks are not there, as in builds without them."""
    missing = [path for path in network_files(folder).values() if not path.is_file()]
    if missing:
        raise ModelError(
            f"The portrait network is not part of this build: there is no '{missing[0]}', take a build that has it, "
            "or animate an avatar without a photo."
        )


def noise(seed: int = NOISE_SEED) -> Float32[np.ndarray, "1 3 256 256"]:
    """What every frame begins from."""
    shape = (1, 3, PORTRAIT_PX, PORTRAIT_PX)
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def _unfolded(spread: np.ndarray) -> np.ndarray:
    """`[N, 1, 64, 64]` for every pixel, `[N, 1, 256, 256]`."""
    times = PORTRAIT_PX // spread.shape[-1]
    return spread.repeat(times, axis=2).repeat(times, axis=3)


def _require_ports(
    path: Path, session: object, inputs: Sequence[str], outputs: Sequence[str]
) -> None:
    found = [
        {port.name for port in ports} for ports in (session.get_inputs(), session.get_outputs())
    ]
    if found != [set(inputs), set(outputs)]:
        raise ModelError(
            f"'{path}' has other inputs or outputs than a portrait network: reinstall the extension."
        )


def _change_scale(path: Path, metadata: Mapping[str, str]) -> float:
    try:
        scale = float(metadata["change_scale"])
    except (KeyError, ValueError):
        scale = 0.0
    if not 0.0 < scale < 100.0:
        raise ModelError(
            f"'{path}' does not say the scale of its changes: reinstall the extension."
        )
    return scale
