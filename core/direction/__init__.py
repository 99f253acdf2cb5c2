"""Acting direction: Action Units over time that steer how a heard sentence is performed."""

from ..lazy_names import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "direction": ("ActingDirection",),
        "generator": ("MotionGenerator",),
    },
)

__all__ = [
    "ActingDirection",
    "MotionGenerator",
]
