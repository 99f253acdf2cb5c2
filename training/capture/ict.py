"""The ICT-FaceKit head of one identity: mesh, parts, 52 ARKit controls, landmarks, neck weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from .ageing import aged
from .identity import Identity
from .lips import close_lips
from .sources import Sources

METRES_PER_ICT_UNIT = 0.01
# In ICT's own frame (cm, +Y up, +Z front): about the joint between skull and spine.
NECK_PIVOT_ICT = (0.0, -6.0, -1.0)
# Height (after tilting the ramp with the jaw line) where skin stops and starts following the head.
NECK_STAYS_ICT, NECK_FOLLOWS_ICT, NECK_TILT = -16.5, -8.5, 0.35

FACE, BACK_HEAD, GUMS_TONGUE, TEETH = 0, 1, 2, 3
SCLERAS, IRISES = (4, 6), (5, 7)
LASH_CARDS = 11
TOOTH_WIDENING = 1.055


@dataclass(frozen=True)
class IctModel:
    """The morphable model as it is stored, in centimetres."""

    neutral: Float32[np.ndarray, "V 3"]
    uv: Float32[np.ndarray, "T 2"]
    faces: Int32[np.ndarray, "F 4"]
    faces_uv: Int32[np.ndarray, "F 4"]
    material: Int32[np.ndarray, " F"]
    expressions: dict[str, np.ndarray]
    identity: Float32[np.ndarray, "K V 3"]
    landmarks: Int32[np.ndarray, " 68"]


@dataclass(frozen=True)
class Head:
    """One identity in the avatar frame (metres, origin between the eyeballs)."""

    vertices: Float32[np.ndarray, "V 3"]
    controls: Float32[np.ndarray, "52 V 3"]
    neck_weights: Float32[np.ndarray, " V"]
    neck_pivot: Float32[np.ndarray, " 3"]
    eye_centers: Float32[np.ndarray, "2 3"]


def load_model(sources: Sources) -> IctModel:
    """Read ICT-FaceKit's arrays from the data folder."""
    with np.load(sources.ict, allow_pickle=False) as stored:
        names = [str(name) for name in stored["expr_names"]]
        deltas = stored["expr"].astype(np.float32)
        return IctModel(
            neutral=stored["neutral"],
            uv=stored["uv"],
            faces=stored["faces"],
            faces_uv=stored["faces_uv"],
            material=stored["face_material"].astype(np.int32),
            expressions=dict(zip(names, deltas, strict=True)),
            identity=stored["identity"].astype(np.float32),
            landmarks=stored["landmarks68"],
        )


def vertices_of(model: IctModel, *materials: int) -> np.ndarray:
    """Indices of the vertices that the given materials use."""
    faces = model.faces[np.isin(model.material, materials)]
    return np.unique(faces[faces >= 0])


def shape_identity(model: IctModel, identity: Identity) -> np.ndarray:
    """Neutral vertices [V, 3] of one person, ICT frame, centimetres."""
    coefficients = np.asarray(identity.modes, np.float32)
    shape = model.neutral + np.einsum(
        "k,kvc->vc", coefficients, model.identity[: len(coefficients)]
    )
    for name, weight in identity.resting.items():
        shape = shape + np.float32(weight) * model.expressions[name]
    if identity.painting is not None:
        face = vertices_of(model, FACE)
        shape[face] += age_offsets(model, identity.painting.wrinkles)[face]
        face = vertices_of(model, FACE, BACK_HEAD)
        shape[face] = close_lips(model.neutral, shape, model.landmarks)[face]
    return close_teeth(model, shape)


def age_offsets(model: IctModel, wrinkles: float) -> np.ndarray:
    """Offsets [V, 3] in centimetres that the years leave in the skin."""
    faces = model.faces[model.material == FACE]
    faces = np.where(faces < 0, faces[:, 2:3], faces)
    corners = model.neutral[faces]
    normals = np.zeros_like(model.neutral)
    across = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    for corner in range(4):
        np.add.at(normals, faces[:, corner], across)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return aged(model.neutral, normals, model.landmarks, wrinkles)


def close_teeth(model: IctModel, shape: np.ndarray) -> np.ndarray:
    """Widen every tooth a little: ICT's stand apart, and dark gaps are all one sees of that."""
    shape = shape.copy()
    faces = model.faces[model.material == TEETH]
    # ICT stores tooth after tooth, so a tooth is a run of vertices that no face crosses.
    first, last = faces.min(1, where=faces >= 0, initial=len(shape)), faces.max(1)
    start = int(first.min())
    reach = np.zeros(int(last.max()) + 2 - start, np.int64)
    np.add.at(reach, first - start, 1)
    np.add.at(reach, last - start, -1)
    is_whole = np.cumsum(reach) == 0
    edges = start + np.flatnonzero(is_whole[:-2]) + 1
    for tooth in np.split(np.arange(start, int(last.max()) + 1), edges - start):
        middle = shape[tooth].mean(0)
        shape[tooth] += (shape[tooth] - middle) * np.array([1.0, 0.0, 1.0]) * (TOOTH_WIDENING - 1.0)
    return shape


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre [3] and radius of the sphere nearest to `points` [N, 3] in least squares."""
    system = np.c_[2.0 * points, np.ones(len(points))]
    solution, *_ = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)
    center = solution[:3]
    return center, float(np.sqrt(solution[3] + center @ center))


def eye_centers(model: IctModel, vertices: np.ndarray) -> np.ndarray:
    """Centres [2, 3] (left, right) of the eyeballs: spheres fitted behind the corneas."""
    centers = []
    for material in SCLERAS:
        points = vertices[vertices_of(model, material)]
        behind = points[points[:, 2] < points[:, 2].max() - 1.2]
        centers.append(fit_sphere(behind.astype(np.float64))[0])
    return np.stack(centers)


def neck_ramp(model: IctModel, vertices: np.ndarray) -> np.ndarray:
    """Weight per vertex: 1 follows the head, 0 stays with the shoulders."""
    height = vertices[:, 1] + NECK_TILT * vertices[:, 2]
    ramp = np.clip((height - NECK_STAYS_ICT) / (NECK_FOLLOWS_ICT - NECK_STAYS_ICT), 0.0, 1.0)
    weights = ramp * ramp * (3.0 - 2.0 * ramp)
    inside = vertices_of(model, GUMS_TONGUE, TEETH, *SCLERAS, *IRISES, LASH_CARDS)
    weights[inside] = 1.0
    return weights.astype(np.float32)


def build_head(model: IctModel, identity: Identity, controls: np.ndarray) -> Head:
    """Move one identity into the avatar frame; `controls` are [52, V, 3] in centimetres."""
    shape = shape_identity(model, identity)
    centers = eye_centers(model, shape)
    origin = centers.mean(0)
    scale = METRES_PER_ICT_UNIT
    return Head(
        vertices=((shape - origin) * scale).astype(np.float32),
        controls=(controls * scale).astype(np.float32),
        neck_weights=neck_ramp(model, shape),
        neck_pivot=((np.asarray(NECK_PIVOT_ICT) - origin) * scale).astype(np.float32),
        eye_centers=((centers - origin) * scale).astype(np.float32),
    )
