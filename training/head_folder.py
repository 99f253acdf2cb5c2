"""The folder a studio head is handed over in: mesh, controls, baked light and strands."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import AvatarError
from .strands import Strands, strands_of


@dataclass(frozen=True)
class HeadMesh:
    """Mesh of one head in the avatar frame (m) with its 52 linear ARKit controls."""

    vertices: np.ndarray  # [V, 3]
    triangles: np.ndarray  # [F, 3]
    uvs: np.ndarray  # [F, 3, 2], one atlas, v up
    part: np.ndarray  # [F] index into part_names
    part_names: tuple[str, ...]
    controls: np.ndarray  # [52, V, 3]
    landmarks: np.ndarray  # [68] vertex indices
    neck_weights: np.ndarray  # [V]
    neck_pivot: np.ndarray  # [3]
    eye_centers: np.ndarray  # [2, 3] left, right

    def part_mask(self, *names: str) -> np.ndarray:
        """Which triangles belong to any of the named parts, `[F]`; names not in the head count as empty."""
        wanted = [i for i, name in enumerate(self.part_names) if name in names]
        return np.isin(self.part, wanted)


@dataclass(frozen=True)
class LightState:
    """Baked radiance of the atlas under one expression."""

    name: str
    controls: dict[str, float]
    radiance: np.ndarray  # [R, R, 3] linear, row 0 at v = 1


@dataclass(frozen=True)
class HeadFolder:
    """Everything that one studio head consists of."""

    mesh: HeadMesh
    light: tuple[LightState, ...]  # the neutral first
    strands: dict[str, Strands]


def load_mesh(folder: Path) -> HeadMesh:
    """Read `head.npz`; raises `AvatarError` when it is missing or inconsistent."""
    path = folder / "head.npz"
    if not path.is_file():
        raise AvatarError(f"There is no '{path}': make the head with the studio first.")
    with np.load(path, allow_pickle=False) as arrays:
        mesh = HeadMesh(
            vertices=arrays["vertices"].astype(np.float64),
            triangles=arrays["triangles"].astype(np.int64),
            uvs=arrays["uvs"].astype(np.float64),
            part=arrays["part"].astype(np.int64),
            part_names=tuple(str(name) for name in arrays["part_names"]),
            controls=arrays["controls"].astype(np.float64),
            landmarks=arrays["landmarks68"].astype(np.int64),
            neck_weights=arrays["neck_weights"].astype(np.float64),
            neck_pivot=arrays["neck_pivot"].astype(np.float64),
            eye_centers=arrays["eye_centers"].astype(np.float64),
        )
    if mesh.controls.shape != (52, *mesh.vertices.shape):
        raise AvatarError(
            f"'{path}' has controls of shape {mesh.controls.shape} for {len(mesh.vertices)} vertices: "
            "make the head again."
        )
    return mesh


def load_head(folder: Path) -> HeadFolder:
    """Read the mesh, the baked light (neutral first) and the strands of a head folder."""
    return HeadFolder(load_mesh(folder), _load_light(folder / "light"), _load_strands(folder))


def folder_hash(folder: Path) -> str:
    """SHA-256 over the files that an avatar is made from, in a fixed order."""
    digest = hashlib.sha256()
    inputs = ["head.npz", "strands.npz", "light/states.json"]
    inputs += sorted(f"light/{path.name}" for path in (folder / "light").glob("*.npy"))
    for name in inputs:
        if (folder / name).is_file():
            digest.update(name.encode("utf8"))
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _load_light(folder: Path) -> tuple[LightState, ...]:
    path = folder / "states.json"
    if not path.is_file():
        raise AvatarError(f"There is no '{path}': bake the head's light with the studio first.")
    weights = json.loads(path.read_text("utf8"))
    states = [
        LightState(name, dict(controls), np.load(folder / f"{name}.npy").astype(np.float32))
        for name, controls in weights.items()
        if (folder / f"{name}.npy").is_file()
    ]
    states.sort(key=lambda state: (bool(state.controls), state.name))
    if not states or states[0].controls:
        raise AvatarError(f"'{folder}' has no neutral state: bake the head's light again.")
    return tuple(states)


def _load_strands(folder: Path) -> dict[str, Strands]:
    path = folder / "strands.npz"
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as arrays:
        wide = {
            key: values.astype(np.int64 if values.dtype.kind == "i" else np.float64)
            for key, values in arrays.items()
        }
    return strands_of(wide)
