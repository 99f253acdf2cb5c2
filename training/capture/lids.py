"""The lid margins, known from where ICT-FaceKit's lash cards are rooted, and a blink that closes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import ict

# ICT's lash cards: per eye three for the upper lid, then three for the lower, 6 rows of 19 each.
CARDS_PER_LID = 3
CARD_ROWS, CARD_COLUMNS = 6, 19
# A closed lid overlaps by this much, so that no light line stays.
OVERLAP_CM = 0.035


@dataclass(frozen=True)
class LashCard:
    """One card as vertex indices [6 rows from root to tip, 19 columns from -x to +x]."""

    is_left: bool
    is_upper: bool
    vertices: np.ndarray


def lash_cards(model: ict.IctModel) -> list[LashCard]:
    """All twelve cards, found by their places in ICT's lash tile."""
    faces = model.faces[model.material == ict.LASH_CARDS]
    corners = model.faces_uv[model.material == ict.LASH_CARDS]
    vertices, first = np.unique(faces[faces >= 0], return_index=True)
    uv = model.uv[corners[corners >= 0][first]]
    cards = []
    for is_left in (True, False):
        side = np.flatnonzero((uv[:, 0] > 6.5) == is_left)
        # Tiles are stacked from v = 1 down, the root of each card on top.
        ordered = side[np.argsort(-uv[side, 1], kind="stable")]
        for number, card in enumerate(np.split(ordered, 2 * CARDS_PER_LID)):
            rows = card.reshape(CARD_ROWS, CARD_COLUMNS)
            across = np.argsort(uv[rows, 0], axis=1)
            grid = vertices[np.take_along_axis(rows, across, axis=1)]
            cards.append(LashCard(is_left, number < CARDS_PER_LID, grid))
    return cards


def margin(model: ict.IctModel, *, is_left: bool, is_upper: bool) -> np.ndarray:
    """Card-root vertices [19] along one lid margin, from -x to +x."""
    for card in lash_cards(model):
        if (card.is_left, card.is_upper) == (is_left, is_upper):
            return card.vertices[0]
    raise ValueError("this ICT model has no lash cards")


def close_blink(
    model: ict.IctModel, shape: np.ndarray, blink: np.ndarray, *, is_left: bool
) -> np.ndarray:
    """Stretch the upper lid's part of a blink offset [V, 3] until the margins of `shape` meet."""
    upper = margin(model, is_left=is_left, is_upper=True)
    lower = margin(model, is_left=is_left, is_upper=False)
    closed = shape + blink
    order = np.argsort(closed[lower, 0])
    floor = np.interp(closed[upper, 0], closed[lower[order], 0], closed[lower[order], 1])
    gap = closed[upper, 1] - floor + OVERLAP_CM
    travel = np.maximum(-blink[upper, 1], 0.05)
    # Near the corners the lid hardly moves: stretching it there would fold the skin.
    fade = np.sin(np.linspace(0.0, np.pi, len(upper))) ** 0.22
    stretch = np.clip(gap, 0.0, None) / travel * fade
    order = np.argsort(shape[upper, 0])
    per_vertex = np.interp(shape[:, 0], shape[upper[order], 0], stretch[order])
    falling = np.clip(-blink[:, 1] / travel.max(), 0.0, 1.0)
    # The margin gets all of it, the brow's share of the blink almost none.
    share = falling**0.7
    lids = blink * (per_vertex * share)[:, None]
    lids[ict.vertices_of(model, *ict.SCLERAS, *ict.IRISES)] = 0.0
    return (blink + lids).astype(np.float32)
