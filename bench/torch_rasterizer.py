"""The baseline that the C rasteriser is compared with: the same picture in vectorised PyTorch, float32.

As good as plain tensor operations allow in the layout of 3D Gaussian Splatting (Kerbl et al. 2023): the
splats are sorted once, binned into tiles of 16 x 16 pixels, and blended in slabs of `SLAB` splats for many
tiles at a time, so that a slab stays in the cache; padding is bounded by the slab and finished tiles leave.
Everything is differentiable by autograd, which keeps every slab in memory: small scenes only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from gaussian_heads.core.camera import Camera
from gaussian_heads.core.gaussians import Gaussians
from gaussian_heads.core.render import RenderOutput
from gaussian_heads.core.render.reference import (
    CLAMP_MARGIN,
    EPS2D,
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_DETERMINANT,
    MIN_TRANSMITTANCE,
    NEAR_PLANE_M,
)
from torch import Tensor

# px; the tile of our C rasteriser and of the published CUDA ones.
TILE = 16
# Splats blended by one round of operations, and about how many alphas that may be at once.
SLAB = 32
SLAB_ALPHAS = 1 << 18


@dataclass(frozen=True)
class Splats:
    """The visible Gaussians on the image, nearest first."""

    means2d: Tensor  # [M, 2] px
    conics: Tensor  # [M, 3] upper triangle of the inverse 2D covariance
    opacities: Tensor  # [M]
    extents: Tensor  # [M, 2] px, half the box outside which alpha is below 1/255
    features: Tensor  # [M, 5] red, green, blue, depth (m), one


@dataclass(frozen=True)
class Tiles:
    """The list of every tile, front to back: `splats[starts[t] : starts[t] + counts[t]]`."""

    splats: Tensor
    starts: Tensor
    counts: Tensor
    columns: int
    rows: int


def render(gaussians: Gaussians, camera: Camera, tile_px: int = TILE) -> RenderOutput:
    """Draw `gaussians` as every other backend does, without gradients."""
    names = ("means", "quats", "scales", "opacities", "colors")
    with torch.no_grad():
        images = rasterize(
            {name: torch.from_numpy(getattr(gaussians, name)) for name in names}, camera, tile_px
        )
    return RenderOutput(*(image.contiguous().numpy() for image in images))


def rasterize(
    gaussians: dict[str, Tensor], camera: Camera, tile_px: int = TILE
) -> tuple[Tensor, Tensor, Tensor]:
    """Colours `[H, W, 3]`, alphas and depths `[H, W]` of float32 tensors named as in `Gaussians`."""
    splats = project(gaussians, camera)
    tiles = bin_splats(splats, camera, tile_px)
    sums = blend(splats, tiles, tile_px)
    image = sums.view(tiles.rows, tiles.columns, 5, tile_px, tile_px).permute(0, 3, 1, 4, 2)
    image = image.reshape(tiles.rows * tile_px, tiles.columns * tile_px, 5)
    image = image[: camera.height, : camera.width]
    alphas = image[..., 4]
    depths = torch.where(alphas > 0, image[..., 3] / alphas.clamp(min=1e-12), 0.0)
    return image[..., :3], alphas, depths


def project(gaussians: dict[str, Tensor], camera: Camera) -> Splats:
    """Project what lies before the camera and can reach alpha 1/255, sorted by depth."""
    viewmat = torch.as_tensor(camera.viewmat, dtype=torch.float32)
    positions = gaussians["means"] @ viewmat[:3, :3].T + viewmat[:3, 3]
    visible = (positions[:, 2] >= NEAR_PLANE_M) & (gaussians["opacities"] > MIN_ALPHA)
    order = torch.argsort(positions[:, 2], stable=True)
    order = order[visible[order]]
    positions, opacities = positions[order], gaussians["opacities"][order].clamp(max=1.0)
    factors = rotations(gaussians["quats"][order]) * gaussians["scales"][order][:, None]
    factors = jacobians(positions, camera) @ viewmat[:3, :3] @ factors
    covars = factors @ factors.mT
    c00, c01, c11 = covars[:, 0, 0] + EPS2D, covars[:, 0, 1], covars[:, 1, 1] + EPS2D
    determinants = (c00 * c11 - c01 * c01).clamp(min=MIN_DETERMINANT)
    depths = positions[:, 2:]
    focal = torch.tensor([camera.K[0, 0], camera.K[1, 1]], dtype=torch.float32)
    center = torch.tensor([camera.K[0, 2], camera.K[1, 2]], dtype=torch.float32)
    reach = (2 * torch.log(opacities / MIN_ALPHA)).sqrt()
    return Splats(
        means2d=focal * positions[:, :2] / depths + center,
        conics=torch.stack([c11, -c01, c00], 1) / determinants[:, None],
        opacities=opacities,
        extents=reach[:, None] * torch.stack([c00, c11], 1).sqrt(),
        features=torch.cat([gaussians["colors"][order], depths, torch.ones_like(depths)], 1),
    )


def rotations(quats: Tensor) -> Tensor:
    """Matrices `[M, 3, 3]` of wxyz quaternions of any length."""
    w, x, y, z = torch.nn.functional.normalize(quats, dim=1).unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def jacobians(positions: Tensor, camera: Camera) -> Tensor:
    """Derivatives `[M, 2, 3]` of the pixel by the camera-space position, at a clamped direction."""
    depths = positions[:, 2]
    rows = []
    for axis, size in enumerate((camera.width, camera.height)):
        focal, center = float(camera.K[axis, axis]), float(camera.K[axis, 2])
        margin = CLAMP_MARGIN * 0.5 * size / focal
        slope = positions[:, axis] / depths
        slope = slope.clamp(-center / focal - margin, (size - center) / focal + margin)
        row = [torch.zeros_like(depths), torch.zeros_like(depths), -focal * slope / depths]
        row[axis] = focal / depths
        rows.append(torch.stack(row, 1))
    return torch.stack(rows, 1)


def bin_splats(splats: Splats, camera: Camera, tile_px: int) -> Tiles:
    """Repeat every splat once a tile that its box touches, then sort the pairs by tile."""
    columns, rows = math.ceil(camera.width / tile_px), math.ceil(camera.height / tile_px)
    limits = torch.tensor([camera.width, camera.height])
    means, extents = splats.means2d.detach(), splats.extents.detach()
    first = (means - extents - 0.5).ceil().clamp(min=0).minimum(limits)
    end = ((means + extents - 0.5).floor() + 1).clamp(min=0).minimum(limits)
    hit = (first < end).all(1)
    first = (first / tile_px).floor().long()
    sizes = (end / tile_px).ceil().long() - first
    counts = sizes.prod(1) * hit
    owners = torch.repeat_interleave(torch.arange(len(counts)), counts)
    places = torch.arange(len(owners)) - (counts.cumsum(0) - counts)[owners]
    across = sizes[owners, 0]
    tile = (first[owners, 1] + places // across) * columns + first[owners, 0] + places % across
    tile, order = torch.sort(tile, stable=True)
    lengths = torch.bincount(tile, minlength=rows * columns)
    return Tiles(owners[order], lengths.cumsum(0) - lengths, lengths, columns, rows)


def blend(splats: Splats, tiles: Tiles, tile_px: int) -> Tensor:
    """Sums of features times weights, front to back, `[tiles, 5, pixels of a tile]`."""
    axis = torch.arange(tile_px) + 0.5
    pixels = torch.stack([axis.repeat(tile_px), axis.repeat_interleave(tile_px)])  # [2, P]
    table = torch.cat([splats.means2d, splats.conics, splats.opacities[:, None]], 1)
    # One more splat, of no opacity: what fills up the lists that end within a slab.
    table = torch.cat([table, table.new_zeros(1, 6)])
    features = torch.cat([splats.features, splats.features.new_zeros(1, 5)])
    transmittance = torch.ones(len(tiles.counts), tile_px**2)
    sums = torch.zeros(len(tiles.counts), 5, tile_px**2)
    open_tiles = torch.argsort(tiles.counts, descending=True)
    tiles_at_once = max(1, SLAB_ALPHAS // (SLAB * tile_px**2))
    first = 0
    while len(open_tiles := open_tiles[tiles.counts[open_tiles] > first]):
        for some in open_tiles.split(tiles_at_once):
            chosen = _slab(tiles, some, first, len(table) - 1)
            alphas = _alphas(table[chosen], pixels + _origins(tiles, some, tile_px))
            before = transmittance[some]
            weights, after = _composite(alphas, before)
            sums[some] += features[chosen].mT @ weights
            transmittance[some] = after
        first += SLAB
        open_tiles = open_tiles[(transmittance[open_tiles] > 0).any(1)]
    return sums


def _slab(tiles: Tiles, some: Tensor, first: int, nothing: int) -> Tensor:
    """Splats number `first` and following of each of `some` tiles, `[tiles, SLAB]`."""
    places = first + torch.arange(SLAB)
    inside = places < tiles.counts[some, None]
    wanted = (tiles.starts[some, None] + places).clamp(max=len(tiles.splats) - 1)
    return torch.where(inside, tiles.splats[wanted], nothing)


def _origins(tiles: Tiles, some: Tensor, tile_px: int) -> Tensor:
    """Left upper corners (px) of `some` tiles, `[tiles, 2, 1]`."""
    return torch.stack([some % tiles.columns, some // tiles.columns], 1)[..., None] * tile_px


def _alphas(splats: Tensor, pixels: Tensor) -> Tensor:
    """Alphas `[tiles, SLAB, P]` of rows of the splat table `[tiles, SLAB, 6]`, 0 below 1/255."""
    x, y, a, b, c, opacity = splats[..., None].unbind(2)
    dx, dy = pixels[:, None, 0] - x, pixels[:, None, 1] - y
    sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
    alphas = (opacity * torch.exp(-sigma)).clamp(max=MAX_ALPHA)
    return torch.where((alphas >= MIN_ALPHA) & (sigma >= 0), alphas, 0.0)


def _composite(alphas: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the slab's splats, and what it leaves of the transmittance (0 where finished)."""
    after = torch.cumprod(1 - alphas, 1) * before[:, None]
    ahead = torch.cat([before[:, None], after[:, :-1]], 1)
    # The splat that would make a pixel opaque ends the pixel and is not added.
    weights = torch.where(after > MIN_TRANSMITTANCE, alphas * ahead, 0.0)
    return weights, torch.where(after[:, -1] > MIN_TRANSMITTANCE, after[:, -1], 0.0)
