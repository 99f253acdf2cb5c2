"""A small generated head in the layout of a LAM ARKit head: skin.glb and offset.ply in a zip."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES

EYE_CENTRES_M = {"Left": np.array([0.03, 1.68, 0.06]), "Right": np.array([-0.034, 1.682, 0.062])}
EYE_RADIUS_M = 0.012
HEAD_CENTRE_M, HEAD_RADII_M = np.array([0.0, 1.63, 0.0]), np.array([0.08, 0.13, 0.09])
# Bones from the ground up, with their heights; the head bone has a child that carries some skin.
BONES = {"chestUpper": 1.45, "neckLower": 1.52, "neckUpper": 1.55, "head": 1.58, "lowerJaw": 1.6}
TARGETS = tuple(name for name in ARKIT_BLENDSHAPES if name != "tongueOut")


@dataclass
class SmallLam:
    """Parts of the head before they are packed; tests change them to break the head."""

    positions: np.ndarray
    triangles: np.ndarray
    morphs: dict[str, np.ndarray]
    skin_joints: np.ndarray
    skin_weights: np.ndarray
    columns: dict[str, np.ndarray]
    bones: dict[str, float] = field(default_factory=lambda: dict(BONES))
    has_skin: bool = True


def small_lam() -> SmallLam:
    """A face and two eyeballs (spheres of 10 x 14 points); the jaw opens, the eyes look aside."""
    parts = [_sphere(HEAD_CENTRE_M, HEAD_RADII_M)]
    parts += [_sphere(centre, np.full(3, EYE_RADIUS_M)) for centre in EYE_CENTRES_M.values()]
    size = len(parts[0][0])
    positions = np.concatenate([points for points, _ in parts]).astype(np.float32)
    triangles = np.concatenate([faces + size * i for i, (_, faces) in enumerate(parts)])
    morphs = {name: np.zeros_like(positions) for name in TARGETS}
    chin = (positions[:, 1] < 1.6) & (positions[:, 2] > 0.02)
    morphs["jawOpen"][chin] = (0, -0.03, -0.01)
    for index, side in enumerate(EYE_CENTRES_M, 1):
        morphs[f"eyeLookOut{side}"][size * index : size * (index + 1), 0] = 0.002
        morphs[f"eyeLookOut{side}"][:size][positions[:size, 1] > 1.7, 0] = 0.0005
    height = positions[:, 1]
    joints = np.zeros((len(positions), 4), np.uint8)
    joints[:, 0] = np.digitize(height, [1.505, 1.525, 1.55, 1.7])
    weights = np.tile(np.float32([1, 0, 0, 0]), (len(positions), 1))
    return SmallLam(positions, triangles, morphs, joints, weights, _columns(len(positions)))


def small_lam_zip(path: Path, head: SmallLam | None = None) -> Path:
    """Write the head as the zip that LAM's exporter makes, junk of macOS included."""
    head = head or small_lam()
    write_lam_zip(path, {"skin.glb": glb_bytes(head), "offset.ply": ply_bytes(head.columns)})
    return path


