"""Which way is up in a splat file: the formats do not say, so that people must."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

# From a file's axes to the avatar frame (+Y up, +Z towards the viewer); all are turns.
FILE_TO_AVATAR: dict[str, Float64[np.ndarray, "4 4"]] = {
    "Y": np.eye(4),
    # What trainers on photographs write and what viewers on the web turn about Z.
    "-Y": np.diag([-1.0, -1.0, 1.0, 1.0]),
    # Blender's world.
    "Z": np.array(
        [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    ),
}
