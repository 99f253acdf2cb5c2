"""Fits that stop at Ctrl-C or a crash and go on from their last checkpoint as if nothing had happened."""

from __future__ import annotations

import dataclasses
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from ..core.files import replace_on_success

logger = logging.getLogger(__name__)
T = TypeVar("T")


class ResumableSettings(Protocol):
    """What every fit's dataclass of settings has."""

    steps: int
    seed: int
    last_rate: float
    checkpoint_steps: int


class Stateful(Protocol):
    """A network, an optimiser, or anything else that keeps its state as they do."""

    def state_dict(self) -> dict[str, Any]:
        """All of it."""

    def load_state_dict(self, state: dict[str, Any]) -> object:
        """Take it back."""


class ResumableFit(ABC):
    """Base of a fit: `follow` makes one step towards one picture, `parts` names what a checkpoint keeps."""

    step: int = 0

    def __init__(self, settings: ResumableSettings) -> None:
        self.settings = settings

    @abstractmethod
    def parts(self) -> dict[str, Stateful]:
        """What changes from step to step."""

    @abstractmethod
    def follow(self, item: Any) -> None:
        """Step number `self.step`."""

    def run(self, items: Sequence[Any], checkpoint: Path) -> None:
        """Fit to `items` from where the checkpoint stands to the last step."""
        self._resume(checkpoint)
        try:
            for item in shuffled(items, self.settings, self.step):
                self.follow(item)
                self.step += 1
                if self.step % self.settings.checkpoint_steps == 0:
                    self._save(checkpoint)
        except KeyboardInterrupt:
            self._save(checkpoint)
            logger.info("stopped after step %d: the same command goes on from there", self.step)
            raise

    def rate_share(self) -> float:
        """The share of its first value that a learning rate has now: falls along a cosine."""
        last = self.settings.last_rate
        done = self.step / self.settings.steps
        return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * done))

    def _save(self, path: Path) -> None:
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state |= {"settings": dataclasses.asdict(self.settings), "step": self.step}
        with replace_on_success(path) as temporary:
            torch.save(state, temporary)

    def _resume(self, path: Path) -> None:
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        if state["settings"] != dataclasses.asdict(self.settings):
            logger.info("'%s' was made with other settings: starting anew", path)
            return
        self.step = state["step"]
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        logger.info("going on from step %d", self.step)


def shuffled(items: Sequence[T], settings: ResumableSettings, first_step: int) -> Iterator[T]:
    """All items in a new order each round, the same whenever a run resumes."""
    rng, step = np.random.default_rng(settings.seed), 0
    while True:
        for index in rng.permutation(len(items)):
            if step == settings.steps:
                return
            if step >= first_step:
                yield items[index]
            step += 1
