"""The first stages of personalization: what the input is, whose face it shows, and what the encoder reads of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import GaussianHeadsError, VideoError
from ...core.monocular.crops import cut, window_of_landmarks
from ...core.monocular.encoded import EncodedVideo
from ...core.monocular.encoder import MonocularEncoder
from ...core.monocular.finder import FaceFinder
from ...core.monocular.tracking import BLACK, FaceChoice, FaceSource
from ...core.monocular.video import EncodingChoices, encode_video
from ...core.video import VideoFile, VideoFrame, at_rate
from ..calibrated_images import CalibratedImage, load_images
from ..dataset.layout import write_png
from .frames import sharpness_of
from .inputs import Input
from .stages import Progress

logger = logging.getLogger(__name__)
SHORTEST_SEC, LONGEST_SEC = 1.5, 900.0
ENCODED = "encoded.npz"
# Frames that are looked at before the whole video is encoded.
LOOKS, LOOK_PX, PREVIEW_PX = 8, 1280, 320
MOST_SIDE_PX = 1920
# Percent of the pixels of a black picture that are so: single ones may glow.
NEARLY_ALL = 99


def read_input(given: Input) -> dict[str, Any]:
    """What the input is; raises a `GaussianHeadsError` where nobody could be made from it."""
    if given.kind != "video":
        return {"kind": given.kind, "pictures": len(given.paths)}
    info = VideoFile.open(given.paths[0]).info
    if info.duration_sec < SHORTEST_SEC:
        raise VideoError(
            f"'{given.paths[0].name}' lasts only {info.duration_sec:.1f} seconds: film the person for 10 to 60 "
            f"seconds, at least {SHORTEST_SEC:g}."
        )
    if info.duration_sec > LONGEST_SEC:
        raise VideoError(
            f"'{given.paths[0].name}' lasts {info.duration_sec / 60:.0f} minutes: cut out the best one or two, "
            f"at most {LONGEST_SEC / 60:.0f}."
        )
    return {
        "kind": "video",
        "width": info.width,
        "height": info.height,
        "fps": float(info.fps),
        "duration_sec": info.duration_sec,
        "has_sound": info.has_sound,
    }


def find_faces(
    given: Input, folder: Path, finder: FaceSource, progress: Progress
) -> dict[str, Any]:
    """Look at a few frames before all are read: raises `VideoError` where none shows a face."""
    if given.kind == "scan":
        return {}
    found, best, is_black = 0, None, True
    for i, pixels in enumerate(_looks(given)):
        is_black &= bool(np.percentile(pixels, NEARLY_ALL) < BLACK)
        faces = finder.find(pixels)
        if faces and (best is None or faces[0].window.side_px > best[1].side_px):
            best = (pixels, faces[0].window)
        found += bool(faces)
        progress((i + 1) / LOOKS, None)
    if best is None and is_black:
        raise VideoError(
            f"'{given.paths[0].name}' is black throughout: choose another recording, lit from the front."
        )
    if best is None:
        raise VideoError(
            "No face was found: film the person from the front, upright, in good light and near enough that "
            "the face fills a quarter of the picture's height."
        )
    preview = folder / "face.png"
    write_png(preview, cut(*best, size_px=PREVIEW_PX))
    progress(1.0, preview)
    return {"looks_with_a_face": found, "preview": preview.name}


def _looks(given: Input) -> Iterator[np.ndarray]:
    """Some frames of a video, or all pictures."""
    if given.kind == "video":
        video = VideoFile.open(given.paths[0])
        step = video.info.duration_sec / LOOKS
        for i in range(LOOKS):
            begin_sec = i * step
            yield from (f.pixels for f in _first(video.frames(LOOK_PX, begin_sec=begin_sec)))
        return
    for path in picture_paths(given):
        yield from (f.pixels for f in _first(VideoFile.open(path).frames(LOOK_PX)))


def _first(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    for frame in frames:
        yield frame
        return


def picture_paths(given: Input) -> tuple[Path, ...]:
    """The files of photos, or of calibrated pictures in the order of `load_images`."""
    if given.kind == "calibrated":
        return tuple(given.paths[0] / f"{image.name}.png" for image in calibrated_views(given))
    return given.paths


def calibrated_views(given: Input) -> list[CalibratedImage]:
    """Pictures with their cameras."""
    return load_images(given.paths[0])


class Reader:
    """Runs the encoder over inputs."""

    def __init__(
        self,
        encoder: MonocularEncoder,
        tracker: FaceSource,
        face: FaceChoice,
        focal_px: float | None,
    ) -> None:
        self.encoder, self.tracker = encoder, tracker
        self.choices = EncodingChoices(face=face, focal_px=focal_px)

    @classmethod
    def open(cls, tracker: Path | None, face: FaceChoice, focal_px: float | None) -> Reader:
        """With the networks that ship, or a tracker's file that the user gives."""
        source: FaceSource
        if tracker is None:
            source = FaceFinder.open()
        else:
            from ...core.monocular.landmarker import FaceLandmarker

            source = FaceLandmarker.open(tracker)
        return cls(MonocularEncoder.open(), source, face, focal_px)

    def encode(self, given: Input, folder: Path, progress: Progress) -> dict[str, Any]:
        """Encode a video, or each picture; written to `folder`."""
        if given.kind == "scan":
            return {}
        if given.kind == "video":
            encoded = self._encoded(given.paths[0], progress)
            encoded.save(folder / ENCODED)
            return {"frames": encoded.num_frames, "notes": list(encoded.notes)}
        paths, kept, notes = picture_paths(given), [], []
        for i, path in enumerate(paths):
            try:
                self._encoded(path, lambda share, preview: None).save(folder / f"{i:03d}.npz")
                kept.append(i)
            except VideoError as error:
                notes.append(str(error))
                logger.info("%s", error)
            progress((i + 1) / len(paths), None)
        if not kept:
            raise VideoError(f"None of the pictures can be used: {notes[0]}")
        return {"pictures": kept, "notes": notes}

    def _encoded(self, path: Path, progress: Progress) -> EncodedVideo:
        return encode_video(
            path,
            encoder=self.encoder,
            tracker=self.tracker,
            choices=self.choices,
            progress=lambda share: progress(share, None),
        )


