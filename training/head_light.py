"""Baked light of the atlas brought to anchors, and its blending by the expression code."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from ..core.spaces import ARKIT_BLENDSHAPES
from .anchors import Anchors, Coverage
from .head_folder import HeadMesh, LightState
from .networks.mesh_head_parts import LightColumns

# Half width of the fade between the left and the right half of a two-sided expression.
MIDLINE_FADE_M = 8e-3
DIRECTIONS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
NEIGHBOURS = 12


def srgb_from_linear(linear: np.ndarray) -> np.ndarray:
    """Display-referred sRGB in [0, 1] of linear light, as the Standard view transform shows it."""
    clipped = np.clip(linear, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def sample_atlas(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear samples `[M, C]` of an image whose row 0 lies at v = 1."""
    height, width = image.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1.001)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1.001)
    column, row = x.astype(int), y.astype(int)
    fx, fy = (x - column)[:, None], (y - row)[:, None]
    top = image[row, column] * (1 - fx) + image[row, column + 1] * fx
    bottom = image[row + 1, column] * (1 - fx) + image[row + 1, column + 1] * fx
    return top * (1 - fy) + bottom * fy


def anchor_colors(
    mesh: HeadMesh, coverage: Coverage, states: tuple[LightState, ...], blur: float, rounds: int
) -> np.ndarray:
    """sRGB colours `[states, N, 3]` whose blended discs show the atlas.

    Overlapping discs blur what they carry. A few rounds of Landweber iteration against the dense
    samples give that detail back; `blur` is the discs' sigma over their spacing.
    """
    uv = np.einsum("mk,mkc->mc", coverage.samples.barycentric, mesh.uvs[coverage.samples.triangle])
    target = np.concatenate(
        [srgb_from_linear(sample_atlas(state.radiance, uv)) for state in states], axis=1
    )
    blend = _blend_matrix(mesh, coverage, blur)
    gather = blend.T.tocsr()
    mass = np.maximum(np.asarray(gather.sum(axis=1)), 1e-6)
    colors = (gather @ target) / mass
    for _ in range(rounds):
        colors = colors + (gather @ (target - blend @ colors)) / mass
    colors = np.clip(colors, 0.0, 1.0)
    return colors.reshape(len(colors), len(states), 3).transpose(1, 0, 2)


def _blend_matrix(mesh: HeadMesh, coverage: Coverage, blur: float) -> csr_matrix:
    """Weight `[M, N]` of every anchor's disc at every dense sample; rows sum to one."""
    anchors, samples = coverage.anchors, coverage.samples
    normals = _normals(mesh)
    # Discs on the other sheet of a lid or lip must not lend their colour.
    points = _with_normals(anchors, mesh, normals)
    distance, index = cKDTree(points).query(
        _with_normals(samples, mesh, normals), k=min(NEIGHBOURS, len(anchors)), workers=2
    )
    sigma = blur * anchors.spacing[index]
    weight = np.exp(-0.5 * (distance / sigma) ** 2) + 1e-9
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(samples)), index.shape[1])
    return csr_matrix((weight.ravel(), (rows, index.ravel())), (len(samples), len(anchors)))


def _normals(mesh: HeadMesh) -> np.ndarray:
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _with_normals(anchors: Anchors, mesh: HeadMesh, normals: np.ndarray) -> np.ndarray:
    positions = anchors.positions(mesh.vertices, mesh.triangles)
    return np.concatenate([positions, 1e-3 * normals[anchors.triangle]], axis=1)


def light_columns(states: tuple[LightState, ...]) -> tuple[LightColumns, list[tuple[int, str]]]:
    """Columns of the light blend, and for each the state it shows and the side ("Left", "Right", "")."""
    entries = []
    for index, state in enumerate(states[1:], start=1):
        sided = [name for name in state.controls if _side(name)]
        for side in ("Left", "Right") if sided else ("",):
            kept = {n: w for n, w in state.controls.items() if _side(n) in ("", side)}
            entries.append((index, side, kept))
    width = max((len(kept) for *_, kept in entries), default=1)
    control = np.zeros((len(entries), width), int)
    inverse = np.zeros((len(entries), width))
    codes = np.zeros((len(entries), len(ARKIT_BLENDSHAPES)))
    for row, (_, _, kept) in enumerate(entries):
        for slot, (name, weight) in enumerate(kept.items()):
            channel = ARKIT_BLENDSHAPES.index(name)
            control[row, slot], inverse[row, slot] = channel, 1 / weight
            codes[row, channel] = weight
    unused = 2.0 * (inverse == 0)
    active = np.clip(codes[:, control] * inverse + unused, 0, 1).min(axis=2)
    columns = LightColumns(inverse, control, np.linalg.inv(active))
    return columns, [(index, side) for index, side, _ in entries]


def light_changes(
    colors: np.ndarray, sides: list[tuple[int, str]], positions: np.ndarray
) -> np.ndarray:
    """Change of colour `[K, N, 3]` of every light column against the neutral state."""
    left = np.clip(0.5 + positions[:, 0] / (2 * MIDLINE_FADE_M), 0, 1)
    left = left * left * (3 - 2 * left)
    share = {"": np.ones_like(left), "Left": left, "Right": 1 - left}
    return np.stack(
        [(colors[index] - colors[0]) * share[side][:, None] for index, side in sides]
        or [np.zeros_like(colors[0])]
    )[: max(len(sides), 0)]


def _side(name: str) -> str:
    if name in DIRECTIONS:
        return ""
    return next((side for side in ("Left", "Right") if name.endswith(side)), "")
