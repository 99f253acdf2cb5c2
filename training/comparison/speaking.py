"""The avatar speaking another clip's sound as `animate` lets it, beside the face whose sound it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ...core.assets import SPEECH_MODEL
from ...core.avatar import Avatar
from ...core.avatar.motion import track_motion
from ...core.camera import Camera
from ...core.expression import ExpressionTrack
from ...core.monocular.encoded import EncodedVideo
from ...core.monocular.video import encode_video
from ...core.progress import part
from ...core.render import render
from ...core.spaces.conversion import convert_track
from ...core.speech import SpeechModel
from ...core.synthetic import synthetic_note
from ...core.video import VideoFile
from ..encoded_films import encoded_film
from ..evaluate_metrics import BACKGROUND
from ..evaluate_sheet import as_bytes
from ..movie_file import movie
from ..personalization.pictures import window_around
from ..personalization.reading import frames_like
from ..personalization.stages import Progress
from .lips import Seen, avatar_landmarks, gap_curve, lip_figures
from .panels import Sound, panel_height_px, panels

DRIVEN, USUAL_FPS = "driven.mp4", Fraction(25)


@dataclass(frozen=True)
class Speaker:
    """Whose sound is spoken: the file, its sound, and the face in it if there is one."""

    path: Path
    sound: Sound
    fps: Fraction
    face: EncodedVideo | None

    @classmethod
    def open(cls, path: Path, cache: Path, progress: Progress) -> Speaker:
        """Read a video or a sound file; the face is read once and kept in the folder `cache`."""
        sound = Sound.read(path)
        if not is_video(path):
            return cls(path, sound, USUAL_FPS, None)
        face = encoded_film(
            path, cache, lambda video: encode_video(video, progress=lambda s: progress(s, None))
        )
        return cls(path, sound, face.fps, face)

    def pictures(self) -> Iterator[np.ndarray]:
        """The face with what is around it `[h, w, 3]` uint8, frame by frame; nothing without one."""
        if self.face is None:
            return
        size = (self.face.camera.width, self.face.camera.height)
        window = window_around(self.face.landmarks_px.astype(np.float64), size)
        for pixels in frames_like(self.path, self.face):
            yield window.shrunk(pixels.shape[1] / size[0]).cut(pixels)


def is_video(path: Path) -> bool:
    """Whether the file has pictures that move; sound files, with a cover or without, have none."""
    import soundfile

    try:
        soundfile.info(str(path))
    except soundfile.LibsndfileError:
        return VideoFile.open(path).info.num_frames > 1
    return False


def perform(speaker: Speaker, model: SpeechModel | None = None) -> ExpressionTrack:
    """What the speech network and the usual manner make of the sound, from the face's first frame on."""
    model = model or SpeechModel.open(SPEECH_MODEL, num_threads=1)
    start_sec = 0.0 if speaker.face is None else float(speaker.face.times_sec[0])
    return model.track(
        speaker.sound.waveform, speaker.sound.rate_hz, fps=speaker.fps, start_sec=start_sec
    )


def avatar_codes(track: ExpressionTrack, avatar: Avatar) -> np.ndarray:
    """Codes `[T, D + A]` of a track for an avatar, with its personal motion where it has one."""
    motion = track_motion(track, avatar.motion)
    codes = convert_track(track, avatar).codes()
    return codes if motion is None else np.concatenate([codes, motion], axis=1)


def speak(
    avatar: Avatar, camera: Camera, speaker: Speaker, out: Path, progress: Progress
) -> dict[str, Any]:
    """Write `driven.mp4` into `out`; returns the figures of the lips."""
    track = perform(speaker)
    codes = avatar_codes(track, avatar)
    seen = Seen.beside(speaker.path)
    if speaker.face is not None:
        seen = seen.read(speaker.face)
    _film(out / DRIVEN, (avatar, camera), speaker, (track, codes), progress)
    curve = gap_curve(avatar, track.times_sec(), avatar_landmarks(avatar, codes))
    return {"sound": speaker.path.name, "frames": len(codes), "lips": lip_figures(curve, seen)}


def _film(
    path: Path,
    scene: tuple[Avatar, Camera],
    speaker: Speaker,
    performance: tuple[ExpressionTrack, np.ndarray],
    progress: Progress,
) -> None:
    (avatar, camera), (track, codes) = scene, performance
    begin_sec = float(track.start_sec)
    samples = speaker.sound.span(begin_sec, begin_sec + len(codes) / float(speaker.fps))
    height_px, pictures = panel_height_px(camera.height), speaker.pictures()
    note, last = synthetic_note([avatar.manifest.info]), None
    told = part(lambda share: progress(share, None), 0.0, 1.0)
    with movie(path, speaker.fps, samples=samples, note=note) as write:
        for number, (code, pose) in enumerate(zip(codes, track.head_pose, strict=True)):
            drawn = render(
                avatar.decode(code, pose), camera, backend="cpu", background=BACKGROUND
            ).colors
            last = next(pictures, last)
            shown = {"avatar": as_bytes(drawn)}
            if last is not None:
                shown = {f"sound of {speaker.path.stem}": last, **shown}
            write(panels(shown, height_px))
            told((number + 1) / len(codes))
