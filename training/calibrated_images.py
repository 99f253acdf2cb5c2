"""Pictures with known cameras: a folder of `<view>.png` (straight alpha) beside `cameras.json`.

`cameras.json` holds `{"views": {view: {"viewmat": [4, 4], "K": [3, 3]}}}`, OpenCV axes, as the studio
writes it; where the studio pictured several expressions, files are called `<state>_<view>.png`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..core.camera import Camera
from ..core.errors import AvatarError
from ..core.files import replace_on_success

CAMERAS_FILE = "cameras.json"
SHAPES = {"viewmat": (4, 4), "K": (3, 3)}


@dataclass(frozen=True)
class CalibratedImage:
    """One picture and its camera."""

    name: str
    rgba: np.ndarray  # [H, W, 4] uint8, straight alpha, display values
    camera: Camera

    def over(self, background: Tensor) -> tuple[Tensor, Tensor]:
        """Colours `[H, W, 3]` over a plain `background` [3], and alpha `[H, W]`, in [0, 1]."""
        values = torch.from_numpy(self.rgba).float() / 255
        alpha = values[..., 3:]
        return values[..., :3] * alpha + background * (1 - alpha), alpha[..., 0]


def load_images(folder: Path, state: str = "") -> list[CalibratedImage]:
    """Every picture of `folder` that its `cameras.json` names; of `state` only, where one is given."""
    path = folder / CAMERAS_FILE
    if not path.is_file():
        raise AvatarError(f"There is no '{path}': name a folder of pictures with their cameras.")
    views = _views(path)
    files = {view: folder / (f"{state}_{view}.png" if state else f"{view}.png") for view in views}
    images = [_load(file, views[view]) for view, file in files.items() if file.is_file()]
    if not images:
        raise AvatarError(f"'{folder}' holds none of the pictures that '{path.name}' names.")
    return images


def _views(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """The matrices that a `cameras.json` holds, by view."""
    try:
        views = json.loads(path.read_text("utf8"))["views"]
        found = {
            view: {name: np.array(entry[name], np.float64) for name in SHAPES}
            for view, entry in views.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AvatarError(
            f"'{path}' is not as cameras are written ({error!r}): docs/TRAINING.md shows how."
        ) from error
    for view, matrices in found.items():
        for name, shape in SHAPES.items():
            if matrices[name].shape != shape:
                raise AvatarError(
                    f"'{path}' has a '{name}' of shape {matrices[name].shape} for '{view}': it must be {shape}."
                )
    return found


def _load(file: Path, entry: dict[str, np.ndarray]) -> CalibratedImage:
    try:
        with Image.open(file) as image:
            if "A" not in image.getbands():
                raise AvatarError(
                    f"'{file}' has no alpha: cut out what is to be fitted, or render it transparent."
                )
            rgba = np.array(image.convert("RGBA"))
    except (OSError, SyntaxError, ValueError) as error:
        raise AvatarError(f"'{file}' cannot be read ({error}): write it again.") from error
    height, width = rgba.shape[:2]
    camera = Camera(entry["viewmat"], entry["K"], width, height)
    return CalibratedImage(file.stem, rgba, camera)


def save_images(folder: Path, images: Sequence[CalibratedImage]) -> None:
    """Write pictures and cameras as `load_images` reads them; `cameras.json` comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    for image in images:
        with replace_on_success(folder / f"{image.name}.png") as temporary:
            Image.fromarray(image.rgba).save(temporary)
    views = {
        image.name: {"viewmat": image.camera.viewmat.tolist(), "K": image.camera.K.tolist()}
        for image in images
    }
    with replace_on_success(folder / CAMERAS_FILE) as temporary:
        temporary.write_text(json.dumps({"views": views}, indent=1) + "\n", "utf8")


def hold_out(
    images: Sequence[CalibratedImage], every: int
) -> tuple[list[CalibratedImage], list[CalibratedImage]]:
    """Pictures to fit to, and every `every`-th one, starting with the third, kept to measure on."""
    held = [i for i in range(len(images)) if i % every == 2]
    fitted = [image for i, image in enumerate(images) if i not in held]
    if not held or not fitted:
        raise AvatarError(f"{len(images)} pictures are too few to hold every {every}th one out.")
    return fitted, [images[i] for i in held]
