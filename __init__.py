"""Gaussian Heads: photoreal 3D Gaussian heads that speak, in Blender. Registration only."""
