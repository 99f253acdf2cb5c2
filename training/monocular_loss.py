"""What an error of the monocular encoder costs: millimetres of the face and pixels of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.measure import (
    INNER_LOWER,
    INNER_UPPER,
    LEFT_CORNER,
    LOWER_LIDS,
    RIGHT_CORNER,
    UPPER_LIDS,
)
from .code_targets import code_metric
from .monocular_pool import Batch
from .networks.monocular import Hints, Readings
from .networks.prior import UniversalPrior

METRIC_CODES = 24
IRISES = ("iris_left", "iris_right")
# Eyes that are open less than this (mm) do not show where they look.
SEEN_MM = 4.0
# Errors of gaze below this (degrees) count by their squares, and those of an eye's close look below this of its spread.
GAZE_DEG, EYE_HINT = 4.0, 0.3
# Sigma of the spot (in cells of the maps) that a place should make.
SPOT_CELLS = 1.0
# Usual radius of irises about the eye's centre, and how far that lies behind the corners of the lids.
EYE_RADIUS_M, EYE_DEPTH_M = 0.0115, 0.008
# Spreads of hints; means and spreads of lid gaps, and of lip gaps and widths.
GAZE_SPREAD_RAD, LIDS_MM, LIPS_MM = 0.2, (7.0, 3.0), ([5.0, 52.0], [5.0, 5.0])
# Landmarks that say most: inner lips and lids.
FINE_LANDMARKS = (*range(36, 48), *range(60, 68))


@dataclass(frozen=True)
class LossWeights:
    """Shares of the loss; millimetres, pixels of 160 and degrees count as they are."""

    metric_mm: float = 0.35
    whitened: float = 0.3
    points_mm: float = 1.0
    gap_mm: float = 0.6
    lids_mm: float = 0.5
    width_mm: float = 0.4
    landmarks_px: float = 0.5
    rotation_deg: float = 0.08
    origin_px: float = 0.15
    log_size: float = 3.0
    gaze_deg: float = 0.5
    mouth_mm: float = 0.5
    presence: float = 1.0
    log_error: float = 0.2
    places: float = 0.6
    eye_hints: float = 1.5
    mouth_hints: float = 1.0


class CodeErrors(nn.Module):
    """What errors of codes make of a person's face, through the prior's decoder."""

    def __init__(self, prior: UniversalPrior, codes: np.ndarray) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        chosen = codes[rng.integers(len(codes), size=METRIC_CODES)]
        strengths, directions = np.linalg.eigh(code_metric(prior, chosen))
        root = directions * np.sqrt(np.maximum(strengths, 0.0))
        self.register_buffer("root", torch.tensor(root, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(codes.std(0), dtype=torch.float32))
        spread = np.sqrt(np.mean(np.sum((codes @ root) ** 2, axis=1)))
        self.register_buffer("spread_mm", torch.tensor(float(spread)))
        self.shape_map = prior.shape_map.requires_grad_(False)
        self.register_buffer("basis_mm", torch.from_numpy(1e3 * _point_basis(prior)).float())

    def distance_mm(self, errors: Tensor) -> Tensor:
        """Millimetres and colours `[B]` that errors of codes `[B, D]` make."""
        return ((errors @ self.root).square().sum(1) + 1e-4).sqrt()

    def points_mm(self, codes: Tensor, identity: Tensor) -> Tensor:
        """Where landmarks and irises move to, `[B, 70, 3]` mm from the neutral."""
        return (self.shape_map(codes, identity) @ self.basis_mm).reshape(len(codes), -1, 3)


def hint_losses(hints: Hints, batch: Batch, errors: CodeErrors) -> dict[str, Tensor]:
    """What the parts of the network say by themselves: places as spots, eyes and mouth by numbers."""
    faces = slice(None, batch.num_faces)
    spots = torch.cat([batch.landmarks, iris_places(batch)], 1)
    logs = hints.log_shares[faces, : spots.shape[1]]
    steps = (torch.arange(logs.shape[-1]) + 0.5) / logs.shape[-1]
    weights = torch.exp(
        -0.5 * ((steps - spots[..., None]) * (logs.shape[-1] / SPOT_CELLS)).square()
    )
    weights = weights / weights.sum(3, keepdim=True).clamp(min=1e-6)
    inside = ((spots > 0) & (spots < 1)).all(2)
    missed = -torch.einsum("bkyx,bky,bkx->bk", logs, weights[:, :, 1], weights[:, :, 0])
    mirror = torch.tensor([[1.0, 1.0], [-1.0, 1.0]])
    gaze = (batch.gaze * mirror / GAZE_SPREAD_RAD).transpose(0, 1)
    lids = ((batch.mouth_mm[:, 2:] - LIDS_MM[0]) / LIDS_MM[1]).T[..., None]
    seen = (batch.mouth_mm[:, 2:] / SEEN_MM).clamp(0.1, 1.0).T[..., None]
    eyes, share = hints.eyes[:, faces], torch.cat([seen, seen, torch.ones_like(seen)], 2)
    lips = (batch.mouth_mm[:, :2] - torch.tensor(LIPS_MM[0])) / torch.tensor(LIPS_MM[1])
    mouth = torch.cat([lips, batch.code / errors.std], 1)
    wanted = torch.cat([gaze, lids], 2)
    wrong = functional.smooth_l1_loss(eyes, wanted, reduction="none", beta=EYE_HINT)
    return {
        "places": (missed * inside).mean(),
        "eye_hints": (share * wrong).mean(),
        "mouth_hints": functional.smooth_l1_loss(hints.mouth[faces], mouth),
    }


def iris_places(batch: Batch) -> Tensor:
    """About where the irises are, `[F, 2, 2]` in [0, 1]: the eye's middle and what its turn adds."""
    yaw, pitch = batch.gaze.unbind(2)
    ahead = torch.stack([yaw.sin() * pitch.cos(), -pitch.sin(), yaw.cos() * pitch.cos()], 2)
    moved = EYE_RADIUS_M * (ahead @ batch.rotation[:, :2].mT)
    corners = batch.landmarks[:, [[42, 45], [36, 39]]].mean(2)
    behind = EYE_DEPTH_M * batch.rotation[:, None, :2, 2]
    return corners + (moved - behind) / batch.log_size.exp()[:, None, None]


