"""ICT-FaceKit's mean head as something `core.measure` can measure: landmarks only, no appearance."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.avatar import arkit_controls
from ..core.landmarks import NUM_LANDMARKS
from ..core.measure import signed_lip_gap
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE

METRES_PER_UNIT = 0.01


def ict_names(blendshape: str) -> tuple[str, ...]:
    """What ICT-FaceKit calls an ARKit blendshape: `_L`, `_R`, and two halves of the central ones."""
    if blendshape in ("browInnerUp", "cheekPuff"):
        return f"{blendshape}_L", f"{blendshape}_R"
    if blendshape in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return (blendshape,)
    return (blendshape.replace("Left", "_L").replace("Right", "_R"),)


class IctHead:
    """68 landmarks of ICT-FaceKit's neutral identity under ARKit-52 weights."""

    name = "ICT-FaceKit"
    code_space = ARKIT_SPACE
    controls = arkit_controls()
    code_dim = len(ARKIT_BLENDSHAPES)
    motion = None

    def __init__(self, data: Path) -> None:
        with np.load(data / "head/ict_facekit/ict_facekit_light.npz") as kit:
            vertices = kit["landmarks68"]
            columns = {str(name): i for i, name in enumerate(kit["expr_names"])}
            shapes = kit["expr"][:, vertices].astype(np.float32) * METRES_PER_UNIT
            self.neutral = kit["neutral"][vertices].astype(np.float32) * METRES_PER_UNIT
        self.shapes = np.zeros((self.code_dim, NUM_LANDMARKS, 3), np.float32)
        for row, blendshape in enumerate(ARKIT_BLENDSHAPES):
            for name in ict_names(blendshape):
                if name in columns:
                    self.shapes[row] += shapes[columns[name]]
        self.lip_contact_offset_mm = 1000.0 * float(signed_lip_gap(self.neutral[None])[0])

    def landmarks(self, code: np.ndarray) -> np.ndarray:
        """Landmarks `[68, 3]` in metres under `code` `[52]`."""
        return self.neutral + np.tensordot(code.astype(np.float32), self.shapes, axes=1)
