"""What was heard in a sound, and any performance of it: the network and the prosody are needed once.

What is held is rounded to the 65 535 levels that are stored, so that a performance is the same to the bit from a
sound just heard and from stored bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float32

from ..errors import AudioError
from ..expression import ExpressionTrack
from ..progress import Progress, report
from ..spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from .beginning import LEAD_IN_SEC
from .heard_bytes import StoredSpeech
from .mouth import MouthCurves, smoothing_taps
from .presence import Presence
from .prosody import Prosody
from .resampling import frame_times_sec, require_frames, resample_curves
from .style import SpeechStyle

SPEECH_LAYER, ACTING_LAYER = "speech", "acting"
# A weight of 1 as it is stored.
FULL_LEVEL = 65_535
# Frames of a track, and seconds of the sound, that are performed between two reports of progress.
TRACK_FRAMES, TRACK_SEC = 40_000, 600.0
# After the sound the mouth comes to rest.
LEAD_OUT_SEC = 0.2


@dataclass(frozen=True, eq=False)
class ActedSpeech:
    """What acting adds to the ARKit weights of speech, row `i` at `(i + 0.5) / rate_hz` seconds of the sound.

    `weights` may be negative where speech gives way to acting. `landmarks` (m, avatar frame) are those of the
    prior's mean head with speech and acting; None where they were not asked for.
    """

    weights: Float32[np.ndarray, "F 52"]
    lip_closure: Float32[np.ndarray, " F"]
    rate_hz: int
    landmarks: Float32[np.ndarray, "F 68 3"] | None = None

    def sampled(self, times_sec: np.ndarray, frame_sec: float) -> Float32[np.ndarray, "T 52"]:
        """The weights at ascending times, each frame `frame_sec` long: at the moments that speech shows too."""
        whole = np.empty((len(times_sec), self.weights.shape[1]), np.float32)
        for first in range(0, len(times_sec), TRACK_FRAMES):
            rows = slice(first, first + TRACK_FRAMES)
            whole[rows] = resample_curves(
                self.weights, self.lip_closure, self.rate_hz, times_sec[rows], frame_sec
            )
        return whole


@dataclass(frozen=True, eq=False)
class HeardSpeech(StoredSpeech):
    """A sound as it was heard with one `effort`; `SpeechModel.listen` makes it, `from_bytes` reads it."""

    @classmethod
    def of(
        cls,
        arkit: Float32[np.ndarray, "F 52"],
        lip_closure: Float32[np.ndarray, " F"],
        rate_hz: int,
        prosody: Prosody,
        *,
        duration_sec: Fraction,
        effort: float | int = 1.0,
    ) -> HeardSpeech:
        """What is kept of curves from 0 to 1."""
        levels = np.empty(arkit.shape, np.uint16)
        for first in range(0, len(arkit), TRACK_FRAMES):
            rows = slice(first, first + TRACK_FRAMES)
            levels[rows] = _levels(arkit[rows])
        channels = tuple(int(index) for index in np.flatnonzero(levels.any(0)))
        return cls(
            channels,
            np.ascontiguousarray(levels[:, channels]),
            _levels(lip_closure),
            rate_hz,
            duration_sec,
            prosody,
            float(effort),
        )

    def perform(
        self,
        *,
        fps: Fraction,
        start_sec: float | int = 0.0,
        num_frames: int | None = None,
        seed: int = 0,
        style: SpeechStyle | None = None,
        acted: ActedSpeech | None = None,
        progress: Progress | None = None,
    ) -> ExpressionTrack:
        """Expression track with the layers "speech", "upper_face", "blink" and "gaze" in ARKit-52, and the
        head's pose; what was `acted` of this sound is a layer of its own, "acting", as far as the others leave
        room for it between 0 and 1.

        Frames lie at `start_sec + t / fps` seconds of the sound: `num_frames` of them, or as many as begin
        before its end. Of the style all but `effort` counts; `seed` decides all but the mouth.
        """
        style = style or SpeechStyle()
        if num_frames is None:
            num_frames = require_frames(self.duration_sec, fps, start_sec)
        if num_frames <= 0:
            raise AudioError(f"A performance of {num_frames} frames was asked for: give 1 or more.")
        report(progress, 0.0)
        times_sec = frame_times_sec(num_frames, fps, start_sec) - 1e-3 * style.sync_ms
        presence = Presence.sample(self.prosody, style, seed)
        layers, head_pose = self._sampled(presence, times_sec, float(1 / fps), progress)
        if acted is not None:
            acting = acted.sampled(times_sec, float(1 / fps))
            _fit_beside(acting, layers)
            layers[ACTING_LAYER] = acting
        return ExpressionTrack(layers, head_pose, ARKIT_SPACE, fps, float(start_sec), is_heard=True)

    def _sampled(
        self, presence: Presence, times_sec: np.ndarray, frame_sec: float, progress: Progress | None
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Layers `[T, 52]` by name and head poses `[T, 6]` at ascending times, some frames at a time."""
        num_frames = len(times_sec)
        step = max(min(TRACK_FRAMES, int(TRACK_SEC / frame_sec)), 1)
        whole: dict[str, np.ndarray] = {}
        head_pose = np.empty((num_frames, 6), np.float32)
        for first in range(0, num_frames, step):
            report(progress, first / num_frames)
            rows = slice(first, first + step)
            moment = times_sec[rows]
            speech = self._mouth(moment, frame_sec, presence.style)
            for name, values in ({SPEECH_LAYER: speech} | presence.layers(moment)).items():
                column = whole.setdefault(name, np.zeros((num_frames, values.shape[1]), np.float32))
                column[rows] = values
            head_pose[rows] = presence.head_pose(moment)
        report(progress, 1.0)
        return whole, head_pose

    def _mouth(
        self, times_sec: np.ndarray, frame_sec: float, style: SpeechStyle
    ) -> Float32[np.ndarray, "T 52"]:
        """The speech layer at ascending times."""
        first, last = self._rows_about(times_sec, frame_sec)
        reach = len(smoothing_taps(style, self.rate_hz)) // 2
        around = slice(max(first - reach, 0), last + reach)
        closure = from_levels(self.closure_levels[around])
        curves = MouthCurves(self.channels, from_levels(self.levels[around]), closure)
        kept = slice(first - around.start, last - around.start)
        shown = resample_curves(
            curves.styled(style, self.rate_hz)[kept],
            closure[kept],
            self.rate_hz,
            times_sec,
            frame_sec,
            first_row=first,
        )
        begun = 1.0 + times_sec / LEAD_IN_SEC
        ended = 1.0 + (float(self.duration_sec) - times_sec) / LEAD_OUT_SEC
        awake = np.clip(np.minimum(begun, ended), 0.0, 1.0).astype(np.float32)[:, None]
        layer = np.zeros((len(times_sec), len(ARKIT_BLENDSHAPES)), np.float32)
        layer[:, self.channels] = np.clip(
            np.float32(style.articulation) * (awake * shown), 0.0, 1.0
        )
        return layer

    def _rows_about(self, times_sec: np.ndarray, frame_sec: float) -> tuple[int, int]:
        """The first row that frames at the times show, and one past the last."""
        earliest, latest = times_sec[[0, -1]] + np.array([-frame_sec, frame_sec])
        last_row = len(self.levels) - 1
        first = min(max(math.floor(earliest * self.rate_hz) - 1, 0), last_row)
        return first, min(max(math.ceil(latest * self.rate_hz) + 1, first), last_row) + 1


def _fit_beside(acting: np.ndarray, layers: Mapping[str, np.ndarray]) -> None:
    """Keep the sum of all layers within 0 to 1, in place, as far as it is acting that leads out of it.

    Eyes that are held shut blink no further, and a style that speaks less leaves less to take back.
    """
    for first in range(0, len(acting), TRACK_FRAMES):
        rows = slice(first, first + TRACK_FRAMES)
        others = sum(layer[rows] for layer in layers.values())
        least, most = -np.maximum(others, 0.0), np.maximum(1.0 - others, 0.0)
        np.clip(acting[rows], least, most, out=acting[rows])


def _levels(weights: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(weights, 0.0, 1.0) * np.float32(FULL_LEVEL)).astype(np.uint16)


def from_levels(levels: np.ndarray) -> np.ndarray:
    """Weights from 0 to 1 of stored levels."""
    return levels * np.float32(1.0 / FULL_LEVEL)
