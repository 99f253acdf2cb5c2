"""Ways to let a head act what it says: the generator, offsets after the bake, and emotion labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gaussian_heads.core.direction import ActingDirection, MotionGenerator
from gaussian_heads.core.direction.features import heard_weights
from gaussian_heads.core.spaces import au_to_arkit
from gaussian_heads.core.speech import HeardSpeech

PLAIN, DIRECTED, OFFSETS, LABELS = "plain speech", "directed", "offsets", "labels"


@dataclass(frozen=True)
class Asked:
    """What is asked of a sentence: units over time, and the emotion label that comes nearest, if one does."""

    units: ActingDirection
    labels: ActingDirection | None = None


@dataclass(frozen=True)
class Ways:
    """Everything that turns heard speech into ARKit weights `[F, 52]`; all give 100 frames a second."""

    generator: MotionGenerator
    labelled: MotionGenerator | None = None

    def names(self) -> tuple[str, ...]:
        """The ways there are, plain speech first."""
        return (PLAIN, DIRECTED, OFFSETS, *((LABELS,) if self.labelled else ()))

    def weights(self, way: str, heard: HeardSpeech, asked: Asked, seed: int) -> np.ndarray:
        """Weights of speech with what `way` makes of what is asked."""
        plain = heard_weights(heard)
        if way == PLAIN:
            return plain
        if way == OFFSETS:
            times_sec = (np.arange(len(plain)) + 0.5) / heard.rate_hz
            # As the named controls of a head do: added to the code, whatever speech does.
            return plain + asked.units.at(times_sec) @ au_to_arkit()
        generator, direction = self.generator, asked.units
        if way == LABELS:
            generator, direction = self.labelled, asked.labels
        return plain + generator.act(heard, direction, seed=seed).weights
