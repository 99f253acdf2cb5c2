"""The anchors of one person: what the prior's anchors are at first, then the person's own in place, number and look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn

from ..anchors import triangle_frames
from ..networks.mesh_head import on_weight_grid
from ..networks.prior import Scan, UniversalParts, UniversalPrior
from ..prior_anchors import UniversalAnchors, head_mesh, neighbours

# What is fitted, and what only follows; rows are anchors, but for `light`, whose columns are.
FITTED = ("base_colors", "reflections", "log_scales", "lifts", "logits", "sh", "light")
FIXED = ("gains", "hidden", "scales_m", "opacities")
ROW_DIM = {"light": 1}
# Each half of an anchor covers half its area, and stands so far from where it stood.
PART_SCALE, PART_REACH = 0.5**0.5, 0.35
# A subset of a share stands so far apart, in spacings of what it was taken from.
THIN_REACH = 0.66
# Triangles around one that a part may land on.
MOST_AROUND = 24


class PersonalAnchors(nn.Module):
    """Takes the place of the prior's anchors; `start_*` hold what the fit started from."""

    def __init__(self, anchors: UniversalAnchors, values: dict[str, Tensor]) -> None:
        super().__init__()
        self.places = anchors
        for name in FITTED:
            setattr(self, name, nn.Parameter(values[name].detach().clone().contiguous()))
            self.register_buffer(f"start_{name}", values[name].detach().clone().contiguous())
        for name in FIXED:
            self.register_buffer(name, values[name].detach().clone().contiguous())

    @classmethod
    def of(cls, prior: UniversalPrior, scan: Scan) -> PersonalAnchors:
        """The prior's own anchors on a scan."""
        own = prior.anchors
        values = {n: getattr(own, n) for n in FITTED[1:] + FIXED[:2]}
        values |= {
            "base_colors": scan.base_colors,
            "scales_m": scan.scales_m,
            "opacities": scan.opacities,
        }
        return cls(prior.parts.anchors, values)

    def __len__(self) -> int:
        return len(self.places)

    def reflection(self) -> Tensor:
        """Colours `[N, 3]` that light adds to where the neutral is dark: inside the mouth only."""
        return self.reflections * self.hidden

    def change(self, name: str) -> Tensor:
        """What the fit has added to a fitted value."""
        return getattr(self, name) - getattr(self, f"start_{name}")

    def taken(self, places: UniversalAnchors, rows: Tensor) -> PersonalAnchors:
        """Anchors at `places` whose values are those of `rows` `[M]`."""
        made = PersonalAnchors.__new__(PersonalAnchors)
        nn.Module.__init__(made)
        made.places = places
        for name, value in self.named_parameters():
            made.register_parameter(name, nn.Parameter(taken_rows(name, value.detach(), rows)))
        for name, value in self.named_buffers():
            base = name.removeprefix("start_")
            made.register_buffer(name, taken_rows(base, value, rows))
        return made

    def like(self, places: dict[str, np.ndarray], state: dict[str, Tensor]) -> PersonalAnchors:
        """Anchors as a checkpoint holds them, of any number."""
        rows = torch.zeros(len(places["triangle"]), dtype=torch.int64, device=self.lifts.device)
        made = self.taken(replace(self.places, **places), rows)
        made.load_state_dict(state)
        return made


def taken_rows(name: str, values: Tensor, rows: Tensor) -> Tensor:
    """The rows (or columns) of a value of the anchors that `rows` picks."""
    return values.index_select(ROW_DIM.get(name, 0), rows).contiguous()


