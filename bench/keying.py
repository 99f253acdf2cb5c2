"""What ten minutes of keys cost: time to bake, bake again, update and shift them, undo, and the .blend's growth.

`python bench/keying.py [--minutes M --fps F]` prints JSON after Blender's own lines: one set for the 64 channels of speech alone, one for
all layers and the head's motion, as a bake of sound writes them. Needs the `bpy` wheel.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import bpy
import gaussian_heads
import numpy as np
from gaussian_heads.blender.avatars import avatar_path, load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.keys import clean_keys, shift_keys
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL, default_avatar_reference
from gaussian_heads.core.audio import load_audio
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.speech import HeardSpeech, SpeechModel

CLEAN_WITHIN = 0.01


def main() -> None:
    """Measure both sets and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--fps", default="24")
    options = parser.parse_args()
    gaussian_heads.register()
    heard = _heard(options.minutes)
    fps = Fraction(options.fps)
    track, perform_sec = _timed(lambda: heard.perform(fps=fps))
    still = np.zeros_like(track.head_pose)
    speech = ExpressionTrack({"speech": track.layers["speech"]}, still, track.code_space, fps)
    report = {"perform_sec": perform_sec}
    for name, chosen in (("speech", speech), ("all_layers", track)):
        report |= {f"{name}_{key}": value for key, value in _measure(chosen).items()}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    gaussian_heads.unregister()


def _heard(minutes: float) -> HeardSpeech:
    """The sample sentence, again and again."""
    samples, rate = load_audio(SAMPLE_SENTENCE)
    samples = samples if samples.ndim == 1 else samples.mean(axis=1)
    whole = np.resize(samples, int(60 * minutes * rate)).astype(np.float32)
    return SpeechModel.open(SPEECH_MODEL).listen(whole, rate)


def _measure(track: ExpressionTrack) -> dict[str, float]:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.preferences.edit.use_global_undo = True
    bpy.context.preferences.filepaths.use_file_compression = False
    reference = default_avatar_reference()
    scene = bpy.context.scene
    name = create_avatar_object(
        reference, load_avatar(avatar_path(reference)), scene.collection
    ).name
    empty_bytes = _saved_bytes()
    bpy.ops.ed.undo_push(message="before")
    baked, bake_sec = _timed(lambda: bake_track(bpy.data.objects[name], track, 1))
    _, push_sec = _timed(lambda: bpy.ops.ed.undo_push(message="baked"))
    grown_mb = (_saved_bytes() - empty_bytes) / 1e6
    _, undo_sec = _timed(bpy.ops.ed.undo)
    _, redo_sec = _timed(bpy.ops.ed.redo)
    obj = bpy.data.objects[name]
    _, again_sec = _timed(lambda: bake_track(obj, track, 1))
    _, shift_sec = _timed(lambda: shift_keys(obj, 1, track.num_frames, 24))
    cleaned, clean_sec = _timed(lambda: clean_keys(obj, 1, track.num_frames + 24, CLEAN_WITHIN))
    return {
        "curves": baked.num_curves,
        "bake_sec": bake_sec,
        "bake_again_sec": again_sec,
        "shift_sec": shift_sec,
        "clean_sec": clean_sec,
        "keys": cleaned[0],
        "keys_cleaned": cleaned[1],
        "undo_push_sec": push_sec,
        "undo_sec": undo_sec,
        "redo_sec": redo_sec,
        "file_mb": round(grown_mb, 1),
    }


def _saved_bytes() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
        return path.stat().st_size


def _timed(action: Callable[[], object]) -> tuple[object, float]:
    started = time.perf_counter()
    return action(), round(time.perf_counter() - started, 3)


if __name__ == "__main__":
    main()
