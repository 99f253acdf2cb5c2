"""Times that can be compared: what is compared takes turns, so that a busy machine hurts all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """How long one thing took, again and again, in milliseconds."""

    all_ms: tuple[float, ...]

    @property
    def fastest_ms(self) -> float:
        """What the machine can do when nothing else wants it; ratios are made of these."""
        return min(self.all_ms)

    @property
    def median_ms(self) -> float:
        """What it did this time."""
        return statistics.median(self.all_ms)

    def figures(self) -> dict[str, float]:
        """For the report."""
        return {"fastest_ms": round(self.fastest_ms, 3), "median_ms": round(self.median_ms, 3)}


def take_turns(
    things: Mapping[str, Callable[[], object]], rounds: int, repeats: int = 5
) -> dict[str, Times]:
    """Times of `things`, each done `repeats` times in a row in every round, after one that is not counted.

    Slow things (more than a tenth of a second) are done once a round.
    """
    once_ms = {name: _measure_ms(thing) for name, thing in things.items()}
    once_ms = {name: _measure_ms(thing) for name, thing in things.items()}
    times: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(rounds):
        for name, thing in things.items():
            for _ in range(1 if once_ms[name] > 100 else repeats):
                times[name].append(_measure_ms(thing))
    return {name: Times(tuple(values)) for name, values in times.items()}


def _measure_ms(thing: Callable[[], object]) -> float:
    start = time.perf_counter()
    thing()
    return (time.perf_counter() - start) * 1e3
