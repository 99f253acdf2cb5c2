"""What a person's face does with a sound beyond the universal code: a deformation of every anchor near the mouth.

PGSTalker (Zhu et al. 2025, arXiv 2509.16922) joins sound and place by gates before it deforms Gaussians; its module's
inside is not published, so ours is built from what is known of it. The product gate and the scales of the deformation are
TalkingGaussian's (Li et al. 2024), the planes at several resolutions those of GaussianTalker (Cho et al. 2024).

At run time nothing of the encoding is left: what a place says is a constant of its anchor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from .buffers import add_constant, add_index

Gate = Literal["fusion", "product", "none", "sound"]
"""PGSTalker's fusion, TalkingGaussian's product, sound and place side by side, or the sound alone."""
GATES: tuple[Gate, ...] = get_args(Gate)
PLANES = ((0, 1), (1, 2), (0, 2))
# Units of what is predicted: metres, and natural logarithms of scales; colours in sRGB.
MOVE_UNIT_M, COLOR_UNIT, LOG_SCALE_UNIT = 1e-2, 0.1, 0.1
OUTPUTS = (3, 3, 1)  # move, colour, log scale
# What is stored of a place keeps within what a signed byte holds at the step of the export.
MOST_PLACE = 3.9


@dataclass(frozen=True)
class MotionShape:
    """Sizes of the network."""

    dim: int = 8
    hidden: int = 32
    listening: int = 32
    gate: Gate = "fusion"
    # Cells along the encoding's box; every level has one feature per plane.
    levels: tuple[int, ...] = (12, 18, 27, 40, 60, 90)


@dataclass(frozen=True)
class Places:
    """Where Gaussians and landmarks lie, how they move with the mouth, and how far they may be deformed."""

    points: np.ndarray  # [P, 3] in the encoding's box, 0 to 1
    manner: np.ndarray  # [P, M] how the place moves with the mouth's controls, whitened
    reach: np.ndarray  # [P] in [0, 1]

    def take(self, rows: np.ndarray) -> Places:
        """Some of the places."""
        return Places(self.points[rows], self.manner[rows], self.reach[rows])


class Listener(nn.Module):
    """From a window of heard ARKit weights `[B, KC]` to audio vectors `[B, A]`: `core.avatar.motion` in torch."""

    def __init__(self, inputs: int, hidden: int, dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(inputs, hidden)
        self.outer = nn.Linear(hidden, dim, bias=False)

    def forward(self, window: Tensor) -> Tensor:
        """Vectors within (-1, 1); a silent window gives zeros."""
        at_rest = self.inner.bias.clamp(min=0.0)
        return torch.tanh(self.outer(self.inner(window).clamp(min=0.0) - at_rest))


class TriPlanes(nn.Module):
    """Features of points in a box: bilinear samples of three planes at several resolutions."""

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        cells = sum((side + 1) ** 2 for side in levels)
        self.table = nn.Parameter(torch.randn(len(PLANES) * cells) * 0.05)

    @property
    def dim(self) -> int:
        """Features per point."""
        return len(PLANES) * len(self.levels)

    def taps(self, points: np.ndarray) -> tuple[Tensor, Tensor]:
        """Which cells `[P, F, 4]` points `[P, 3]` in [0, 1] lie between, and their shares."""
        cells, shares, first = [], [], 0
        for plane in PLANES:
            for side in self.levels:
                at = np.clip(points[:, plane], 0.0, 1.0) * side
                low = np.minimum(at.astype(np.int64), side - 1)
                x, y = (at - low).T
                corner = first + low[:, 1] * (side + 1) + low[:, 0]
                cells.append(np.stack([corner + i for i in (0, 1, side + 1, side + 2)], axis=1))
                shares.append(np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], 1))
                first += (side + 1) ** 2
        return (
            torch.from_numpy(np.stack(cells, axis=1)),
            torch.from_numpy(np.stack(shares, axis=1).astype(np.float32)),
        )

    def forward(self, cells: Tensor, shares: Tensor) -> Tensor:
        """Features `[P, F]`."""
        return (self.table[cells] * shares).sum(dim=2)


class PlaceEncoder(nn.Module):
    """What every place says `[P, H]`, from where it lies and how it moves."""

    def __init__(self, shape: MotionShape, manner: int) -> None:
        super().__init__()
        self.planes = TriPlanes(shape.levels)
        self.mixed = nn.Linear(self.planes.dim + manner, shape.hidden)
        self.norm = nn.LayerNorm(shape.hidden)

    def forward(self, cells: Tensor, shares: Tensor, manner: Tensor) -> Tensor:
        """Normalised, within what the export can store."""
        features = torch.cat([self.planes(cells, shares), manner], dim=1)
        return self.norm(self.mixed(features)).clamp(-MOST_PLACE, MOST_PLACE)


class Fusion(nn.Module):
    """Deformations `[B, P, 7]` of places `[P, H]` under audio vectors `[B, A]`; none where these are zero."""

    def __init__(self, shape: MotionShape) -> None:
        super().__init__()
        size, self.gate = shape.hidden, shape.gate
        self.sound = nn.Linear(shape.dim, size, bias=False)
        if shape.gate == "fusion":
            self.of_place, self.of_sound = nn.Linear(size, size), nn.Linear(size, size, bias=False)
            self.of_both = nn.Linear(size, size, bias=False)
            self.opened = nn.Linear(size, size)
        elif shape.gate == "product":
            self.of_place, self.opened = nn.Linear(size, size), nn.Linear(size, size)
        self.widened, self.narrowed = nn.Linear(size, size), nn.Linear(size, size)
        self.bent, self.out = nn.Linear(size, size), nn.Linear(size, sum(OUTPUTS), bias=False)
        nn.init.zeros_(self.narrowed.weight)
        with torch.no_grad():
            self.out.weight.mul_(0.1)

    def forward(self, places: Tensor, vectors: Tensor) -> Tensor:
        """What the sound changes: the network at the vector less the network at zero."""
        still = self.opened_by(places, torch.zeros_like(vectors[:1]))
        return self._deformed(self.opened_by(places, vectors)) - self._deformed(still)

    def opened_by(self, places: Tensor, vectors: Tensor) -> Tensor:
        """Sound and place joined, `[B, P, H]`."""
        sound = self.sound(vectors)[:, None]
        if self.gate == "fusion":
            gates = self.gates(places, sound)
            return gates * sound + (1.0 - gates) * places
        if self.gate == "product":
            return self.opened(self.of_place(places).clamp(min=0.0)) * sound + places
        return sound + (places if self.gate == "none" else 0.0 * places)

    def gates(self, places: Tensor, sound: Tensor) -> Tensor:
        """PGSTalker's gates in (0, 1), `[B, P, H]`: how much of each channel the sound takes over."""
        both = torch.matmul(places, self.of_both.weight.T * sound.transpose(1, 2))
        inner = self.of_place(places) + self.of_sound(sound) + both
        return torch.sigmoid(self.opened(inner.clamp(min=0.0)))

    def _deformed(self, joined: Tensor) -> Tensor:
        joined = joined + self.narrowed(self.widened(joined).clamp(min=0.0))
        return self.out(self.bent(joined).clamp(min=0.0))


