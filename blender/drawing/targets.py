"""Off-screen targets: textures of one size with a framebuffer around them."""

from __future__ import annotations

import gpu


class Target:
    """Textures by name with a framebuffer for them; use it in the GPU context that made it."""

    def __init__(
        self, size: tuple[int, int], formats: dict[str, str], has_depth: bool = False
    ) -> None:
        self.size = size
        self.textures = {
            name: gpu.types.GPUTexture(size, format=format) for name, format in formats.items()
        }
        self._depth = gpu.types.GPUTexture(size, format="DEPTH_COMPONENT32F") if has_depth else None
        slots = tuple(self.textures.values())
        self._framebuffer = gpu.types.GPUFrameBuffer(depth_slot=self._depth, color_slots=slots)

    def bind(self) -> object:
        """Context manager: draw here, then where drawing went before."""
        return self._framebuffer.bind()

    def clear(self, **values: float) -> None:
        """Fill textures with a value each, all others with zero, and the depth buffer with "far"."""
        for name, texture in self.textures.items():
            texture.clear(format="FLOAT", value=(values.get(name, 0.0),) * 4)
        if self._depth is not None:
            self._framebuffer.clear(depth=1.0)
