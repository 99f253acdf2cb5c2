"""Changes in the number of a head's anchors, which everything else of the fit follows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ...core.camera import Camera, intrinsics, look_at
from ..rasterize import rasterize
from .personal_anchors import PART_SCALE, PersonalAnchors, Surface, taken_rows

if TYPE_CHECKING:
    from .fit import PersonalFit

# From where an anchor must show in some expression, or it goes: yaw and pitch in degrees.
LOOKS = [(yaw, pitch) for yaw in (-100, -50, 0, 50, 100, 180) for pitch in (-20, 20)]
LOOK_PX, LOOK_DISTANCE_M = 320, 1.1
NUM_EXPRESSIONS = 5
# Anchors that stand closer than this are not thinned (m).
FINE_M = 0.95e-3
# Detail is told among so many neighbours, and counts within this range of its mean.
DETAIL_NEIGHBOURS, DETAIL_RANGE = 8, (0.1, 6.0)
# However many others have to go, this share of them stays.
LEAST_SHARE = 0.15


def thinned(
    anchors: PersonalAnchors,
    surface: Surface,
    share: float,
    rng: np.random.Generator,
    *,
    evenly: bool,
) -> PersonalAnchors:
    """A subset of anchors that cover as much, each with the mean colour of those it stands for.

    Eyes, teeth and what else lies inside stay as they are: few frames show them, and all expressions need them.
    So do lips and lids, which are fine from the start. Of the others more stay where colours differ, unless `evenly`.
    """
    fixed = (anchors.hidden[:, 0].numpy() > 0) | (anchors.places.spacing < FINE_M)
    detail = np.ones(len(anchors)) if evenly else _detail(anchors, surface)
    others = max(int((~fixed).sum()), 1)
    shares = _shares(detail, fixed, max(1 - (1 - share) * len(anchors) / others, LEAST_SHARE))
    # Where colours are alike it does not matter who stays.
    order = np.argsort(-detail * rng.uniform(0.5, 1.0, len(detail)), kind="stable")
    places, rows, nearest = surface.thin(anchors.places, shares, order)
    made = anchors.taken(places, torch.from_numpy(rows))
    wider = places.spacing / anchors.places.spacing[rows]
    colors = anchors.base_colors.detach()
    cells = torch.from_numpy(nearest)
    sums = torch.zeros(len(rows), 3).index_add_(0, cells, colors)
    counts = torch.bincount(cells, minlength=len(rows)).clamp(min=1)
    with torch.no_grad():
        made.base_colors.copy_(sums / counts[:, None])
        made.start_base_colors.copy_(made.base_colors)
        made.scales_m.mul_(torch.from_numpy(wider).float()[:, None])
    return made


def _detail(anchors: PersonalAnchors, surface: Surface) -> np.ndarray:
    """How much colours differ around each anchor `[N]`, over what they do on average."""
    near = surface.neighbours(anchors.places, DETAIL_NEIGHBOURS)
    colors = anchors.base_colors.detach().numpy()
    apart = np.abs(colors[near] - colors[:, None]).mean((1, 2))
    apart = apart[near].mean(1)
    return apart / max(float(apart.mean()), 1e-9)


def _shares(detail: np.ndarray, fixed: np.ndarray, share: float) -> np.ndarray:
    """What share of the anchors around each stays `[N]`: all fixed ones and `share` of the others, by the detail."""
    weights = np.sqrt(np.clip(detail, *DETAIL_RANGE))
    low, high = 0.0, 1.0 / max(float(weights.min()), 1e-9)
    for _ in range(40):
        middle = 0.5 * (low + high)
        if np.minimum(middle * weights[~fixed], 1.0).mean() < share:
            low = middle
        else:
            high = middle
    shares = np.clip(high * weights, 0.02, 1.0)
    shares[fixed] = 1.0
    return shares


def regrow(fit: PersonalFit, rng: np.random.Generator) -> None:
    """Drop idle anchors, split what density control chooses; decoder and optimiser follow."""
    head, growth = fit.head, fit.settings.growth
    anchors = head.anchors
    kept = np.ones(len(anchors), bool)
    if growth.rule != "none" and growth.drops_idle:
        kept = _kept(fit)
    chosen = fit.density.grown(rng, kept)
    is_split = np.zeros(len(anchors), bool)
    is_split[chosen] = True
    rows = np.flatnonzero(kept)
    places = replace(
        anchors.places,
        triangle=anchors.places.triangle[rows],
        barycentric=anchors.places.barycentric[rows],
        spacing=anchors.places.spacing[rows],
    )
    split_rows = np.flatnonzero(is_split[rows])
    places, origin = fit.surface.split(places, split_rows, rng)
    taken = torch.from_numpy(rows[origin]).to(head.device)
    made = anchors.taken(places, taken)
    smaller = torch.ones(len(places), device=head.device)
    smaller[torch.from_numpy(split_rows)] = PART_SCALE
    smaller[len(rows) :] = PART_SCALE
    made.scales_m.mul_(smaller[:, None])
    replace_rows(fit.optimizer, made, taken, len(rows))
    head.use_anchors(made)


def replace_rows(
    optimizer: torch.optim.Optimizer, anchors: PersonalAnchors, rows: Tensor, num_old: int
) -> None:
    """Adam goes on with these anchors; of those from `num_old` on it remembers nothing."""
    for group in optimizer.param_groups:
        name = group["name"].removeprefix("anchors.")
        if not group["name"].startswith("anchors."):
            continue
        old, new = group["params"][0], getattr(anchors, name)
        state = optimizer.state.pop(old, {})
        for key, value in state.items():
            if value.ndim:
                moment = taken_rows(name, value, rows)
                dim = 1 if name == "light" else 0
                moment.narrow(dim, num_old, len(rows) - num_old).zero_()
                state[key] = moment
        group["params"] = [new]
        if state:
            optimizer.state[new] = state


def stand_with(fit: PersonalFit, anchors: PersonalAnchors) -> None:
    """Take over anchors of another number, as from a checkpoint; Adam's memory of them is gone."""
    for group in fit.optimizer.param_groups:
        if group["name"].startswith("anchors."):
            fit.optimizer.state.pop(group["params"][0], None)
            group["params"] = [getattr(anchors, group["name"].removeprefix("anchors."))]
    fit.head.use_anchors(anchors)


