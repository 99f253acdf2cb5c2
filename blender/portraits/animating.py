"""`animate` with a photo: the head of the staged scene gives the motion, the network draws the frames."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...core.portrait.chunks import chunk_with
from ...core.portrait.frames import FrameFiles, write_frames
from ...core.portrait.model import PortraitStopped
from ...core.portrait.sitting import Sitting
from ...core.progress import part
from ..avatars import object_avatar
from ..frames import Report, collected_interrupts
from ..shots.requests import AnimateRequest
from ..shots.scene import Staged
from .sampling import SampledPoints

LOG = logging.getLogger(__name__)
# Where in the drawing the landmarks are sampled.
SAMPLED_PART = 0.1


def sized(request: AnimateRequest) -> AnimateRequest:
    """The request with the size that a portrait has, which is not the usual one of heads."""
    side = request.portrait.side_px
    return replace(request, width=side, height=side)


def draw_frames(
    sitting: Sitting,
    staged: Staged,
    paths: Sequence[tuple[int, Path]],
    report: Report,
) -> int:
    """Draw each (frame, file) that is not there whole yet; returns how many were.

    Ctrl C, or a wish to terminate, stops after the step in work: finished files stay, none is cut short.
    """
    numbers = [frame for frame, _ in paths]
    # The film is all of the sound: a part of it is drawn as it is in the whole.
    film = range(min(staged.bake.first_frame, *numbers), max(staged.bake.last_frame, *numbers) + 1)
    for note in sitting.photo.notes:
        LOG.info("%s", note)
    rig = sitting.rig(object_avatar(staged.head).avatar)
    sampled = SampledPoints(film)
    needed = {frame for number in numbers for frame in chunk_with(number, film).seen}
    files = FrameFiles(paths, sitting.order.side_px, sitting.order.note())
    with collected_interrupts() as is_interrupted:
        telling = part(report, 0.0, SAMPLED_PART)
        for done in sampled.sample(staged.scene, staged.head, rig, needed):
            telling(done)
            if is_interrupted():
                raise KeyboardInterrupt
        telling = part(report, SAMPLED_PART, 1.0)

        def progress(done: float) -> bool:
            telling(done)
            return not is_interrupted()

        try:
            return write_frames(sitting.film(rig, film, sampled.points), files, progress)
        except PortraitStopped:
            raise KeyboardInterrupt from None
