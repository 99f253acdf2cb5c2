"""PSNR and SSIM of a drawn head against a picture, over the head alone and over parts of it.

The foreground is what the picture covers, dilated by 8 px, so that a wrong outline counts while empty background
does not. SSIM is Wang et al.'s (2004): an 11 x 11 Gaussian window of sigma 1.5, data range 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import binary_dilation, correlate1d, distance_transform_edt

from ..core.camera import Camera
from ..core.render.mesh import draw_mesh
from .dataset.layout import Topology
from .image_loss import C1, C2, WINDOW_PX, WINDOW_SIGMA_PX
from .strands import Strands

# What lies behind both pictures: no hair and no skin is flattered by a middle grey.
BACKGROUND = np.full(3, 0.5, np.float32)
FOREGROUND_ALPHA, DILATION_PX = 0.5, 8
REGIONS = ("mouth", "eyes", "skin", "hair")
PARTS = {
    "mouth": ("teeth", "gums", "tongue", "mouth_cavity"),
    "eyes": ("sclera_left", "sclera_right", "iris_left", "iris_right", "eye_socket"),
    "skin": ("face", "back_head"),
}
# Skin this near to the landmarks of lips (48 to 67) and lids (36 to 47) belongs to mouth and eyes.
LIPS, LIDS = slice(48, 68), slice(36, 48)
LIPS_REACH_M, LIDS_REACH_M = 0.011, 0.008
# Strands this far behind the mesh's surface are still seen; drawn this wide.
STRAND_SLACK_M, STRAND_RADIUS_PX = 0.003, 1
MIN_REGION_PX = 40


@dataclass(frozen=True)
class Score:
    """How near one drawn picture comes to the wanted one."""

    psnr_db: float
    ssim: float
    # By region; regions that hardly show are left out.
    region_psnr_db: dict[str, float] = field(default_factory=dict)
    region_l1: dict[str, float] = field(default_factory=dict)
    region_ssim: dict[str, float] = field(default_factory=dict)


def composite(rgba: np.ndarray, background: np.ndarray = BACKGROUND) -> np.ndarray:
    """Colours [H, W, 3] in [0, 1] of straight-alpha pixels [H, W, 4] uint8 over a background [3]."""
    pixels = rgba.astype(np.float32) / 255
    alpha = pixels[..., 3:]
    return pixels[..., :3] * alpha + background * (1 - alpha)


def foreground(alpha: np.ndarray) -> np.ndarray:
    """Mask [H, W] of what counts: the covered pixels (alpha in [0, 1]) and 8 px around them."""
    covered = alpha > FOREGROUND_ALPHA
    return covered | (distance_transform_edt(~covered) <= DILATION_PX)


def psnr_db(ours: np.ndarray, wanted: np.ndarray, mask: np.ndarray) -> float:
    """Peak signal-to-noise ratio over `mask` [H, W]; colours [H, W, 3] in [0, 1]."""
    error = float(np.mean((ours[mask].astype(np.float64) - wanted[mask]) ** 2))
    return -10 * float(np.log10(max(error, 1e-12)))


def ssim_map(ours: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Structural similarity [H, W, C] around every pixel of two pictures in [0, 1]."""
    a, b = ours.astype(np.float64), wanted.astype(np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a, variance_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return luminance * (2 * covariance + C2) / (variance_a + variance_b + C2)


def score(
    ours: np.ndarray, wanted_rgba: np.ndarray, regions: dict[str, np.ndarray] | None = None
) -> Score:
    """Compare colours [H, W, 3], drawn over `BACKGROUND`, with a picture [H, W, 4] uint8."""
    wanted = composite(wanted_rgba)
    ours = np.clip(ours, 0.0, 1.0)
    mask = foreground(wanted_rgba[..., 3] / 255)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    # Windows reach over the mask's box by half their size.
    half = WINDOW_PX // 2
    box = (
        slice(max(rows[0] - half, 0), rows[-1] + half + 1),
        slice(max(columns[0] - half, 0), columns[-1] + half + 1),
    )
    similarity = ssim_map(ours[box], wanted[box]).mean(axis=2)
    shown = {n: m for n, m in (regions or {}).items() if np.count_nonzero(m) >= MIN_REGION_PX}
    return Score(
        psnr_db(ours, wanted, mask),
        float(similarity[mask[box]].mean()),
        {name: psnr_db(ours, wanted, m) for name, m in shown.items()},
        {name: float(np.abs(ours[m] - wanted[m]).mean()) for name, m in shown.items()},
        {name: float(similarity[m[box]].mean()) for name, m in shown.items()},
    )


def region_masks(
    vertices: np.ndarray, topology: Topology, strands: dict[str, Strands], camera: Camera
) -> dict[str, np.ndarray]:
    """Which pixels [H, W] show mouth, eyes, skin and hair of a tracked frame [V, 3] (m)."""
    picture = draw_mesh(vertices[topology.triangles].astype(np.float32), camera)
    seen = picture.indices >= 0
    part = np.full(seen.shape, -1)
    part[seen] = topology.part[picture.indices[seen]]
    masks = {
        name: np.isin(part, [i for i, n in enumerate(topology.part_names) if n in parts])
        for name, parts in PARTS.items()
    }
    near = _near_landmarks(vertices, topology)
    for name, is_near in near.items():
        around = np.zeros_like(seen)
        around[seen] = is_near[picture.indices[seen]]
        masks[name] |= around & masks["skin"]
    hair = _strand_mask(strands.get("hair"), camera, picture.depths)
    masks["mouth"] &= ~hair
    masks["eyes"] &= ~hair & ~masks["mouth"]
    masks["skin"] &= ~hair & ~masks["mouth"] & ~masks["eyes"]
    return {**masks, "hair": hair}


def _near_landmarks(vertices: np.ndarray, topology: Topology) -> dict[str, np.ndarray]:
    """Masks [F] of the triangles around lips and lids; none where landmarks are unknown."""
    if not len(topology.landmarks68):
        return {}
    centers = vertices[topology.triangles].mean(1)
    found = {}
    for name, which, reach_m in (("mouth", LIPS, LIPS_REACH_M), ("eyes", LIDS, LIDS_REACH_M)):
        marks = vertices[topology.landmarks68[which]]
        box = (centers > marks.min(0) - reach_m) & (centers < marks.max(0) + reach_m)
        candidates = np.flatnonzero(box.all(1))
        distance = np.linalg.norm(centers[candidates, None] - marks, axis=2).min(1)
        found[name] = np.zeros(len(centers), bool)
        found[name][candidates[distance < reach_m]] = True
    return found


def _strand_mask(hair: Strands | None, camera: Camera, depths: np.ndarray) -> np.ndarray:
    mask = np.zeros(depths.shape, bool)
    if hair is None or not len(hair.points):
        return mask
    halfway = (hair.points[:, 1:] + hair.points[:, :-1]) / 2
    points = np.concatenate([hair.points.reshape(-1, 3), halfway.reshape(-1, 3)])
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = seen @ camera.K.T
    place = np.floor(pixels[:, :2] / np.maximum(seen[:, 2:], 1e-6)).astype(int)
    inside = (seen[:, 2] > 0.01) & (place >= 0).all(1) & (place < depths.shape[::-1]).all(1)
    column, row = place[inside].T
    in_front = seen[inside, 2] < depths[row, column] + STRAND_SLACK_M
    mask[row[in_front], column[in_front]] = True
    return binary_dilation(mask, iterations=STRAND_RADIUS_PX)


def _blur(image: np.ndarray) -> np.ndarray:
    offsets = np.arange(WINDOW_PX) - WINDOW_PX // 2
    window = np.exp(-0.5 * (offsets / WINDOW_SIGMA_PX) ** 2)
    window /= window.sum()
    return correlate1d(correlate1d(image, window, axis=0), window, axis=1)


def jitter(points: np.ndarray, rows: np.ndarray | None = None) -> float:
    """RMS second difference in time of points `[T, M, C]`, in their unit, over frames `rows` `[T]` without a gap.

    0 for fewer than three frames in a row; without `rows` all follow each other.
    """
    rows = np.arange(len(points)) if rows is None else rows
    steps = np.diff(rows)
    whole = (steps[1:] == 1) & (steps[:-1] == 1)
    if not whole.any():
        return 0.0
    second = np.diff(points, n=2, axis=0)
    return float(np.sqrt((second[whole] ** 2).sum(axis=2).mean()))
