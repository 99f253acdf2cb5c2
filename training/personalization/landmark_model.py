"""Where the 68 landmarks of a person lie, from coefficients of identity and the code of each picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..networks.prior import UniversalPrior
from ..prior_identity import IdentityModel
from ..prior_person import NeutralScan, PersonMaker


@dataclass(frozen=True)
class LandmarkModel:
    """Landmarks `[T, 68, 3]` (m, avatar frame, no head pose) are `mean` + shape @ `modes` + the codes' offsets."""

    mean: np.ndarray  # [68, 3]
    modes: np.ndarray  # [K, 68, 3]
    offsets: np.ndarray  # [T, 68, 3]

    def points(self, shape: np.ndarray) -> np.ndarray:
        """Landmarks `[T, 68, 3]` for coefficients `[K]`."""
        return self.mean + np.tensordot(shape, self.modes, axes=1) + self.offsets


def landmark_model(
    prior: UniversalPrior, identity: IdentityModel, codes: np.ndarray, identity_code: torch.Tensor
) -> LandmarkModel:
    """The model for pictures with these codes `[T, D]`, of a person with this identity code `[Z]`."""
    marks = prior.parts.topology.landmarks68
    offsets = code_offsets(prior, codes, identity_code, marks)
    return LandmarkModel(
        identity.mean[marks].astype(np.float64),
        identity.modes[:, marks].astype(np.float64),
        offsets.astype(np.float64),
    )


@torch.no_grad()
def code_offsets(
    prior: UniversalPrior, codes: np.ndarray, identity_code: torch.Tensor, vertices: np.ndarray
) -> np.ndarray:
    """What codes `[T, D]` move the given vertices by, `[T, len(vertices), 3]` (m)."""
    moving = prior.parts.moving
    row = np.full(len(prior.parts.mean_vertices), -1)
    row[moving] = np.arange(len(moving))
    wanted = row[vertices]
    columns = (np.maximum(wanted, 0)[:, None] * 3 + np.arange(3)).ravel()
    shape = prior.shape_map(torch.from_numpy(np.asarray(codes, np.float32)), identity_code)
    offsets = (shape @ prior.basis[:, torch.from_numpy(columns)]).numpy()
    offsets = offsets.reshape(len(codes), len(vertices), 3)
    offsets[:, wanted < 0] = 0.0
    return offsets


@torch.no_grad()
def identity_code(prior: UniversalPrior, maker: PersonMaker, scan: NeutralScan) -> torch.Tensor:
    """The prior's code `[Z]` of a person's neutral scan."""
    maps = torch.from_numpy(maker.maps(scan))
    return prior.identify(maps[None])[0].code


def neutral_scan(
    identity: IdentityModel, shape: np.ndarray, texture: np.ndarray | None = None
) -> NeutralScan:
    """The scan of coefficients `[K]`, with a texture or the mean one."""
    points = identity.points(shape)
    texture = identity.color_mean if texture is None else texture
    return NeutralScan(points[:-3], texture, {}, points[-3:-1], points[-1])
