"""A picture of what was read: frames with window, landmarks and matte, and the avatar that the codes drive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.camera import Camera
from gaussian_heads.core.monocular.crops import cut, window_of_landmarks
from gaussian_heads.core.monocular.encoded import EncodedVideo
from gaussian_heads.core.monocular.matte import MATTE, HeadMatte
from gaussian_heads.core.render import render
from gaussian_heads.core.video import VideoFile
from PIL import Image, ImageDraw

CELL_PX, COLUMNS = 240, 12
ROOM = 2.2
GREEN, YELLOW = (60, 255, 60), (255, 230, 0)


def write_sheet(path: Path, encoded: EncodedVideo, avatar: Avatar, out: Path) -> None:
    """Frames spread over the video: with landmarks, cut out, and the avatar in the same pose below."""
    wanted = np.unique(np.linspace(0, encoded.num_frames - 1, COLUMNS).round().astype(int))
    matte = HeadMatte.open(num_threads=1) if MATTE.is_file() else None
    columns = []
    for index, frame in enumerate(VideoFile.open(path).frames()):
        if index in wanted and encoded.is_present[min(index, encoded.num_frames - 1)]:
            columns.append(_column(frame.pixels, encoded, index, avatar, matte))
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.hstack(columns)).save(out)


def _column(
    pixels: np.ndarray, encoded: EncodedVideo, index: int, avatar: Avatar, matte: HeadMatte | None
) -> np.ndarray:
    face = window_of_landmarks(encoded.landmarks_px[index])
    window = face.scaled(ROOM)
    marked = Image.fromarray(cut(pixels, window, CELL_PX))
    draw = ImageDraw.Draw(marked)
    corners = window.to_crop(face.to_image(np.array([[0.0, 0.0], [1.0, 1.0]]))) * CELL_PX
    draw.rectangle([tuple(corner) for corner in corners], outline=YELLOW)
    for x, y in window.to_crop(encoded.landmarks_px[index].astype(float)) * CELL_PX:
        draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=GREEN)
    gap, confidence = encoded.mouth_mm[index, 0], encoded.confidence[index]
    draw.text((4, 4), f"{index}  {gap:.1f} mm  {confidence:.2f}", fill=YELLOW)
    cells = [np.asarray(marked)]
    if matte is not None:
        alpha = matte.alpha(pixels, face)[..., None]
        shown = np.rint(pixels * alpha + np.array([40, 160, 60]) * (1 - alpha)).astype(np.uint8)
        cells.append(cut(shown, window, CELL_PX))
    return np.vstack([*cells, _driven(encoded, index, avatar, window)])


def _driven(encoded: EncodedVideo, index: int, avatar: Avatar, window: object) -> np.ndarray:
    """The avatar in place of the person: the same code, pose and camera."""
    K = encoded.camera.camera().K.copy()
    scale = CELL_PX / window.side_px
    corner = np.array(window.center_px) - 0.5 * window.side_px
    K[:2] *= scale
    K[:2, 2] -= scale * corner
    camera = Camera(encoded.head_matrices()[index], K, CELL_PX, CELL_PX)
    drawn = render(avatar.decode(encoded.codes[index]), camera, background=np.full(3, 0.25))
    return np.rint(255 * np.clip(drawn.colors, 0, 1)).astype(np.uint8)
