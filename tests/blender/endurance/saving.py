"""A scene with heads that is saved again and again: `python saving.py SCENE`; says "saving" when it begins."""

import os
import sys

import bpy
import gaussian_heads
import numpy as np

SAVES, VERTICES = 6, 300_000


def main(blend):
    """Save, with as much in the file as takes a while to write."""
    gaussian_heads.register()
    bpy.ops.wm.open_mainfile(filepath=os.path.abspath(blend))
    if "Ballast" not in bpy.data.meshes:
        mesh = bpy.data.meshes.new("Ballast")
        mesh.vertices.add(VERTICES)
        places = np.random.default_rng(0).random(3 * VERTICES, np.float32)
        mesh.vertices.foreach_set("co", places)
        mesh.use_fake_user = True
    bpy.context.preferences.filepaths.save_version = 0
    sys.stdout.write("saving\n")
    sys.stdout.flush()
    for _ in range(SAVES):
        bpy.ops.wm.save_mainfile(compress=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
