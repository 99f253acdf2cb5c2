"""What a filmed person of the studio really was: the subject that a perfect encoder and tracker would find.

It measures, and it lets fitting be developed without an encoder. Nothing here may reach what is exported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...core.camera import Camera
from ..dataset.layout import HELD_OUT, CaptureError
from ..dataset.stored import read_arrays, read_image, read_json
from ..filmed_head import FilmedHead
from ..networks.prior import UniversalPrior
from ..prior_person import NeutralScan
from ..prior_settings import TrainingError
from .subject import SubjectFrame, VideoSubject

FRONT = "front"
ENCODED_FRAMES = 32


@dataclass(frozen=True)
class FilmTruth:
    """What `training/capture/video.py` wrote of one person, frame by frame."""

    folder: Path
    names: tuple[str, ...]
    is_held_out: np.ndarray  # [T]
    times_sec: np.ndarray  # [T], in the sound of the film that a frame belongs to
    controls: np.ndarray  # [T, 52]
    head_pose: np.ndarray  # [T, 6]
    cameras: dict[str, Camera]

    @classmethod
    def open(cls, folder: str | Path) -> FilmTruth:
        """Read the folder; raises CaptureError where it is no film of the studio."""
        folder = Path(folder)
        arrays = read_arrays(folder / "truth.npz")
        record = read_json(folder / "cameras.json")
        try:
            return cls(
                folder,
                tuple(str(name) for name in arrays["names"]),
                arrays["split"] == HELD_OUT,
                arrays["times"],
                arrays["controls"],
                arrays["head_pose"],
                {name: _camera(entry) for name, entry in record.items()},
            )
        except (KeyError, TypeError) as error:
            raise CaptureError(
                f"'{folder}' is not a whole film ({error}): make it again with "
                "gaussian_heads.training.capture.video."
            ) from error

    @property
    def style(self) -> dict[str, float]:
        """How this person speaks (`capture/video_style.py`)."""
        return json.loads(str(read_arrays(self.folder / "truth.npz")["style"]))

    def head(self) -> FilmedHead:
        """The person's mesh, light and strands."""
        return FilmedHead.open(self.folder / "scan")

    def picture(self, name: str, camera: str = FRONT) -> np.ndarray | None:
        """RGBA [H, W, 4] uint8 of a frame from a camera, or None where it was not drawn."""
        path = self.folder / (
            f"frames/{name}.png" if camera == FRONT else f"side/{name}_{camera}.png"
        )
        return read_image(path) if path.is_file() else None


def load_truth(
    folder: str | Path, prior: UniversalPrior, *, every: int = 1, has_strands: bool = False
) -> VideoSubject:
    """The subject of a film with true scan, poses and mattes, and codes from the true mesh.

    The scan comes without strands, which no camera sees one by one, unless `has_strands`. `every` takes
    one frame in so many.
    """
    truth = FilmTruth.open(folder)
    head = truth.head()
    if not np.array_equal(head.mesh.triangles, prior.parts.topology.triangles):
        raise TrainingError(
            f"The prior was trained on another mesh than '{folder}' has: film this person again."
        )
    rows = np.arange(0, len(truth.names), max(every, 1))
    codes = true_codes(prior, head, truth.controls[rows])
    frames = tuple(
        SubjectFrame(
            name=truth.names[row],
            time_sec=float(truth.times_sec[row]),
            rgba=truth.picture(truth.names[row]),
            camera=truth.cameras[FRONT],
            code=code,
            head_pose=truth.head_pose[row],
            confidence=1.0,
            is_held_out=bool(truth.is_held_out[row]),
        )
        for row, code in zip(rows, codes, strict=True)
    )
    texture = read_image(truth.folder / "scan/texture.png")
    scan = NeutralScan(
        head.mesh.vertices,
        texture[..., :3] / np.float32(255),
        head.strands if has_strands else {},
        head.mesh.eye_centers,
        head.mesh.neck_pivot,
    )
    return VideoSubject(frames, scan, (texture[..., 3] > 0).astype(np.float32))


@torch.no_grad()
def true_codes(prior: UniversalPrior, head: FilmedHead, controls: np.ndarray) -> np.ndarray:
    """Mean codes [T, D] of frames by the prior's expression encoder on the true mesh; no textures."""
    moving = prior.parts.moving
    side = prior.settings.network.change_px
    codes = []
    for first in range(0, len(controls), ENCODED_FRAMES):
        part = controls[first : first + ENCODED_FRAMES]
        offsets = np.stack([(head.vertices(row) - head.mesh.vertices)[moving] for row in part])
        flat = torch.from_numpy(offsets.reshape(len(part), -1).astype(np.float32))
        still = torch.zeros(len(part), 3, side, side)
        codes.append(prior.encode(prior.coefficients(flat), still)[0].numpy())
    return np.concatenate(codes)


def _camera(entry: dict) -> Camera:
    return Camera(np.array(entry["viewmat"]), np.array(entry["K"]), entry["width"], entry["height"])
