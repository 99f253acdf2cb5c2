"""Clips for the portrait network that are made by hand: patches of colour, points that wander, a still mouth."""

import numpy as np
from gaussian_heads.core.monocular.landmarker import LIP_PAIRS, TO_68
from gaussian_heads.training.networks.portrait import PortraitSettings
from gaussian_heads.training.portrait.sounds import CLASSES

SMALL = PortraitSettings(widths=(16, 16, 20), reference_widths=(8, 8), time_dim=16)


def write_clips(place, count=2):
    """`clips/` and what is heard in them, `sounds/`; returns the first."""
    rng = np.random.default_rng(4)
    folder = place / "clips"
    folder.mkdir()
    (place / "sounds").mkdir()
    for number in range(count):
        points = rng.uniform(0.2, 0.8, (1, 70, 2)) + 0.01 * rng.normal(size=(12, 70, 2))
        np.savez(
            folder / f"clip-{number:05d}.npz",
            points=points.astype(np.float32),
            rest_points=(points + 0.1).astype(np.float32),
            times_sec=np.r_[np.arange(8) / 25, np.full(4, np.nan)],
            recording=f"r{number}",
        )
        small = rng.integers(0, 255, (12, 8, 8, 4), np.uint8)
        np.save(folder / f"clip-{number:05d}.npy", small.repeat(32, 1).repeat(32, 2))
        np.save(place / f"sounds/r{number}.npy", rng.random((60, CLASSES)).astype(np.float16))
    return folder


class Watcher:
    """A tracker that sees a face whose lips are as far apart as the first pixel says, or none where that is 0."""

    def points(self, picture):
        gap = float(picture[0, 0, 0])
        if not gap:
            return []
        points = np.zeros((478, 2))
        points[[pair[1] for pair in LIP_PAIRS], 1] = gap
        points[TO_68[45], 0] = 100.0
        return [points]
