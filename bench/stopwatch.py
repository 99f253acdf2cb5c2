"""Times that can be compared: what is compared takes turns, so that a busy machine hurts all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SLOW_MS = 100.0
# Of what is not slow, in a row.
REPEATS = 5


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
    things: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Times]:
    """Times of `things`, each done some times in a row in every round, after two that are not counted.

    Slow things (more than a tenth of a second) are done once a round. `clock` may be `time.thread_time`,
    which counts what this thread computes, however busy the machine is.
    """
    for thing in things.values():
        thing()
    once_ms = {name: _measure_ms(thing, clock) for name, thing in things.items()}
    times: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(rounds):
        for name, thing in things.items():
            for _ in range(1 if once_ms[name] > SLOW_MS else REPEATS):
                times[name].append(_measure_ms(thing, clock))
    return {name: Times(tuple(values)) for name, values in times.items()}


def _measure_ms(thing: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    thing()
    return (clock() - start) * 1e3
