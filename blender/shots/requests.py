"""What `animate` is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from ...core.camera import MAX_SIDE_PX
from ...core.direction.words import read_direction
from ...core.errors import RenderError
from ...core.framing import FRAMINGS
from ...core.portrait.order import PortraitOrder
from ..frames import IMAGE_FORMATS
from ..video import require_video_size

Leftovers = Literal["keep", "replace", "discard"]
"""What happens to frames that another job left in the folder."""

# Endings by which someone means one file, which is only written as .mp4.
FILE_SUFFIXES = {".avi", ".exr", ".gif", ".jpg", ".m4v", ".mkv", ".mov", ".png", ".webm"}
# What says how a head is drawn: fields, empty where nobody said it, and their words on the command line.
_OF_HEADS = {"camera": "--camera", "look": "--look", "view": "--view"}


@dataclass(frozen=True)
class AnimateRequest:
    """What to animate and how; what is None or empty is the usual, or the template scene's own.

    `avatar` is "builtin:NAME" or a path, the first built-in one when empty. `out` is a file that ends in
    .mp4, or a folder for frames. `backend` is one of `core.render.BACKENDS`; `frame_format` "png" or "exr".
    `scene` is a .blend to stage the head in, `object` the avatar in it that speaks, where it has several;
    a scene without any gets one at its origin. `camera` is a framing ("close-up", "portrait", "medium") or
    the name of one of the scene's cameras. The sound starts at `sound_frame`; `frames` are rendered, those
    of the whole sound by default. `style` holds what differs in the manner of speaking,
    on top of `style_preset`, the name of a preset as `look` is; `performance` is a recorded face that is added
    to the speech, `view` a view transform. `direction` is what is acted beside the speech, an expression such as
    "joy:0.8" or the path of a table of Action Units. `leftovers` says what happens to
    frames in the folder: "keep" those of the same job and refuse others, "replace" another job's,
    "discard" all of ours.
    With a `portrait` the frames show a photo that moves as the head does.
    """

    audio: Path
    out: Path
    avatar: str = ""
    fps: Fraction | None = None
    width: int | None = None
    height: int | None = None
    backend: str = "auto"
    seed: int | None = None
    style: Mapping[str, float] = field(default_factory=dict)
    save_blend: Path | None = None
    is_transparent: bool = False
    frame_format: str = "png"
    scene: Path | None = None
    object: str = ""
    camera: str = ""
    sound_frame: int | None = None
    frames: tuple[int, ...] | None = None
    style_preset: str = ""
    look: str = ""
    performance: Path | None = None
    view: str = ""
    direction: str = ""
    leftovers: Leftovers = "keep"
    portrait: PortraitOrder | None = None

    @property
    def is_video(self) -> bool:
        """Whether a video is asked for and not a folder of frames."""
        return self.out.suffix.lower() == ".mp4"

    @property
    def frames_folder(self) -> Path:
        """Where the frames go; a video's are kept beside it until it is finished."""
        return self.out.with_name(f"{self.out.stem}.frames") if self.is_video else self.out

    def frame_path(self, frame: int) -> Path:
        """The file of one frame."""
        return self.frames_folder / f"{frame:04d}.{self.frame_format}"


def check_request(request: AnimateRequest) -> None:
    """Raise what can be known to be wrong before any work."""
    for side in (request.width, request.height):
        if side is not None and not 1 <= side <= MAX_SIDE_PX:
            raise RenderError(
                f"The picture is {request.width} x {request.height}: choose sides from 1 to {MAX_SIDE_PX}."
            )
    if request.frame_format not in IMAGE_FORMATS:
        raise RenderError(f"There is no frame format '{request.frame_format}': choose png or exr.")
    if request.is_video:
        _check_video(request)
    elif request.out.suffix.lower() in FILE_SUFFIXES:
        raise RenderError(
            f"'{request.out}' is no .mp4 and no folder: end the name in .mp4 or leave out its extension."
        )
    if request.save_blend is not None and request.save_blend.suffix != ".blend":
        raise RenderError(f"'{request.save_blend}' is no scene file: end its name in .blend.")
    if request.direction:
        read_direction(request.direction)
    if request.portrait is not None:
        _check_portrait(request)
    if request.scene is None and request.camera and request.camera not in FRAMINGS:
        raise RenderError(
            f"There is no framing '{request.camera}': choose one of {', '.join(FRAMINGS)}."
        )


def _check_video(request: AnimateRequest) -> None:
    if request.width is not None and request.height is not None:
        require_video_size(request.width, request.height)
    if request.is_transparent:
        raise RenderError("An mp4 has no transparency: choose a folder for --out.")
    frames = request.frames
    if frames and frames != tuple(range(frames[0], frames[-1] + 1)):
        raise RenderError(
            "A video needs every frame from first to last: leave out the step, or choose a folder."
        )


def _check_portrait(request: AnimateRequest) -> None:
    request.portrait.check()
    if request.is_transparent:
        raise RenderError("A portrait has the photo's background: leave out --transparent.")
    if request.frame_format != "png":
        raise RenderError(
            f"A portrait has 8 bits a colour and is written as PNG, not {request.frame_format.upper()}: "
            "choose --format png."
        )
    given = [word for name, word in _OF_HEADS.items() if getattr(request, name)]
    if request.backend != "auto":
        given.append("--backend")
    if given:
        raise RenderError(
            f"{' and '.join(given)} would say how a head is drawn, a portrait shows the photo: leave it out."
        )
