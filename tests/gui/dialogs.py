"""What a user does with a dialog that asks who agreed to somebody's likeness."""

from __future__ import annotations

import numpy as np

from .browsing import keep, type_into
from .reading import Box
from .session import SIZE, Session

# What the dialog says while nobody agreed.
MISSING = "Say who agreed to what and tick the box: nothing is made before"
# From the middle of a label into the field to its right.
FIELD_PX = 120
# From the dialog's left to the middle of "Statement", and to its right.
LABELS_PX, WIDTH_PX = 180, 500


def dialog(session: Session) -> Box:
    """Where the dialog stands, from the statement down; panels beside it may have the same labels."""
    place = session.see("Statement")
    left, top = int(place.x) - LABELS_PX, int(place.y) - 10
    return left, top, left + WIDTH_PX, SIZE[1]


def press(session: Session, button: str) -> None:
    """Press a button of the dialog."""
    session.click(button, box=dialog(session))


def fill_beside(session: Session, label: str, text: str) -> None:
    """Type into the dialog's field beside a label."""
    place = session.see(label, box=dialog(session))
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