def losses(found: Readings, batch: Batch, errors: CodeErrors) -> dict[str, Tensor]:
    """Every part of the loss by the names of `LossWeights`, and in their units."""
    faces = slice(None, batch.num_faces)
    code = found.code[faces]
    wrong = code - batch.code
    distance = errors.distance_mm(wrong)
    moved = errors.points_mm(code, batch.identity) - errors.points_mm(batch.code, batch.identity)
    is_face = torch.zeros(len(found.presence))
    is_face[faces] = 1.0
    relative = torch.log(distance.detach() / errors.spread_mm + 1e-3)
    weights = torch.ones(68)
    weights[list(FINE_LANDMARKS)] = 2.0
    pixels = 160 * (found.landmarks[faces] - batch.landmarks)
    seen = (batch.mouth_mm[:, 2:] / SEEN_MM).clamp(0.1, 1.0)[..., None]
    gaze = torch.rad2deg(found.gaze[faces] - batch.gaze)
    still = torch.zeros_like(gaze)
    mouth = (found.mouth_mm[faces] - batch.mouth_mm).abs()
    return {
        "metric_mm": distance.mean(),
        "whitened": functional.smooth_l1_loss(code / errors.std, batch.code / errors.std),
        "points_mm": moved.square().sum(2).add(1e-4).sqrt().mean(),
        "gap_mm": _height(moved, INNER_UPPER, INNER_LOWER).mean(1).abs().mean(),
        "lids_mm": _height(moved, UPPER_LIDS, LOWER_LIDS).abs().mean(),
        "width_mm": (moved[:, LEFT_CORNER, 0] - moved[:, RIGHT_CORNER, 0]).abs().mean(),
        "landmarks_px": (weights * pixels.square().sum(2).add(0.01).sqrt()).mean() / weights.mean(),
        "rotation_deg": angles_deg(found.rotation[faces], batch.rotation).mean(),
        "origin_px": 160 * (found.origin[faces] - batch.origin).abs().mean(),
        "log_size": (found.log_size[faces] - batch.log_size).abs().mean(),
        # Most eyes look ahead: an L1 loss would be content with that.
        "gaze_deg": (
            seen * functional.huber_loss(gaze, still, reduction="none", delta=GAZE_DEG)
        ).mean()
        / GAZE_DEG,
        "mouth_mm": (mouth * torch.tensor([1.0, 0.5, 1.0, 1.0])).mean(),
        "presence": functional.binary_cross_entropy_with_logits(found.presence, is_face),
        "log_error": (found.log_error[faces] - relative).square().mean(),
    }


def angles_deg(found: Tensor, wanted: Tensor) -> Tensor:
    """Angles `[B]` (degrees) between rotations, by the chord, whose slope stays finite at zero."""
    chord = (found - wanted).square().sum((1, 2)).add(1e-6).sqrt()
    return torch.rad2deg(2 * torch.asin((chord / 8**0.5).clamp(max=0.999)))


def _height(points: Tensor, upper: tuple[int, ...], lower: tuple[int, ...]) -> Tensor:
    return points[:, list(upper), 1] - points[:, list(lower), 1]


def _point_basis(prior: UniversalPrior) -> np.ndarray:
    """Columns of the prior's basis `[G, 70 * 3]` that move the landmarks and the middles of the irises."""
    parts, topology = prior.parts, prior.parts.topology
    rows = np.asarray(parts.basis).reshape(len(parts.basis), -1, 3)
    place = np.full(len(parts.mean_vertices), -1)
    place[parts.moving] = np.arange(len(parts.moving))

    def moved(vertices: np.ndarray) -> np.ndarray:
        found = place[vertices]
        return rows[:, found[found >= 0]].sum(1) / max(len(found), 1)

    groups = [topology.landmarks68[i : i + 1] for i in range(len(topology.landmarks68))]
    groups += [np.unique(topology.triangles[topology.faces_of(name)]) for name in IRISES]
    return np.stack([moved(group) for group in groups], axis=1).reshape(len(rows), -1)