def write_lam_zip(path: Path, members: dict[str, bytes]) -> None:
    """A zip with the members in a folder, beside what the Finder leaves behind."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("head/", b"")
        archive.writestr("__MACOSX/head/._skin.glb", b"Mac OS X")
        archive.writestr("__MACOSX/head/skin.glb", b"Mac OS X")
        for name, data in members.items():
            archive.writestr(f"head/{name}", data)


def glb_bytes(head: SmallLam) -> bytes:
    """The mesh, its morph targets as sparse accessors and its skin as binary glTF."""
    document, binary = glb_parts(head)
    return pack_glb(document, binary)


def glb_parts(head: SmallLam) -> tuple[dict, bytes]:
    """The JSON tree and the binary chunk of `glb_bytes`."""
    pack = _Pack()
    attributes = {"POSITION": pack.dense(head.positions, "VEC3")}
    if head.has_skin:
        attributes["JOINTS_0"] = pack.dense(head.skin_joints, "VEC4")
        attributes["WEIGHTS_0"] = pack.dense(head.skin_weights, "VEC4")
    indices = pack.dense(head.triangles.astype(np.uint16).reshape(-1, 1), "SCALAR")
    targets = [{"POSITION": pack.sparse(delta)} for delta in head.morphs.values()]
    primitive = {"attributes": attributes, "indices": indices, "targets": targets}
    document = {
        "asset": {"version": "2.0"},
        "meshes": [{"primitives": [primitive], "extras": {"targetNames": list(head.morphs)}}],
        "nodes": [{"mesh": 0}],
    }
    if head.has_skin:
        inverse = np.tile(np.eye(4, dtype=np.float32), (len(head.bones), 1, 1))
        inverse[:, 3, 1] = [-height for height in head.bones.values()]
        names = list(head.bones)
        document["nodes"] += [
            {"name": name, "children": [i + 2] if i + 1 < len(names) else []}
            for i, name in enumerate(names)
        ]
        bones = list(range(1, len(names) + 1))
        matrices = pack.dense(inverse.reshape(-1, 16), "MAT4")
        document["skins"] = [{"joints": bones, "inverseBindMatrices": matrices}]
    document |= {"accessors": pack.accessors, "bufferViews": pack.views}
    document["buffers"] = [{"byteLength": len(pack.binary)}]
    return document, bytes(pack.binary)


def pack_glb(document: dict, binary: bytes) -> bytes:
    """A .glb container around a JSON tree and a binary chunk."""
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = b"".join(
        len(data).to_bytes(4, "little") + kind + data
        for kind, data in ((b"JSON", text), (b"BIN\0", binary))
    )
    return b"glTF" + (2).to_bytes(4, "little") + (12 + len(chunks)).to_bytes(4, "little") + chunks


def ply_bytes(columns: dict[str, np.ndarray]) -> bytes:
    """Binary little-endian PLY of float columns."""
    count = len(next(iter(columns.values())))
    properties = "".join(f"property float {name}\n" for name in columns)
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n{properties}end_header\n"
    )
    return header.encode() + np.stack(list(columns.values()), axis=1).astype("<f4").tobytes()


class _Pack:
    """Collects accessors, buffer views and their bytes."""

    def __init__(self) -> None:
        self.accessors: list[dict] = []
        self.views: list[dict] = []
        self.binary = bytearray()

    def dense(self, values: np.ndarray, kind: str) -> int:
        accessor = {"type": kind, "count": len(values), "componentType": _code(values)}
        return self._add(accessor | {"bufferView": self._view(values)})

    def sparse(self, delta: np.ndarray) -> int:
        rows = np.flatnonzero(np.abs(delta).sum(axis=1)).astype(np.uint16)
        accessor = {"type": "VEC3", "count": len(delta), "componentType": _code(delta)}
        if len(rows):
            accessor["sparse"] = {
                "count": len(rows),
                "indices": {"bufferView": self._view(rows), "componentType": _code(rows)},
                "values": {"bufferView": self._view(delta[rows])},
            }
        return self._add(accessor)

    def _add(self, accessor: dict) -> int:
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def _view(self, values: np.ndarray) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        data = np.ascontiguousarray(values).tobytes()
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        self.views.append(view)
        self.binary += data
        return len(self.views) - 1


def _code(values: np.ndarray) -> int:
    return {"uint8": 5121, "uint16": 5123, "float32": 5126}[str(values.dtype)]


def _sphere(centre: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rings, sectors = 10, 14
    polar, turn = np.meshgrid(
        np.linspace(0, np.pi, rings), 2 * np.pi * np.arange(sectors) / sectors, indexing="ij"
    )
    unit = np.stack(
        [np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], axis=-1
    )
    corner = np.arange((rings - 1) * sectors)
    right = corner // sectors * sectors + (corner + 1) % sectors
    upper = np.stack([corner, corner + sectors, right], axis=1)
    lower = np.stack([right, corner + sectors, right + sectors], axis=1)
    return centre + radii * unit.reshape(-1, 3), np.concatenate([upper, lower])


def _columns(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    columns = {axis: rng.normal(0, 0.001, count) for axis in "xyz"}
    columns |= {f"n{axis}": np.zeros(count) for axis in "xyz"}
    columns |= {f"f_dc_{i}": rng.uniform(0, 1, count) for i in range(3)}
    columns["opacity"] = rng.normal(2, 1, count)
    columns |= {f"scale_{i}": rng.uniform(-7, -5, count) for i in range(3)}
    columns |= {f"rot_{i}": rng.normal(0, 1, count) for i in range(4)}
    return {name: values.astype(np.float32) for name, values in columns.items()}
