"""How fast something grows that is looked at now and then."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

NUM_STRETCHES = 5


def growth(numbers: Sequence[float], values: Sequence[float]) -> float:
    """Growth in 1000 frames of the middle one of five stretches.

    A leak grows in each stretch; the allocator's next block is a step in one of them.
    """
    edges = np.linspace(0, len(numbers) - 1, NUM_STRETCHES + 1).round().astype(int)
    stretches = [slice(begin, end + 1) for begin, end in itertools.pairwise(edges)]
    slopes = [np.polyfit(numbers[each], values[each], 1)[0] for each in stretches]
    return 1000 * float(np.median(slopes))
