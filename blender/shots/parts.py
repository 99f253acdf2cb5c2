"""The parts of a shot as farms run them, each a task of its own: the bake, and the video of finished frames.

Between them lie chunks of frames, which `render_file` or Blender itself renders.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...core.errors import GaussianHeadsError, RenderError
from ...core.progress import part
from ...core.timing import parse_frames
from ..animate import save_blend, stage
from ..batch import open_scene, replaced_scene, scene_frames
from ..destinations import Destination
from ..dialogue.lines import adopt_duplicates
from ..dialogue.scene import key_dialogue, listen_to_lines
from ..film_sound import mixed_sound
from ..frames import Report
from ..jobs import SpeechJob, new_scratch
from ..marks import scene_note
from ..registration import ensure_registered
from ..speech import speech_model
from ..staging import PictureSettings
from ..strips import require_same_rate, scene_rate, sequencer_scene
from ..video import encode_video, require_video_size
from .requests import AnimateRequest

POLL_SEC = 0.1
LISTENED_PART = 0.9


@dataclass(frozen=True)
class VideoRequest:
    """A video `out` (.mp4) of the frames of the scene in `blend`, files `0001.png` … in `folder`.

    `frames` is text as `parse_frames` reads it, the scene's range without it.
    """

    blend: Path
    folder: Path
    out: Path
    frames: str | None = None


def bake_sound(request: AnimateRequest, report: Report) -> Path:
    """Key the speech of `request` and write its scene to `request.save_blend`, without any frame."""
    save_blend(stage(request, report).scene, request)
    report(1.0)
    return request.save_blend


def bake_scene(blend: Path, out: Path, report: Report) -> int:
    """Key the lines of the scene in `blend` that are not up to date and write it to `out`; returns how many were."""
    ensure_registered()
    if out.suffix != ".blend":
        raise RenderError(f"'{out}' is no scene file: end its name in .blend.")
    scene = open_scene(blend)
    cut = sequencer_scene(bpy.context)
    require_same_rate(scene, cut)
    adopt_duplicates(cut)
    if not len(cut.gaussian_heads.lines):
        raise GaussianHeadsError(
            f"The scene '{blend}' has no line of a dialogue: link its sound strips to heads, or name a sound."
        )
    num_keyed = _bake_lines(cut, part(report, 0.0, LISTENED_PART))
    with replaced_scene(out) as temporary:
        bpy.ops.wm.save_as_mainfile(filepath=str(temporary), check_existing=False, compress=True)
    report(1.0)
    return num_keyed


def _bake_lines(scene: bpy.types.Scene, report: Report) -> int:
    scratch, folder = new_scratch()
    listenings, errors = listen_to_lines(scene, folder)
    job = SpeechJob(listenings, speech_model, scratch)
    job.start()
    try:
        while job.is_running:
            report(job.progress)
            time.sleep(POLL_SEC)
    except KeyboardInterrupt:
        job.cancel()
        raise
    result = key_dialogue(scene, zip(listenings, job.result(), strict=False), Destination())
    if errors or result.errors:
        # Frames of a silent face would cost more than a bake that stops the job.
        raise GaussianHeadsError([*errors, *result.errors][0])
    return result.num_keyed


def film(request: VideoRequest) -> Path:
    """Write the video that `request` asks for, with the sound of the scene; all frames must be there."""
    ensure_registered()
    if request.out.suffix.lower() != ".mp4":
        raise RenderError(f"'{request.out}' is no video: end its name in .mp4.")
    scene = open_scene(request.blend)
    frames = parse_frames(request.frames) if request.frames else scene_frames(scene)
    if [*frames] != [*range(frames[0], frames[-1] + 1)]:
        raise RenderError("A video needs every frame from first to last: leave out the step.")
    paths = _pictures(request.folder, frames)
    width, height = _size_px(paths[0])
    require_video_size(width, height)
    picture = PictureSettings(width, height, scene_rate(scene))
    note = scene_note(scene)
    with tempfile.TemporaryDirectory() as scratch:
        cut = sequencer_scene(bpy.context)
        sound = mixed_sound(cut, Path(scratch), (frames[0], frames[-1]))
        out = Path(os.path.abspath(request.out))
        encode_video(paths, sound, picture, out, note=note)
    return request.out


def _pictures(folder: Path, frames: Sequence[int]) -> list[Path]:
    paths = [folder.absolute() / f"{frame:04d}.png" for frame in frames]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise RenderError(
            f"{len(missing)} of {len(paths)} frames are not in '{folder}', {missing[0]} for one: "
            "render them as PNG first."
        )
    return paths


def _size_px(path: Path) -> tuple[int, int]:
    image = bpy.data.images.load(str(path))
    try:
        return tuple(image.size)
    finally:
        bpy.data.images.remove(image)
