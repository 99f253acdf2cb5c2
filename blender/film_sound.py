"""What a scene's cut sounds like behind a film of its frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from ..core.errors import RenderError
from .mixing import mix_down
from .strips import sound_strips
from .video import with_silence

# Silence behind a sound, so that the mixer never reads past its end.
BEHIND_SEC = 2


def mixed_sound(cut: bpy.types.Scene, folder: Path, frames: tuple[int, int]) -> Path:
    """What the scene `cut` sounds like from the first to the last of `frames`, as a file in `folder`."""
    path = folder / "mix.wav"
    with _silence_behind(cut, folder):
        is_mixed = mix_down(cut, path, frames, channels="STEREO")
    if not is_mixed:
        raise RenderError(
            f"Blender could not mix the sound of '{cut.name}': check its sound strips."
        )
    return path


@contextmanager
def _silence_behind(cut: bpy.types.Scene, folder: Path) -> Iterator[None]:
    """Let the sounds of `cut` be copies that end in silence."""
    before = {}
    try:
        for number, sound in enumerate({strip.sound for strip in sound_strips(cut) if strip.sound}):
            source = Path(bpy.path.abspath(sound.filepath, library=sound.library))
            if sound.library is None and sound.packed_file is None and source.is_file():
                before[sound] = sound.filepath
                sound.filepath = str(with_silence(source, folder / f"{number}.wav", BEHIND_SEC))
        yield
    finally:
        for sound, path in before.items():
            sound.filepath = path
