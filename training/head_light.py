"""Baked light of the atlas brought to anchors, and its blending by the expression code."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from ..core.spaces import ARKIT_BLENDSHAPES
from .anchors import Anchors, Coverage
from .head_folder import HeadMesh, LightState
from .networks.mesh_head_parts import LightColumns
from .srgb import linear_to_srgb

# Half width of the fade between the left and the right half of a two-sided expression.
MIDLINE_FADE_M = 8e-3
DIRECTIONS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
NEIGHBOURS = 12
# These press lips onto each other; they darken where they touch, which comes last.
LATE = ("mouthRoll", "mouthPress", "mouthShrug")
LATE_EXPONENT = 2.0
# Columns of light span this much, which fits signed bytes in steps of 1 / 255.
STORED_RANGE = 127 / 255


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
        [linear_to_srgb(sample_atlas(state.radiance, uv)) for state in states], axis=1
    )
    colors = sharpened(blend_matrix(mesh, coverage, blur), target, rounds)
    return colors.reshape(len(colors), len(states), 3).transpose(1, 0, 2)


def sharpened(blend: csr_matrix, target: np.ndarray, rounds: int) -> np.ndarray:
    """Values `[N, C]` of anchors whose `blend` shows the `target` `[M, C]` of the samples, in [0, 1]."""
    gather = blend.T.tocsr()
    mass = np.maximum(np.asarray(gather.sum(axis=1)), 1e-6)
    colors = (gather @ target) / mass
    for _ in range(rounds):
        colors = colors + (gather @ (target - blend @ colors)) / mass
    return np.clip(colors, 0.0, 1.0)


def blend_matrix(mesh: HeadMesh, coverage: Coverage, blur: float) -> csr_matrix:
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


def light_activations(states: tuple[LightState, ...]) -> tuple[LightColumns, list[tuple[int, str]]]:
    """How far every state is switched on by a code, one entry per state and side.

    Returns columns that are not mixed yet, and for each the index of its state and the side it shows
    ("Left", "Right", or "" for all of the head).
    """
    entries = []
    for index, state in enumerate(states[1:], start=1):
        sides = sorted({_side(name) for name in state.controls} - {""})
        # A state of one side alone is baked with the other side at rest.
        for side in sides if len(sides) == 2 else ("",):
            wanted = ("", side) if side else ("", "Left", "Right")
            entries.append((index, side, [n for n in state.controls if _side(n) in wanted]))
    width = max((len(names) for *_, names in entries), default=1)
    control, inverse = np.zeros((len(entries), width), int), np.zeros((len(entries), width))
    for row, (index, _, names) in enumerate(entries):
        for slot, name in enumerate(names):
            control[row, slot] = ARKIT_BLENDSHAPES.index(name)
            inverse[row, slot] = 1 / states[index].controls[name]
    exponent = np.array(
        [LATE_EXPONENT if all(map(_is_late, names)) else 1.0 for *_, names in entries]
    )
    columns = LightColumns(inverse, control, exponent, np.eye(len(entries)), None)
    return columns, [(index, side) for index, side, _ in entries]


def activate(columns: LightColumns, code: np.ndarray) -> np.ndarray:
    """How far a code `[52]` switches every entry on, `[S]` in [0, 1]."""
    share = code[columns.control] * columns.inverse_weight + 2.0 * (columns.inverse_weight == 0)
    return np.clip(share, 0, 1).min(axis=1) ** columns.exponent


def light_changes(
    colors: np.ndarray, states: tuple[LightState, ...], positions: np.ndarray
) -> np.ndarray:
    """Change of colour `[S, N, 3]` that every entry of `light_activations` adds to the neutral.

    A state that contains others (a smile with an open jaw) stores only what they do not explain, so
    that every baked state comes out exactly.
    """
    columns, entries = light_activations(states)
    if not entries:
        return np.zeros((0, *colors.shape[1:]))
    changes = np.zeros((len(entries), *colors.shape[1:]))
    shares = _side_shares(positions)
    order = sorted(range(1, len(states)), key=lambda i: len(states[i].controls))
    for index in order:
        own = [row for row, entry in enumerate(entries) if entry[0] == index]
        active = activate(columns, _code(states[index]))
        active[own] = 0.0
        explained = np.tensordot(active, changes, axes=1)
        for row in own:
            rest = colors[index] - colors[0] - explained
            changes[row] = rest * shares[entries[row][1]][:, None]
    return changes


def compress_light(changes: np.ndarray, max_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Low-rank form of changes `[S, N, 3]`: a mix `[S, K]` and columns `[K, N, 3]`, the best of that rank."""
    count = len(changes)
    mix, light = np.eye(count), changes
    if count > max_columns:
        flat = changes.reshape(count, -1)
        values, vectors = np.linalg.eigh(flat @ flat.T)
        mix = vectors[:, np.argsort(values)[::-1][:max_columns]]
        light = (mix.T @ flat).reshape(max_columns, *changes.shape[1:])
    # All columns on one scale, so that each uses all the steps it is stored in.
    largest = np.maximum(np.abs(light).max(axis=(1, 2), initial=0.0), 1e-6)
    return mix * (largest / STORED_RANGE), light * (STORED_RANGE / largest)[:, None, None]


def _code(state: LightState) -> np.ndarray:
    code = np.zeros(len(ARKIT_BLENDSHAPES))
    for name, weight in state.controls.items():
        code[ARKIT_BLENDSHAPES.index(name)] = weight
    return code


def _side_shares(positions: np.ndarray) -> dict[str, np.ndarray]:
    left = np.clip(0.5 + positions[:, 0] / (2 * MIDLINE_FADE_M), 0, 1)
    left = left * left * (3 - 2 * left)
    return {"": np.ones_like(left), "Left": left, "Right": 1 - left}


def _is_late(name: str) -> bool:
    return name.startswith(LATE)


def _side(name: str) -> str:
    if name in DIRECTIONS:
        return ""
    return next((side for side in ("Left", "Right") if name.endswith(side)), "")
