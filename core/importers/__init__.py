"""Readers of other projects' head files."""
