"""The main job: a sound file and an avatar become a scene, keyframes, and frames or a video."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import bpy

from ..core.assets import SPEECH_MODEL, default_avatar_reference
from ..core.audio import SPEECH_RATE_HZ, load_audio
from ..core.camera import MAX_SIDE_PX
from ..core.errors import GaussianHeadsError, RenderError
from ..core.files import replace_on_success
from ..core.progress import part
from ..core.speech import SpeechStyle
from .avatars import avatar_path, is_builtin, load_avatar
from .bake import BakeResult
from .frames import IMAGE_FORMATS, Report, choose_image_format, render_frames
from .proxy import create_avatar_object
from .registration import ensure_registered
from .sound import decode_with_aud
from .speech import Analyser, analyse, apply_speech, request_speech, speech_model
from .staging import PictureSettings, apply_picture, setup_render
from .strips import strip_collection
from .style_properties import set_speech_style
from .video import encode_video, require_video_size, use_video_output

JOB_FILE = "job.json"
JOB_VERSION = 1
# Endings by which someone means one file, which is only written as .mp4.
FILE_SUFFIXES = {".avi", ".exr", ".gif", ".jpg", ".m4v", ".mkv", ".mov", ".png", ".webm"}
# Where in the whole job the analysis and the frames end.
LISTENING_PART, RENDERING_PART = 0.05, 0.97


@dataclass(frozen=True)
class AnimateRequest:
    """What to animate and how.

    `avatar` is "builtin:NAME" or a path, the first built-in one when empty. `out` is a file that ends in
    .mp4, or a folder for frames. `backend` is one of `core.render.BACKENDS`; `frame_format` "png" or "exr".
    """

    audio: Path
    out: Path
    avatar: str = ""
    fps: Fraction = Fraction(25)
    width: int = 512
    height: int = 512
    backend: str = "auto"
    seed: int = 0
    style: SpeechStyle = SpeechStyle()
    save_blend: Path | None = None
    is_transparent: bool = False
    frame_format: str = "png"

    @property
    def is_video(self) -> bool:
        """Whether a video is asked for and not a folder of frames."""
        return self.out.suffix.lower() == ".mp4"

    @property
    def frames_folder(self) -> Path:
        """Where the frames go; a video's are kept beside it until it is finished."""
        return self.out.with_name(f"{self.out.stem}.frames") if self.is_video else self.out


@dataclass(frozen=True)
class AnimateResult:
    """What was made: the video or folder, the scene file, and how much was drawn or already there."""

    out: Path
    blend: Path | None
    num_frames: int
    num_drawn: int
    bake: BakeResult


def animate(
    request: AnimateRequest, report: Report, analyser: Analyser | None = None
) -> AnimateResult:
    """Make the scene of `request` in a fresh file and render it; see `AnimateRequest`.

    Interrupted work goes on where it stopped: finished frames of the same request are kept.
    """
    _check(request)
    ensure_registered()
    # Refused before anything is written, with the reason the reader of sound gives.
    load_audio(request.audio, decode_with_aud, target_rate=SPEECH_RATE_HZ)
    scene, bake = _build_scene(request, part(report, 0.0, LISTENING_PART), analyser)
    folder = request.frames_folder
    _claim_folder(request, _job(request))
    if request.save_blend is not None:
        save_blend(scene, request)
    paths = [
        (frame, folder / f"{frame:04d}.{request.frame_format}")
        for frame in range(scene.frame_start, scene.frame_end + 1)
    ]
    choose_image_format(scene, request.frame_format, has_alpha=request.is_transparent)
    drawn = render_frames(scene, paths, part(report, LISTENING_PART, RENDERING_PART))
    if request.is_video:
        encode_video([path for _, path in paths], request.audio, _picture(request), request.out)
        shutil.rmtree(folder)
    report(1.0)
    return AnimateResult(request.out, request.save_blend, len(paths), drawn, bake)


def save_blend(scene: bpy.types.Scene, request: AnimateRequest) -> None:
    """Write the scene beside its temporary name first; it renders what `request` asks for by itself."""
    final = Path(os.path.abspath(request.save_blend))
    with replace_on_success(final) as temporary:
        # Blender makes paths relative only to a file that has a place.
        bpy.ops.wm.save_as_mainfile(filepath=str(temporary), check_existing=False, compress=True)
        for sound in bpy.data.sounds:
            sound.filepath = _relative(Path(sound.filepath))
        if request.is_video:
            use_video_output(scene)
            scene.render.filepath = _relative(Path(os.path.abspath(request.out)))
        else:
            choose_image_format(scene, request.frame_format, has_alpha=request.is_transparent)
            scene.render.filepath = _relative(Path(os.path.abspath(request.out))) + "/####"
        bpy.ops.wm.save_mainfile(filepath=str(temporary), check_existing=False, compress=True)
    for spare in final.parent.glob(f"{temporary.name}[0-9]"):
        spare.unlink()


