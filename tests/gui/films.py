"""Films for the window tests: a shipped avatar that opens and closes its mouth; nobody real is shown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.render import render

SIDE_PX = 256
FPS = 25
FILMED = "kofi"
WALL = np.array([0.35, 0.4, 0.45], np.float32)
# The widest that the mouth opens, of ARKit's jawOpen, and the head's turn with it.
WIDEST, TURN_RAD = 0.6, 0.15
# Drawn openings of the mouth, from shut to the widest.
LEVELS = 9


def openings(num_frames: int) -> np.ndarray:
    """How far the jaw opens on each frame, 0 to `WIDEST`, once a second; as the film shows it."""
    return WIDEST * _levels(num_frames) / (LEVELS - 1)


def write_film(path: Path, num_frames: int, pictures: list[np.ndarray]) -> Path:
    """A film of that many frames, made of what `draw_pictures` drew."""
    return write_frames(path, (pictures[level] for level in _levels(num_frames)))


def draw_pictures() -> list[np.ndarray]:
    """The avatar with its mouth more and more open `[H, W, 3]` uint8, its head turning with it."""
    avatar = Avatar.open(builtin_avatars()[FILMED])
    jaw = avatar.control_offsets("arkit52")[avatar.control_names("arkit52").index("jawOpen")]
    middle = np.array([0.0, -0.02, 0.0])
    viewmat = look_at(middle + (0.0, 0.0, 0.62), middle, np.array([0.0, 1.0, 0.0]))
    camera = Camera(viewmat, intrinsics(1.6 * SIDE_PX, SIDE_PX, SIDE_PX), SIDE_PX, SIDE_PX)
    pictures = []
    for share in np.linspace(0, 1, LEVELS):
        pose = np.array([0, TURN_RAD * share, 0, 0, 0, 0], np.float32)
        gaussians = avatar.decode((WIDEST * share * jaw).astype(np.float32), pose)
        drawn = render(gaussians, camera, backend="cpu", background=WALL)
        pictures.append(np.uint8(np.rint(255 * np.clip(drawn.colors, 0, 1))))
    return pictures


def write_frames(path: Path, frames: Iterable[np.ndarray]) -> Path:
    """A film of these pictures, each as long as the others."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width = stream.height = SIDE_PX
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "16", "preset": "ultrafast"}
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def _levels(num_frames: int) -> np.ndarray:
    turns = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(num_frames) / FPS)
    return np.rint(turns * (LEVELS - 1)).astype(int)
