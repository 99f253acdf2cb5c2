"""Fits that stop at Ctrl-C or a crash and go on from their last checkpoint as if nothing had happened."""

from __future__ import annotations

import dataclasses
import io
import logging
import math
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from ..core.files import replace_on_success
from .clock import Clock

logger = logging.getLogger(__name__)
T = TypeVar("T")
# What PyTorch says of files that are cut off, empty or no checkpoints.
BROKEN = (RuntimeError, EOFError, ValueError, LookupError, OSError, pickle.UnpicklingError)


class ResumableSettings(Protocol):
    """What every fit's dataclass of settings has."""

    steps: int
    seed: int
    last_rate: float
    checkpoint_steps: int


class TimedSettings(ResumableSettings, Protocol):
    """What those of a fit that may also end by the clock have."""

    minutes: float


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
        self.resume(checkpoint)
        try:
            for item in self.order(items):
                self.follow(item)
                self.step += 1
                if self.step % self.settings.checkpoint_steps == 0:
                    self.save(checkpoint)
        except KeyboardInterrupt:
            self.save(checkpoint)
            logger.info("stopped after step %d: the same command goes on from there", self.step)
            raise

    def order(self, items: Sequence[Any]) -> Iterator[Any]:
        """What is followed from `self.step` on, the same whenever a run resumes."""
        return shuffled(items, self.settings, self.step)

    def progress(self) -> float:
        """How much of the run is done, in [0, 1]."""
        return self.step / self.settings.steps

    def is_same_run(self, settings: dict[str, Any]) -> bool:
        """Whether a checkpoint made with these settings may be gone on from."""
        return settings == dataclasses.asdict(self.settings)

    def rate_share(self) -> float:
        """The share of its first value that a learning rate has now: falls along a cosine."""
        last = self.settings.last_rate
        return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * self.progress()))

    def save(self, path: Path) -> None:
        """Write a checkpoint; raises `OSError` where the disk is full."""
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state |= {"settings": dataclasses.asdict(self.settings), "step": self.step}
        # PyTorch's own writer hides what the disk says.
        whole = io.BytesIO()
        torch.save(state, whole)
        with replace_on_success(path) as temporary:
            temporary.write_bytes(whole.getbuffer())

    def resume(self, path: Path) -> None:
        """Stand where a checkpoint was made, if there is one of this run."""
        if not path.is_file():
            return
        try:
            state = torch.load(path, weights_only=True)
        except BROKEN as error:
            logger.info("'%s' is broken (%s): starting anew", path, str(error).partition("\n")[0])
            return
        if not self.is_same_run(state["settings"]):
            logger.info("'%s' was made with other settings: starting anew", path)
            return
        self.step = state["step"]
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        logger.info("going on from step %d", self.step)


class TimedFit(ResumableFit):
    """A fit that ends after `settings.steps` or `settings.minutes`, whichever comes first; `clock` is one of its parts."""

    def __init__(self, settings: TimedSettings) -> None:
        super().__init__(settings)
        self.clock = Clock()

    def run(self, items: Sequence[Any], checkpoint: Path) -> None:
        """Fit until the run is over; time runs from here."""
        self.clock.start()
        super().run(items, checkpoint)

    def progress(self) -> float:
        """By steps or by time, whichever is further."""
        minutes = self.clock.elapsed_sec() / 60
        return min(max(self.step / self.settings.steps, minutes / self.settings.minutes), 1.0)


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
