"""Frames and a sound become an H.264 video with AAC sound, through Blender's own FFmpeg."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain, repeat
from pathlib import Path

import bpy
import numpy as np

from ..core.errors import AudioError, RenderError
from ..core.files import new_scratch_folder, replace_on_success
from ..core.synthetic import mark_video
from ..core.video_container import count_pictures
from .frames import run_render, taken_literally
from .sound import decode_with_aud
from .staging import PictureSettings, apply_picture
from .strips import strip_collection

AUDIO_KBITS = 192
AUDIO_RATE_HZ = 48_000
BLOCK_FRAMES = 1 << 18


def require_video_size(width: int, height: int) -> None:
    """Raise unless H.264 can hold pictures of this size."""
    if width % 2 or height % 2:
        raise RenderError(
            f"A video needs even sides, not {width} x {height}: "
            f"choose {width + width % 2} x {height + height % 2}."
        )


def encode_video(
    frames: Sequence[Path],
    audio: Path,
    picture: PictureSettings,
    path: Path,
    *,
    sound_frame: int = 1,
    note: str = "",
) -> None:
    """Write `path` (.mp4) of `frames` at the picture's rate.

    `audio` starts at the frame `sound_frame`, where the first picture is frame 1. `note` goes into the
    file's metadata.
    """
    with new_scratch_folder() as scratch:
        behind_sec = math.ceil((len(frames) + 1 - min(sound_frame, 1)) / picture.fps)
        sound = with_silence(audio, Path(scratch) / "sound.wav", behind_sec)
        scene = bpy.data.scenes.new("Video")
        try:
            apply_picture(scene, picture)
            _add_strips(scene, frames, sound, sound_frame)
            scene.frame_start, scene.frame_end = 1, len(frames)
            # The frames are finished pictures: nothing may change their colours again.
            scene.view_settings.view_transform = "Standard"
            scene.view_settings.look = "None"
            # The same frames and sound give the same file, whenever it is written.
            scene.render.use_stamp_date = False
            use_video_output(scene)
            _write_video(scene, path, note)
        finally:
            bpy.data.scenes.remove(scene)
            _forget_sound(sound)


def _forget_sound(path: Path) -> None:
    """Leave nothing in the open file of a sound that is gone from the disk."""
    for sound in [s for s in bpy.data.sounds if s.filepath == str(path) and s.users == 0]:
        bpy.data.sounds.remove(sound)


def _write_video(scene: bpy.types.Scene, path: Path, note: str) -> None:
    with replace_on_success(path) as temporary:
        with taken_literally(temporary) as target:
            scene.render.filepath = str(target)
            scene.render.use_file_extension = False
            run_render(scene, animation=True)
        if count_pictures(temporary) != scene.frame_end:
            raise RenderError(
                f"Blender's FFmpeg did not write '{path}' to its end: check the disk's room and the folder."
            )
        if note:
            mark_video(temporary, note)


def with_silence(audio: Path, path: Path, behind_sec: int) -> Path:
    """Copy `audio` to `path` with `behind_sec` of silence behind it.

    Blender's mixer now and then plays what lies in memory between the end of a file and the end of
    the last frame: a loud crack. With silence there it never reads past the end.
    """
    import soundfile

    with ExitStack() as opened:
        try:
            source = opened.enter_context(soundfile.SoundFile(audio))
            rate, channels = source.samplerate, source.channels
            blocks = source.blocks(BLOCK_FRAMES, dtype="float32")
        except soundfile.LibsndfileError:
            samples, rate = decode_with_aud(audio)
            channels, blocks = samples.shape[1], [samples]
        silence = np.zeros((rate, channels), np.float32)
        try:
            with soundfile.SoundFile(path, "w", rate, channels, "FLOAT", format="RF64") as copy:
                for block in chain(blocks, repeat(silence, behind_sec)):
                    copy.write(block)
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"The video's sound cannot be written to '{path.parent.parent}' ({error}): make room on "
                "that disk, or let TMPDIR name another folder."
            ) from None
    return path


def use_video_output(scene: bpy.types.Scene) -> None:
    """Let `scene` write H.264 in MP4 with AAC sound."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    settings.color_mode = "RGB"
    ffmpeg = scene.render.ffmpeg
    ffmpeg.format, ffmpeg.codec = "MPEG4", "H264"
    ffmpeg.constant_rate_factor, ffmpeg.ffmpeg_preset = "HIGH", "GOOD"
    ffmpeg.gopsize = 12
    ffmpeg.audio_codec, ffmpeg.audio_bitrate = "AAC", AUDIO_KBITS
    ffmpeg.audio_mixrate, ffmpeg.audio_channels = AUDIO_RATE_HZ, "STEREO"


def _add_strips(
    scene: bpy.types.Scene, frames: Sequence[Path], audio: Path, sound_frame: int
) -> None:
    strips = strip_collection(scene)
    image = strips.new_image("Frames", str(frames[0]), channel=2, frame_start=1)
    for path in frames[1:]:
        image.elements.append(path.name)
    strips.new_sound("Sound", str(audio), channel=1, frame_start=sound_frame)
