"""Where hair may be: a shell over the scalp, as thick as the mattes of all frames allow, and what hangs beside it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.ndimage import binary_closing, binary_dilation, label
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from ..anchors import sample_anchors
from ..head_rig import vertex_normals
from ..networks.prior import UniversalParts
from ..prior_anchors import head_mesh
from .fit_settings import HairSettings
from .silhouettes import Silhouettes, unit
from .subject import SubjectFrame

# Hairline of the mean head: degrees from the front and metres above the eyes, a finger lower than usual.
HAIRLINE_DEG = np.array([0.0, 30.0, 50.0, 64.0, 76.0, 88.0, 100.0, 118.0, 140.0, 180.0])
HAIRLINE_M = np.array([0.056, 0.052, 0.034, 0.018, 0.002, -0.012, -0.008, -0.016, -0.05, -0.075])
AXIS_Z = -0.06
STEP_M, SKULL_M = 0.002, 0.09
# Seen from this far beside its plane, a piece of surface makes the outline.
OUTLINE_COSINE = 0.3
NEIGHBOURS, STIFFNESS, USUAL_WEIGHT = 8, 0.6, 0.02
# Just over hair, or over skin.
OVER_M = 0.004
# Thinner than this is no hair; the second layer stands at this share of the shell.
THINNEST_M, INNER_LAYER = 0.0015, 0.55
# A curtain: how far beside the head it hangs, how deep it is, how low it reaches below the eyes.
CURTAIN_REACH_M, CURTAIN_DEPTH_M, CURTAIN_LOW_M, VOXEL_M = 0.09, 0.035, 0.26, 0.006
EAR_Z = -0.075
# A piece of it is at least so large, and so much of it is this near to the hair above.
FEWEST_VOXELS, TOUCHING_M, TOUCHING_SHARE = 150, 0.026, 0.04
# Space nearer to the shell than this belongs to it, unless it lies outside of it.
FREE_M = 0.014


@dataclass(frozen=True)
class Shell:
    """Points of hair `[M, 3]` (m) on the resting head, and which way it faces there."""

    points: np.ndarray
    normals: np.ndarray
    spacing: np.ndarray  # [M] m to the neighbours
    inside: np.ndarray  # [M] m that the root lies within the hairline


def hair_shell(
    parts: UniversalParts, vertices: np.ndarray, outlines: Silhouettes, settings: HairSettings
) -> Shell:
    """The hair that the mattes leave room for on a head with these vertices `[V, 3]` (m)."""
    roots, normals, inside = _scalp(parts, vertices, settings.spacing_m)
    if not len(roots):
        return no_hair()
    outside = parts.topology.faces_of("face", "back_head")
    skin = vertices[parts.topology.triangles[outside]]
    room = _room(roots, normals, outlines, settings.thickest_m)
    tight = _tightness((roots, normals, room), outlines, skin)
    tight[room >= settings.thickest_m] = 0.0
    thick = _smooth_thickness(roots, room, tight)
    grown = thick > THINNEST_M
    spacing = np.full(len(roots), settings.spacing_m)
    bare = Shell(roots, normals, spacing, inside)
    layers = [_layer(bare, grown, thick, 1.0)]
    deep = thick > 0.008
    if deep.any():
        layers.append(_layer(bare, deep, thick, INNER_LAYER))
    layers.append(_curtain(parts, vertices, outlines, layers[0]))
    names = [field.name for field in fields(Shell)]
    return Shell(*(np.concatenate([getattr(s, name) for s in layers]) for name in names))


def no_hair() -> Shell:
    """A shell of no points."""
    return Shell(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0))


def within_hairline_m(places: np.ndarray) -> np.ndarray:
    """Metres `[N]` that places `[N, 3]` on the mean head lie above the lowest hairline."""
    turn = np.degrees(np.abs(np.arctan2(places[:, 0], places[:, 2] - AXIS_Z)))
    return places[:, 1] - np.interp(turn, HAIRLINE_DEG, HAIRLINE_M)


def _scalp(
    parts: UniversalParts, vertices: np.ndarray, spacing_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evenly spread roots, the skull's smooth normals there, and how far within the hairline they are (m)."""
    topology = parts.topology
    middle = parts.mean_vertices[topology.triangles].mean(1)
    on_skin = topology.faces_of("face", "back_head") & (within_hairline_m(middle) > 0)
    if not on_skin.any():
        return np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)
    wanted = np.where(on_skin, spacing_m, np.inf)
    rng = np.random.default_rng(0)
    found = sample_anchors(vertices, topology.triangles, wanted, rng).anchors
    roots = found.positions(vertices, topology.triangles)
    mesh = head_mesh(topology, vertices)
    corner_normals = vertex_normals(mesh)[topology.triangles]
    normals = unit(found.interpolate(corner_normals))
    near = cKDTree(roots).query(roots, k=min(40, len(roots)))[1]
    inside = within_hairline_m(found.positions(parts.mean_vertices, topology.triangles))
    return roots, unit(normals[near].mean(1)), inside


