"""Parts of the face, so that a retake may replace one and leave the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..errors import TrackError
from .arkit import ARKIT_BLENDSHAPES

HEAD_PART = "head"
FACE_PARTS = ("mouth", "eyes", "brows", HEAD_PART)

# Beginnings of the ARKit names of each part; the head has none.
_BEGINNINGS: Mapping[str, tuple[str, ...]] = {
    "mouth": ("jaw", "mouth", "cheekPuff", "tongue"),
    "eyes": ("eye", "cheekSquint"),
    "brows": ("brow", "nose"),
}
# Which ARKit controls of a recording go to which layer of an avatar; all others are speech.
_LAYERS: Mapping[str, tuple[str, ...]] = {
    "blink": ("eyeBlink",),
    "gaze": ("eyeLook",),
    "upper_face": ("brow", "nose", "eyeSquint", "eyeWide", "cheekSquint"),
}


def part_indices(parts: Collection[str]) -> list[int]:
    """Indices of the ARKit controls of `parts` ("mouth", "eyes", "brows"; "head" has none)."""
    unknown = sorted(set(parts) - set(FACE_PARTS))
    if unknown:
        raise TrackError(
            f"'{unknown[0]}' is no part of the face: name some of {', '.join(FACE_PARTS)}."
        )
    beginnings = tuple(b for part in parts for b in _BEGINNINGS.get(part, ()))
    return [i for i, name in enumerate(ARKIT_BLENDSHAPES) if name.startswith(beginnings)]


def layer_indices() -> dict[str, list[int]]:
    """Indices of the ARKit controls of each layer of an avatar; together they are all 52."""
    layers = {
        layer: [i for i, name in enumerate(ARKIT_BLENDSHAPES) if name.startswith(beginnings)]
        for layer, beginnings in _LAYERS.items()
    }
    taken = {i for indices in layers.values() for i in indices}
    return {"speech": [i for i in range(len(ARKIT_BLENDSHAPES)) if i not in taken], **layers}
