"""What a face does beside the mouth: gaze, blinks, brows and head, sampled to go with the voice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from ..spaces import ARKIT_INDEX
from .blinks import BLINK_LAYER, Blink, blink_layer, blink_occasions, blink_times
from .brows import BROW_LAYER, BrowRaise, brow_layer, sample_raises
from .gaze import GAZE_LAYER, GazeShift, gaze_direction, gaze_layer, sample_gaze
from .head_motion import HeadStrokes, head_motion, head_pose, sample_strokes
from .prosody import Prosody
from .style import SpeechStyle

_LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


@dataclass(frozen=True)
class Presence:
    """Events of one performance in seconds of the sound; the same for every frame rate and start."""

    prosody: Prosody
    style: SpeechStyle
    seed: int
    shifts: list[GazeShift]
    blinks: list[Blink]
    raises: list[BrowRaise]
    strokes: HeadStrokes

    @classmethod
    def sample(cls, prosody: Prosody, style: SpeechStyle, seed: int) -> Presence:
        """Another seed gives another performance of the same sound."""
        shifts = sample_gaze(prosody, amount=style.gaze, liveliness=style.liveliness, seed=seed)
        blinks = blink_times(
            prosody.duration_sec,
            blinks_per_min=style.blinks_per_min,
            seed=seed,
            occasions_sec=blink_occasions(prosody, shifts),
        )
        raises = sample_raises(prosody, liveliness=style.liveliness, seed=seed)
        strokes = sample_strokes(prosody, shifts, liveliness=style.liveliness, seed=seed)
        return cls(prosody, style, seed, shifts, blinks, raises, strokes)

    def head_pose(self, times_sec: Float64[np.ndarray, " T"]) -> Float32[np.ndarray, "T 6"]:
        """Rotation vectors (rad) and translations (m) at ascending times."""
        return head_pose(self._head(times_sec))

    def layers(
        self, times_sec: Float64[np.ndarray, " T"]
    ) -> dict[str, Float32[np.ndarray, "T 52"]]:
        """ARKit weights by layer at ascending times: "upper_face", "blink" and "gaze"."""
        style = self.style
        brows = brow_layer(times_sec, self.prosody, self.raises, amount=style.brows, seed=self.seed)
        blink = blink_layer(times_sec, self.blinks)
        layers = {BROW_LAYER: brows, BLINK_LAYER: blink, GAZE_LAYER: np.zeros_like(blink)}
        if style.gaze > 0:
            look = gaze_direction(times_sec, self.shifts, amount=style.gaze, seed=self.seed)
            # Yaw and pitch of the head, which the eyes make up for to hold their direction.
            turned = min(style.gaze, 1.0) * self._head(times_sec)[:, [1, 0]]
            layers[GAZE_LAYER] = gaze_layer(look, turned, blink[:, _LIDS].max(1))
        return layers

    def _head(self, times_sec: np.ndarray) -> np.ndarray:
        return head_motion(times_sec, self.strokes, amount=self.style.head, seed=self.seed)
