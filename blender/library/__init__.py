"""Avatars to choose from, and the files behind heads: found, relinked, replaced."""
