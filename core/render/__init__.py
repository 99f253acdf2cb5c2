"""Rasterisers of 3D Gaussians behind one function; filled by `render.py`'s backends."""
