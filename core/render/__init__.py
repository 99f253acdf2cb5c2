"""Rasterisers of 3D Gaussians behind one function."""

from .backends import BACKENDS, render
from .output import RenderOutput

__all__ = ["BACKENDS", "RenderOutput", "render"]