def _room(
    roots: np.ndarray, normals: np.ndarray, outlines: Silhouettes, thickest_m: float
) -> np.ndarray:
    """How thick hair may be over each root (m)."""
    steps = np.arange(STEP_M, thickest_m + STEP_M, STEP_M)
    room = np.zeros(len(roots))
    growing = np.ones(len(roots), bool)
    for step in steps:
        growing[growing] = outlines.is_inside(roots[growing] + step * normals[growing])
        room[growing] = step
    return room


def _tightness(
    grown: tuple[np.ndarray, np.ndarray, np.ndarray], outlines: Silhouettes, skin: np.ndarray
) -> np.ndarray:
    """How surely the outside of hair is seen over each root, in [0, 1].

    It is where some frame shows it from the side, the matte ends there, and no skin stands behind: an ear in the
    outline says nothing of the hair beside it.
    """
    roots, normals, room = grown
    tight = np.zeros(len(roots))
    for frame, matte in zip(outlines.frames, outlines.mattes, strict=True):
        cosine = (outlines.towards_eye(frame, roots) * normals).sum(1)
        row, column, shown = outlines.pixels(frame, roots + (room + OVER_M)[:, None] * normals)
        ends = shown & ~matte[row, column]
        bare = ~outlines.drawn(frame, skin)
        row, column, shown = outlines.pixels(frame, roots + OVER_M * normals)
        ends &= shown & bare[row, column]
        tight = np.maximum(tight, ends * np.exp(-((cosine / OUTLINE_COSINE) ** 2)))
    return tight


def _smooth_thickness(roots: np.ndarray, room: np.ndarray, tight: np.ndarray) -> np.ndarray:
    """Thickness where the outline is seen, and a smooth continuation where it is not, never beyond the room."""
    count, k = len(roots), min(NEIGHBOURS, len(roots) - 1)
    sure = tight > 0.3
    usual = float(np.median(room[sure])) if sure.any() else 0.0
    near = cKDTree(roots).query(roots, k=k + 1)[1][:, 1:]
    rows = np.repeat(np.arange(count), k)
    graph = coo_matrix((np.ones(count * k), (rows, near.ravel())), (count, count)).tocsr()
    graph = graph.maximum(graph.T)
    laplacian = diags(np.asarray(graph.sum(1)).ravel()) - graph
    weight = tight**2
    # Squared, the roughness of the roughness: a thickness goes on as it was where nothing is seen.
    system = diags(weight + USUAL_WEIGHT * 0.05) + STIFFNESS * laplacian
    wanted = weight * room + USUAL_WEIGHT * 0.05 * usual
    return np.clip(spsolve(system.tocsc(), wanted), 0.0, room)


def _layer(bare: Shell, chosen: np.ndarray, thick: np.ndarray, share: float) -> Shell:
    """The chosen roots, moved out by a share of the thickness (m) over each."""
    out = share * thick[chosen]
    normals = bare.normals[chosen]
    return Shell(
        bare.points[chosen] + out[:, None] * normals,
        normals,
        bare.spacing[chosen] * (1.0 + out / SKULL_M),
        bare.inside[chosen],
    )


