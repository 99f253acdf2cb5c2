"""Heads in Solid, Material Preview and other engines' viewports, drawn after everything else, in depth."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from ..core.errors import GaussianHeadsError
from .engine import ENGINE_ID
from .heads import ObjectKey, has_avatar, instance_owner, is_head
from .listeners import add_listeners, remove_listeners

if TYPE_CHECKING:
    from .camera import RenderWindow
    from .drawing.heads import Heads
    from .drawing.surfaces import Surfaces
    from .drawing.targets import Target
    from .drawing.view import View
    from .gathering import PlacedHead
    from .occluders import PlacedShape
    from .shapes import Shape

logger = logging.getLogger(__name__)

# Regions whose pictures are kept: four windows with a quad view each.
_MAX_REGIONS = 16
# Scenes of as many windows, and viewports of one scene that hide different heads.
_MAX_SCENES, _MAX_SUBSETS = 4, 4
# A proxy that is shown as lines hides nothing.
_LINES = {"BOUNDS", "WIRE"}
_BROKEN = "The heads could not be drawn over the viewport; the reason stands in the console."


class Overlay:
    """Everything that the overlay keeps between redraws; `sentence` says why a head is not drawn."""

    def __init__(self) -> None:
        self.sentence = ""
        self._scenes: OrderedDict[tuple[str, str], _SceneHeads] = OrderedDict()
        self._regions: OrderedDict[int, _Region] = OrderedDict()

    def forget_scene(self) -> None:
        """Something in a scene changed: look at each again at its next redraw."""
        for scene in self._scenes.values():
            scene.is_stale = True

    def forget_objects(self) -> None:
        """Objects may have come or gone."""
        self.forget_scene()
        for scene in self._scenes.values():
            scene.has_heads = None

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> str:
        """Draw the heads into the region of `context`; why some are not drawn, as a sentence."""
        from .drawing.device import require_gpu
        from .drawing.heads import drawing_backend

        # Windows may show different scenes.
        shown = (context.scene.name_full, context.view_layer.name)
        scene = _recent(self._scenes, shown, _SceneHeads, _MAX_SCENES)
        if scene.has_heads is None:
            scene.has_heads = has_avatar(context.scene)
        if not scene.has_heads:
            return ""
        scene.look(depsgraph)
        settings = context.scene.gaussian_heads
        visible = scene.visible(context.space_data, depsgraph, settings.viewport_density)
        if visible.heads.gaussians.num_gaussians:
            require_gpu()
            backend = drawing_backend(settings.backend)
            seen = _seen(context, visible.heads, backend)
            if seen is not None:
                region = _recent(self._regions, context.region.as_pointer(), _Region, _MAX_REGIONS)
                region.draw(visible.heads, visible.proxies, *seen, backend)
        return scene.fault


def _seen(
    context: bpy.types.Context, heads: Heads, backend: str
) -> tuple[View, RenderWindow] | None:
    """The view of the region's part in which heads are seen, and that part; None where none is."""
    from .drawing.view import region_view, scaled_window, seen_window
    from .viewport import most_pixels

    size = context.region.width, context.region.height
    means = heads.gaussians.means
    whole = region_view(context.region_data, size, means)
    window = seen_window(whole, *heads.bounds)
    if window is None:
        return None
    if backend != "gpu":
        window = scaled_window(window, most_pixels(context))
    return region_view(context.region_data, size, means, window), window


class _Visible:
    """What viewports with the same heads hidden share."""

    def __init__(self) -> None:
        from .drawing.heads import Heads
        from .drawing.surfaces import Surfaces
        from .gathering import joined

        self.heads = Heads()
        self.proxies = Surfaces()
        self.gaussians = joined([])
        self.version = -1