class PersonalMotion(nn.Module):
    """All that is learned of one person: listener, places and fusion."""

    def __init__(self, shape: MotionShape, inputs: int, manner: int) -> None:
        super().__init__()
        self.shape = shape
        self.listener = Listener(inputs, shape.listening, shape.dim)
        self.places = PlaceEncoder(shape, manner)
        self.fusion = Fusion(shape)

    def num_parameters(self) -> tuple[int, int]:
        """Numbers in the encoding's planes, and in all else."""
        planes = self.places.planes.table.numel()
        return planes, sum(p.numel() for p in self.parameters()) - planes

    def forward(self, places: Tensor, reach: Tensor, vectors: Tensor) -> tuple[Tensor, ...]:
        """Moves (m) `[B, P, 3]`, changes of colour `[B, P, 3]` and of log scale `[B, P, 1]`."""
        moved, colored, scaled = (reach[:, None] * self.fusion(places, vectors)).split(OUTPUTS, 2)
        return MOVE_UNIT_M * moved, COLOR_UNIT * colored, LOG_SCALE_UNIT * scaled


class MovingHead(nn.Module):
    """A decoder with personal motion, code and audio vector `[D + A]` to what the plain decoder gives."""

    def __init__(
        self, head: nn.Module, motion: PersonalMotion, places: Places, rows: np.ndarray
    ) -> None:
        """`places` are those of the Gaussians `rows` and, after them, of the landmarks."""
        super().__init__()
        self.head, self.fusion = head, motion.fusion
        self.dim, self.num_rows = motion.shape.dim, len(rows)
        self.has_sh = getattr(head, "has_sh", False)
        self.neck_weights = head.neck_weights
        with torch.no_grad():
            cells, shares = motion.places.planes.taps(places.points)
            manner = torch.from_numpy(np.asarray(places.manner, np.float32))
            said = motion.places(cells, shares, manner).numpy()
        add_constant(self, "said_place", said)
        add_constant(self, "reach_weight", places.reach[:, None])
        # Gaussians that no motion reaches share one more row, of zeros.
        slots = np.full(len(head.neck_weights), len(rows))
        slots[rows] = np.arange(len(rows))
        add_index(self, "slots", slots)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Means, quats, scales, opacities, colours, landmarks and, where the head has them, sh."""
        code, vector = inputs[: -self.dim], inputs[-self.dim :]
        means, quats, scales, opacities, colors, landmarks, *rest = self.head(code)
        change = self.reach_weight * self.fusion(self.said_place, vector[None])[0]
        nothing = torch.zeros(1, sum(OUTPUTS))
        mine = torch.cat([change[: self.num_rows], nothing])[self.slots]
        moved, colored, scaled = mine.split(OUTPUTS, dim=1)
        return (
            means + MOVE_UNIT_M * moved,
            quats,
            scales * torch.exp(LOG_SCALE_UNIT * scaled),
            opacities,
            (colors + COLOR_UNIT * colored).clamp(0.0, 1.0),
            landmarks + MOVE_UNIT_M * change[self.num_rows :, :3],
            *rest,
        )
