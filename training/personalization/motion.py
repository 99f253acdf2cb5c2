"""Learn how a person's face moves with their speech beyond the universal code, from their talking video.

The person is fitted already and stays as it is. What is learned follows the difference between the head under the
codes that the pictures show and under those that the speech network hears, and then the pictures themselves.
After PGSTalker (Zhu et al. 2025, arXiv 2509.16922); weights of the penalties are TalkingGaussian's (Li et al. 2024).
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from ...core.avatar import Controls, SpeechMotion
from ..networks.personal_motion import (
    MOVE_UNIT_M,
    MotionShape,
    MovingHead,
    PersonalMotion,
)
from ..prior_settings import TrainingError
from ..resumable import ResumableFit
from .motion_drawing import MouthPainter
from .motion_places import MouthPlaces, as_tensors, mouth_places
from .motion_sound import OFFSETS_SEC, Spoken, chosen, heard_channels, listen, spoken
from .motion_targets import Targets, distil, lip_gaps_mm
from .subject import VideoSubject

logger = logging.getLogger(__name__)
Progress = Callable[[float, Path | None], None]
MM_PER_UNIT = 1e3 * MOVE_UNIT_M
LEAST_FRAMES = 30
# Where in the whole the distillation's targets are known.
TARGETS_PART = 0.2
TINY, GATE_PENALTY = 1e-5, 1e-4
# Lips this near (mm) are shut, and a person's way does not open them.
SHUT_MM = 0.5
# Of frames that are checked, those count that are nearest to the universal mouth: nobody grimaces in them.
CHECKED_SHARE = 0.75


@dataclass(frozen=True)
class MotionSettings:
    """How the personal motion is learned."""

    shape: MotionShape = field(default_factory=MotionShape)
    steps: int = 1200
    # The last steps also follow pictures.
    picture_steps: int = 200
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
    frames = spoken(subject.fitted_frames, listen(*sound), controls)
    frames = frames.take(np.flatnonzero(frames.talks > 0.0))
    if len(frames) < LEAST_FRAMES:
        raise TrainingError(
            f"Only {len(frames)} frames of the video show the person speaking, personal motion needs "
            f"{LEAST_FRAMES} or more: film some sentences, or leave out --motion personal."
        )
    head = head.eval().requires_grad_(False)
    use = np.abs(frames.windows.reshape(-1, 52)).mean(axis=0) * 3.0
    mouth = mouth_places(head, controls, use)
    targets = distil(head, frames, mouth, lambda share: told(TARGETS_PART * share, None))
    painter = MouthPainter(head, subject.scan.neck_pivot, mouth)
    fit = MotionFit(settings, (frames, targets, mouth), painter)
    fit.told = lambda share: told(TARGETS_PART + (1 - TARGETS_PART) * share, None)
    work.mkdir(parents=True, exist_ok=True)
    fit.run(range(len(fit.training)), work / "motion.pt")
    return fit.fitted()


class MotionFit(ResumableFit):
    """The network and its optimiser; the best state on sentences that are not learned from is kept."""

    def __init__(
        self,
        settings: MotionSettings,
        data: tuple[Spoken, Targets, MouthPlaces],
        painter: MouthPainter,
    ) -> None:
        super().__init__(settings)
        self.spoken, self.targets, self.mouth = data
        self.painter = painter
        self.told: Callable[[float], None] = lambda share: None
        torch.manual_seed(settings.seed)
        self.channels = heard_channels(self.spoken.windows)
        near = np.exp(-0.5 * (OFFSETS_SEC / settings.near_sec) ** 2)
        self.nearness = np.repeat(near, len(self.channels)).astype(np.float32)
        self.heard = torch.from_numpy(self.nearness * chosen(self.spoken.windows, self.channels))
        manner = self.mouth.places.manner.shape[1]
        self.network = PersonalMotion(settings.shape, self.heard.shape[1], manner)
        self.places = as_tensors(self.mouth.places, self.network.places.planes)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), settings.rate, weight_decay=settings.weight_decay
        )
        self.best = _Best(self.network)
        self.contact_mm = self.targets.contact_mm
        confidence = np.array([frame.confidence for frame in self.spoken.frames])
        self.counts = torch.from_numpy((self.spoken.talks * confidence).astype(np.float32))
        self.trust = _Trust(len(self.spoken))
        order = np.argsort([frame.time_sec for frame in self.spoken.frames], kind="stable")
        held = max(round(settings.validation_share * len(order)), 4)
        self.training, self.validation = order[:-held], self._likely(order[-held:])

    def parts(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"network": self.network, "optimiser": self.optimiser} | {
            "best": self.best,
            "trust": self.trust,
        }

    def is_same_run(self, settings: dict[str, Any]) -> bool:
        """Whether a checkpoint made with these settings may be gone on from."""
        return settings == dataclasses.asdict(self.settings)

    def follow(self, item: int) -> None:
        """One step towards some frames' codes and, at the end, one frame's picture."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, self.step])
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate * self.rate_share()
        frames = rng.choice(self.training, settings.batch_frames)
        frames[0] = self.training[item]
        loss = self._distance(frames, rng)
        if self.step >= settings.steps - settings.picture_steps:
            loss = loss + settings.picture_weight * self._picture(frames[0])
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        last = self.step + 1 == settings.steps
        if last or self.step % settings.check_steps == 0:
            self.best.offer(self.check()["personal_mm"], self.network)
            self.trust.judge(self._lips_off(np.arange(len(self.spoken))))
        self.told((self.step + 1) / settings.steps)

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        """Mean distances (mm) on frames that are not learned from: universal, personal, and of the lips' gap."""
        frames = self.validation
        pick = torch.arange(0, len(self.mouth.rows), max(len(self.mouth.rows) // 1500, 1))
        landmarks = torch.arange(len(self.mouth.rows), len(self.mouth.rows) + 68)
        rows = torch.cat([pick, landmarks])
        vectors = self.network.listener(self.heard[frames])
        moves = self._deformed(rows, vectors)[0] / MOVE_UNIT_M
        wanted = self.targets.moves[frames][:, rows].float()
        counts = self.counts[frames, None] / self.counts[frames].mean().clamp(min=1e-6)
        gaps = lip_gaps_mm(self._landmarks(frames, moves))
        plain = lip_gaps_mm(self.targets.universal_landmarks[frames])
        return {
            "universal_mm": float((counts * wanted.norm(dim=2)).mean()) * MM_PER_UNIT,
            "personal_mm": float((counts * (moves - wanted).norm(dim=2)).mean()) * MM_PER_UNIT,
            "universal_gap_mm": float((plain - self.targets.gaps_mm[frames]).abs().mean()),
            "personal_gap_mm": float((gaps - self.targets.gaps_mm[frames]).abs().mean()),
        }

    def fitted(self) -> FittedMotion:
        """The best network there was."""
        self.network.load_state_dict(self.best.state)
        network = self.network.eval().requires_grad_(False)
        scores = {name: round(value, 4) for name, value in self.check().items()}
        logger.info("personal motion: %s", scores)
        return FittedMotion(network, self.mouth, self.channels, scores, self.nearness)

    @torch.no_grad()
    def _lips_off(self, frames: np.ndarray) -> Tensor:
        """How far the lips' landmarks are from what the frames show, `[B]` (mm)."""
        lips = torch.arange(len(self.mouth.rows) + 48, len(self.mouth.rows) + 68)
        moves = self._deformed(lips, self.network.listener(self.heard[frames]))[0] / MOVE_UNIT_M
        wanted = self.targets.moves[frames][:, lips].float()
        return MM_PER_UNIT * (moves - wanted).norm(dim=2).mean(dim=1)

    def _likely(self, frames: np.ndarray) -> np.ndarray:
        """The frames that speech explains best already."""
        lips = slice(len(self.mouth.rows) + 48, len(self.mouth.rows) + 68)
        off = self.targets.moves[frames, lips].float().norm(dim=2).mean(dim=1).numpy()
        return frames[np.argsort(off, kind="stable")[: max(round(CHECKED_SHARE * len(frames)), 1)]]

    def _distance(self, frames: np.ndarray, rng: np.random.Generator) -> Tensor:
        """How far the deformation is from what the frames' codes show."""
        settings, count = self.settings, len(self.mouth.rows)
        picked = np.sort(rng.choice(count, min(settings.batch_places, count), replace=False))
        some = torch.from_numpy(np.concatenate([picked, np.arange(count, count + 68)]))
        heard = self.heard[frames]
        noise = torch.from_numpy(rng.standard_normal(heard.shape).astype(np.float32))
        vectors = self.network.listener(heard + settings.heard_noise * noise * (heard > 0))
        moves, colors, scales = self._deformed(some, vectors)
        moves = moves / MOVE_UNIT_M
        trusted = self.counts[frames] * self.trust.shares[frames]
        counts = trusted[:, None, None]
        wanted = self.targets.moves[frames][:, some].float()
        off = counts * _huber_mm(moves, wanted)
        shades = self.targets.colors[frames][:, torch.from_numpy(picked)].float()
        painted = colors[:, :-68] / 0.1
        gaps = lip_gaps_mm(self._landmarks(frames, moves))
        gap_error = huber_loss(gaps, self.targets.gaps_mm[frames], reduction="none")
        plain = lip_gaps_mm(self.targets.universal_landmarks[frames])
        opened = (gaps - plain).clamp(min=0.0) * (plain < self.contact_mm + SHUT_MM)
        return (
            off[:, :-68].mean()
            + settings.landmark_weight * off[:, -68:].mean()
            + settings.color_weight * (counts * (painted - shades) ** 2).mean()
            + settings.gap_weight * (trusted * gap_error).mean()
            + settings.shut_weight * opened.mean()
            + TINY * sum(part.abs().mean() for part in (moves, colors, scales))
            + GATE_PENALTY * self._open_gates(some, vectors)
        )

    def _open_gates(self, some: Tensor, vectors: Tensor) -> Tensor:
        """How far gates stand open where little moves."""
        if self.settings.shape.gate != "fusion":
            return vectors.new_zeros(())
        sound = self.network.fusion.sound(vectors)[:, None]
        gates = self.network.fusion.gates(self._said(some), sound)
        return (gates.mean(dim=(0, 2)) * (1 - self.places[3][some])).mean()

    def _picture(self, frame: int) -> Tensor:
        vectors = self.network.listener(self.heard[[frame]])
        changes = self._deformed(torch.arange(len(self.mouth.rows)), vectors)
        return self.painter.loss(
            self.spoken.frames[frame], self.spoken.universal[frame], [c[0] for c in changes]
        )

    def _said(self, some: Tensor) -> Tensor:
        cells, shares, manner, _ = self.places
        return self.network.places(cells[some], shares[some], manner[some])

    def _deformed(self, some: Tensor, vectors: Tensor) -> tuple[Tensor, ...]:
        return self.network(self._said(some), self.places[3][some], vectors)

    def _landmarks(self, frames: np.ndarray, moves: Tensor) -> Tensor:
        """Landmarks [B, 68, 3] (m), whose moves are the last."""
        return self.targets.universal_landmarks[frames] + MOVE_UNIT_M * moves[:, -68:]


class _Trust:
    """How much frames count, `[T]`: those whose mouth does what no speech explains hardly do.

    Grimaces and smiles between sentences are the person's, but not their way to speak.
    """

    def __init__(self, count: int) -> None:
        self.shares = torch.ones(count)

    def judge(self, off_mm: Tensor) -> None:
        """Believe frames as near as most are."""
        middle = off_mm.median().clamp(min=1e-3)
        self.shares = 1.0 / (1.0 + (off_mm / middle) ** 4)

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"shares": self.shares}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.shares = state["shares"]


class _Best:
    """The state with the smallest error so far."""

    def __init__(self, network: nn.Module) -> None:
        self.error, self.state = float("inf"), _copied(network)

    def offer(self, error: float, network: nn.Module) -> None:
        """Keep the network's state where it is better."""
        if error < self.error:
            self.error, self.state = error, _copied(network)

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"error": self.error, "state": self.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.error, self.state = state["error"], state["state"]


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _huber_mm(moves: Tensor, wanted: Tensor) -> Tensor:
    """Millimetres beyond half of one, their square below, `[B, P, 3]`."""
    return huber_loss(MM_PER_UNIT * moves, MM_PER_UNIT * wanted, reduction="none", delta=0.5)


def _untold(share: float, preview: Path | None = None) -> None:
    del share, preview
