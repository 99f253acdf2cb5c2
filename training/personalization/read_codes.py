"""A studio film's subject as the encoder reads it: true camera, poses and scan, but codes as a user's film gives them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...core.monocular.encoded import EncodedVideo
from ...core.monocular.video import encode_video
from ..encoded_films import Encode, encoded_film
from ..prior_settings import TrainingError
from .seeing import LEAST_CONFIDENCE
from .subject import SubjectFrame, VideoSubject


def with_read_codes(
    subject: VideoSubject, video: Path, cache: Path, *, encode: Encode = encode_video
) -> VideoSubject:
    """The subject with the codes and confidence that are read from `video` in its fitted frames; held-out ones stay.

    Frames that show no face are left out. The reading is kept in the folder `cache` while video and encoder stay.
    """
    encoded = encoded_film(video, cache, encode)
    half_frame_sec = 0.5 / float(encoded.fps)
    frames = []
    for frame in subject.frames:
        read = frame if frame.is_held_out else _read(frame, encoded, half_frame_sec)
        if read is not None:
            frames.append(read)
    if all(frame.is_held_out for frame in frames):
        raise TrainingError(f"No face was read in '{video}': film this person again.")
    return replace(subject, frames=tuple(frames))


def _read(frame: SubjectFrame, encoded: EncodedVideo, half_frame_sec: float) -> SubjectFrame | None:
    row = int(np.abs(encoded.times_sec - frame.time_sec).argmin())
    confidence = float(encoded.confidence[row])
    is_near = abs(float(encoded.times_sec[row]) - frame.time_sec) < half_frame_sec
    if not is_near or not encoded.is_present[row] or confidence <= LEAST_CONFIDENCE:
        return None
    return replace(frame, code=encoded.codes[row], confidence=confidence)