class Surface:
    """Splitting and thinning anchors on the mean head, where all persons' surfaces correspond."""

    def __init__(self, parts: UniversalParts) -> None:
        self.parts = parts
        self.mesh = head_mesh(parts.topology, parts.mean_vertices)
        self.normals = triangle_frames(self.mesh.vertices, self.mesh.triangles)[0]

    def positions(self, places: UniversalAnchors) -> np.ndarray:
        """Points `[N, 3]` of anchors on the mean head (m)."""
        corners = self.mesh.vertices[self.mesh.triangles[places.triangle]]
        return np.einsum("nk,nkc->nc", places.barycentric, corners)

    def split(
        self, places: UniversalAnchors, chosen: np.ndarray, rng: np.random.Generator
    ) -> tuple[UniversalAnchors, np.ndarray]:
        """Each of `chosen` `[M]` becomes two beside each other; returns the anchors and the rows they come from.

        The two take the place of their parent, one in its row and one at the end.
        """
        own = UniversalAnchors(
            places.triangle[chosen], places.barycentric[chosen], places.spacing[chosen],
            places.wanted, places.inset,
        )  # fmt: skip
        points, normals = self.positions(own), self.normals[own.triangle]
        along = rng.standard_normal((len(chosen), 3))
        along -= (along * normals).sum(1, keepdims=True) * normals
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        step = PART_REACH * own.spacing[:, None] * along
        halves = [self._landed(own.triangle, points + sign * step) for sign in (1, -1)]
        triangle, barycentric = places.triangle.copy(), places.barycentric.copy()
        spacing = places.spacing.copy()
        triangle[chosen], barycentric[chosen] = halves[0]
        spacing[chosen] *= PART_SCALE
        made = replace(
            places,
            triangle=np.concatenate([triangle, halves[1][0]]),
            barycentric=on_weight_grid(np.concatenate([barycentric, halves[1][1]])),
            spacing=np.concatenate([spacing, spacing[chosen]]),
        )
        return made, np.concatenate([np.arange(len(places)), chosen])

    def thin(
        self, places: UniversalAnchors, shares: np.ndarray, order: np.ndarray
    ) -> tuple[UniversalAnchors, np.ndarray, np.ndarray]:
        """A subset of the anchors: they, their rows, and the kept one nearest to each.

        No two that stay are nearer than a spacing that their `shares` `[N]` ask for; first come, first kept in
        `order` `[N]`, and those with a share of one all stay.
        """
        points = self.positions(places)
        reach = places.spacing * (THIN_REACH / shares**0.5)
        group = self.parts.topology.part[places.triangle].astype(float)
        shifted = np.concatenate([points, group[:, None]], axis=1)
        near = cKDTree(shifted).query_ball_point(shifted, reach)
        fixed = shares >= 1.0
        kept, gone = fixed.copy(), fixed.copy()
        for row in order:
            if not gone[row]:
                kept[row] = True
                gone[near[row]] = True
        rows = np.flatnonzero(kept)
        nearest = cKDTree(shifted[rows]).query(shifted)[1]
        # Each stands for the area of those that it is the nearest to.
        area = np.bincount(nearest, places.spacing**2, len(rows))
        taken = replace(
            places,
            triangle=places.triangle[rows],
            barycentric=places.barycentric[rows],
            spacing=np.sqrt(area),
        )
        return taken, rows, nearest

    def neighbours(self, places: UniversalAnchors, count: int = 3) -> np.ndarray:
        """The nearest of each on its own sheet `[N, count]`."""
        return neighbours(self.mesh, places, count)

    def mirrored(self, places: UniversalAnchors) -> np.ndarray:
        """The anchor nearest to each one's mirror image `[N]`."""
        points, normals = self.positions(places), self.normals[places.triangle]
        turned = np.array([-1.0, 1.0, 1.0])
        own = np.concatenate([points, 2e-3 * normals], axis=1)
        there = np.concatenate([points * turned, 2e-3 * normals * turned], axis=1)
        return cKDTree(own).query(there)[1]

    def _landed(self, triangle: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Triangle and barycentrics of the surface's point nearest to `wanted` `[M, 3]` around `triangle` `[M]`."""
        around = self._around[triangle]
        corners = self.mesh.vertices[self.mesh.triangles[around]]
        first, second = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
        edges = np.stack([first, second], axis=-1)
        offset = wanted[:, None] - corners[:, :, 0]
        local = np.einsum("mtij,mtj->mti", np.linalg.pinv(edges), offset)
        weights = np.concatenate([1 - local.sum(-1, keepdims=True), local], -1).clip(0, None)
        weights /= weights.sum(-1, keepdims=True)
        points = np.einsum("mtk,mtkc->mtc", weights, corners)
        best = np.linalg.norm(points - wanted[:, None], axis=2).argmin(1)
        rows = np.arange(len(triangle))
        return around[rows, best], weights[rows, best]

    @property
    def _around(self) -> np.ndarray:
        """Triangles of the same part that share a corner with each `[F, MOST_AROUND]`; itself where there are fewer."""
        if not hasattr(self, "_near"):
            self._near = _touching(self.mesh.triangles, self.parts.topology.part)
        return self._near


def _touching(triangles: np.ndarray, part: np.ndarray) -> np.ndarray:
    count = len(triangles)
    near = np.repeat(np.arange(count)[:, None], MOST_AROUND, axis=1)
    order = np.argsort(triangles.ravel(), kind="stable")
    owner = order // 3
    starts = np.searchsorted(triangles.ravel()[order], np.arange(triangles.max() + 2))
    for row in range(count):
        found = np.unique(
            np.concatenate([owner[starts[v] : starts[v + 1]] for v in triangles[row]])
        )
        found = found[part[found] == part[row]][:MOST_AROUND]
        near[row, : len(found)] = found
    return near
