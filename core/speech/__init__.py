"""Raw audio to expression tracks."""
