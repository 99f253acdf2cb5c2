"""Rasterisers of 3D Gaussians behind one function."""

from .backends import BACKENDS, register_backend, render, unregister_backend
from .output import RenderOutput

__all__ = ["BACKENDS", "RenderOutput", "register_backend", "render", "unregister_backend"]
