"""Rasterisers of 3D Gaussians behind one function."""

from ..lazy_names import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "backends": (
            "BACKENDS",
            "render",
        ),
        "output": ("RenderOutput",),
        "registry": (
            "register_backend",
            "unregister_backend",
        ),
    },
)

__all__ = [
    "BACKENDS",
    "RenderOutput",
    "register_backend",
    "render",
    "unregister_backend",
]
