"""What a user does with a dialog that asks who agreed to somebody's likeness."""

from __future__ import annotations

import numpy as np

from .browsing import keep, type_into
from .reading import Box
from .session import Session

# What the dialog says while nobody agreed.
MISSING = "Say who agreed to what and tick the box: nothing is made before"
# From the middle of a label into the field to its right.
FIELD_PX = 120


def fill_beside(session: Session, label: str, text: str, *, box: Box | None = None) -> None:
    """Type into the dialog's field beside a label."""
    place = session.see(label, box=box)
    type_into(session, place.x + FIELD_PX, place.y, text)
    session.rest()


def agree(session: Session, statement: str, box_label: str) -> None:
    """Say who agreed and tick the box."""
    fill_beside(session, "Statement", statement)
    tick(session, box_label)


def tick(session: Session, box_label: str) -> None:
    """Tick the box below a statement: nothing is missing any more."""
    session.click(box_label)
    session.rest(1)
    assert not session.find(MISSING)
    keep(session, "agreed")


def is_red(session: Session, words: str) -> bool:
    """Whether these words are written in red."""
    place = session.see(words)
    box = [int(side) for side in (place.x - 90, place.y - 6, place.x + 90, place.y + 6)]
    pixels = np.asarray(session.photograph().crop(box), float)
    return (pixels[..., 0] - pixels[..., 2]).max() > 60