class _SceneHeads:
    """The heads of one scene and view layer, looked at again only after a change."""

    def __init__(self) -> None:
        self.is_stale = True
        self.has_heads: bool | None = None
        self.fault = ""
        self._version = 0
        self._heads: list[PlacedHead] = []
        self._proxies: list[tuple[ObjectKey, PlacedShape]] = []
        self._shapes: dict[str, Shape] = {}
        self._subsets: OrderedDict[frozenset[ObjectKey], _Visible] = OrderedDict()

    def look(self, depsgraph: bpy.types.Depsgraph) -> None:
        """Gather what the depsgraph shows, unless nothing changed."""
        from .gathering import gather_heads

        if not self.is_stale:
            return
        faults: list[str] = []
        self._heads = gather_heads(depsgraph, [], faults)
        self._proxies = list(self._proxy_shapes(depsgraph))
        self.fault = faults[0] if faults else ""
        self._version += 1
        self.is_stale = False

    def visible(
        self, space: bpy.types.SpaceView3D, depsgraph: bpy.types.Depsgraph, density: float
    ) -> _Visible:
        """The heads that the viewport `space` shows: local view and its own filters may hide some."""
        from .gathering import joined

        owners = {head.owner for head in self._heads}
        hidden = frozenset(owner for owner in owners if not _is_shown(owner, space, depsgraph))
        subset = _recent(self._subsets, hidden, _Visible, _MAX_SUBSETS)
        if subset.version != self._version:
            shown = [head.gaussians for head in self._heads if head.owner not in hidden]
            subset.gaussians = joined(shown)
            subset.proxies.update(shape for owner, shape in self._proxies if owner not in hidden)
            subset.version = self._version
        subset.heads.update(subset.gaussians, density)
        return subset

    def _proxy_shapes(
        self, depsgraph: bpy.types.Depsgraph
    ) -> Iterator[tuple[ObjectKey, PlacedShape]]:
        """The avatars' own meshes as they stand in the viewport's depth, each with its owner."""
        import numpy as np

        from .occluders import PlacedShape
        from .shapes import read_shape

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
                shape = PlacedShape(read[name], matrix, np.zeros((1, 3), np.float32), False)
                yield instance_owner(instance), shape
        self._shapes = read


def _is_shown(
    owner: ObjectKey, space: bpy.types.SpaceView3D, depsgraph: bpy.types.Depsgraph
) -> bool:
    """Whether the viewport shows the object: its local view, local collections and filter of types."""
    obj = bpy.data.objects.get(owner)
    if obj is None or not space.show_object_viewport_mesh:
        return False
    return obj.evaluated_get(depsgraph).visible_in_viewport_get(space)


def _recent(kept: OrderedDict, key: object, make: Callable[[], object], most: int) -> object:
    """The value of `key`, made where it lacks; the longest unused go when there are more than `most`."""
    if key not in kept:
        kept[key] = make()
        if len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


class _Region:
    """What one region shows."""

    def __init__(self) -> None:
        from .drawing.heads import HeadPicture

        self._picture = HeadPicture()
        self._proxies: Target | None = None
        self._key: object = None

    def draw(
        self, heads: Heads, proxies: Surfaces, view: View, window: RenderWindow, backend: str
    ) -> None:
        from .drawing.device import kept_state
        from .drawing.screen import show_overlay
        from .drawing.surfaces import DEPTH_ONLY
        from .drawing.targets import Target

        with kept_state():
            self._picture.draw(heads, view, None, key=None, backend=backend)
            if self._proxies is None or self._proxies.size != view.size:
                self._proxies, self._key = Target(view.size, DEPTH_ONLY, True), None
            key = (proxies.version, view.key)
            if key != self._key:
                proxies.draw(view, self._proxies)
                self._key = key
            depth = self._proxies.textures["depth"]
            show_overlay(view, self._picture.color, self._picture.depth, depth, window=window)


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
        sentence = _overlay.draw(context, context.view_layer.depsgraph)
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
    # Heads are what is looked at, not a drawing over it: they stay when a viewport's overlays are off.
    return kind != "WIREFRAME" and (kind != "RENDERED" or scene.render.engine != ENGINE_ID)


@persistent
def _on_frame(*_: object) -> None:
    _overlay.forget_scene()


@persistent
def _on_change(*_: object) -> None:
    _overlay.forget_objects()


@persistent
def _before_load(*_: object) -> None:
    """Nothing of the old file may be drawn or kept while another one is loaded."""
    stop()


@persistent
def _after_load(*_: object) -> None:
    start()


_CHANGES = ("depsgraph_update_post", "undo_post", "redo_post")
_HANDLERS = (
    *((name, _on_change) for name in _CHANGES),
    ("frame_change_post", _on_frame),
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
