"""A pictured subject on disk, so that a fit can be resumed without looking at the video again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ...core.camera import Camera
from ...core.errors import ModelError
from ...core.files import replace_on_success
from ..dataset.layout import write_png
from ..prior_person import NeutralScan
from ..strands import FIELDS, strands_of
from .subject import SubjectFrame, VideoSubject

ARRAYS, PICTURES = "subject.npz", "frames"


def save_subject(folder: Path, subject: VideoSubject) -> None:
    """Write the subject's arrays; its pictures are written one by one by `save_picture`."""
    frames, scan = subject.frames, subject.scan
    arrays = {
        "names": np.array([frame.name for frame in frames]),
        "times_sec": np.array([frame.time_sec for frame in frames]),
        "viewmats": np.array([frame.camera.viewmat for frame in frames]),
        "K": np.array([frame.camera.K for frame in frames]),
        "sizes": np.array([(frame.camera.width, frame.camera.height) for frame in frames]),
        "codes": np.array([frame.code for frame in frames], np.float32),
        "head_poses": np.array([frame.head_pose for frame in frames], np.float32),
        "confidence": np.array([frame.confidence for frame in frames]),
        "is_held_out": np.array([frame.is_held_out for frame in frames]),
        "seen": np.round(255 * subject.seen).astype(np.uint8),
        "scan_vertices": scan.vertices,
        "scan_texture": np.round(255 * scan.texture).astype(np.uint8),
        "scan_eye_centers": scan.eye_centers,
        "scan_neck_pivot": scan.neck_pivot,
    }
    if scan.beyond is not None:
        arrays["scan_beyond"] = scan.beyond
    for name, group in scan.strands.items():
        arrays |= {f"strand_{name}_{key}": getattr(group, key) for key in FIELDS}
    with replace_on_success(folder / ARRAYS) as temporary:
        np.savez_compressed(temporary, **arrays)


def save_picture(folder: Path, name: str, rgba: np.ndarray) -> None:
    """Write one frame's picture."""
    write_png(folder / PICTURES / f"{name}.png", rgba)


def load_subject(folder: Path) -> VideoSubject:
    """Read a subject; raises `ModelError` where a file is missing or broken."""
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as stored:
            arrays = dict(stored)
        frames = tuple(_frame(folder, arrays, i) for i in range(len(arrays["names"])))
        groups = {k.removeprefix("strand_"): v for k, v in arrays.items() if "strand_" in k}
        scan = NeutralScan(
            arrays["scan_vertices"],
            arrays["scan_texture"].astype(np.float32) / 255,
            strands_of(groups),
            arrays["scan_eye_centers"],
            arrays["scan_neck_pivot"],
            arrays.get("scan_beyond"),
        )
        return VideoSubject(frames, scan, arrays["seen"].astype(np.float32) / 255)
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"'{folder}' is not complete: delete it and run the same command again."
        ) from error


def _frame(folder: Path, arrays: dict[str, np.ndarray], i: int) -> SubjectFrame:
    name = str(arrays["names"][i])
    with Image.open(folder / PICTURES / f"{name}.png") as image:
        rgba = np.array(image.convert("RGBA"))
    width, height = (int(side) for side in arrays["sizes"][i])
    return SubjectFrame(
        name,
        float(arrays["times_sec"][i]),
        rgba,
        Camera(arrays["viewmats"][i], arrays["K"][i], width, height),
        arrays["codes"][i],
        arrays["head_poses"][i],
        float(arrays["confidence"][i]),
        bool(arrays["is_held_out"][i]),
    )
