"""What the encoder read of a video, of photos or of calibrated pictures, as sightings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import VideoError
from ...core.monocular.encoded import EncodedVideo
from ..calibrated_images import CalibratedImage
from .sightings import Sightings, face_size_px

LEAST_CONFIDENCE = 0.02
FEWEST_FRAMES = 20
# People sit about so far from a camera, or farther; a face is about so large.
NEAREST_M, FACE_M = 0.75, 0.14
FOCAL_DOUBT, KNOWN_FOCAL_DOUBT = 0.5, 0.02


def sightings_of_video(encoded: EncodedVideo) -> Sightings:
    """The frames of the longest shot that show the face."""
    shots, counts = np.unique(encoded.shot[encoded.is_present], return_counts=True)
    if not len(shots):
        raise VideoError("No frame shows a face: film the person from the front, in good light.")
    is_used = encoded.is_present & (encoded.shot == shots[counts.argmax()])
    rows = np.flatnonzero(is_used & (encoded.confidence > LEAST_CONFIDENCE))
    if len(rows) < FEWEST_FRAMES:
        raise VideoError(
            f"Only {len(rows)} frames show the face, at least {FEWEST_FRAMES} are needed: film some seconds "
            "of the person looking into the camera and speaking."
        )
    landmarks = encoded.landmarks_px[rows].astype(np.float64)
    K, doubt = focal_guess(encoded, landmarks)
    return Sightings(
        names=tuple(f"f{row:05d}" for row in rows),
        times_sec=encoded.times_sec[rows],
        codes=encoded.codes[rows],
        confidence=encoded.confidence[rows].astype(np.float64),
        landmarks_px=landmarks,
        rotation=encoded.head_matrices()[rows, :3, :3],
        viewmats=np.tile(np.eye(4), (len(rows), 1, 1)),
        K=np.tile(K, (len(rows), 1, 1)),
        moment=np.arange(len(rows)),
        focal_doubt=doubt,
    )


def focal_guess(encoded: EncodedVideo, landmarks_px: np.ndarray) -> tuple[np.ndarray, float]:
    """Intrinsics `[3, 3]` to begin with, and how much the focal length may be wrong by (of 1)."""
    K = encoded.camera.camera().K.astype(np.float64).copy()
    if not encoded.camera.is_assumed:
        return K, KNOWN_FOCAL_DOUBT
    # A usual lens would often put a face that fills the picture nearer than anybody sits.
    size = float(np.median(face_size_px(landmarks_px)))
    focal = max(K[0, 0], NEAREST_M / FACE_M * size)
    K[0, 0] = K[1, 1] = focal
    return K, FOCAL_DOUBT


def sightings_of_photos(names: Sequence[str], photos: Sequence[EncodedVideo]) -> Sightings:
    """Every photo at its own moment, with its own camera."""
    guesses = [focal_guess(photo, photo.landmarks_px.astype(np.float64)) for photo in photos]
    count = len(photos)
    return Sightings(
        names=tuple(names),
        times_sec=np.arange(count, dtype=np.float64),
        moment=np.arange(count),
        viewmats=np.tile(np.eye(4), (count, 1, 1)),
        K=np.stack([K for K, _ in guesses]),
        focal_doubt=max(doubt for _, doubt in guesses),
        **_first_frames(photos),
    )


def sightings_of_views(
    views: Sequence[CalibratedImage], readings: Sequence[EncodedVideo]
) -> Sightings:
    """Pictures of one moment from known cameras."""
    read = _first_frames(readings)
    # One moment has one expression: what all views say of it together.
    weights = np.maximum(read["confidence"], 1e-3) ** 2
    read["codes"][:] = np.average(read["codes"], axis=0, weights=weights)
    return Sightings(
        names=tuple(view.name for view in views),
        times_sec=np.zeros(len(views)),
        moment=np.zeros(len(views), np.int64),
        viewmats=np.stack([view.camera.viewmat for view in views]),
        K=np.stack([view.camera.K for view in views]),
        focal_doubt=0.0,
        **read,
    )


def _first_frames(readings: Sequence[EncodedVideo]) -> dict[str, np.ndarray]:
    return {
        "codes": np.stack([reading.codes[0] for reading in readings]),
        "confidence": np.array([float(reading.confidence[0]) for reading in readings]),
        "landmarks_px": np.stack([r.landmarks_px[0].astype(np.float64) for r in readings]),
        "rotation": np.stack([reading.head_matrices()[0, :3, :3] for reading in readings]),
    }
