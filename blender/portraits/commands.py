"""The words of `animate` that are about a portrait; importing this is light."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..commands import CommandError

if TYPE_CHECKING:
    from ...core.portrait.order import PortraitOrder


def add_words(parser: argparse.ArgumentParser) -> None:
    """The photo, and who agreed to it."""
    group = parser.add_argument_group(
        "a photo in place of the head (the head still gives the motion)"
    )
    group.add_argument(
        "--portrait", type=Path, metavar="PHOTO", help="of one person, from the front"
    )
    group.add_argument(
        "--consent", default="", help="who agreed to what; nothing is made of real people without"
    )
    group.add_argument(
        "--synthetic", action="store_true", help="the person shown does not exist (a render)"
    )


def order_of(options: argparse.Namespace) -> PortraitOrder | None:
    """What the words ask for; None where no photo is named."""
    photo = getattr(options, "portrait", None)
    consent, is_synthetic = getattr(options, "consent", ""), getattr(options, "synthetic", False)
    if photo is None:
        if consent or is_synthetic:
            raise CommandError(
                "--consent and --synthetic are about a portrait: name a photo with --portrait, or leave them out."
            )
        return None
    from ...core.portrait.order import PortraitOrder
    from ...core.portrait.window import PORTRAIT_PX

    width, height = options.size or (PORTRAIT_PX, PORTRAIT_PX)
    if width != height:
        raise CommandError(
            f"A portrait is square, not {width} x {height}: choose one side, such as {PORTRAIT_PX} {PORTRAIT_PX}."
        )
    return PortraitOrder(photo, consent, is_synthetic, width)
