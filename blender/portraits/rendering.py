"""A scene's head as a film of a photo, beside the interface: landmarks on the main thread, the network in another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import bpy

from ...core.errors import RenderError
from ...core.files import new_scratch_folder
from ...core.portrait.frames import FrameFiles, write_frames
from ...core.portrait.order import PortraitOrder
from ...core.portrait.sitting import Sitting
from ..avatars import object_avatar
from ..film_sound import mixed_sound
from ..listeners import stops_with_add_on
from ..shots.job_folder import claim, discard_frames
from ..shots.requests import FILE_SUFFIXES
from ..staging import PictureSettings
from ..strips import require_same_rate, scene_rate, sequencer_scene
from ..video import encode_video, require_video_size
from ..work import Work
from .sampling import SampledPoints

# Where in the whole the photo is read, the landmarks are sampled and the frames are drawn.
READ_PART, SAMPLED_PART, DRAWN_PART = 0.02, 0.1, 0.97
POLL_SEC = 0.02
_running: list[Work] = []
Result = TypeVar("Result")


@dataclass(frozen=True)
class PortraitRender:
    """What to make of whom; `out` is a video (.mp4) or a folder for frames, `frames` the film's."""

    order: PortraitOrder
    out: Path
    frames: range

    @property
    def is_video(self) -> bool:
        """Whether a video is asked for and not a folder of frames."""
        return self.out.suffix.lower() == ".mp4"

    @property
    def folder(self) -> Path:
        """Where the frames go; a video's are kept beside it until it is finished."""
        return self.out.with_name(f"{self.out.stem}.frames") if self.is_video else self.out

    def check(self) -> None:
        """Refuse with a sentence what cannot or must not be made."""
        self.order.check()
        if not self.frames:
            raise RenderError("The scene's range has no frame: let its end come after its start.")
        if self.is_video:
            require_video_size(self.order.side_px, self.order.side_px)
        elif self.out.suffix.lower() in FILE_SUFFIXES:
            raise RenderError(
                f"'{self.out}' is no .mp4 and no folder: end the name in .mp4 or leave out its extension."
            )


class PortraitRendering:
    """One render; `steps` does the work, `num_drawn` counts the frames that were not there before.

    `notes` are sentences on what the photo lacks.
    """

    def __init__(
        self, scene: bpy.types.Scene, head: bpy.types.Object, render: PortraitRender
    ) -> None:
        self.scene, self.head, self.render = scene, head, render
        self.num_drawn = 0
        self.notes: tuple[str, ...] = ()

    def steps(self) -> Iterator[float]:
        """Do the work, yielding what is done (0 to 1); closing it keeps finished frames, which the next run takes."""
        render = self.render
        render.check()
        sitting = yield from _in_a_thread(
            Work(lambda progress: Sitting.of(render.order), "Gaussian Heads photo"), 0.0, READ_PART
        )
        self.notes = sitting.photo.notes
        rig = sitting.rig(object_avatar(self.head).avatar)
        sampled = SampledPoints(render.frames)
        for done in sampled.sample(self.scene, self.head, rig):
            yield READ_PART + (SAMPLED_PART - READ_PART) * done
        film = sitting.film(rig, render.frames, sampled.points)
        files = self._claimed(sampled)
        self.num_drawn = yield from _in_a_thread(
            Work(lambda progress: write_frames(film, files, progress), "Gaussian Heads portrait"),
            SAMPLED_PART,
            DRAWN_PART,
        )
        if render.is_video:
            self._write_video(files)
        yield 1.0

    def _claimed(self, sampled: SampledPoints) -> FrameFiles:
        """The files of the frames, in a folder that holds no frames of another film any more."""
        render = self.render
        # Whatever moved the head, where it put the landmarks is all that a frame depends on.
        digest = hashlib.sha256(sampled.points.tobytes()).hexdigest()
        settings = {"portrait": render.order.settings(), "landmarks": digest}
        settings["frames"] = [render.frames.start, render.frames.stop]
        claim(render.folder, settings, "replace", is_video=render.is_video)
        paths = [(frame, render.folder / f"{frame:04d}.png") for frame in render.frames]
        return FrameFiles(paths, render.order.side_px, render.order.note())

    def _write_video(self, files: FrameFiles) -> None:
        frames = self.render.frames
        cut = sequencer_scene(bpy.context)
        require_same_rate(self.scene, cut)
        picture = PictureSettings(files.side_px, files.side_px, scene_rate(self.scene))
        with new_scratch_folder() as scratch:
            sound = mixed_sound(cut, Path(scratch), (frames[0], frames[-1]))
            paths = [path for _, path in files.paths]
            encode_video(paths, sound, picture, self.render.out, note=files.note)
        discard_frames(self.render.folder)


def _in_a_thread(work: Work[Result], begin: float, end: float) -> Iterator[float]:
    """Let `work` run, yielding how far it is as a part of the whole; its result comes back."""
    _running.append(work)
    work.start()
    try:
        while work.is_running:
            work.wait(POLL_SEC)
            yield begin + (end - begin) * work.progress
        return work.result()
    finally:
        # Closed before its end: it stops at its next step.
        work.cancel()
        work.wait()
        _running.remove(work)


@stops_with_add_on
def stop_running() -> None:
    """Let what draws come to its end."""
    for work in _running:
        work.cancel()
