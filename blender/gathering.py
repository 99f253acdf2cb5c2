"""All Gaussians of a scene at one frame, in world space, as the depsgraph shows them."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..core.errors import RenderError
from ..core.gaussians import Gaussians, concatenate
from .avatars import object_avatar
from .axes import avatar_to_world
from .codes import expression_code, head_pose, require_code_space


@dataclass(frozen=True)
class GatheredScene:
    """Gaussians in world space, how many heads they make, and sentences to warn with."""

    gaussians: Gaussians
    num_heads: int
    warnings: tuple[str, ...]


def gather_gaussians(depsgraph: bpy.types.Depsgraph) -> GatheredScene:
    """Decode every visible avatar and its instances; raises when there is none or one is broken."""
    sets: list[Gaussians] = []
    warnings: list[str] = []
    decoded: dict[str, Gaussians] = {}
    for instance in depsgraph.object_instances:
        obj = instance.object
        if not is_avatar(obj) or not instance.show_self:
            continue
        key = obj.original.name_full
        if key not in decoded:
            decoded[key] = _decode(obj, warnings)
        matrix = avatar_to_world(instance.matrix_world)
        sets.append(_placed(decoded[key], matrix, obj.name))
    if not sets:
        raise RenderError(
            "There is no visible avatar in this view layer: load one in the sidebar's "
            "Gaussian Heads tab, or show it for renders."
        )
    return GatheredScene(concatenate(sets), len(sets), tuple(warnings))


def is_avatar(obj: bpy.types.Object | None) -> bool:
    """Whether `obj` stands for a Gaussian head."""
    return obj is not None and obj.type == "MESH" and bool(obj.gaussian_head.avatar)


def within_clip(
    gaussians: Gaussians, viewmat: np.ndarray, clip_start_m: float, clip_end_m: float
) -> Gaussians:
    """Only the Gaussians whose centres lie between the camera's clip distances."""
    depths = gaussians.means @ viewmat[2, :3] + viewmat[2, 3]
    kept = (depths >= clip_start_m) & (depths <= clip_end_m)
    return gaussians if kept.all() else gaussians.select(kept)


def _decode(obj: bpy.types.Object, warnings: list[str]) -> Gaussians:
    loaded = object_avatar(obj)
    require_code_space(obj, loaded.avatar)
    stored = obj.gaussian_head.avatar_sha256
    if stored and stored != loaded.sha256:
        warnings.append(
            f"The avatar file of '{obj.name}' changed since it was imported: "
            "import it again if the face looks wrong."
        )
    return loaded.avatar.decode(expression_code(obj, loaded.avatar), head_pose(obj))


def _placed(gaussians: Gaussians, matrix: np.ndarray, name: str) -> Gaussians:
    try:
        return gaussians.transformed(matrix)
    except RenderError as error:
        raise RenderError(f"'{name}': {error}") from None
