"""Heads in Solid, Material Preview and other engines' viewports, drawn after everything else, in depth."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator

import bpy
import numpy as np
from bpy.app.handlers import persistent

from ..core.errors import GaussianHeadsError
from .drawing.device import kept_state, require_gpu
from .drawing.heads import HeadPicture, Heads, drawing_backend
from .drawing.screen import show_overlay
from .drawing.surfaces import DEPTH_ONLY, Surfaces
from .drawing.targets import Target
from .drawing.view import View, region_view
from .engine import ENGINE_ID
from .gathering import gather_visible, has_avatar, is_avatar, is_head
from .listeners import add_listeners, remove_listeners
from .occluders import PlacedShape
from .shapes import Shape, read_shape
from .viewport import most_pixels, picture_size

logger = logging.getLogger(__name__)

# Regions whose pictures are kept: four windows with a quad view each.
_MAX_REGIONS = 16
# A proxy that is shown as lines hides nothing.
_LINES = {"BOUNDS", "WIRE"}
_BROKEN = "The heads could not be drawn over the viewport; the reason stands in the console."


class Overlay:
    """Everything that the overlay keeps between redraws; `sentence` says why nothing is drawn."""

    def __init__(self) -> None:
        self.sentence = ""
        self._is_stale = True
        self._shown: tuple[str, str] | None = None
        self._heads = Heads()
        self._proxies = Surfaces()
        self._shapes: dict[str, Shape] = {}
        self._regions: OrderedDict[int, _Region] = OrderedDict()

    def forget_scene(self) -> None:
        """Something in the scene changed: look at it again at the next redraw."""
        self._is_stale = True

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Draw the heads into the region of `context`."""
        # Windows may show different scenes.
        shown = (context.scene.name_full, context.view_layer.name)
        if self._is_stale or shown != self._shown:
            self._gaussians = gather_visible(depsgraph).gaussians
            self._proxies.update(self._proxy_shapes(depsgraph))
            self._is_stale, self._shown = False, shown
        settings = context.scene.gaussian_heads
        self._heads.update(self._gaussians, settings.viewport_density)
        if not self._heads.gaussians.num_gaussians:
            return
        require_gpu()
        backend = drawing_backend(settings.backend)
        size = context.region.width, context.region.height
        if backend != "gpu":
            size = picture_size(*size, most_pixels(context))
        view = region_view(context.region_data, size, self._heads.gaussians.means)
        self._region(context.region.as_pointer()).draw(self._heads, self._proxies, view, backend)

    def _region(self, pointer: int) -> _Region:
        if pointer not in self._regions:
            self._regions[pointer] = _Region()
            if len(self._regions) > _MAX_REGIONS:
                self._regions.popitem(last=False)
        self._regions.move_to_end(pointer)
        return self._regions[pointer]

    def _proxy_shapes(self, depsgraph: bpy.types.Depsgraph) -> Iterator[PlacedShape]:
        """The avatars' own meshes as they stand in the viewport's depth."""
        read: dict[str, Shape] = {}
        for instance in depsgraph.object_instances:
            obj = instance.object
            if not is_head(instance) or not instance.show_self or obj.display_type in _LINES:
                continue
            name = obj.original.name_full
            if name not in read:
                read[name] = read_shape(obj.to_mesh(), self._shapes.get(name))
                obj.to_mesh_clear()
            if read[name].num_triangles:
                matrix = np.array(instance.matrix_world, np.float64)
                yield PlacedShape(read[name], matrix, np.zeros((1, 3), np.float32), False)
        self._shapes = read


class _Region:
    """What one region shows."""

    def __init__(self) -> None:
        self._picture = HeadPicture()
        self._proxies: Target | None = None
        self._key: object = None

    def draw(self, heads: Heads, proxies: Surfaces, view: View, backend: str) -> None:
        with kept_state():
            self._picture.draw(heads, view, None, key=None, backend=backend)
            if self._proxies is None or self._proxies.size != view.size:
                self._proxies, self._key = Target(view.size, DEPTH_ONLY, True), None
            key = (proxies.version, view.key)
            if key != self._key:
                proxies.draw(view, self._proxies)
                self._key = key
            show_overlay(
                view, self._picture.color, self._picture.depth, self._proxies.textures["depth"]
            )


_overlay = Overlay()
_handles: list[object] = []
_broken: list[bool] = []


def overlay_sentence() -> str:
    """Why the overlay draws nothing, in one sentence; empty while it draws."""
    return _BROKEN if _broken else _overlay.sentence


def _draw() -> None:
    """Called by Blender at each redraw of a 3D viewport."""
    draw_in(bpy.context)


def draw_in(context: bpy.types.Context) -> None:
    """Draw the heads into the viewport of `context` where they are wanted; says each error once."""
    if _broken or not _is_wanted(context):
        return
    sentence = ""
    _broken.append(True)
    try:
        _overlay.draw(context, context.view_layer.depsgraph)
    except GaussianHeadsError as error:
        sentence = str(error)
    # Anything else has gone to the console by now, once: this line is not reached then.
    _broken.clear()
    if sentence and sentence != _overlay.sentence:
        logger.warning("%s", sentence)
    _overlay.sentence = sentence


def _is_wanted(context: bpy.types.Context) -> bool:
    scene, space = context.scene, context.space_data
    if (
        not scene.gaussian_heads.show_overlay
        or space is None
        or context.view_layer.depsgraph is None
    ):
        return False
    kind = space.shading.type
    if kind == "WIREFRAME" or (kind == "RENDERED" and scene.render.engine == ENGINE_ID):
        return False
    if space.local_view is not None:
        return any(is_avatar(obj) and obj.local_view_get(space) for obj in scene.objects)
    return has_avatar(scene)


@persistent
def _on_change(*_: object) -> None:
    _overlay.forget_scene()


@persistent
def _before_load(*_: object) -> None:
    """Nothing of the old file may be drawn or kept while another one is loaded."""
    stop()


@persistent
def _after_load(*_: object) -> None:
    start()


_CHANGES = ("depsgraph_update_post", "frame_change_post", "undo_post", "redo_post")
_HANDLERS = (
    *((name, _on_change) for name in _CHANGES),
    ("load_pre", _before_load),
    ("load_post", _after_load),
)


def start() -> None:
    """Draw from now on; without a window there is nothing to draw into."""
    if not _handles and not bpy.app.background:
        handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")
        _handles.append(handle)


def stop() -> None:
    """Stop drawing and let go of everything; harmless when it was not started."""
    global _overlay
    while _handles:
        bpy.types.SpaceView3D.draw_handler_remove(_handles.pop(), "WINDOW")
    _overlay = Overlay()
    _broken.clear()


def attach() -> None:
    """Start drawing and listen to changes of the scene."""
    add_listeners(_HANDLERS)
    start()


def detach() -> None:
    """Undo `attach`; harmless when not attached."""
    stop()
    remove_listeners(_HANDLERS)
