"""What buttons offer and take unless told otherwise, apart from the modules that act on it and take long to load."""

from __future__ import annotations

KEY_TOLERANCE = 0.002
"""Sampled keys that straight lines give back this closely are left out; in units of the curve."""

DIRECTION_TOLERANCE = 0.1
"""The same for acting directions, on the scale of Action Units from 0 to 5."""

MAX_TOLERANCE = 1.0
"""The greatest error bound that baked keys can be thinned with."""

GAZE_DISTANCE_M = 1.0
"""How far before the eyes a new gaze target stands."""

BACKGROUNDS = {
    # A quiet dark blue grey.
    "Studio": (0.030, 0.036, 0.047),
    "Black": (0.0, 0.0, 0.0),
    "White": (0.9, 0.9, 0.9),
    "Grey": (0.18, 0.18, 0.18),
    "Green Screen": (0.0, 0.45, 0.05),
}
"""Linear RGB by name; "" keeps the scene's world."""

ONE_AFTER_ANOTHER, TOGETHER = "SEQUENCE", "TOGETHER"
"""How several dropped sounds are arranged."""

BESIDE_ZIP, AVATAR_FOLDER = "BESIDE", "FOLDER"
"""Where an imported LAM head is written."""
