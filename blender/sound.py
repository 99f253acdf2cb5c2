"""The samples that a sound strip makes heard, ready for the analysis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..core.audio import MAX_DURATION_SEC, SPEECH_RATE_HZ, load_audio
from ..core.errors import AudioError
from ..core.progress import Progress
from ..core.timing import SoundPlacement
from .mixing import mix_down
from .strips import is_retimed, placement


@dataclass(frozen=True)
class StripSound:
    """A sound file on disk and where it lies on the timeline; holds nothing of Blender's."""

    path: Path
    placement: SoundPlacement

    def waveform(self, progress: Progress | None = None) -> np.ndarray:
        """Mono samples `[S]` at 16 kHz from the first heard frame to the last, silence outside the file.

        Only what is heard counts: a sentence trimmed away must not move the lips.
        """
        samples, rate = load_audio(
            self.path, decode_with_aud, target_rate=SPEECH_RATE_HZ, progress=progress
        )
        place = self.placement
        start = round(place.file_sec(place.first_frame) * rate)
        length = int(place.num_frames * rate / place.fps)
        heard = np.zeros(max(length, 1), np.float32)
        left, right = max(start, 0), min(start + len(heard), len(samples))
        if right > left:
            heard[left - start : right - start] = samples[left:right]
        return heard


def strip_sound(scene: bpy.types.Scene, strip: bpy.types.Strip, scratch_folder: Path) -> StripSound:
    """What `strip` plays. Packed and retimed sounds are written into `scratch_folder` first."""
    place = placement(scene, strip)
    if is_retimed(strip):
        return _mixed_down(scene, strip, place, scratch_folder)
    sound = strip.sound
    if sound is None:
        raise AudioError(f"The sound strip '{strip.name}' has no sound: choose a file for it.")
    if sound.packed_file is not None:
        path = scratch_folder / f"packed{Path(sound.filepath).suffix}"
        try:
            path.write_bytes(sound.packed_file.data)
        except OSError as error:
            raise AudioError(
                f"The packed sound of '{strip.name}' cannot be unpacked to '{scratch_folder.parent}' "
                f"({error.strerror}): make room on that disk, or let TMPDIR name another folder."
            ) from None
        return StripSound(path, place)
    return StripSound(Path(bpy.path.abspath(sound.filepath, library=sound.library)), place)


def decode_with_aud(path: Path) -> tuple[np.ndarray, int]:
    """Samples `[S, C]` float32 and the rate (Hz) through Blender's own audio library."""
    try:
        import aud
    except ImportError:
        raise AudioError(
            f"'{path}' needs Blender's audio library, which this build lacks: convert it to wav."
        ) from None
    try:
        sound = aud.Sound(str(path))
        rate = int(sound.specs[0])
        # It gives all samples at once; some files do not say how many there are.
        if sound.length > MAX_DURATION_SEC * rate:
            raise AudioError(
                f"'{path}' is longer than {MAX_DURATION_SEC // 3600} hours: cut it into parts."
            )
        return np.asarray(sound.data(), np.float32), rate
    except aud.error as error:
        raise AudioError(
            f"'{path}' is no sound that Blender reads ({error}): convert it to wav or flac."
        ) from None


def _mixed_down(
    scene: bpy.types.Scene, strip: bpy.types.Strip, place: SoundPlacement, scratch_folder: Path
) -> StripSound:
    """The strip as it sounds with its changed speed, mixed by Blender over the strip's own frames."""
    path = scratch_folder / "mixdown.wav"
    with _only_heard(scene, strip):
        is_mixed = mix_down(scene, path, (place.first_frame, place.last_frame))
    if not is_mixed:
        raise AudioError(
            f"Blender could not mix the sound strip '{strip.name}': clear its retiming and bake again."
        )
    start = place.first_frame
    return StripSound(path, SoundPlacement(place.fps, start, start, place.right_frame))


@contextmanager
def _only_heard(scene: bpy.types.Scene, strip: bpy.types.Strip) -> Iterator[None]:
    muted = {other.name: other.mute for other in scene.sequence_editor.strips_all}
    audible = {strip.name}
    parent = strip.parent_meta()
    while parent is not None:
        audible.add(parent.name)
        parent = parent.parent_meta()
    try:
        for other in scene.sequence_editor.strips_all:
            other.mute = other.name not in audible
        yield
    finally:
        for other in scene.sequence_editor.strips_all:
            other.mute = muted[other.name]
