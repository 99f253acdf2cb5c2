"""Heads over an EEVEE or Cycles scene: a second scene draws them, the compositor lays them over.

The second scene links the same objects and lets meshes only cut, so that what stands before a head in the
user's scene also does in the picture. The avatars' own meshes cast their shadows in the user's scene
unseen by the camera; with Cycles a view layer more collects the shadows that fall on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy

from ..core.errors import RenderError
from .compositor import Layers, build_over
from .engine import ENGINE_ID
from .heads import scene_avatars

HEADS_LAYER = "Gaussian Heads"
SHADOW_LAYER = "Gaussian Heads Shadows"
# Edges of holdouts are hard pixels without it.
SUPERSAMPLING = 2

_RENDER_NAMES = (
    "resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y",
    "use_border", "use_crop_to_border", "border_min_x", "border_max_x", "border_min_y",
    "border_max_y", "fps", "fps_base", "frame_map_old", "frame_map_new", "use_motion_blur",
    "motion_blur_shutter", "motion_blur_position",
)  # fmt: skip
_SCENE_NAMES = ("camera", "frame_start", "frame_end", "frame_step", "frame_current")
_LAYER_NAMES = ("exclude", "holdout", "indirect_only", "hide_viewport")


@dataclass(frozen=True)
class CompositeResult:
    """The scene that draws the heads, whether it is new, and whether heads receive shadows."""

    heads_scene: bpy.types.Scene
    is_new: bool
    has_shadows: bool


def setup_composite(scene: bpy.types.Scene, *, shadows_on_heads: bool) -> CompositeResult:
    """Build or update everything that composites the heads of `scene` over its own engine's picture."""
    avatars = scene_avatars(scene)
    _check(scene, avatars)
    settings = scene.gaussian_heads
    is_new = settings.heads_scene is None
    if is_new:
        settings.heads_scene = _new_heads_scene(scene)
    heads_scene = settings.heads_scene
    has_shadows = shadows_on_heads and scene.render.engine == "CYCLES"
    _place_proxies(scene, avatars, has_shadows)
    _follow(scene, heads_scene)
    main = next(layer for layer in scene.view_layers if layer.name != SHADOW_LAYER)
    _follow_collections(main, heads_scene.view_layers[0])
    build_over(
        Layers(scene, main.name, heads_scene, HEADS_LAYER, SHADOW_LAYER if has_shadows else None)
    )
    return CompositeResult(heads_scene, is_new, has_shadows)


def _check(scene: bpy.types.Scene, avatars: list[bpy.types.Object]) -> None:
    if not avatars:
        raise RenderError("There is no avatar in this scene: load one first.")
    if scene.render.engine in (ENGINE_ID, "BLENDER_WORKBENCH"):
        raise RenderError(
            "Choose Cycles or EEVEE as this scene's render engine first: it draws everything but the heads."
        )
    if scene.camera is None:
        raise RenderError("The scene has no camera: add one first.")
    fixed = [obj for obj in avatars if not obj.is_editable]
    if fixed:
        raise RenderError(
            f"'{fixed[0].name}' is linked and cannot be changed: make a library override of it first."
        )


def _new_heads_scene(scene: bpy.types.Scene) -> bpy.types.Scene:
    heads_scene = bpy.data.scenes.new(f"{scene.name} Heads")
    render = heads_scene.render
    render.engine, render.film_transparent = ENGINE_ID, True
    render.use_compositing = render.use_sequencer = False
    settings = heads_scene.gaussian_heads
    settings.meshes, settings.supersampling = "HOLDOUT", SUPERSAMPLING
    settings.backend = scene.gaussian_heads.backend
    layer = heads_scene.view_layers[0]
    layer.name, layer.use_pass_z = HEADS_LAYER, True
    return heads_scene


def _place_proxies(
    scene: bpy.types.Scene, avatars: list[bpy.types.Object], has_shadows: bool
) -> None:
    """Keep the avatars' meshes from the camera but not from the light."""
    for obj in avatars:
        obj.visible_camera = obj.is_shadow_catcher = has_shadows
    collection = _proxy_collection(scene, avatars, has_shadows)
    shadows = scene.view_layers.get(SHADOW_LAYER)
    if not has_shadows:
        if shadows is not None:
            shadows.use = False
        return
    if shadows is None:
        shadows = scene.view_layers.new(SHADOW_LAYER)
    shadows.use = shadows.cycles.use_pass_shadow_catcher = True
    for layer in scene.view_layers:
        layer.layer_collection.children[collection.name].indirect_only = layer != shadows


def _proxy_collection(
    scene: bpy.types.Scene, avatars: list[bpy.types.Object], is_wanted: bool
) -> bpy.types.Collection | None:
    """A collection more that holds the avatars: what a view layer shows is set by collection."""
    name = f"{scene.name} Head Proxies"
    found = next((c for c in scene.collection.children if c.name == name), None)
    if not is_wanted:
        if found is not None:
            bpy.data.collections.remove(found)
        return None
    if found is None:
        found = bpy.data.collections.new(name)
        scene.collection.children.link(found)
    for obj in avatars:
        if found not in obj.users_collection:
            found.objects.link(obj)
    return found


def _follow(scene: bpy.types.Scene, heads_scene: bpy.types.Scene) -> None:
    """Give the heads' scene the same time, camera, picture, markers and contents."""
    heads_scene.timeline_markers.clear()
    for marker in scene.timeline_markers:
        copy = heads_scene.timeline_markers.new(marker.name, frame=marker.frame)
        copy.camera = marker.camera
    # After the markers, which switch the camera when they are bound to one.
    for name in _SCENE_NAMES:
        setattr(heads_scene, name, getattr(scene, name))
    for name in _RENDER_NAMES:
        setattr(heads_scene.render, name, getattr(scene.render, name))
    root, source = heads_scene.collection, scene.collection
    _link_alike(root.objects, source.objects)
    _link_alike(root.children, source.children)


def _link_alike(mine: bpy.types.bpy_prop_collection, theirs: bpy.types.bpy_prop_collection) -> None:
    wanted = set(theirs)
    for item in set(mine) - wanted:
        mine.unlink(item)
    for item in wanted - set(mine):
        mine.link(item)


def _follow_collections(source: bpy.types.ViewLayer, target: bpy.types.ViewLayer) -> None:
    """Show in the heads' view layer what the user's own view layer shows."""
    target.update()
    wanted = {
        path: [getattr(collection, name) for name in _LAYER_NAMES]
        for path, collection in _collections(source.layer_collection)
    }
    for path, values in wanted.items():
        for name, value in zip(_LAYER_NAMES, values, strict=True):
            # Looked up again each time: writing a flag may build the tree anew.
            mine = dict(_collections(target.layer_collection)).get(path)
            if mine is not None and getattr(mine, name) != value:
                setattr(mine, name, value)


def _collections(
    root: bpy.types.LayerCollection, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], bpy.types.LayerCollection]]:
    """Every layer collection below `root` with the names that lead to it, parents first."""
    for child in root.children:
        here = (*path, child.name)
        yield here, child
        yield from _collections(child, here)
