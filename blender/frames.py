"""Rendering frames one by one, so that they can be skipped, resumed and never stand half written."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import bpy

from ..core.errors import RenderError
from ..core.files import new_scratch_folder, replace_on_success
from ..core.picture_files import is_whole

Report = Callable[[float], None]
"""Told how much is done, 0 to 1."""

# Frame numbers, and since Blender 5.0 names of properties; paths are cut off at 1024 bytes.
_READ_BY_BLENDER = re.compile("[#{}]")
MAX_PATH_BYTES = 1000
IMAGE_FORMATS = {"png": "PNG", "exr": "OPEN_EXR"}


def choose_image_format(scene: bpy.types.Scene, extension: str, *, has_alpha: bool) -> None:
    """Write `scene` as 8-bit PNG or half-float EXR frames."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = IMAGE_FORMATS[extension]
    settings.color_mode = "RGBA" if has_alpha else "RGB"
    if extension == "exr":
        settings.color_depth, settings.exr_codec = "16", "ZIP"
    else:
        settings.color_depth, settings.compression = "8", 30


def render_frames(
    scene: bpy.types.Scene,
    paths: Sequence[tuple[int, Path]],
    report: Report,
    *,
    overwrite: bool = False,
    announce: Callable[[Path], None] = lambda path: None,
) -> int:
    """Render each (frame, file) that is not there whole yet; returns how many were drawn.

    `announce` is told each file that was written, under its final name.

    Ctrl C, or a wish to terminate, stops after the frame in work: finished files stay, none is cut short.
    """
    drawn = 0
    with collected_interrupts() as is_interrupted:
        for done, (frame, path) in enumerate(paths):
            report(done / len(paths))
            if overwrite or not is_whole(path):
                render_frame(scene, frame, path)
                announce(path)
                drawn += 1
            if is_interrupted():
                raise KeyboardInterrupt
    report(1.0)
    return drawn


def render_frame(scene: bpy.types.Scene, frame: int, path: Path) -> None:
    """Render one frame of `scene` into `path`, through a temporary file beside it."""
    before = scene.render.filepath, scene.render.use_file_extension
    try:
        with replace_on_success(path) as temporary, taken_literally(temporary) as target:
            scene.render.filepath, scene.render.use_file_extension = str(target), False
            scene.frame_set(frame)
            run_render(scene, write_still=True)
            if not is_whole(target):
                raise RenderError(
                    f"Blender did not write '{path}' to its end: check the disk's room and the folder."
                )
    finally:
        scene.render.filepath, scene.render.use_file_extension = before


@contextmanager
def taken_literally(path: Path) -> Iterator[Path]:
    """A path for Blender to write to, which reads signs in it, or cuts it off: `path`, or one that is moved there."""
    if len(os.fsencode(path)) < MAX_PATH_BYTES and not _READ_BY_BLENDER.search(str(path)):
        yield path
        return
    with new_scratch_folder() as folder:
        literal = Path(folder) / f"file{path.suffix}"
        yield literal
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(literal, path)


def run_render(scene: bpy.types.Scene, **options: object) -> None:
    """Blender's render operator on `scene`, with its report as a `RenderError`."""
    try:
        bpy.ops.render.render(scene=scene.name, **options)
    except RuntimeError as error:
        # Blender repeats the report it already printed; its first line is the sentence.
        raise RenderError(str(error).strip().splitlines()[0].removeprefix("Error: ")) from None


@contextmanager
def collected_interrupts() -> Iterator[Callable[[], bool]]:
    """Collect Ctrl C instead of letting it tear a frame; the second one ends the program as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = threading.Event()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before if callable(before) else signal.default_int_handler)

    before = signal.signal(signal.SIGINT, on_interrupt)
    ended = signal.signal(signal.SIGTERM, on_interrupt)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
        signal.signal(signal.SIGTERM, ended or signal.SIG_DFL)
