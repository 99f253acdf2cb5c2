"""MediaPipe's Face Landmarker as a source of faces, and of finer lip and lid measures; an option, never needed.

The package `mediapipe` and a model file (`face_landmarker.task`) are the user's own.
"""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from ..errors import ModelError
from .crops import CropWindow, cut
from .finder import FoundFace

MOST_FACES = 4
# Of the 478 points, those that lie where the 68 of iBUG do (0 to 67 in order).
TO_68 = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
# Upper and lower inner lip, corners of the mouth, and lids of the left and the right eye.
LIP_PAIRS = ((82, 87), (13, 14), (312, 317))
CORNERS = (61, 291)
LEFT_LID_PAIRS, RIGHT_LID_PAIRS = ((385, 380), (387, 373)), ((160, 144), (158, 153))
# The face is shown to it in a window somewhat larger than the encoder's.
ROOM, PICTURE_PX = 1.3, 320


class FaceLandmarker:
    """Finds faces in pictures and measures lips and lids; `open` needs the package and a model file."""

    def __init__(self, detector: object, image_of: object) -> None:
        self._detector, self._image_of = detector, image_of
        # Left to the end of the process it would be closed when half of the package is gone.
        weakref.finalize(self, detector.close)

    @classmethod
    def open(cls, path: Path | str) -> FaceLandmarker:
        """Open a model file of the Face Landmarker; raises `ModelError` with what is missing."""
        path = Path(path)
        if not path.is_file():
            raise ModelError(
                f"There is no file '{path}': give the model of MediaPipe's Face Landmarker "
                "(face_landmarker.task), or leave the tracker out."
            )
        try:
            import mediapipe
            from mediapipe.tasks import python
            from mediapipe.tasks.python import vision
        except ImportError:
            raise ModelError(
                "The tracker needs the package mediapipe, which is not installed: "
                "'pip install mediapipe', or leave the tracker out."
            ) from None
        options = vision.FaceLandmarkerOptions(
            base_options=python.BaseOptions(model_asset_buffer=path.read_bytes()),
            num_faces=MOST_FACES,
        )
        try:
            detector = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            reason = (str(error).strip().splitlines() or ["unknown"])[0][:200]
            raise ModelError(
                f"'{path}' is not a model of the Face Landmarker ({reason}): download "
                "face_landmarker.task again, or leave the tracker out."
            ) from None
        return cls(
            detector,
            lambda pixels: mediapipe.Image(
                mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels)
            ),
        )

    def find(self, pixels: UInt8[np.ndarray, "H W 3"]) -> list[FoundFace]:
        """All faces of a picture, the largest first."""
        faces = []
        for points in self.points(pixels):
            seen = points[list(TO_68)]
            low, high = seen.min(0), seen.max(0)
            center = 0.5 * (low + high)
            side = float((high - low).max())
            faces.append(FoundFace((float(center[0]), float(center[1])), side, 1.0))
        return sorted(faces, key=lambda face: -face.side_px)

    def measure(
        self, pixels: UInt8[np.ndarray, "H W 3"], face: CropWindow
    ) -> Float32[np.ndarray, " 4"] | None:
        """Lip gap, mouth width, left and right lid gap of the face in a window, in the window's sides."""
        found = self.points(cut(pixels, face.scaled(ROOM), PICTURE_PX))
        if not found:
            return None
        points = max(found, key=lambda p: np.ptp(p[:, 0])) * (ROOM / PICTURE_PX)
        pairs = (LIP_PAIRS, (CORNERS,), LEFT_LID_PAIRS, RIGHT_LID_PAIRS)
        return np.array([_mean_distance(points, chosen) for chosen in pairs], np.float32)

    def points(self, pixels: np.ndarray) -> list[Float64[np.ndarray, "478 2"]]:
        """The points of each face, in pixels."""
        height, width = pixels.shape[:2]
        result = self._detector.detect(self._image_of(pixels))
        return [
            np.array([[p.x * width, p.y * height] for p in face]) for face in result.face_landmarks
        ]


def _mean_distance(points: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> float:
    first, second = np.array(pairs).T
    return float(np.linalg.norm(points[first] - points[second], axis=1).mean())
