"""The whole way from register to a video in a process that the system ends at its first socket of the internet.

Run by test_no_network.py with a folder for its files; prints what it did. Linux on x86-64 and ARM64 only: the filter
(seccomp, inherited by every process that is started here) counts for libraries written in C as well.
"""

import contextlib
import ctypes
import json
import platform
import socket
import struct
import sys
from pathlib import Path

SYSTEM_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
INTERNET = (socket.AF_INET, socket.AF_INET6)
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000
ARCHITECTURE_AT, NUMBER_AT, ARGUMENT_AT = 4, 0, 16
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2


def end_at_sockets():
    """From now on `socket(AF_INET…)` in this process or a child of it ends the process by SIGSYS."""
    architecture, number = SYSTEM_CALLS[platform.machine()]
    rules = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_IF_EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_IF_EQUAL, 0, 3, number),
        (LOAD, 0, 0, ARGUMENT_AT),
        (JUMP_IF_EQUAL, 2, 0, INTERNET[0]),
        (JUMP_IF_EQUAL, 1, 0, INTERNET[1]),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, KILL_PROCESS),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code))
    )
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or system.prctl(
        PR_SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "no seccomp here")


def start_blender():
    """Blender 5.2 brings urllib3, which asks at its import whether the system knows IPv6: a socket that connects nowhere."""
    import bpy

    with contextlib.suppress(ImportError):
        import urllib3  # noqa: F401
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)


def work(folder):
    """Register, import, bake, animate, render, encode, export, start to personalize; yields each by name."""
    import bpy
    import gaussian_heads
    from gaussian_heads.blender import cli

    gaussian_heads.register()
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 32
    yield "register"
    bpy.ops.gaussian_heads.import_avatar(filepath=str(folder / "small.uhap"))
    yield "import"
    scene.sequence_editor_create().strips.new_sound("a", str(folder / "a.wav"), 1, 1)
    bpy.ops.gaussian_heads.bake_speech("EXEC_DEFAULT")
    yield "bake"
    scene.render.engine = "GAUSSIAN_HEADS"
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.location, scene.camera.rotation_euler = (0, -1, 0), (1.57, 0, 0)
    scene.render.filepath = str(folder / "still.png")
    bpy.ops.render.render(write_still=True)
    yield "render"
    words = [
        str(folder / "a.wav"),
        "--out",
        str(folder / "a.mp4"),
        "--avatar",
        str(folder / "small.uhap"),
    ]
    if cli.main(["animate", *words, "--size", "32", "32"]):
        raise SystemExit("animate failed")
    yield "animate"
    # There is no face to be seen; the networks have looked for it by then.
    cli.main(["encode", str(folder / "a.mp4"), "--out", str(folder / "t.npz")])
    yield "encode"
    draw_portrait(folder)
    yield "portrait"
    yield from start_to_personalize(folder)
    gaussian_heads.unregister()
    yield "unregister"


def draw_portrait(folder):
    """As far as a picture without a face comes, and then the network, where this build has it."""
    import numpy as np
    from gaussian_heads.blender import cli
    from gaussian_heads.core.portrait.model import PortraitModel, network_files

    words = ["--portrait", str(folder / "still.png"), "--synthetic", "--out", str(folder / "b.mp4")]
    assert cli.main(["animate", str(folder / "a.wav"), *words]) == 1
    if all(path.is_file() for path in network_files().values()):
        points = np.random.default_rng(0).uniform(0.3, 0.7, (1, 70, 2)).astype(np.float32)
        model = PortraitModel.open()
        reference = model.reference(np.zeros((256, 256, 3), np.uint8), points[0])
        model.draw(reference, points, steps=1)


def start_to_personalize(folder):
    """As far as this environment lets it come: without PyTorch to a sentence."""
    from gaussian_heads.blender.personalizing import (
        PersonalizeError,
        PersonalizeProcess,
        PersonalizeRequest,
    )

    request = PersonalizeRequest((folder / "a.mp4",), folder / "me.uhap", is_synthetic=True)
    process = PersonalizeProcess(request, Path(sys.executable), folder / "log.txt")
    try:
        process.result()
    except PersonalizeError:
        yield "personalize"


if __name__ == "__main__":
    start_blender()
    end_at_sockets()
    if sys.argv[2:] == ["connect"]:
        socket.socket()
    print(json.dumps(list(work(Path(sys.argv[1])))))  # noqa: T201
