"""Acting direction: Action Units over time that steer how a heard sentence is performed."""

from __future__ import annotations

from .direction import ActingDirection
from .generator import MotionGenerator

__all__ = ["ActingDirection", "MotionGenerator"]
