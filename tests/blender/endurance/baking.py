"""A bake as a script of its own: open a scene, let the head speak, save: `python baking.py SCENE at-once|beside`."""

import os
import sys
import time

import bpy
import gaussian_heads
from gaussian_heads.blender.dialogue.bake import BakeOptions, key_heard, listen_to
from gaussian_heads.blender.dialogue.lines import link_strip
from gaussian_heads.blender.dialogue.speaking import speak
from gaussian_heads.blender.jobs import SpeechJob, add_job, new_scratch, remove_job
from gaussian_heads.blender.speech import speech_model
from gaussian_heads.blender.staging import scene_avatars
from gaussian_heads.blender.strips import sound_strips


def bake_beside(scene, strip, obj):
    """What the operator does between its timer's ticks: a thread listens, then the keys are written."""
    line = link_strip(scene, strip, obj)
    scratch, folder = new_scratch()
    job = SpeechJob([listen_to(scene, line, folder)], speech_model, scratch)
    add_job(job)
    while job.is_running:
        time.sleep(0.01)
    remove_job(job)
    key_heard(scene, job.listenings[0], job.performances()[0], BakeOptions())


def main(blend, how):
    """Bake the scene's only strip for its only head."""
    gaussian_heads.register()
    bpy.ops.wm.open_mainfile(filepath=os.path.abspath(blend))
    scene = bpy.context.scene
    (strip,), (obj,) = sound_strips(scene), scene_avatars(scene)
    (speak if how == "at-once" else bake_beside)(scene, strip, obj)
    bpy.ops.wm.save_mainfile()


if __name__ == "__main__":
    main(*sys.argv[1:])
