"""The commands `bake` and `film`: a shot's parts before and after its frames, for farms."""

from __future__ import annotations

import argparse
import sys

from ..commands import (
    CommandError,
    ProgressLine,
    animate_request,
    given_style,
    load_blender,
    quiet_blender,
)

SCENE_SUFFIX = ".blend"
# Words that stage a sound; a scene has all of it.
_STAGING = (
    "avatar", "camera", "direction", "fps", "frames", "look", "object", "performance", "scene",
    "seed", "size", "sound_frame", "style_preset", "transparent", "view",
)  # fmt: skip


def bake(options: argparse.Namespace) -> None:
    """Write a scene with keys: of a sound, or of the dialogue of a scene."""
    load_blender("bake")
    is_scene = options.source.suffix.lower() == SCENE_SUFFIX
    if is_scene:
        _refuse_staging(options)
    from . import parts

    line = ProgressLine("bake")
    with quiet_blender():
        if is_scene:
            keyed = parts.bake_scene(options.source, options.out, line)
        else:
            frames = options.out.with_suffix("")
            request = animate_request(options, options.source, frames, options.out)
            parts.bake_sound(request, line)
            keyed = 1
    sys.stdout.write(f"{options.out}: {keyed} {'line' if keyed == 1 else 'lines'} keyed\n")


def _refuse_staging(options: argparse.Namespace) -> None:
    given = [name for name in _STAGING if getattr(options, name) not in (None, False)]
    given += given_style(options)
    if given:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CommandError(
            f"The scene '{options.source}' is baked as it is: leave out {words}, or name a sound."
        )


def film(options: argparse.Namespace) -> None:
    """Write the video of frames that are there."""
    load_blender("film")
    from .parts import VideoRequest
    from .parts import film as write_film

    request = VideoRequest(options.blend, options.pictures, options.out, options.frames)
    with quiet_blender():
        out = write_film(request)
    sys.stdout.write(f"{out}\n")
