"""What a person's frames say that the mouth does beyond the universal code: the decoder under either code, compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...core.camera import Camera
from ...core.measure import signed_lip_gap
from ..image_loss import ssim
from ..networks.personal_motion import COLOR_UNIT, MOVE_UNIT_M
from ..package_parts import lip_contact_offset_mm
from .motion_places import MouthPlaces
from .motion_sound import Spoken

LIPS, CHIN = slice(48, 68), 8
# A mouth's picture reaches this far beyond its landmarks, and is this large at most (px).
CROP_SHARE, LEAST_CROP_PX, MOST_CROP_PX = 1.5, 32, 224


@dataclass(frozen=True)
class Targets:
    """Of every frame and place: what is to be added to the universal code's head, in the network's units."""

    moves: Tensor  # [T, P, 3] float16, of MOVE_UNIT_M
    colors: Tensor  # [T, K, 3] float16, of COLOR_UNIT
    universal_landmarks: Tensor  # [T, 68, 3] m
    gaps_mm: Tensor  # [T] signed gap of the lips in the frame's own code
    # The signed gap of lips that touch.
    contact_mm: float


@torch.no_grad()
def distil(
    head: nn.Module,
    spoken: Spoken,
    mouth: MouthPlaces,
    step: Callable[[float], None] = lambda share: None,
) -> Targets:
    """Decode every frame under its own code and under the universal one."""
    count, places = len(spoken), len(mouth.rows) + 68
    moves = torch.zeros(count, places, 3, dtype=torch.float16)
    colors = torch.zeros(count, len(mouth.rows), 3, dtype=torch.float16)
    landmarks, gaps_mm = torch.zeros(count, 68, 3), torch.zeros(count)
    rows = torch.from_numpy(mouth.rows)
    for i, frame in enumerate(spoken.frames):
        own, universal = (
            head(torch.from_numpy(code)) for code in (frame.code, spoken.universal[i])
        )
        moves[i, : len(rows)] = (own[0] - universal[0])[rows] / MOVE_UNIT_M
        moves[i, len(rows) :] = (own[5] - universal[5]) / MOVE_UNIT_M
        colors[i] = (own[4] - universal[4])[rows] / COLOR_UNIT
        landmarks[i] = universal[5]
        gaps_mm[i] = 1e3 * float(signed_lip_gap(own[5].numpy()[None])[0])
        step((i + 1) / count)
    rest = head(torch.zeros(len(spoken.universal[0])))[5].numpy()
    return Targets(moves, colors, landmarks, gaps_mm, lip_contact_offset_mm(rest))


def lip_gaps_mm(landmarks: Tensor) -> Tensor:
    """Signed gaps `[B]` of landmarks `[B, 68, 3]` (m), as `core.measure` has them, with gradients."""
    across = landmarks[:, 54] - landmarks[:, 48]
    across = across / across.norm(dim=1, keepdim=True).clamp(min=1e-9)
    up = torch.tensor([0.0, 1.0, 0.0]) - across[:, 1:2] * across
    up = up / up.norm(dim=1, keepdim=True).clamp(min=1e-9)
    apart = (landmarks[:, [61, 62, 63]] - landmarks[:, [67, 66, 65]]).mean(dim=1)
    return 1e3 * (apart * up).sum(dim=1)


@dataclass(frozen=True)
class Crop:
    """The mouth's part of a picture: its camera, what is to be seen, and what counts how much."""

    camera: Camera
    rgba: np.ndarray  # [S, S, 4] uint8
    weights: Tensor  # [S, S]

    @classmethod
    def about(cls, rgba: np.ndarray, camera: Camera, landmarks: np.ndarray) -> Crop | None:
        """The crop about projected landmarks `[68, 3]` (m, as posed); None where the picture has no mouth."""
        seen = landmarks @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        pixels = seen[:, :2] / seen[:, 2:] * np.diag(camera.K)[:2] + camera.K[:2, 2]
        mouth = np.concatenate([pixels[LIPS], pixels[[CHIN]]])
        low, high = mouth.min(axis=0), mouth.max(axis=0)
        side = int(np.clip(CROP_SHARE * (high - low).max(), LEAST_CROP_PX, MOST_CROP_PX))
        first = np.round((low + high) / 2 - side / 2).astype(int)
        if (first < 0).any() or first[0] + side > camera.width or first[1] + side > camera.height:
            return None
        matrix = camera.K.copy()
        matrix[:2, 2] -= first
        part = rgba[first[1] : first[1] + side, first[0] : first[0] + side]
        lips = pixels[LIPS] - first
        at = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=2) + 0.5 - lips.mean(0)
        spread = np.maximum(np.ptp(lips, axis=0).max() * 0.6, 4.0)
        weights = 0.15 + np.exp(-0.5 * (at**2).sum(2) / spread**2)
        return cls(
            Camera(camera.viewmat, matrix, side, side),
            part,
            torch.from_numpy((weights / weights.mean()).astype(np.float32)),
        )

    def loss(self, shown: Tensor, background: Tensor) -> Tensor:
        """L1 by weight, mixed with the structure's loss, of a picture `[S, S, 3]` over `background`."""
        values = torch.from_numpy(self.rgba).float() / 255
        wanted = values[..., :3] * values[..., 3:] + background * (1 - values[..., 3:])
        weighted = ((shown - wanted).abs() * self.weights[..., None]).mean()
        return 0.8 * weighted + 0.2 * (1 - ssim(shown, wanted))