def _kept(fit: PersonalFit) -> np.ndarray:
    """Mask of the anchors that some picture or some other view of some expression shows."""
    anchors = fit.head.anchors
    look = fit.head.look()
    opaque = (
        look["all_opacities"][: len(anchors)].detach().cpu().numpy()
        >= fit.settings.growth.min_opacity
    )
    seen = fit.density.pixels.numpy() > 0
    left = ~seen & opaque
    if left.any():
        seen |= shown_from_anywhere(fit)
    return opaque & seen


def shown_from_anywhere(fit: PersonalFit) -> np.ndarray:
    """Mask `[N]` of the anchors that blend into a pixel of any of many views, over expressions."""
    codes = fit.expressions
    shown = np.zeros(fit.head.num_surface, bool)
    for number, (yaw, pitch) in enumerate(LOOKS):
        camera = _look(yaw, pitch)
        is_front = abs(yaw) <= 50
        for code in codes if is_front else codes[number % len(codes) :][:1]:
            shown |= _blended(fit, code, camera)
    return shown


def _blended(fit: PersonalFit, code: Tensor, camera: Camera) -> np.ndarray:
    pose = code.new_zeros(6)
    eye = torch.from_numpy(-camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3]).float()
    with torch.no_grad():
        splats = fit.all_splats(code, pose, eye.to(code.device))
    values = [value.detach() for value in splats[:5]]
    values[4] = nn.Parameter(values[4])
    values[0] = nn.Parameter(values[0])
    picture = rasterize(*values, camera)
    picture.colors.sum().backward()
    return (picture.statistics.num_pixels[: fit.head.num_surface] > 0).cpu().numpy()


def _look(yaw_deg: float, pitch_deg: float) -> Camera:
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    ray = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    target = np.array([0.0, -0.04, -0.03])
    view = look_at(target + LOOK_DISTANCE_M * ray, target, np.array([0.0, 1.0, 0.0]))
    return Camera(view, intrinsics(2.4 * LOOK_PX, LOOK_PX, LOOK_PX), LOOK_PX, LOOK_PX)
