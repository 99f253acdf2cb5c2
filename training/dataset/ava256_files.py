"""The files of an Ava-256 release: calibration, frame list, zip archives and topology.

Facts are those of the release's datasheet (facebookresearch/ava-256, Martinez et al. 2024): matrices of the
calibration are stored column by column, lengths are millimetres, intrinsics belong to the 4096 x 2668 sensor.
Lens distortion, a fraction of a pixel at the released sizes, is left out.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from ...core.camera import Camera
from ...core.errors import AvatarError
from ...core.importers.ply import read_ply_columns
from .layout import CaptureError, Topology
from .stored import read_json

SENSOR_WIDTH_PX, SENSOR_HEIGHT_PX = 2668, 4096
TOPOLOGY_FILES = ("face_topology.obj", "assets/face_topology.obj")
LANDMARKS_FILE = "landmarks68.txt"
METRES_PER_MM = 0.001
# The release names no parts: all counts as skin.
PART = "face"


def read_calibration(path: Path) -> dict[str, Camera]:
    """World cameras in millimetres by name, at the sensor's size."""
    record = read_json(path)
    try:
        cameras = {}
        for entry in record["KRT"]:
            viewmat = np.array(entry["T"], np.float64).T
            k = np.array(entry["K"], np.float64).T
            cameras[str(entry["cameraId"])] = Camera(viewmat, k, SENSOR_WIDTH_PX, SENSOR_HEIGHT_PX)
    except (KeyError, TypeError, ValueError) as error:
        raise CaptureError(
            f"'{path}' is not a calibration of Ava-256 ({error}): download it again."
        ) from error
    return cameras


def read_frame_list(path: Path) -> list[tuple[str, int]]:
    """(segment, frame number) of every frame, in the file's order."""
    if not path.is_file():
        raise CaptureError(f"There is no '{path}': download the decoder part of this capture.")
    with path.open(encoding="utf8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    try:
        return [(row["seg_id"], int(row["frame_id"])) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise CaptureError(
            f"'{path}' has no columns seg_id and frame_id ({error}): download it again."
        ) from error


def read_members(path: Path, members: list[str]) -> list[bytes]:
    """Contents of the named members of one zip archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [archive.read(member) for member in members]
    except FileNotFoundError as error:
        raise CaptureError(
            f"There is no '{path}': download this part of the release for the person."
        ) from error
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise CaptureError(f"'{path}' cannot be read ({error}): download it again.") from error


def member_names(path: Path) -> set[str]:
    """Names in a zip archive; empty where there is none."""
    if not path.is_file():
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise CaptureError(f"'{path}' cannot be read ({error}): download it again.") from error


def decode_image(data: bytes, label: str) -> np.ndarray:
    """Pixels uint8 of an AVIF or PNG picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.array(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise CaptureError(
            f"'{label}' cannot be read ({error}): it needs a Pillow with AVIF (11.3 or newer)."
        ) from error


def decode_vertices(data: bytes, label: str) -> np.ndarray:
    """Vertices [V, 3] (mm, head frame) of a registered mesh."""
    try:
        columns = read_ply_columns(data, label)
        return np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float32)
    except (AvatarError, KeyError) as error:
        raise CaptureError(f"'{label}' is no registered mesh: {error}") from error


def decode_pose(data: bytes, label: str) -> np.ndarray:
    """Head to world [4, 4] (mm)."""
    try:
        pose = np.loadtxt(io.BytesIO(data)).reshape(3, 4)
    except ValueError as error:
        raise CaptureError(f"'{label}' is not a head pose of 3 x 4 numbers: {error}.") from error
    return np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])


def read_topology(root: Path) -> Topology:
    """Triangles and UVs of the release's mesh, which lie beside its code and not in the captures."""
    paths = [root / name for name in TOPOLOGY_FILES if (root / name).is_file()]
    if not paths:
        raise CaptureError(
            f"'{root}' has no face_topology.obj: copy assets/face_topology.obj of the repository "
            "facebookresearch/ava-256 into it."
        )
    num_vertices, triangles, uvs = _read_obj(paths[0])
    landmarks = np.zeros(0, np.int32)
    if (root / LANDMARKS_FILE).is_file():
        landmarks = np.loadtxt(root / LANDMARKS_FILE, dtype=np.int32).reshape(68)
    return Topology(
        triangles=triangles,
        uvs=uvs,
        part=np.zeros(len(triangles), np.int8),
        part_names=(PART,),
        landmarks68=landmarks,
        neck_weights=np.ones(num_vertices, np.float32),
    )


def _read_obj(path: Path) -> tuple[int, np.ndarray, np.ndarray]:
    num_vertices, uv_rows, triangles, uv_triangles = 0, [], [], []
    try:
        for line in path.read_text("utf8").splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                num_vertices += 1
            elif kind == "vt":
                uv_rows.append([float(word) for word in words[:2]])
            elif kind == "f":
                corners = [tuple(int(n) - 1 for n in word.split("/")[:2]) for word in words]
                for second in range(1, len(corners) - 1):
                    fan = (corners[0], corners[second], corners[second + 1])
                    triangles.append([vertex for vertex, _ in fan])
                    uv_triangles.append([uv for _, uv in fan])
        uvs = np.array(uv_rows, np.float32)[np.array(uv_triangles)]
    except (ValueError, IndexError) as error:
        raise CaptureError(
            f"'{path}' is no mesh with texture coordinates ({error}): fetch it again."
        ) from error
    return num_vertices, np.array(triangles, np.int32), uvs