def frames_like(path: Path, encoded: EncodedVideo) -> Iterator[np.ndarray]:
    """The frames that the encoder read, in its order, decoded anew."""
    video = VideoFile.open(path)
    frames = video.frames(MOST_SIDE_PX)
    if video.info.is_variable_rate or encoded.fps != video.info.fps:
        frames = at_rate(frames, encoded.fps)
    for frame, _ in zip(frames, encoded.times_sec, strict=False):
        yield frame.pixels


def face_sharpness(path: Path, encoded: EncodedVideo, progress: Progress) -> np.ndarray:
    """How sharp the face is in every frame, `[T]`."""
    values = np.zeros(encoded.num_frames)
    for i, pixels in enumerate(frames_like(path, encoded)):
        if encoded.is_present[i]:
            share = pixels.shape[1] / encoded.camera.width
            window = window_of_landmarks(encoded.landmarks_px[i] * share)
            values[i] = sharpness_of(cut(pixels, window))
        progress((i + 1) / encoded.num_frames, None)
    return values


def first_reading(folder: Path, number: int) -> EncodedVideo:
    """What was read of one picture."""
    return EncodedVideo.load(folder / f"{number:03d}.npz")


def require_consent(consent: str, *, is_synthetic: bool) -> None:
    """Refuse a real person's likeness without a statement that the person agreed."""
    if not is_synthetic and len(consent.strip()) < 3:
        raise GaussianHeadsError(
            'Say with --consent who agreed to what, such as --consent "I am Ada Smith and want this avatar of '
            "myself\": without the person's agreement no avatar is made."
        )
