"""Expression codes as targets of training: how much each error of a code shows.

`code_metric` measures, at a prior's decoder, what a small change of the code moves (mm) and shades around the
mouth and on the face; `mouth_root` is that for ARKit weights, the loss that speech is learned with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..core.assets import ASSETS
from ..core.spaces import ARKIT_BLENDSHAPES
from .control_geometry import GAP_SHARE, Regions
from .evaluate_metrics import LIPS_REACH_M, PARTS
from .networks.person_head import MapTaps
from .networks.prior import Identity, UniversalPrior
from .prior_controls import SHADE_MM, load_controls
from .prior_file import load_prior
from .prior_person import GREY

# Shares of the mean squared errors of these regions (mm²); the lip gap has `GAP_SHARE` and colours `SHADE_MM`.
MOUTH_SHARES = {"lips": 2.0, "inside": 1.0, "jaw": 1.0}
FACE_SHARES = {"face": 1.0, "lids": 1.0}
# Skin this far below the lips' landmarks and beside them follows the jaw.
JAW_REACH_M = 0.03
PRIOR = ASSETS / "prior"
MM_PER_CM = 10.0
LIP_LANDMARKS = slice(48, 68)


def code_metric(
    prior: UniversalPrior, codes: np.ndarray | None = None, *, identities: Sequence[Identity] = ()
) -> np.ndarray:
    """Matrix `[D, D]`: eᵀ M e is the squared error (mm²) that an error e of the code makes.

    Mean over `codes` `[C, D]` (where the decoder is differentiated; the zero code by default) and over
    `identities` (the mean head in grey by default). Counts lips, what lies inside the mouth, the jaw's skin, the
    lip gap, the mouth's colours, and lids and face less.
    """
    codes = np.zeros((1, prior.settings.network.code_dim)) if codes is None else codes
    values = torch.from_numpy(np.asarray(codes, np.float32))
    mouth = MouthMetric(prior)
    found = [
        mouth.at(values, identity).mean(0) for identity in identities or [mean_identity(prior)]
    ]
    return np.mean(found, axis=0)


def mouth_root(target: str) -> Tensor:
    """Matrix `[52, R]` from an error of ARKit weights to what a loss measures of it.

    For "codes": through the shipped prior's map to codes, in centimetres about the mouth and as much of its
    colours; for "controls": the weights as they are.
    """
    if target == "controls":
        return torch.eye(len(ARKIT_BLENDSHAPES))
    strengths, directions = np.linalg.eigh(code_metric(load_prior(PRIOR)))
    root = directions * np.sqrt(np.maximum(strengths, 0.0)) / MM_PER_CM
    return torch.tensor(load_controls(PRIOR).arkit52 @ root, dtype=torch.float32)


@torch.no_grad()
def mean_identity(prior: UniversalPrior) -> Identity:
    """The identity of the mean head with a grey texture."""
    side = prior.settings.network.image_px
    maps = torch.zeros(1, 7, side, side)
    maps[:, 6] = 1.0
    return prior.identify(maps)[0]


@dataclass(frozen=True)
class MouthMetric:
    """How coefficients of shape and colour show around the mouth."""

    prior: UniversalPrior

    def at(self, codes: Tensor, identity: Identity) -> np.ndarray:
        """Matrices `[C, D, D]` of the squared error (mm²) around each of the codes `[C, D]`."""
        shape, columns = self._derivatives(codes, identity)
        wanted = [(shape, self.shape), (columns, SHADE_MM**2 * self.colors(identity))]
        return sum(np.einsum("cgd,gh,che->cde", j, metric, j) for j, metric in wanted)

    def shades(self, identity: Identity) -> np.ndarray:
        """Matrix `[D, D]`: the mean squared change of the mouth's colours that codes make, as shares of grey."""
        zero = torch.zeros(1, self.prior.settings.network.code_dim)
        columns = self._derivatives(zero, identity)[1][0]
        return columns.T @ self.colors(identity) @ columns

    @cached_property
    def shape(self) -> np.ndarray:
        """Matrix `[G, G]` of the squared error (mm²) that an error of coefficients makes."""
        parts = self.prior.parts
        regions = Regions.of(parts)
        rows = 1e3 * np.asarray(parts.basis, np.float64).reshape(len(parts.basis), -1, 3)
        gap = regions.gap(rows)
        total = GAP_SHARE * np.outer(gap, gap)
        masks = regions.masks | self._mouth_masks()
        for name, share in (MOUTH_SHARES | FACE_SHARES).items():
            region = rows[:, masks[name]].reshape(len(rows), -1)
            total += share / max(masks[name].sum(), 1) * region @ region.T
        return total

    @torch.no_grad()
    def colors(self, identity: Identity) -> np.ndarray:
        """Matrix `[K, K]` of the mean squared change of the mouth's colours, as shares of a middle grey."""
        prior = self.prior
        anchors, topology = prior.parts.anchors, prior.parts.topology
        corners = prior.parts.mean_vertices[topology.triangles[anchors.triangle]]
        lips = prior.parts.mean_vertices[topology.landmarks68[LIP_LANDMARKS]]
        near = np.linalg.norm(corners.mean(1)[:, None] - lips, axis=2).min(1) < LIPS_REACH_M
        kept = torch.from_numpy(near | topology.faces_of(*PARTS["mouth"])[anchors.triangle])
        places = topology.uvs[anchors.triangle].astype(np.float64)
        taps = MapTaps(np.einsum("nk,nkc->nc", anchors.barycentric, places), prior.map_px)
        reference = (GREY + prior.anchors.reflection())[kept]
        rows = []
        for gains, texels in zip(prior.anchors.light, identity.change_maps, strict=True):
            rows.append(gains[kept, None] * reference + taps(texels.reshape(-1, 3))[kept])
        change = torch.stack(rows).flatten(1).double().numpy() / GREY
        return change @ change.T / change.shape[1]

    def _mouth_masks(self) -> dict[str, np.ndarray]:
        parts = self.prior.parts
        topology, points = parts.topology, parts.mean_vertices[parts.moving]
        inside = np.unique(topology.triangles[topology.faces_of(*PARTS["mouth"])])
        lips = parts.mean_vertices[topology.landmarks68[LIP_LANDMARKS]]
        distance = np.linalg.norm(points[:, None] - lips, axis=2).min(1)
        is_inside = np.isin(parts.moving, inside)
        below = points[:, 1] < lips[:, 1].mean()
        jaw = ~is_inside & below & (distance < JAW_REACH_M)
        return {"inside": is_inside, "jaw": jaw}

    def _derivatives(self, codes: Tensor, identity: Identity) -> tuple[np.ndarray, np.ndarray]:
        """Jacobians `[C, G, D]` of shape and `[C, K, D]` of colour."""
        prior = self.prior
        found = []
        for code_map in (prior.shape_map, prior.color_map):
            whole = torch.func.vmap(torch.func.jacrev(lambda c, m=code_map: m(c, identity.code)))
            found.append(whole(codes).detach().double().numpy())
        return found[0], found[1]
