"""Learn how a person's face moves with their speech beyond the universal code, from their talking video.

The person is fitted already and stays as it is. What is learned follows the difference between the head under the
codes that the pictures show and under those that the speech network hears, and then the pictures themselves.
After PGSTalker (Zhu et al. 2025, arXiv 2509.16922); weights of the penalties are TalkingGaussian's (Li et al. 2024).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ...core.avatar import Controls, SpeechMotion
from ..networks.personal_motion import (
    MotionShape,
    MovingHead,
    PersonalMotion,
)
from ..prior_settings import TrainingError
from .motion_drawing import MouthPainter
from .motion_fit import MotionFit
from .motion_places import MouthPlaces, mouth_places
from .motion_sound import OFFSETS_SEC, Spoken, chosen, listen, spoken
from .motion_targets import distil
from .subject import VideoSubject

logger = logging.getLogger(__name__)
Progress = Callable[[float, Path | None], None]
LEAST_FRAMES = 30
# Where in the whole the distillation's targets are known.
TARGETS_PART = 0.2


@dataclass(frozen=True)
class MotionSettings:
    """How the personal motion is learned."""

    shape: MotionShape = field(default_factory=MotionShape)
    steps: int = 400
    # The last steps also follow pictures.
    picture_steps: int = 80
    batch_frames: int = 16
    batch_places: int = 400
    rate: float = 3e-3
    last_rate: float = 0.03
    weight_decay: float = 0.05
    # Moments that lie further off than this are heard less.
    near_sec: float = 0.05
    # Noise on what is heard, as a weight, against learning sentences by heart.
    heard_noise: float = 0.03
    validation_share: float = 0.15
    check_steps: int = 50
    color_weight: float = 0.3
    landmark_weight: float = 1.0
    gap_weight: float = 0.2
    shut_weight: float = 1.0
    picture_weight: float = 30.0
    seed: int = 7
    checkpoint_steps: int = 200
    # What it is learned from; the fit fills it in, so that no checkpoint of another head is gone on from.
    data: str = ""


@dataclass(frozen=True)
class FittedMotion:
    """A person's motion, ready for the package."""

    network: PersonalMotion
    mouth: MouthPlaces
    channels: np.ndarray
    # Mean distance of places from what the frames show, universal and personal, on frames not learned from (mm).
    scores: dict[str, float]
    # How much each number of a window counts, which the package has in its weights.
    nearness: np.ndarray

    @property
    def dim(self) -> int:
        """Numbers of the audio vector."""
        return self.network.shape.dim

    @property
    def listener(self) -> SpeechMotion:
        """What `AvatarContents.motion` takes."""
        state = {k: v.detach().numpy() for k, v in self.network.listener.state_dict().items()}
        return SpeechMotion(
            OFFSETS_SEC.astype(np.float32),
            self.channels,
            state["inner.weight"] * self.nearness,
            state["inner.bias"].copy(),
            state["outer.weight"].copy(),
        )

    def decoder(self, head: nn.Module) -> MovingHead:
        """The person's decoder with the motion: takes `[D + A]`, else as `head`."""
        return MovingHead(head, self.network, self.mouth.places, self.mouth.rows).eval()

    @torch.no_grad()
    def vectors(self, windows: np.ndarray) -> np.ndarray:
        """Audio vectors `[T, A]` of windows of all channels."""
        heard = self.nearness * chosen(windows, self.channels)
        return self.network.listener(torch.from_numpy(heard)).numpy()


def fit_motion(
    head: nn.Module,
    subject: VideoSubject,
    sound: tuple[np.ndarray, int],
    controls: Controls,
    settings: MotionSettings | None = None,
    *,
    work: Path,
    progress: Progress | None = None,
) -> FittedMotion:
    """Learn the motion of a fitted person; `head` decodes its codes and stays as it is.

    `sound` is the video's, mono, with its rate; the frames' times are the sound's. Goes on from the checkpoint in
    `work`. Raises TrainingError where the person hardly speaks.
    """
    settings, told = settings or MotionSettings(), progress or _untold
    frames = require_speech(subject, sound, controls)
    head = head.eval().requires_grad_(False)
    use = np.abs(frames.windows.reshape(-1, 52)).mean(axis=0) * 3.0
    mouth = mouth_places(head, controls, use)
    targets = distil(head, frames, mouth, lambda share: told(TARGETS_PART * share, None))
    painter = MouthPainter(head, subject.scan.neck_pivot, mouth)
    fit = MotionFit(settings, (frames, targets, mouth), painter)
    fit.told = lambda share: told(TARGETS_PART + (1 - TARGETS_PART) * share, None)
    work.mkdir(parents=True, exist_ok=True)
    fit.run(range(len(fit.training)), work / "motion.pt")
    scores = fit.finish()
    logger.info("personal motion: %s", scores)
    return FittedMotion(fit.network, mouth, fit.channels, scores, fit.nearness)


def require_speech(
    subject: VideoSubject, sound: tuple[np.ndarray, int], controls: Controls
) -> Spoken:
    """The fitted frames in which the person speaks; raises TrainingError where they are too few."""
    frames = spoken(subject.fitted_frames, listen(*sound), controls)
    frames = frames.take(np.flatnonzero(frames.talks > 0.0))
    if len(frames) < LEAST_FRAMES:
        raise TrainingError(
            f"Only {len(frames)} frames of the video show the person speaking, personal motion needs "
            f"{LEAST_FRAMES} or more: film some sentences, or leave out --motion personal."
        )
    return frames


def _untold(share: float, preview: Path | None = None) -> None:
    del share, preview
