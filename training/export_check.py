"""Is an exported package still what the network was? Numbers and pictures of both, side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from ..core.avatar import Avatar
from ..core.avatar.onnx import unit_quats
from ..core.camera import Camera, intrinsics, look_at
from ..core.errors import AvatarError
from ..core.gaussians import Gaussians
from ..core.render import render

SIDE_PX = 384
NAMES = ("means", "quats", "scales", "opacities", "colors")
# An export that is off by more is not written: mean and largest move, any landmark's (mm), mean colour, picture.
MOST_MM, MOST_ONCE_MM, MOST_LANDMARK_MM, MOST_COLOR, LEAST_DB = 0.05, 0.5, 0.15, 0.01, 40.0


@dataclass(frozen=True)
class Fidelity:
    """Worst of the compared codes."""

    codes: int
    means_mm: float
    largest_mm: float
    landmarks_mm: float
    colors: float
    picture_db: float

    def require(self, name: str) -> None:
        """Refuse an export that is visibly not the network."""
        is_near = self.means_mm <= MOST_MM and self.largest_mm <= MOST_ONCE_MM
        is_near &= self.landmarks_mm <= MOST_LANDMARK_MM and self.colors <= MOST_COLOR
        if not (is_near and self.picture_db >= LEAST_DB):
            raise AvatarError(
                f"The package of '{name}' is not what the network draws ({asdict(self)}): "
                "store its weights finer."
            )


def compare(avatar: Avatar, decoder: nn.Module, codes: np.ndarray) -> Fidelity:
    """Decode and draw `codes` `[K, D]` with the package and with the network it was made of."""
    landmarks = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    camera = _portrait(landmarks)
    rows = [_compare_one(avatar, decoder, code.astype(np.float32), camera) for code in codes]
    highest = np.max([row[:-1] for row in rows], axis=0)
    return Fidelity(
        len(codes), *(round(float(v), 5) for v in highest), round(min(row[-1] for row in rows), 2)
    )


def random_codes(controls: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The neutral, codes of unit variance, and mixes of the named controls `[52, D]`: `[2 count + 1, D]`."""
    random = np.random.default_rng(seed)
    plain = random.standard_normal((count, controls.shape[1]))
    weights = random.uniform(0, 1, (count, len(controls)))
    weights *= random.random(weights.shape) < 0.12
    codes = np.concatenate([np.zeros((1, controls.shape[1])), plain, weights @ controls])
    return codes.astype(np.float32)


def network_gaussians(decoder: nn.Module, code: np.ndarray) -> tuple[Gaussians, np.ndarray]:
    """What the network draws and its landmarks `[68, 3]`, kept in range as a reader of packages does."""
    with torch.no_grad():
        values = [v.numpy() for v in decoder(torch.from_numpy(code))]
    named = dict(zip(NAMES, values, strict=False))
    named["quats"] = unit_quats(np.array(named["quats"]))
    named["opacities"] = np.clip(named["opacities"], 1e-6, 1 - 1e-6)
    named["colors"] = np.clip(named["colors"], 0, 1)
    sh = values[6] if len(values) > 6 else None
    return Gaussians(**named, sh=sh), values[5]


def _compare_one(
    avatar: Avatar, decoder: nn.Module, code: np.ndarray, camera: Camera
) -> tuple[float, ...]:
    wanted, landmarks = network_gaussians(decoder, code)
    ours = avatar.decode(code)
    moved_mm = 1e3 * np.linalg.norm(ours.means - wanted.means, axis=1)
    points_mm = 1e3 * np.linalg.norm(avatar.landmarks(code) - landmarks, axis=1)
    pictures = [render(g, camera, backend="cpu").colors for g in (ours, wanted)]
    shown = render(wanted, camera, backend="cpu").alphas > 0.5
    error = float(np.mean((pictures[0] - pictures[1])[shown] ** 2))
    return (
        float(moved_mm.mean()),
        float(moved_mm.max()),
        float(points_mm.max()),
        float(np.abs(ours.colors - wanted.colors).mean()),
        -10 * np.log10(max(error, 1e-12)),
    )


def _portrait(landmarks: np.ndarray) -> Camera:
    """The face, nearly from the front."""
    target = landmarks.mean(0).astype(np.float64)
    view = look_at(target + (0.1, 0.0, 0.6), target, np.array([0.0, 1.0, 0.0]))
    return Camera(view, intrinsics(2.2 * SIDE_PX, SIDE_PX, SIDE_PX), SIDE_PX, SIDE_PX)
