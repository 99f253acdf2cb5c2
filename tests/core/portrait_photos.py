"""Photos whose truth is known: built-in heads before a camera, and a network of the portrait that is easy to reckon."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.landmarks import seen_points
from gaussian_heads.core.monocular.encoder import MonocularEncoder
from gaussian_heads.core.monocular.finder import FaceFinder
from gaussian_heads.core.portrait.model import (
    PortraitModel,
    PortraitReference,
    PortraitStopped,
    network_files,
)
from gaussian_heads.core.portrait.photo import PortraitPhoto, photo_of
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.spaces.arkit import expand_sides

from .tiny_portrait import write_portrait_networks

SIDE_PX = 480
# Any landmarks and any picture, for what does not look at them.
POINTS = np.random.default_rng(3).uniform(0.3, 0.7, (70, 2)).astype(np.float32)
PICTURE = np.random.default_rng(4).integers(0, 255, (256, 256, 3)).astype(np.uint8)
needs_networks = pytest.mark.skipif(
    not all(path.is_file() for path in network_files().values()),
    reason="this build has no portrait network",
)
WALL = np.float32([0.4, 0.45, 0.5])
FACES = {
    "rest": {},
    "smile": {"mouthSmile": 0.6, "cheekSquint": 0.3},
    "open": {"jawOpen": 0.4, "mouthLowerDown": 0.3},
}


@dataclass(frozen=True)
class Standpoint:
    """Where the camera stands: angles from straight ahead (rad) and metres away."""

    yaw: float = 0.0
    pitch: float = 0.05
    distance_m: float = 1.0

    def camera(self) -> Camera:
        """A camera in which the head takes about half of the picture."""
        direction = np.array(
            [
                np.sin(self.yaw) * np.cos(self.pitch),
                np.sin(self.pitch),
                np.cos(self.yaw) * np.cos(self.pitch),
            ]
        )
        target, up = np.array([0.0, -0.03, 0.0]), np.array([0.0, 1.0, 0.0])
        matrix = intrinsics(2.2 * SIDE_PX * self.distance_m, SIDE_PX, SIDE_PX)
        return Camera(look_at(self.distance_m * direction, target, up), matrix, SIDE_PX, SIDE_PX)


@cache
def head(name: str) -> Avatar:
    """A built-in avatar."""
    return Avatar.open(builtin_avatars()[name])


def code(avatar: Avatar, **weights: float) -> np.ndarray:
    """The avatar's code of ARKit weights, given with or without sides."""
    values = np.zeros(len(ARKIT_INDEX), np.float32)
    for name, weight in expand_sides(weights).items():
        values[ARKIT_INDEX[name]] = weight
    return (values @ avatar.control_offsets("arkit52")).astype(np.float32)


@cache
def picture(name: str, face: str = "rest", standpoint: Standpoint = Standpoint()) -> np.ndarray:
    """The built-in head `name` with one of `FACES` before a wall, `[S, S, 3]` uint8."""
    avatar = head(name)
    gaussians = avatar.decode(code(avatar, **FACES[face]))
    drawn = render(gaussians, standpoint.camera(), backend="cpu", background=WALL)
    return (np.clip(drawn.colors, 0, 1) * 255 + 0.5).astype(np.uint8)


@cache
def readers() -> tuple[MonocularEncoder, FaceFinder]:
    """The networks that ship."""
    return MonocularEncoder.open(num_threads=1), FaceFinder.open(num_threads=1)


@cache
def photo(name: str, face: str = "rest", standpoint: Standpoint = Standpoint()) -> PortraitPhoto:
    """What is read of such a picture."""
    return photo_of(picture(name, face, standpoint), name, *readers())


def true_points(
    name: str, standpoint: Standpoint, weights: dict[str, float], pose: np.ndarray | None = None
) -> np.ndarray:
    """Where in [0, 1] of the window of a photo from there the person's landmarks really are, `[68, 2]`."""
    avatar = head(name)
    points = avatar.landmarks(code(avatar, **weights), pose).astype(np.float64)
    return seen_points(points, standpoint.camera())[0]


def opened(kind: str, folder: Path) -> PortraitModel:
    """The networks that ship, or small ones that are written into `folder`."""
    if kind == "ships":
        return PortraitModel.open(num_threads=1)
    pytest.importorskip("onnx", reason="makes the small networks")
    return PortraitModel.open(write_portrait_networks(folder / "tiny"), num_threads=1)


class Painter(PortraitModel):
    """Draws landmarks as bright pixels and counts frames; each frame knows a little of its neighbours."""

    def __init__(self) -> None:
        super().__init__(Path(), {}, 1.0)
        self.drawn: list[int] = []
        self.stop_after = 10**9

    def reference(self, picture: np.ndarray, points: np.ndarray) -> PortraitReference:
        """The photo's pixels alone."""
        pixels = picture.transpose(2, 0, 1)[None].astype(np.float32)
        return PortraitReference(pixels, points.astype(np.float32), {})

    def draw(self, reference, points, *, steps=4, guidance=1.0, progress=None) -> np.ndarray:
        """The photo, darker, with the points of each frame and of the frames beside it."""
        if progress is not None and progress(0.5) is False or len(self.drawn) >= self.stop_after:
            raise PortraitStopped("Drawing the portrait was stopped: start it again when needed.")
        self.drawn.append(len(points))
        photo = reference.picture[0].transpose(1, 2, 0)
        pictures = np.repeat((0.5 * photo)[None], len(points), axis=0).astype(np.uint8)
        for frame in range(len(points)):
            for other, bright in ((frame - 1, 100), (frame + 1, 150), (frame, 255)):
                x, y = (
                    (np.clip(points[np.clip(other, 0, len(points) - 1)], 0, 1) * 255).astype(int).T
                )
                pictures[frame, y, x] = bright
        return pictures
