"""How well faces are read off real videos, beside a tracker's curves of the same frames."""
