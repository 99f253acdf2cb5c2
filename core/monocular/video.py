"""A video of somebody's face becomes codes, head pose and gaze, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from ..avatar.known_spaces import shipped_controls
from ..errors import CodeSpaceError, VideoError
from ..progress import Progress
from ..video import VideoFile, VideoFrame, at_rate
from .brows import followed_brows
from .crops import FACE_MARGIN, CropWindow
from .encoded import EncodedVideo
from .encoder import FaceReadings, MonocularEncoder
from .finder import FaceFinder
from .lids import closed_lids
from .pose import FACING, VideoCamera, head_poses, rotation_matrices, rotation_vectors
from .refinement import corrected_codes, refined_measures
from .smoothing import Timing, bridged, smooth_codes, smooth_measures, smooth_poses
from .tracking import FaceChoice, FaceSource, FaceTracker, TrackedFrame

# Larger pictures are shrunk as they are decoded: faces of more than the crop's size show no more.
MAX_SIDE_PX = 1920
# A video, unlike a picture, must last so long.
LEAST_SEC = 0.2
# Faces (larger side of the landmarks' box) below the first show no lips, below the second little of them.
LEAST_FACE_PX, SMALL_FACE_PX = 24.0, 64.0


class EncodingCancelled(VideoError):
    """The progress callback asked to stop."""


@dataclass(frozen=True)
class EncodingChoices:
    """What of a video is encoded: seconds of its clock, whose face, and the focal length if it is known.

    `focal_px` counts in pixels of the video's own width; None assumes a usual lens.
    """

    begin_sec: float = 0.0
    end_sec: float | None = None
    face: FaceChoice = "largest"
    focal_px: float | None = None


def encode_video(
    path: Path | str,
    *,
    encoder: MonocularEncoder | Path | str | None = None,
    fps: Fraction | None = None,
    progress: Progress | None = None,
    tracker: FaceSource | None = None,
    choices: EncodingChoices | None = None,
) -> EncodedVideo:
    """Encode the face in a video, or in a picture as a video of one frame.

    `fps` is the result's rate (default: the video's own; a variable one becomes constant). `tracker` finds
    the faces instead of the shipped finder, and may refine what is read (`landmarker.FaceLandmarker`).
    `progress` gets the part that is done; memory does not grow with the pictures.
    """
    choices = choices or EncodingChoices()
    video = VideoFile.open(path)
    camera = VideoCamera.of(video.info.width, video.info.height, choices.focal_px)
    rate = fps or video.info.fps
    if not isinstance(encoder, MonocularEncoder):
        encoder = MonocularEncoder.open(encoder) if encoder else MonocularEncoder.open()
    following = FaceTracker(encoder, tracker or FaceFinder.open(), choices.face)
    frames = video.frames(MAX_SIDE_PX, begin_sec=choices.begin_sec, end_sec=choices.end_sec)
    if fps is not None or video.info.is_variable_rate:
        frames = at_rate(frames, rate)
    shrunk = _Shrunk(video.info.width)
    end_sec = min(choices.end_sec or np.inf, video.info.duration_sec)
    frames = _reported(shrunk.watch(frames), progress, choices.begin_sec, end_sec)
    tracked = list(map(shrunk.at_full_size, following.follow(frames)))
    _require_frames(path, tracked, 1 if video.info.num_frames == 1 else LEAST_SEC * float(rate))
    encoded = encode_tracked(tracked, camera, encoder.code_space, rate)
    return replace(encoded, notes=tuple(_notes(encoded, following)))


def encode_tracked(
    tracked: Sequence[TrackedFrame], camera: VideoCamera, code_space: str, fps: Fraction
) -> EncodedVideo:
    """What the readings of all frames amount to, smoothed; frames without a face are bridged."""
    is_present = np.array([frame.reading is not None for frame in tracked])
    known = [frame for frame in tracked if frame.reading is not None]
    readings = FaceReadings.joined([frame.reading for frame in known])
    windows = [frame.window for frame in known]
    rotations, positions = head_poses(readings, windows, camera)
    landmarks = np.stack(
        [w.to_image(points) for w, points in zip(windows, readings.landmarks, strict=True)]
    )

    def spread(values: np.ndarray) -> np.ndarray:
        full = np.zeros((len(tracked), *values.shape[1:]), values.dtype)
        full[is_present] = values
        return bridged(full, is_present)

    confidence = np.where(is_present, spread(readings.confidence), 0.0).astype(np.float32)
    shot = np.array([frame.shot for frame in tracked], np.int32)
    timing = Timing(float(fps), np.maximum(confidence, 1e-3).astype(np.float64), shot)
    measures_mm = _measures_mm(known, readings)
    codes = readings.code
    if measures_mm is not readings.mouth_mm:
        codes = corrected_codes(codes, measures_mm - readings.mouth_mm, code_space)
    mouth_mm = spread(measures_mm).astype(np.float64)
    gaze_rad = spread(readings.gaze).astype(np.float64)
    codes = smooth_codes(
        spread(codes), mouth_mm, gaze_rad, offsets=_offsets(code_space), timing=timing
    )
    turns, places = smooth_poses(
        spread(rotation_vectors(FACING @ rotations)), spread(positions), timing
    )
    mouth_mm, gaze_rad = smooth_measures(mouth_mm, gaze_rad, timing)
    codes = closed_lids(codes, mouth_mm, code_space)
    points_px = spread(landmarks)
    codes = followed_brows(
        codes, points_px, FACING @ rotation_matrices(turns), float(fps), code_space
    )
    return EncodedVideo(
        fps=fps,
        times_sec=np.array([frame.time_sec for frame in tracked]),
        codes=codes.astype(np.float32),
        code_space=code_space,
        confidence=confidence,
        is_present=is_present,
        shot=shot,
        landmarks_px=points_px.astype(np.float32),
        camera=camera,
        head_rotation=turns.astype(np.float32),
        head_position_m=places.astype(np.float32),
        gaze_rad=gaze_rad.astype(np.float32),
        mouth_mm=np.maximum(mouth_mm, 0.0).astype(np.float32),
    )


@dataclass
class _Shrunk:
    """How much smaller than the video its frames are decoded."""

    full_width: int
    share: float = 1.0

    def watch(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """The frames, whose width is noted."""
        for frame in frames:
            self.share = frame.pixels.shape[1] / self.full_width
            yield frame

    def at_full_size(self, tracked: TrackedFrame) -> TrackedFrame:
        """The frame with its window in pixels of the whole picture."""
        if tracked.window is None or self.share == 1.0:
            return tracked
        x, y = tracked.window.center_px
        window = CropWindow(
            (x / self.share, y / self.share),
            tracked.window.side_px / self.share,
            tracked.window.roll_rad,
        )
        return replace(tracked, window=window)


def _reported(
    frames: Iterable[VideoFrame], progress: Progress | None, begin_sec: float, end_sec: float
) -> Iterator[VideoFrame]:
    """The frames, while `progress` hears how far they have come and may stop it all."""
    length_sec = max(end_sec - begin_sec, 1e-6)
    for frame in frames:
        done = min(max((frame.time_sec - begin_sec) / length_sec, 0.0), 1.0)
        if progress is not None and progress(done) is False:
            raise EncodingCancelled("Reading the video was stopped: start it again when needed.")
        yield frame
    if progress is not None:
        progress(1.0)


def _require_frames(path: Path | str, tracked: Sequence[TrackedFrame], least: float | int) -> None:
    """Refuse what holds too little to go on with, in one sentence."""
    if not tracked:
        raise VideoError(f"'{path}' has no frame in the chosen part: choose another part of it.")
    if len(tracked) < least:
        raise VideoError(
            f"'{path}' has only {len(tracked)} frames in the chosen part: "
            f"give at least {int(np.ceil(least))}, or a single picture."
        )
    if all(frame.is_black for frame in tracked):
        raise VideoError(f"'{path}' is black from beginning to end: choose another video.")
    sides = [frame.window.side_px / FACE_MARGIN for frame in tracked if frame.window is not None]
    if not sides:
        raise VideoError(
            f"No face was found in '{path}': it must be seen from the front or three quarters, upright, "
            "and at least about a tenth of the picture wide."
        )
    if np.median(sides) < LEAST_FACE_PX:
        raise VideoError(
            f"The face in '{path}' is only {np.median(sides):.0f} pixels large, too small to read: "
            f"come nearer or crop a larger original, {SMALL_FACE_PX:.0f} pixels at least."
        )


def _notes(encoded: EncodedVideo, following: FaceTracker) -> Iterator[str]:
    """What the user should know of this video."""
    if following.num_others:
        which = (
            "the larger one" if following.face == "largest" else f"the one on the {following.face}"
        )
        yield f"More than one face is in the picture: {which} was taken."
    missing = 1.0 - encoded.is_present.mean()
    if missing > 0.02:
        yield (
            f"No face is seen in {100 * missing:.0f} % of the frames: these were bridged from the "
            "frames before and after."
        )
    box = np.ptp(encoded.landmarks_px, axis=1).max(1)
    if (size := float(np.median(box[encoded.is_present]))) < SMALL_FACE_PX:
        yield f"The face is only {size:.0f} pixels large: lips and lids are read roughly."
    if (cuts := int(encoded.shot.max())) > 0:
        yield f"The video has {cuts} cut{'s' if cuts > 1 else ''}: each shot is smoothed by itself."


def _measures_mm(known: Sequence[TrackedFrame], readings: FaceReadings) -> np.ndarray:
    """Lip and lid measures of the frames with a face, the tracker's where it has them."""
    if all(frame.measured is None for frame in known):
        return readings.mouth_mm
    nothing = np.full(4, np.nan, np.float32)
    sides_mm = 1e3 * np.exp(readings.log_size.astype(np.float64))
    measured = np.stack([nothing if f.measured is None else f.measured for f in known])
    return refined_measures(readings.mouth_mm, measured * sides_mm[:, None])


def _offsets(code_space: str) -> Float32[np.ndarray, "52 D"]:
    controls = shipped_controls(code_space)
    if controls is None:
        raise CodeSpaceError(
            f"The encoder speaks the code space '{code_space}', which no avatar at hand knows: "
            "update the extension."
        )
    return controls.arkit52
