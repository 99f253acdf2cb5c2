"""A head speaks a sound strip: linked, heard and keyed in one call, for scripts."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...core.files import new_scratch_folder
from ...core.progress import Progress
from ..bake import BakeResult
from ..speech import Analyser, perform_speech, speech_model
from .bake import BakeOptions, key_heard, listen_to
from .lines import link_strip


def speak(
    scene: bpy.types.Scene,
    strip: bpy.types.Strip,
    obj: bpy.types.Object,
    *,
    options: BakeOptions | None = None,
    analyser: Analyser | None = None,
    progress: Progress | None = None,
) -> BakeResult:
    """Let the avatar `obj` speak the sound `strip` of `scene`: link both, listen, and key the face.

    `options` says where keys go and on which frames. What was heard stays in the scene, so that
    `dialogue_bake.update_line` can key it again with other settings. Returns when it is done.
    """
    line = link_strip(scene, strip, obj)
    with new_scratch_folder() as scratch:
        listening = listen_to(scene, line, Path(scratch))
        performance = perform_speech(listening.request, analyser or speech_model(), progress)
    return key_heard(scene, listening, performance, options or BakeOptions())
