"""Performances of other programs, and shape keys of other characters."""
