"""Shape keys that follow an avatar live, through Blender's own drivers."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ...core.errors import GaussianHeadsError
from ...core.spaces import ARKIT_INDEX, ARKIT_SPACE
from ...core.spaces.face_parts import part_indices
from ...core.spaces.shape_names import ShapeRow
from ..avatars import object_avatar
from ..codes import layer_property, weights_property
from ..properties import LAYERS
from .shape_keys import require_shape_keys, rows_of, shape_address

MAX_EXPRESSION = 255
# The other layers leave the mouth alone.
MOUTH_LAYERS = ("speech", "acting")


def drive_shape_keys(source: bpy.types.Object, obj: bpy.types.Object) -> int:
    """Let the shape keys of `obj` follow the avatar `source` through drivers; returns how many do.

    They follow the baked layers times their strengths and the ARKit controls. What needs the whole face at
    once (visemes, avatars of latent codes, Action Units, gaze targets) is for `copy_to_shape_keys`.
    """
    rows = rows_of(obj)
    avatar = object_avatar(source).avatar
    if avatar.code_space != ARKIT_SPACE:
        raise GaussianHeadsError(
            f"The avatar '{avatar.name}' has codes of '{avatar.code_space}', which no driver can read: "
            "bake the keys instead."
        )
    visemes = sorted({row.control for row in rows} - set(ARKIT_INDEX))
    if visemes:
        raise GaussianHeadsError(
            f"Visemes such as '{visemes[0]}' are mixed frame by frame, which no driver can do: bake "
            "the keys instead."
        )
    by_key: dict[str, list[ShapeRow]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    for key, mine in by_key.items():
        _drive(source, obj.data.shape_keys, key, mine)
    obj.data.shape_keys.update_tag()
    return len(by_key)


def remove_drivers(obj: bpy.types.Object) -> int:
    """Remove the drivers from the mapped shape keys of `obj`; returns how many there were."""
    require_shape_keys(obj)
    keys = obj.data.shape_keys
    paths = {shape_address(row.name).data_path for row in obj.gaussian_head.shape_rows}
    driven = keys.animation_data.drivers if keys.animation_data else ()
    mine = [curve.data_path for curve in driven if curve.data_path in paths]
    for path in mine:
        keys.driver_remove(path)
    return len(mine)


def is_driven(obj: bpy.types.Object) -> bool:
    """Whether any shape key of `obj` has a driver."""
    keys = obj.data.shape_keys if obj.type == "MESH" else None
    return bool(keys and keys.animation_data and keys.animation_data.drivers)


def _drive(
    source: bpy.types.Object, keys: bpy.types.Key, name: str, rows: Sequence[ShapeRow]
) -> None:
    path = shape_address(name).data_path
    keys.driver_remove(path)
    driver = keys.driver_add(path).driver
    driver.type = "SCRIPTED"
    terms = [f"{row.factor:.4g}*({'+'.join(_terms(driver, source, row.control))})" for row in rows]
    expression = "+".join(terms)
    if len(expression) > MAX_EXPRESSION:
        raise GaussianHeadsError(
            f"The shape key '{name}' follows too many controls for a driver: bake the keys instead."
        )
    driver.expression = expression


def _terms(driver: bpy.types.Driver, source: bpy.types.Object, control: str) -> list[str]:
    """Products and sums of new variables of `driver` that make the avatar's `control`."""
    index = ARKIT_INDEX[control]
    terms = [_variable(driver, source, f"gaussian_head.arkit.{control}")]
    for layer in LAYERS:
        if layer not in MOUTH_LAYERS and index in part_indices(["mouth"]):
            continue
        names = (layer_property(layer), weights_property(layer))
        values = [
            _variable(driver, source, f'["{name}"][{index}]') for name in names if name in source
        ]
        if values:
            strength = _variable(driver, source, f"gaussian_head.strength_{layer}")
            mute = _variable(driver, source, f"gaussian_head.mute_{layer}")
            terms.append(f"(1-{mute})*{strength}*({'+'.join(values)})")
    return terms


def _variable(driver: bpy.types.Driver, source: bpy.types.Object, path: str) -> str:
    """The variable of `driver` that reads `path` of `source`."""
    for variable in driver.variables:
        if variable.targets[0].data_path == path:
            return variable.name
    variable = driver.variables.new()
    variable.name = f"v{len(driver.variables)}"
    variable.type = "SINGLE_PROP"
    variable.targets[0].id = source
    variable.targets[0].data_path = path
    return variable.name
