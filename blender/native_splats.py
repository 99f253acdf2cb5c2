"""Avatars as point clouds in the layout of Blender's own splats (5.3), for EEVEE and Cycles to draw.

Attributes of a point: `position`, `scale` (linear), `rotation` (wxyz), `radiance:base` (f_dc and the
opacity), `radiance:sh_k`; colours are display-referred, as Blender's importer leaves them.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from ..core.errors import GaussianHeadsError, RenderError
from .listeners import add_listeners, remove_listeners
from .render_jobs import is_rendering

if TYPE_CHECKING:
    import numpy as np

    from ..core.gaussians import Gaussians

logger = logging.getLogger(__name__)

SOURCE_PROPERTY = "gaussian_heads_source"
SH_PREFIX = "radiance:sh_"
# `bpy.app.is_job_running` knows nothing of renders from the command line.


def splat_type() -> tuple[str, str] | None:
    """Property and value that make a point cloud one of splats; None where Blender has no splats."""
    for prop in bpy.types.PointCloud.bl_rna.properties:
        if prop.type != "ENUM":
            continue
        for item in prop.enum_items:
            if "SPLAT" in item.identifier:
                return prop.identifier, item.identifier
    return None


def can_write_splats() -> bool:
    """Whether point clouds can be sized and hold four numbers a point (Blender 5.2 and later)."""
    new = bpy.types.AttributeGroupPointCloud.bl_rna.functions["new"]
    has_float4 = "FLOAT4" in new.parameters["type"].enum_items
    return has_float4 and "resize" in bpy.types.PointCloud.bl_rna.functions


def why_not_native() -> str:
    """Why this Blender cannot show native splats, as a sentence; empty when it can."""
    if splat_type() is None or not can_write_splats():
        return "This Blender draws no splats of its own: use Blender 5.3 or later."
    return ""


def show_native(source: bpy.types.Object, collection: bpy.types.Collection) -> bpy.types.Object:
    """Add a point cloud that follows the avatar `source` from frame to frame, and return it."""
    if not can_write_splats():
        raise RenderError(why_not_native())
    cloud = bpy.data.pointclouds.new(f"{source.name} Splats")
    native = splat_type()
    if native is not None:
        setattr(cloud, *native)
    obj = bpy.data.objects.new(cloud.name, cloud)
    obj[SOURCE_PROPERTY] = source
    obj.parent = source
    collection.objects.link(obj)
    source.update_tag()
    refresh(obj, bpy.context.evaluated_depsgraph_get())
    return obj


def native_objects() -> list[bpy.types.Object]:
    """Every point cloud that follows an avatar."""
    return [
        obj
        for obj in bpy.data.objects
        if obj.type == "POINTCLOUD" and isinstance(obj.get(SOURCE_PROPERTY), bpy.types.Object)
    ]


def refresh(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> None:
    """Write what the avatar of `obj` shows in `depsgraph` into the point cloud."""
    from .axes import AVATAR_TO_OBJECT
    from .splat_objects import posed_gaussians

    gaussians = posed_gaussians(obj[SOURCE_PROPERTY].evaluated_get(depsgraph))
    if gaussians.sh is not None and _is_playing():
        # Colours that depend on the view take three quarters of the memory: only for still frames.
        gaussians = dataclasses.replace(gaussians, sh=None)
    write_cloud(obj.data, gaussians.transformed(AVATAR_TO_OBJECT))


def write_cloud(cloud: bpy.types.PointCloud, gaussians: Gaussians) -> None:
    """Fill `cloud` with Gaussians of its own space."""
    import numpy as np

    arrays = _attributes(gaussians)
    if len(cloud.points) != gaussians.num_gaussians:
        cloud.resize(gaussians.num_gaussians)
    # All of them first: adding one may move the others' memory.
    for name, (data_type, _) in arrays.items():
        _ensure(cloud, name, data_type)
    for name in [a.name for a in cloud.attributes if a.name.startswith(SH_PREFIX)]:
        if name not in arrays:
            cloud.attributes.remove(cloud.attributes[name])
    for name, (data_type, values) in arrays.items():
        key = "value" if data_type == "QUATERNION" else "vector"
        flat = np.ascontiguousarray(values, np.float32).ravel()
        cloud.attributes[name].data.foreach_set(key, flat)
    cloud.update_tag()


def _attributes(gaussians: Gaussians) -> dict[str, tuple[str, np.ndarray]]:
    """Type and values `[N, C]` of every attribute."""
    import numpy as np

    from ..core.spherical_harmonics import SH_C0

    base = np.empty((gaussians.num_gaussians, 4), np.float32)
    base[:, :3] = (gaussians.colors - np.float32(0.5)) / np.float32(SH_C0)
    base[:, 3] = gaussians.opacities
    arrays = {
        "position": ("FLOAT_VECTOR", gaussians.means),
        "scale": ("FLOAT_VECTOR", gaussians.scales),
        "rotation": ("QUATERNION", gaussians.quats),
        "radiance:base": ("FLOAT4", base),
    }
    for k in range(0 if gaussians.sh is None else gaussians.sh.shape[1]):
        arrays[f"{SH_PREFIX}{k}"] = ("FLOAT_VECTOR", gaussians.sh[:, k])
    return arrays


def _ensure(cloud: bpy.types.PointCloud, name: str, data_type: str) -> None:
    found = cloud.attributes.get(name)
    if found is not None and (found.data_type, found.domain) != (data_type, "POINT"):
        cloud.attributes.remove(found)
        found = None
    if found is None:
        cloud.attributes.new(name, data_type, "POINT")


def _is_playing() -> bool:
    screen = None if is_rendering() else bpy.context.screen
    return screen is not None and screen.is_animation_playing


def _refresh_all(depsgraph: bpy.types.Depsgraph) -> None:
    for obj in native_objects():
        try:
            refresh(obj, depsgraph)
        except GaussianHeadsError as error:
            logger.warning("'%s' keeps its last splats: %s", obj.name, error)


@persistent
def _on_frame(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """The frame is evaluated; Blender evaluates once more what is written here, also while it renders."""
    _refresh_all(depsgraph)


@persistent
def _on_change(*_: object) -> None:
    if native_objects():
        _refresh_all(bpy.context.evaluated_depsgraph_get())


@persistent
def _on_save(*_: object) -> None:
    """Splats come from the avatar: a .blend need not keep them."""
    for obj in native_objects():
        obj.data.resize(0)


_HANDLERS = (
    ("frame_change_post", _on_frame),
    ("load_post", _on_change),
    ("undo_post", _on_change),
    ("redo_post", _on_change),
    ("save_pre", _on_save),
    ("save_post", _on_change),
    ("save_post_fail", _on_change),
)


def attach() -> None:
    """Start following frames, where this Blender can hold splats at all."""
    if can_write_splats():
        add_listeners(_HANDLERS)


def detach() -> None:
    """Stop following; harmless when not attached."""
    remove_listeners(_HANDLERS)
