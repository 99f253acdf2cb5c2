"""The main job: a sound file and an avatar become a scene, keyframes, and frames or a video."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.audio import SPEECH_RATE_HZ, load_audio
from ..core.portrait.sitting import Sitting
from ..core.progress import part
from .bake import BakeResult
from .batch import replaced_scene
from .frames import Report, choose_image_format, render_frames
from .marks import scene_note
from .portraits.animating import draw_frames, sized
from .registration import ensure_registered
from .shots.job_folder import claim_folder, discard_frames
from .shots.requests import AnimateRequest, check_request
from .shots.scene import Staged, stage_shot
from .sound import decode_with_aud
from .speech import Analyser
from .video import encode_video, require_video_size, use_video_output

# Where in the whole job the analysis and the frames end.
LISTENING_PART, RENDERING_PART = 0.05, 0.97


@dataclass(frozen=True)
class AnimateResult:
    """What was made: the video or folder, the scene file, and how much was drawn or already there."""

    out: Path
    blend: Path | None
    frames: tuple[Path, ...]
    num_drawn: int
    bake: BakeResult

    @property
    def num_frames(self) -> int:
        """How many frames there are; the files of a video's are gone."""
        return len(self.frames)


def animate(
    request: AnimateRequest, report: Report, analyser: Analyser | None = None
) -> AnimateResult:
    """Make the scene of `request` in a fresh file, or in its template, and render it.

    Interrupted work goes on where it stopped: finished frames of the same request are kept.
    """
    if request.portrait is not None:
        request = sized(request)
    # Refused, like all that is wrong, before anything is written.
    sitting = Sitting.of(request.portrait) if request.portrait is not None else None
    staged = stage(request, part(report, 0.0, LISTENING_PART), analyser)
    scene = staged.scene
    claim_folder(request)
    if request.save_blend is not None:
        save_blend(scene, request)
    frames = request.frames or range(scene.frame_start, scene.frame_end + 1)
    paths = [(frame, request.frame_path(frame)) for frame in frames]
    drawing = part(report, LISTENING_PART, RENDERING_PART)
    if sitting is None:
        choose_image_format(scene, request.frame_format, has_alpha=request.is_transparent)
        drawn = render_frames(scene, paths, drawing)
    else:
        drawn = draw_frames(sitting, staged, paths, drawing)
    if request.is_video:
        note = scene_note(scene) if sitting is None else sitting.order.note()
        _write_video(request, staged, paths, note)
    report(1.0)
    files = tuple(path for _, path in paths)
    return AnimateResult(request.out, request.save_blend, files, drawn, staged.bake)


def stage(request: AnimateRequest, report: Report, analyser: Analyser | None = None) -> Staged:
    """Make the scene of `request` with its keys; nothing is written yet."""
    check_request(request)
    ensure_registered()
    # Refused before anything is written, with the reason the reader of sound gives.
    load_audio(request.audio, decode_with_aud, target_rate=SPEECH_RATE_HZ)
    staged = stage_shot(request, report, analyser)
    if request.is_video:
        require_video_size(staged.picture.width, staged.picture.height)
    return staged


def _write_video(
    request: AnimateRequest, staged: Staged, paths: list[tuple[int, Path]], note: str
) -> None:
    sound_frame = staged.sound_frame - paths[0][0] + 1
    files = [path for _, path in paths]
    encode_video(
        files, request.audio, staged.picture, request.out, sound_frame=sound_frame, note=note
    )
    discard_frames(request.frames_folder)


def save_blend(scene: bpy.types.Scene, request: AnimateRequest) -> None:
    """Write the scene beside its temporary name first; it renders what `request` asks for by itself."""
    with replaced_scene(request.save_blend) as temporary:
        # Blender makes paths relative only to a file that has a place.
        bpy.ops.wm.save_as_mainfile(filepath=str(temporary), check_existing=False, compress=True)
        for sound in bpy.data.sounds:
            sound.filepath = _relative(sound.filepath)
        out = _relative(os.path.abspath(_scene_output(request)))
        if request.is_video:
            use_video_output(scene)
            scene.render.filepath = out
        else:
            choose_image_format(scene, request.frame_format, has_alpha=request.is_transparent)
            scene.render.filepath = f"{out}/####"
        bpy.ops.wm.save_mainfile(filepath=str(temporary), check_existing=False, compress=True)


def _scene_output(request: AnimateRequest) -> Path:
    """Where a saved scene renders to: it shows its head, which must not replace the film of a photo."""
    out = request.out
    return out if request.portrait is None else out.with_name(f"{out.stem}_head{out.suffix}")


def _relative(path: str) -> str:
    if path.startswith("//"):
        return path
    try:
        return bpy.path.relpath(path).replace("\\", "/")
    except ValueError:
        # Another drive on Windows has no relative path.
        return path
