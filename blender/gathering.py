"""All Gaussians of a scene at one frame, in world space, as the depsgraph shows them."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..core.errors import GaussianHeadsError, RenderError
from ..core.gaussians import Gaussians, concatenate
from ..core.rows import matrix_times_rows
from .avatars import object_avatar
from .axes import avatar_to_world
from .codes import decoder_code, head_pose, require_code_space
from .decoding import decoded
from .heads import ObjectKey, instance_owner, is_head
from .looks import graded, look_gain


@dataclass(frozen=True)
class GatheredScene:
    """Gaussians in world space, how many heads they make, and sentences to warn with."""

    gaussians: Gaussians
    num_heads: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class PlacedHead:
    """One head's Gaussians in world space; `owner` is the object whose visibility in viewports counts."""

    owner: ObjectKey
    gaussians: Gaussians


def gather_visible(depsgraph: bpy.types.Depsgraph) -> GatheredScene:
    """Decode and grade every visible avatar and its instances; raises when one is broken."""
    warnings: list[str] = []
    sets = [head.gaussians for head in gather_heads(depsgraph, warnings)]
    return GatheredScene(joined(sets), len(sets), tuple(warnings))


def gather_heads(
    depsgraph: bpy.types.Depsgraph, warnings: list[str], faults: list[str] | None = None
) -> list[PlacedHead]:
    """Every visible avatar and its instances, one by one; adds sentences to `warnings`.

    With `faults` a broken avatar is left out and adds its sentence there; without, it raises.
    """
    placed: list[PlacedHead] = []
    heads: dict[str, Gaussians | None] = {}
    for instance in depsgraph.object_instances:
        if not is_head(instance) or not instance.show_self:
            continue
        obj = instance.object
        try:
            key = obj.original.name_full
            if key not in heads:
                heads[key] = None
                heads[key] = _decode(obj, warnings)
            if heads[key] is not None:
                matrix = avatar_to_world(instance.matrix_world)
                gaussians = _placed(heads[key], matrix, obj.name)
                placed.append(PlacedHead(instance_owner(instance), gaussians))
        except GaussianHeadsError as error:
            if faults is None:
                raise
            faults.append(str(error))
    return placed


def joined(sets: list[Gaussians]) -> Gaussians:
    """All of `sets` as one; a single one stays the same object."""
    return sets[0] if len(sets) == 1 else concatenate(sets)


def within_clip(
    gaussians: Gaussians, viewmat: np.ndarray, clip_start_m: float, clip_end_m: float
) -> Gaussians:
    """Only the Gaussians whose centres lie between the camera's clip distances."""
    depths = matrix_times_rows(viewmat[2:3, :3], gaussians.means)[:, 0] + viewmat[2, 3]
    kept = (depths >= clip_start_m) & (depths <= clip_end_m)
    return gaussians if kept.all() else gaussians.select(kept)


def _decode(obj: bpy.types.Object, warnings: list[str]) -> Gaussians:
    loaded = object_avatar(obj)
    require_code_space(obj, loaded.avatar)
    stored = obj.gaussian_head.avatar_sha256
    if stored and stored != loaded.sha256:
        warnings.append(
            f"The avatar file of '{obj.name}' changed since it was imported: "
            "press Update from File in the Avatar panel."
        )
    gaussians = decoded(
        obj, loaded, decoder_code(obj, loaded.avatar), head_pose(obj, loaded.avatar)
    )
    return graded(gaussians, look_gain(obj.gaussian_head))


def _placed(gaussians: Gaussians, matrix: np.ndarray, name: str) -> Gaussians:
    try:
        return gaussians.transformed(matrix)
    except RenderError as error:
        raise RenderError(f"'{name}': {error}") from None
