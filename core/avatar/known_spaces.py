"""Controls of a code space that only its name is known of: those of a shipped avatar that lives in it."""

from __future__ import annotations

from functools import cache

from ..assets import builtin_avatars
from ..spaces.arkit import ARKIT_SPACE
from .archive import CONTROLS, read_package
from .members import Controls, arkit_controls


@cache
def shipped_controls(code_space: str) -> Controls | None:
    """Controls of the first shipped avatar whose codes live in `code_space`; None where there is none."""
    if code_space == ARKIT_SPACE:
        return arkit_controls()
    for path in builtin_avatars().values():
        manifest, members = read_package(path)
        if manifest.info.code_space == code_space:
            return Controls.from_bytes(members[CONTROLS], manifest.info.code_dim)
    return None
