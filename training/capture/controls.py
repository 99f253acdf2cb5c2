"""The 52 ARKit controls as vertex offsets, made from ICT-FaceKit's 57 expressions."""

from __future__ import annotations

import numpy as np

from ...core.spaces import ARKIT_BLENDSHAPES
from .ict import GUMS_TONGUE, IctModel
from .lids import close_blink

# ARKit has one channel where ICT has one per side.
MERGED = {
    "browInnerUp": ("browInnerUp_L", "browInnerUp_R"),
    "cheekPuff": ("cheekPuff_L", "cheekPuff_R"),
}
SIDES = {"Left": "_L", "Right": "_R"}

# The tongue slides out over the lower lip: jaw and lips make room, the tip travels furthest.
TONGUE_ROOM = {
    "jawOpen": 0.30,
    "mouthLowerDown_L": 0.25,
    "mouthLowerDown_R": 0.25,
    "mouthUpperUp_L": 0.10,
    "mouthUpperUp_R": 0.10,
}
TONGUE_OUT_CM = 3.2
TONGUE_LIFT_CM = 0.85
TONGUE_DROOP_CM = 1.5


def ict_names(control: str) -> tuple[str, ...]:
    """The ICT expressions that one ARKit control is the sum of."""
    if control in MERGED:
        return MERGED[control]
    for side, suffix in SIDES.items():
        # jawLeft, mouthLeft and their mirror images are directions, not sides.
        if control.endswith(side) and control not in {f"jaw{side}", f"mouth{side}"}:
            return (control.removesuffix(side) + suffix,)
    return (control,)


def tongue_vertices(model: IctModel) -> np.ndarray:
    """Indices of the tongue: the two islands in the middle of the gums-and-tongue tile."""
    faces = model.faces[model.material == GUMS_TONGUE]
    faces_uv = model.faces_uv[model.material == GUMS_TONGUE]
    chosen = faces[tongue_faces(model, faces_uv)]
    return np.unique(chosen[chosen >= 0])


def tongue_faces(model: IctModel, faces_uv: np.ndarray) -> np.ndarray:
    """Mask [F] of the faces whose UV island is the tongue's back or belly."""
    labels = uv_islands(model, faces_uv)
    mask = np.zeros(len(faces_uv), bool)
    for label in np.unique(labels):
        members = faces_uv[labels == label]
        center = model.uv[members[members >= 0]].mean(0) - np.array([2.0, 0.0])
        size = len(np.unique(members[members >= 0]))
        is_back = size > 450 and center[0] > 0.6
        is_belly = 250 < size < 350 and center[0] < 0.3 and center[1] < 0.5
        mask |= (labels == label) & bool(is_back or is_belly)
    return mask


def uv_islands(model: IctModel, faces_uv: np.ndarray) -> np.ndarray:
    """Label [F] of the connected UV island of each face."""
    parent = np.arange(len(model.uv))

    def find(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for face in faces_uv:
        root = find(face[0])
        for corner in face[1:]:
            if corner >= 0:
                parent[find(corner)] = root
    roots = np.array([find(face[0]) for face in faces_uv])
    return np.unique(roots, return_inverse=True)[1]


def tongue_out(model: IctModel, shape: np.ndarray) -> np.ndarray:
    """Offsets [V, 3] in centimetres of `tongueOut`, which ICT does not have."""
    offsets = sum(np.float32(w) * model.expressions[name] for name, w in TONGUE_ROOM.items())
    tongue = tongue_vertices(model)
    depth = shape[tongue, 2]
    # 0 at the root, 1 at the tip.
    along = np.clip((depth - depth.min() - 1.5) / (np.ptp(depth) - 1.5), 0.0, 1.0)
    reach = along**1.4
    offsets[tongue, 2] += TONGUE_OUT_CM * reach
    offsets[tongue, 1] += TONGUE_LIFT_CM * np.sin(np.pi * along)
    offsets[tongue, 1] -= TONGUE_DROOP_CM * along**4 - 0.35 * along
    # ICT's tip is a point at rest: out of the mouth a tongue is broad and round.
    offsets[tongue, 0] += 0.55 * along**3 * shape[tongue, 0]
    return offsets.astype(np.float32)


def arkit_controls(model: IctModel, shape: np.ndarray) -> np.ndarray:
    """Offsets [52, V, 3] in centimetres, in the order of ARKIT_BLENDSHAPES."""
    offsets = np.zeros((len(ARKIT_BLENDSHAPES), *shape.shape), np.float32)
    for index, control in enumerate(ARKIT_BLENDSHAPES):
        if control == "tongueOut":
            offsets[index] = tongue_out(model, shape)
        else:
            offsets[index] = sum(model.expressions[name] for name in ict_names(control))
        if control.startswith("eyeBlink"):
            is_left = control.endswith("Left")
            offsets[index] = close_blink(model, shape, offsets[index], is_left=is_left)
    return offsets
