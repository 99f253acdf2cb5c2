"""The numpy engine: audio, speech, expression tracks, avatars, Gaussians and rasterisers, without Blender."""
