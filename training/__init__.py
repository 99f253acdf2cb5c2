"""Training, as processes of their own: torch, datasets, networks, export."""