def _curtain(
    parts: UniversalParts, vertices: np.ndarray, outlines: Silhouettes, shell: Shell
) -> Shell:
    """Skin of the space beside head and neck that every matte covers and nothing else explains."""
    steps = [np.arange(low, high, VOXEL_M) for low, high in _curtain_box(vertices, parts)]
    voxels = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1)
    shape, places = voxels.shape[:3], voxels.reshape(-1, 3)
    covered = _beside(parts, vertices, places, shell)
    covered[covered] = outlines.is_inside(places[covered])
    covered[covered] = _needed(places[covered], outlines, vertices, parts, shell)
    filled = _hanging(covered.reshape(shape), voxels, shell)
    if not filled.any():
        return no_hair()
    padded = np.pad(filled, 1)
    slope = np.stack(np.gradient(padded.astype(float)), axis=-1)[1:-1, 1:-1, 1:-1]
    skin = filled & (np.linalg.norm(slope, axis=-1) > 0)
    points = voxels[skin]
    count = len(points)
    return Shell(points, unit(-slope[skin]), np.full(count, 0.8 * VOXEL_M), np.zeros(count))


def _hanging(filled: np.ndarray, voxels: np.ndarray, shell: Shell) -> np.ndarray:
    """Of filled voxels the pieces that are large and hang on the hair: others are clothes or a wrong matte."""
    kept = np.zeros_like(filled)
    if not len(shell.points) or filled.sum() < FEWEST_VOXELS:
        return kept
    pieces, count = label(filled)
    tree = cKDTree(shell.points)
    for piece in range(1, count + 1):
        own = pieces == piece
        if own.sum() < FEWEST_VOXELS:
            continue
        touching = tree.query(voxels[own], distance_upper_bound=TOUCHING_M)[0] < TOUCHING_M
        if touching.sum() >= TOUCHING_SHARE * own.sum():
            kept |= own
    return kept


def _curtain_box(vertices: np.ndarray, parts: UniversalParts) -> list[tuple[float, float]]:
    head = vertices[np.unique(parts.topology.triangles[parts.topology.faces_of("face")])]
    half = np.abs(head[:, 0]).max() + CURTAIN_REACH_M
    return [
        (-half, half),
        (-CURTAIN_LOW_M, float(head[:, 1].max())),
        (EAR_Z - CURTAIN_DEPTH_M, EAR_Z + CURTAIN_DEPTH_M),
    ]


def _beside(
    parts: UniversalParts, vertices: np.ndarray, places: np.ndarray, shell: Shell
) -> np.ndarray:
    """Mask of the places outside head, neck and garment and near to head or hair, above the garment."""
    mesh = head_mesh(parts.topology, vertices)
    normals = vertex_normals(mesh)
    triangles = parts.topology.triangles
    outside = np.unique(triangles[parts.topology.faces_of("face", "back_head", "garment")])
    distance, near = cKDTree(vertices[outside]).query(places)
    rows = outside[near]
    is_out = ((places - vertices[rows]) * normals[rows]).sum(1) > 0.003
    is_near = distance < CURTAIN_REACH_M
    if len(shell.points):
        own, index = cKDTree(shell.points).query(places)
        is_out &= (((places - shell.points[index]) * shell.normals[index]).sum(1) > 0.002) | (
            own > FREE_M
        )
    garment = np.zeros(len(vertices), bool)
    garment[np.unique(triangles[parts.topology.faces_of("garment")])] = True
    return is_out & is_near & ~(garment[rows] & (distance < 0.03))


def _needed(
    places: np.ndarray,
    outlines: Silhouettes,
    vertices: np.ndarray,
    parts: UniversalParts,
    shell: Shell,
) -> np.ndarray:
    """Mask of the places that stand before a covered pixel which neither mesh nor shell explains."""
    outside = parts.topology.faces_of("face", "back_head", "garment")
    known = np.concatenate(
        [vertices[parts.topology.triangles[outside]].mean(1), shell.points, vertices]
    )
    needed = np.zeros(len(places))
    frames = outlines.frames[:8]
    for frame in frames:
        explained = _footprint(outlines, frame, known)
        row, column, shown = outlines.pixels(frame, places)
        needed += shown & ~explained[row, column]
    return needed > 0.5 * len(frames)


def _footprint(outlines: Silhouettes, frame: SubjectFrame, points: np.ndarray) -> np.ndarray:
    row, column, shown = outlines.pixels(frame, points)
    mask = np.zeros(frame.rgba.shape[:2], bool)
    mask[row[shown], column[shown]] = True
    size = max(2, round(frame.camera.width / 170))
    return binary_dilation(binary_closing(mask, iterations=2 * size), iterations=size)
