"""Panels of the sidebar tab; drawing only."""
