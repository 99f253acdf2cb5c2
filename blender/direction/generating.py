"""What performs a direction: the generator that ships, opened once, and what it gave for the same wishes just now."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from ...core.progress import Progress
from .sampling import Directed

if TYPE_CHECKING:
    from ...core.direction import ActingDirection
    from ...core.direction.generator import ActedSpeech, MotionGenerator
    from ...core.speech import HeardSpeech

# Seconds of speech whose acted motion is kept at hand, so that sliders of manner need no generator; 1.2 MB a minute.
MAX_RECENT_SEC = 900.0


class Generator(Protocol):
    """What acts a direction: `MotionGenerator`, or a stand-in of the tests."""

    def act(self, heard: HeardSpeech, direction: ActingDirection, **options: object) -> ActedSpeech:
        """See `MotionGenerator.act`."""


_opened: list[MotionGenerator] = []
_lock = threading.Lock()
_recent: dict[tuple[object, ...], tuple[HeardSpeech, Generator, ActedSpeech]] = {}


def motion_generator() -> Generator:
    """The generator that ships, opened once; raises `ModelError`."""
    from ...core.direction.generator import MotionGenerator

    with _lock:
        if not _opened:
            _opened.append(MotionGenerator.open())
        return _opened[0]


def act_out(
    heard: HeardSpeech, directed: Directed | None, seed: int, progress: Progress | None = None
) -> ActedSpeech | None:
    """What the direction adds to what was heard, None without one; a thread may ask it."""
    if directed is None:
        return None
    generator = motion_generator()
    key = (id(heard), id(generator), directed.digest, directed.direction.start_sec, seed)
    with _lock:
        known = _recent.get(key)
    if known is not None:
        return known[2]
    acted = generator.act(
        heard, directed.direction, seed=seed, temperature=directed.temperature, progress=progress
    )
    with _lock:
        # Both are held on to: ids of what is gone are given anew.
        _recent[key] = (heard, generator, acted)
        while sum(float(known[0].duration_sec) for known in _recent.values()) > MAX_RECENT_SEC:
            _recent.pop(next(iter(_recent)))
    return acted