def _check(request: AnimateRequest) -> None:
    if not (1 <= request.width <= MAX_SIDE_PX and 1 <= request.height <= MAX_SIDE_PX):
        raise RenderError(
            f"The picture is {request.width} x {request.height}: choose sides from 1 to {MAX_SIDE_PX}."
        )
    if request.frame_format not in IMAGE_FORMATS:
        raise RenderError(f"There is no frame format '{request.frame_format}': choose png or exr.")
    if request.is_video:
        require_video_size(request.width, request.height)
        if request.is_transparent:
            raise RenderError("An mp4 has no transparency: choose a folder for --out.")
    elif request.out.suffix.lower() in FILE_SUFFIXES:
        raise RenderError(
            f"'{request.out}' is no .mp4 and no folder: end the name in .mp4 or leave out its extension."
        )
    if request.save_blend is not None and request.save_blend.suffix != ".blend":
        raise RenderError(f"'{request.save_blend}' is no scene file: end its name in .blend.")


def _build_scene(
    request: AnimateRequest, report: Report, analyser: Analyser | None
) -> tuple[bpy.types.Scene, BakeResult]:
    reference = request.avatar or default_avatar_reference()
    if not is_builtin(reference):
        reference = os.path.abspath(reference)
    loaded = load_avatar(avatar_path(reference))
    # Not the factory settings: those would switch the extension off while it runs.
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    apply_picture(scene, _picture(request))
    scene.gaussian_heads.backend = request.backend
    obj = create_avatar_object(reference, loaded, scene.collection)
    obj.gaussian_head.seed = request.seed
    set_speech_style(obj.gaussian_head, request.style)
    strip = strip_collection(scene).new_sound(
        request.audio.stem, os.path.abspath(request.audio), channel=1, frame_start=1
    )
    obj.gaussian_head.sound_strip = strip.name
    scene.sync_mode = "AUDIO_SYNC"
    for workspace in bpy.data.workspaces:
        # From 5.0 on the Sequencer shows the scene that the workspace names.
        if hasattr(workspace, "sequencer_scene"):
            workspace.sequencer_scene = scene
    with tempfile.TemporaryDirectory() as scratch:
        speech = request_speech(scene, obj, Path(scratch))
        track = analyse(speech, analyser or speech_model(), report)
    bake = apply_speech(obj, speech, track)
    scene.frame_start, scene.frame_end = bake.first_frame, bake.last_frame
    setup_render(scene)
    scene.frame_set(scene.frame_start)
    return scene, bake


def _picture(request: AnimateRequest) -> PictureSettings:
    return PictureSettings(request.width, request.height, request.fps, request.is_transparent)


def _job(request: AnimateRequest) -> dict[str, object]:
    """What the frames depend on, so that those of another request are never mixed in."""
    reference = request.avatar or default_avatar_reference()
    return {
        "format": "gaussian_heads.job",
        "version": JOB_VERSION,
        "audio_sha256": _sha256(request.audio),
        "speech_sha256": _sha256(SPEECH_MODEL),
        "avatar": reference,
        "avatar_sha256": load_avatar(avatar_path(reference)).sha256,
        "fps": str(request.fps),
        "size": [request.width, request.height],
        "backend": request.backend,
        "seed": request.seed,
        "style": asdict(request.style),
        "transparent": request.is_transparent,
        "frame_format": request.frame_format,
        "blender": bpy.app.version_string,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _claim_folder(request: AnimateRequest, job: dict[str, object]) -> None:
    """Write the job file beside the frames. Frames of another job are refused, or discarded if only kept
    for a video that was never finished."""
    folder = request.frames_folder
    path = folder / JOB_FILE
    if folder.is_dir():
        present = _read_job(path)
        if present == job:
            return
        is_ours = present is not None and present.get("format") == job["format"]
        if request.is_video and is_ours:
            shutil.rmtree(folder)
        elif is_ours or any(folder.glob("*.png")) or any(folder.glob("*.exr")):
            raise GaussianHeadsError(
                f"The folder '{folder}' holds the frames of another job: delete it or choose another."
            )
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(job, indent=1) + "\n", "utf8")


def _read_job(path: Path) -> dict[str, object] | None:
    try:
        job = json.loads(path.read_text("utf8"))
    except (OSError, ValueError):
        return None
    return job if isinstance(job, dict) else None


def _relative(path: Path) -> str:
    try:
        return bpy.path.relpath(str(path)).replace("\\", "/")
    except ValueError:
        # Another drive on Windows has no relative path.
        return str(path)
