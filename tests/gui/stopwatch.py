"""Runs inside the driven Blender: how long each part of a played frame takes, frames counted where drawn."""

import functools
import importlib
import time

import bpy
import gpu

# Part of the overlay -> module and name that do it; a part within another is taken off it.
PARTS = {
    "overlay": ("blender.overlay", "draw_in"),
    "gather": ("blender.gathering", "gather_heads"),
    "decode": ("core.avatar.avatar", "Avatar.decode"),
    "rasterise": ("blender.drawing.heads", "HeadPicture.draw"),
    "proxies": ("blender.drawing.surfaces", "Surfaces.draw"),
    "show": ("blender.drawing.screen", "show_overlay"),
}


class Stopwatch:
    """Counts drawn frames and seconds of `PARTS` from `start` to `stop`."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._real: list[tuple[object, str, object]] = []
        self._handles: list[object] = []

    def start(self) -> None:
        """Begin to count; playback may start before or after."""
        self._seconds = dict.fromkeys((*PARTS, "wait"), 0.0)
        self._frames: list[int] = []
        for part, (module, name) in PARTS.items():
            owner = importlib.import_module(f"{self._package}.{module}")
            *path, last = name.split(".")
            for step in path:
                owner = getattr(owner, step)
            real = getattr(owner, last)
            self._real.append((owner, last, real))
            setattr(owner, last, self._timed(part, real))
        add = bpy.types.SpaceView3D.draw_handler_add
        self._handles = [
            add(self._wait, (), "WINDOW", "POST_VIEW"),
            add(self._count, (), "WINDOW", "POST_PIXEL"),
        ]
        self._began = time.perf_counter()

    def stop(self) -> dict[str, object]:
        """Seconds, frames drawn and seconds of each part; what is not in a part is Blender's own."""
        seconds = time.perf_counter() - self._began
        for owner, name, real in reversed(self._real):
            setattr(owner, name, real)
        self._real.clear()
        for handle in self._handles:
            bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
        region = next(r for r in self._area().regions if r.type == "WINDOW")
        return {
            "seconds": seconds,
            "size": [region.width, region.height],
            "frames_drawn": len(set(self._frames)),
            "first_frame": min(self._frames, default=0),
            "last_frame": max(self._frames, default=0),
            "seconds_of": self._seconds,
        }

    def _timed(self, part: str, real: object) -> object:
        @functools.wraps(real)
        def timed(*args: object, **named: object) -> object:
            began = time.perf_counter()
            try:
                return real(*args, **named)
            finally:
                self._seconds[part] += time.perf_counter() - began

        return timed

    def _wait(self) -> None:
        """The driver draws later than it is told: reading a pixel waits for it, so that it is counted."""
        began = time.perf_counter()
        gpu.state.active_framebuffer_get().read_color(0, 0, 1, 1, 4, 0, "FLOAT")
        self._seconds["wait"] += time.perf_counter() - began

    def _count(self) -> None:
        self._frames.append(bpy.context.scene.frame_current)

    def _area(self) -> bpy.types.Area:
        areas = bpy.context.window_manager.windows[0].screen.areas
        return next(area for area in areas if area.type == "VIEW_3D")
