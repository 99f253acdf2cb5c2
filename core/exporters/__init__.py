"""Writers of foreign file formats."""
