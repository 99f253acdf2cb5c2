"""The one photo of a person: read, the face found and measured in it, refused where nothing can come of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

from ..errors import VideoError
from ..monocular.crops import FACE_MARGIN, CropWindow, cut
from ..monocular.encoder import FaceReadings, MonocularEncoder
from ..monocular.finder import FaceFinder
from ..monocular.pose import mean_rotation
from ..monocular.tracking import FaceSource, FaceTracker
from ..video import VideoFile, VideoFrame, is_image
from ..video_container import require_readable
from .window import PORTRAIT_PX, portrait_window

# Larger photos are shrunk as they are decoded.
MAX_SIDE_PX = 4096
# Larger side of the landmarks' box: below it the network's picture would be invented.
LEAST_FACE_PX = 60.0
# A face that is turned further from the camera hides what would have to be drawn.
MOST_TURN_DEG = 40.0
# So much of the square may lie beyond the photo without a word.
NOTED_SHARE = 0.04
# Windows that a face is read in, as shifts and scales of its own: what differs between them is noise.
SHIFTS, SCALES = (-0.03, 0.0, 0.03), (0.95, 1.0, 1.06)


@dataclass(frozen=True, eq=False)
class PortraitPhoto:
    """A photo's square around the head, and what is read of the face in it.

    `window` is the square in pixels of the photo. `landmarks` are the 68 points in [0, 1] of it, `origin` is where
    the head's origin is seen, `metres` what a side spans there. `rotation` turns the head's axes into the camera's
    (OpenCV). `code` lives in `code_space`; `gaze_rad` holds yaw and pitch of the left eye, then of the right;
    `mouth_mm` lip gap, mouth width, left and right eyelid gap. `notes` are sentences on what could be better.
    """

    picture: UInt8[np.ndarray, "256 256 3"]
    window: CropWindow
    landmarks: Float64[np.ndarray, "68 2"]
    origin: Float64[np.ndarray, " 2"]
    metres: float
    rotation: Float64[np.ndarray, "3 3"]
    code: Float32[np.ndarray, " D"]
    code_space: str
    gaze_rad: Float64[np.ndarray, "2 2"]
    mouth_mm: Float64[np.ndarray, " 4"]
    notes: tuple[str, ...] = ()


def read_photo(
    path: Path | str,
    *,
    encoder: MonocularEncoder | None = None,
    finder: FaceSource | None = None,
) -> PortraitPhoto:
    """Read the photo at `path` and its only face; raises `VideoError` with a sentence where it cannot be used."""
    path = Path(path)
    require_readable(path, "photo")
    if not is_image(path):
        raise VideoError(f"'{path}' is no photo: choose a PNG, JPEG, WebP, TIFF or BMP picture.")
    pixels = next(VideoFile.open(path).frames(MAX_SIDE_PX)).pixels
    return photo_of(
        pixels, str(path), encoder or MonocularEncoder.open(), finder or FaceFinder.open()
    )


def photo_of(
    pixels: UInt8[np.ndarray, "H W 3"], name: str, encoder: MonocularEncoder, finder: FaceSource
) -> PortraitPhoto:
    """The only face of a picture, upright RGB; `name` stands in the sentences of refusals."""
    face = _only_face(pixels, name, encoder, finder)
    windows = [
        CropWindow(
            (
                face.center_px[0] + x * face.side_px,
                face.center_px[1] + y * face.side_px,
            ),
            face.side_px * scale,
        )
        for y in SHIFTS
        for x in SHIFTS
        for scale in SCALES
    ]
    readings = encoder.read(np.stack([cut(pixels, window) for window in windows]))
    photo = _photo(pixels, windows, readings, encoder.code_space)
    _require_frontal(photo.rotation, name)
    return photo


def turn_deg(rotation: Float[np.ndarray, "3 3"]) -> float:
    """How far a head with this rotation looks past the camera (degrees)."""
    # The head looks along its +Z, at a camera that looks along its own.
    return float(np.degrees(np.arccos(np.clip(-rotation[2, 2], -1.0, 1.0))))


def _only_face(
    pixels: np.ndarray, name: str, encoder: MonocularEncoder, finder: FaceSource
) -> CropWindow:
    """The window of the face, which must be large and alone."""
    tracker = FaceTracker(encoder, finder)
    (tracked,) = tracker.follow([VideoFrame(0.0, pixels)])
    if tracked.window is None:
        raise VideoError(
            f"No face was found in '{name}': it must be seen from the front, upright, and at least about a tenth "
            "of the picture wide."
        )
    if tracker.num_others:
        raise VideoError(
            f"'{name}' shows several faces of similar size: crop it to one person, with some room around the head."
        )
    side_px = tracked.window.side_px / FACE_MARGIN
    if side_px < LEAST_FACE_PX:
        raise VideoError(
            f"The face in '{name}' is only {side_px:.0f} pixels large: choose a photo in which it has at least "
            f"{LEAST_FACE_PX:.0f}, better 200."
        )
    return tracked.window


def _photo(
    pixels: np.ndarray, windows: Sequence[CropWindow], readings: FaceReadings, code_space: str
) -> PortraitPhoto:
    """What the readings in all windows agree on."""
    points_px = np.mean(
        [w.to_image(p) for w, p in zip(windows, readings.landmarks, strict=True)], axis=0
    )
    origin_px = np.mean(
        [w.to_image(o) for w, o in zip(windows, readings.origin, strict=True)], axis=0
    )
    window = portrait_window(points_px)
    sides = np.array([w.side_px for w in windows])
    log_metres = readings.log_size.astype(np.float64) + np.log(window.side_px / sides)
    return PortraitPhoto(
        picture=cut(pixels, window, PORTRAIT_PX),
        window=window,
        landmarks=window.to_crop(points_px),
        origin=window.to_crop(origin_px),
        metres=float(np.exp(log_metres.mean())),
        rotation=mean_rotation(readings.rotation.astype(np.float64), np.ones(len(windows))),
        code=readings.code.mean(0).astype(np.float32),
        code_space=code_space,
        gaze_rad=readings.gaze.astype(np.float64).mean(0),
        mouth_mm=readings.mouth_mm.astype(np.float64).mean(0),
        notes=tuple(_notes(pixels, window)),
    )


def _notes(pixels: np.ndarray, window: CropWindow) -> Iterator[str]:
    """What the user should know of this photo."""
    ends = window.to_image(np.array([[0.0, 0.0], [1.0, 1.0]]))
    inside = np.clip(ends, 0.0, pixels.shape[1::-1])
    beyond = 1.0 - float(np.prod(inside[1] - inside[0])) / window.side_px**2
    if beyond > NOTED_SHARE:
        yield (
            f"{100 * beyond:.0f} % of the portrait lie beyond the photo's border, whose pixels go on there: a photo "
            "with more room around the head looks better."
        )


def _require_frontal(rotation: np.ndarray, name: str) -> None:
    turned = turn_deg(rotation)
    if turned > MOST_TURN_DEG:
        raise VideoError(
            f"The face in '{name}' is turned {turned:.0f} degrees from the camera: choose a photo from the front, "
            f"{MOST_TURN_DEG:.0f} degrees aside at most."
        )
