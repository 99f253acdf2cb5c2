"""Captures of many people on disk: their layout, a reader, and pictures drawn from them."""
