#!/usr/bin/env python
"""Stands in for Blender's program on a farm's worker: the words that jobs give it, done with `bpy`.

blender.py --command gaussian_heads WORDS
blender.py -b -y FILE --render-output X --render-format F --render-frame 1..5,8
"""

import argparse
import sys


def main(words: list[str]) -> int:
    """Do what Blender would do with `words`; its exit code."""
    if words[:1] == ["--command"]:
        from gaussian_heads.blender.cli import main as command_line

        assert words[1] == "gaussian_heads", f"no extension has a command '{words[1]}'"
        return command_line(words[2:])
    return render(words)


def render(words: list[str]) -> int:
    """Frames of a scene, as Blender's own arguments want them."""
    parser = argparse.ArgumentParser(prog="blender")
    parser.add_argument("-b", "--background", action="store_true", required=True)
    parser.add_argument("-y", "--enable-autoexec", action="store_true")
    parser.add_argument("blend")
    parser.add_argument("--render-output")
    parser.add_argument("--render-format")
    parser.add_argument("--render-frame", required=True)
    given = parser.parse_args(words)

    import bpy
    import gaussian_heads

    gaussian_heads.register()
    bpy.ops.wm.open_mainfile(filepath=given.blend)
    settings = bpy.context.scene.render
    settings.image_settings.file_format = given.render_format
    for part in given.render_frame.split(","):
        first, _, last = part.partition("..")
        for frame in range(int(first), int(last or first) + 1):
            bpy.context.scene.frame_set(frame)
            settings.filepath = given.render_output.replace("####", f"{frame:04d}")
            bpy.ops.render.render(write_still=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
