"""Presets in Blender's own form: small Python files of settings, those that ship and those the user saves.

Each kind is a folder `presets/gaussian_heads/KIND`: "format" (size and rate), "output" (quality and
files), "look" (grading of a head), "style" (how it performs what it says) and whatever else a folder of that name holds.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from ..core.assets import ASSETS
from ..core.errors import GaussianHeadsError
from .dialogue.properties import one_style_change

FORMAT, OUTPUT, LOOK, STYLE = "format", "output", "look", "style"


def preset_subdir(kind: str) -> str:
    """Where Blender keeps presets of `kind`, below each of its folders of presets."""
    return f"gaussian_heads/{kind}"


def presets(kind: str) -> dict[str, Path]:
    """Name to file of every preset of `kind`; one of the user's hides a shipped one of the same name."""
    found: dict[str, Path] = {}
    # Blender names the user's folder before those of add-ons.
    for folder in bpy.utils.preset_paths(preset_subdir(kind)):
        for path in sorted(Path(folder).glob("*.py")):
            found.setdefault(bpy.path.display_name(path.name, title_case=False), path)
    return found


def apply_preset(
    kind: str,
    name: str,
    *,
    scene: bpy.types.Scene | None = None,
    obj: bpy.types.Object | None = None,
) -> None:
    """Apply the preset `name` of `kind` to `scene` and `obj`, the context's where none is given."""
    found = presets(kind)
    if name not in found:
        known = ", ".join(found) or "none"
        raise GaussianHeadsError(f"There is no {kind} preset '{name}': choose one of {known}.")
    run_preset(found[name], scene=scene, obj=obj)


def run_preset(
    path: Path, *, scene: bpy.types.Scene | None = None, obj: bpy.types.Object | None = None
) -> None:
    """Run the preset file `path` on `scene` and `obj`, the context's where none is given."""
    given = {"scene": scene, "object": obj}
    with bpy.context.temp_override(**{key: value for key, value in given.items() if value}):
        try:
            with one_style_change():
                bpy.utils.execfile(str(path))
        except (OSError, SyntaxError, AttributeError, TypeError, ValueError, NameError) as error:
            raise GaussianHeadsError(
                f"The preset '{path.name}' does not fit this Blender ({error}): save it again."
            ) from None


def attach() -> None:
    """Let Blender find the presets that ship."""
    bpy.utils.register_preset_path(str(ASSETS))


def detach() -> None:
    """Undo `attach`."""
    bpy.utils.unregister_preset_path(str(ASSETS))
