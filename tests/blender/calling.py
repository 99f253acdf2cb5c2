"""Calls every operator in a process of its own and prints what came of it; run by test_scripting.py."""

import json
import sys
from pathlib import Path

import bpy
import gaussian_heads
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.operators import base

# They fetch a gigabyte or start a card's driver; tests/blender/test_accelerator.py has them.
HEAVY = {"create_accelerator", "check_accelerator"}


def fresh(kind, folder):
    """An empty scene, or one with an active head, a sound strip and a mesh with a shape key."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 16
    if kind == "empty":
        return
    head = create_avatar_object(
        str(folder / "small.uhap"), load_avatar(folder / "small.uhap"), scene.collection
    )
    editor = scene.sequence_editor_create()
    editor.strips.new_sound("a", str(folder / "a.wav"), channel=1, frame_start=1)
    scene.frame_start, scene.frame_end = 1, 4
    bpy.context.view_layer.objects.active = head
    head.select_set(True)


def call(name, **arguments):
    """What the operator returned, or its sentence."""
    try:
        return sorted(getattr(bpy.ops.gaussian_heads, name)(**arguments))
    except RuntimeError as error:
        return str(error)


def main():
    """Call all in every state; operators with a file also with one that is missing and one of rubbish."""
    folder = Path(sys.argv[1])
    (folder / "rubbish.bin").write_bytes(bytes(range(256)))
    gaussian_heads.register()
    base.reraise_unexpected = True
    report = []
    for name in sorted(set(dir(bpy.ops.gaussian_heads)) - HEAVY):
        properties = getattr(bpy.ops.gaussian_heads, name).get_rna_type().properties
        cases = [("empty", {}), ("head", {})]
        if "filepath" in properties:
            files = (folder / "nowhere" / "x.bin", folder / "rubbish.bin")
            cases += [("head", {"filepath": str(file)}) for file in files]
        for kind, arguments in cases:
            fresh(kind, folder)
            report.append([name, kind, arguments, call(name, **arguments)])
    (folder / "report.json").write_text(json.dumps(report))
    gaussian_heads.unregister()


main()
