"""The fit behind `motion`: steps of the network towards what a person's frames show, and what they are checked on."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from ..networks.personal_motion import COLOR_UNIT, MOVE_UNIT_M, PersonalMotion
from ..resumable import ResumableFit
from .motion_drawing import MouthPainter
from .motion_places import MouthPlaces, as_tensors
from .motion_sound import OFFSETS_SEC, Spoken, chosen, heard_channels
from .motion_targets import Targets, lip_gaps_mm

if TYPE_CHECKING:
    from .motion import MotionSettings

MM_PER_UNIT = 1e3 * MOVE_UNIT_M
# Frames are half believed whose lips are so many times further off than those of half of all frames.
BELIEVED = 2.0
TINY, GATE_PENALTY = 1e-5, 1e-4
# Lips this near (mm) are shut, and a person's way does not open them.
SHUT_MM = 0.5
# Of frames that are checked, those count that are nearest to the universal mouth: nobody grimaces in them.
CHECKED_SHARE = 0.75
# Frames that speak at least so much are held back to check on, where there are so many.
SPEAKS, FEWEST_SPEAKING = 0.99, 12
# What a step adds to the average, and how much worse an average may be that was learned from longer: few
# seconds of speech do not tell two states apart that are so near.
NEW_SHARE, LATER_SHARE = 0.03, 1.05


def split_in_time(spoken: Spoken, validation_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and the last ones of those that speak; silence after them tells nothing of either."""
    order = np.argsort([frame.time_sec for frame in spoken.frames], kind="stable")
    speaking = order[spoken.talks[order] >= SPEAKS]
    if len(speaking) < FEWEST_SPEAKING:
        speaking = order
    held = speaking[-max(round(validation_share * len(speaking)), 4) :]
    return order[: int(np.flatnonzero(order == held[0])[0])], held


class MotionFit(ResumableFit):
    """The network and its optimiser; the best state on sentences that are not learned from is kept."""

    def __init__(
        self,
        settings: MotionSettings,
        data: tuple[Spoken, Targets, MouthPlaces],
        painter: MouthPainter,
    ) -> None:
        self.spoken, self.targets, self.mouth = data
        super().__init__(dataclasses.replace(settings, data=_fingerprint(*data[:2])))
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
        self.training, held = split_in_time(self.spoken, settings.validation_share)
        self.validation = self._likely(held)

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
        self.best.follow(self.network)
        if last or self.step % settings.check_steps == 0:
            self._offer()
            self.trust.judge(self._lips_off(np.arange(len(self.spoken))))
        self.told((self.step + 1) / settings.steps)

    def _offer(self) -> None:
        """Keep the average of the last steps where it is the best so far."""
        now = _copied(self.network)
        self.network.load_state_dict(self.best.average)
        self.best.offer(self.check()["personal_mm"])
        self.network.load_state_dict(now)

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

    def finish(self) -> dict[str, float]:
        """Leave the best network there was, and say how near it comes."""
        self.network.load_state_dict(self.best.state)
        self.network.eval().requires_grad_(False)
        return {name: round(value, 4) for name, value in self.check().items()}

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
        painted = colors[:, :-68] / COLOR_UNIT
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
        common = BELIEVED * off_mm.median().clamp(min=1e-3)
        self.shares = 1.0 / (1.0 + (off_mm / common) ** 4)

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"shares": self.shares}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.shares = state["shares"]


class _Best:
    """The network averaged over its last steps, and that average which had the smallest error."""

    def __init__(self, network: nn.Module) -> None:
        self.error, self.state, self.average = float("inf"), _copied(network), _copied(network)

    def follow(self, network: nn.Module) -> None:
        """Take one more step into the average."""
        for name, value in network.state_dict().items():
            self.average[name].lerp_(value, NEW_SHARE)

    def offer(self, error: float) -> None:
        """Keep the average where it is better; a little worse but later counts as better."""
        if error < LATER_SHARE * self.error:
            state = {name: value.clone() for name, value in self.average.items()}
            self.error, self.state = min(error, self.error), state

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"error": self.error, "state": self.state, "average": self.average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.error, self.state, self.average = state["error"], state["state"], state["average"]


def _fingerprint(spoken: Spoken, targets: Targets) -> str:
    """Eight hexadecimal digits that tell what is learned from apart."""
    check = zlib.crc32(np.ascontiguousarray(spoken.windows).tobytes())
    return f"{zlib.crc32(targets.moves.numpy().tobytes(), check):08x}"


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _huber_mm(moves: Tensor, wanted: Tensor) -> Tensor:
    """Millimetres beyond half of one, their square below, `[B, P, 3]`."""
    return huber_loss(MM_PER_UNIT * moves, MM_PER_UNIT * wanted, reduction="none", delta=0.5)
