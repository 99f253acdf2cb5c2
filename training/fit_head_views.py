"""The studio's training pictures, in memory and ready to compare with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..core.camera import Camera
from ..core.errors import AvatarError
from .contact_sheet import code_of


@dataclass(frozen=True)
class HeadPicture:
    """One Cycles picture with its camera and expression."""

    name: str
    rgba: np.ndarray  # [H, W, 4] uint8, straight alpha, display values
    camera: Camera
    code: Tensor  # [52]

    def over(self, background: Tensor) -> tuple[Tensor, Tensor]:
        """Colours `[H, W, 3]` over a plain `background` [3], and alpha `[H, W]`."""
        values = torch.from_numpy(self.rgba).float() / 255
        alpha = values[..., 3:]
        return values[..., :3] * alpha + background * (1 - alpha), alpha[..., 0]

    @property
    def eye(self) -> Tensor:
        """Where the camera stands, avatar frame (m)."""
        rotation, shift = self.camera.viewmat[:3, :3], self.camera.viewmat[:3, 3]
        return torch.from_numpy(-rotation.T @ shift).float()


def load_pictures(folder: Path) -> list[HeadPicture]:
    """Every picture of a folder with `cameras.json`; raises `AvatarError` when there is none."""
    path = folder / "cameras.json"
    if not path.is_file():
        raise AvatarError(f"There is no '{path}': render the training views with the studio first.")
    record = json.loads(path.read_text("utf8"))
    pictures = []
    for state, controls in record["states"].items():
        for view, entry in record["views"].items():
            file = folder / f"{state}_{view}.png"
            if file.is_file():
                pictures.append(_load(file, entry, controls))
    if not pictures:
        raise AvatarError(f"'{folder}' holds no pictures: render the training views first.")
    return pictures


def _load(file: Path, entry: dict, controls: dict[str, float]) -> HeadPicture:
    rgba = np.array(Image.open(file).convert("RGBA"))
    height, width = rgba.shape[:2]
    camera = Camera(np.array(entry["viewmat"]), np.array(entry["K"]), width, height)
    return HeadPicture(file.stem, rgba, camera, torch.from_numpy(code_of(controls)))
