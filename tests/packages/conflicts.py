"""Runs within Blender: our extension beside another that brings other versions of our wheels.

conflicts.py FOLDER: FOLDER/conflicts.json names the zips and who is installed first; FOLDER/result.json receives what
was found after each step.
"""

import importlib
import json
import sys
from pathlib import Path

import bpy

FOLDER = Path(sys.argv[-1])
ORDER = json.loads((FOLDER / "conflicts.json").read_text("utf8"))
OURS = "bl_ext.user_default.gaussian_heads"
OTHER = "bl_ext.user_default.other_add_on"
RESULT = {}


def main():
    here = str(Path(__file__).resolve().parent)
    sys.path.insert(0, here)
    from isolation import forget_checkout

    forget_checkout([*ORDER["hidden"], here])
    zips = [ORDER["ours"], ORDER["older"]]
    for path in zips if ORDER["ours_first"] else reversed(zips):
        install(path)
    RESULT["older"] = found()
    if ORDER["ours_first"]:
        go_through_the_others()
    # Everything still runs, in this Blender, which has been through all of it.
    RESULT["works"] = works()
    (FOLDER / "result.json").write_text(json.dumps(RESULT), "utf8")


def go_through_the_others():
    replace_other("newer")
    RESULT["newer"] = found()
    remove_other()
    RESULT["newer is gone"] = found()
    replace_other("spelled")
    RESULT["spelled"] = found()
    remove_other()
    RESULT["spelled is gone"] = found()
    again()
    RESULT["enabled again"] = found()


def install(path):
    bpy.ops.extensions.package_install_files(
        filepath=path, repo="user_default", enable_on_install=True
    )


def replace_other(name):
    remove_other()
    install(ORDER[name])
    assert OTHER in bpy.context.preferences.addons


def remove_other():
    if OTHER in bpy.context.preferences.addons:
        repositories = list(bpy.context.preferences.extensions.repos)
        index = [repository.module for repository in repositories].index("user_default")
        bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="other_add_on")


def again():
    import addon_utils

    addon_utils.disable(OURS, default_set=True, refresh_handled=False)
    addon_utils.enable(OURS, default_set=True, refresh_handled=False)


class Paper:
    """What a panel draws on; keeps the texts of labels that warn."""

    def __init__(self):
        self.warnings = []

    def label(self, text="", icon=""):
        """A line of text."""
        if icon == "ERROR":
            self.warnings.append(text)

    def row(self, align=False):
        """A part of the same paper."""
        return self

    def prop(self, *words, **options):
        """A field."""

    def operator(self, *words, **options):
        """A button."""


def found():
    """What the preferences say, what an operator reports, and the versions that lie in the shared folder."""
    preferences = importlib.import_module(f"{OURS}.blender.preferences")
    paper = Paper()
    drawn = type("Drawn", (), {"layout": paper})()
    preferences.GAUSSIAN_HEADS_AP_preferences.draw(drawn, bpy.context)
    folder = Path(bpy.utils.user_resource("EXTENSIONS"))
    return {
        "preferences": paper.warnings,
        "versions": sorted(
            path.name.removesuffix(".dist-info")
            for path in folder.glob(".local/lib/*/site-packages/*.dist-info")
            if path.name.lower().startswith(("av-", "cffi-", "protobuf-", "soundfile-"))
        ),
    }


def works():
    """Sound is read and a head with its network is put into a scene."""
    audio = importlib.import_module(f"{OURS}.core.audio")
    assets = importlib.import_module(f"{OURS}.core.assets")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    samples = audio.load_audio(assets.SAMPLE_SENTENCE)[0]
    bpy.ops.gaussian_heads.import_avatar(builtin="ada")
    return {"samples": len(samples), "heads": len(bpy.data.objects)}


main()
