"""Avatars: the `.uhap` package, its two decoders and the head pose."""
