"""What a portrait is made of and who agreed to it; what its pictures say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import RenderError
from ..job_records import file_sha256
from ..synthetic import portrait_note
from .chunks import CHUNK, CONTEXT
from .model import GUIDANCE, STEPS, network_files, require_networks
from .window import PORTRAIT_PX

LEAST_SIDE_PX, MOST_SIDE_PX = 16, 1024
# As for a new person.
LEAST_STATEMENT = 3
CONSENT_SENTENCE = (
    'Say who agreed to this portrait and to what, for one "I am Ada Smith and want this portrait of myself": '
    "without the agreement of the person shown no portrait is made."
)
# Letters of the photo's digest that a note holds.
DIGEST_LETTERS = 16


@dataclass(frozen=True)
class PortraitOrder:
    """The photo, what the person shown agreed to or that nobody is shown, and the side of the pictures.

    The network draws `PORTRAIT_PX` pixels; other sides are resampled from that.
    """

    photo: Path
    consent: str = ""
    is_synthetic: bool = False
    side_px: int = PORTRAIT_PX

    def check(self) -> None:
        """Refuse with a sentence what cannot or must not be made; reads no picture yet."""
        if not self.is_synthetic and len(self.consent.strip()) < LEAST_STATEMENT:
            raise RenderError(CONSENT_SENTENCE)
        if not LEAST_SIDE_PX <= self.side_px <= MOST_SIDE_PX:
            raise RenderError(
                f"A portrait of {self.side_px} pixels a side cannot be made: choose {LEAST_SIDE_PX} to "
                f"{MOST_SIDE_PX}, the network draws {PORTRAIT_PX}."
            )
        require_networks()

    def note(self) -> str:
        """What pictures and videos say of themselves."""
        digest = file_sha256(self.photo)[:DIGEST_LETTERS]
        return portrait_note(self.consent, digest, is_synthetic=self.is_synthetic)

    def settings(self) -> dict[str, object]:
        """What decides a frame beside its landmarks; where the files lie does not matter."""
        return {
            "photo": file_sha256(self.photo),
            "networks": {name: file_sha256(path) for name, path in network_files().items()},
            "consent": self.consent,
            "is_synthetic": self.is_synthetic,
            "side_px": self.side_px,
            "steps": STEPS,
            "guidance": GUIDANCE,
            "chunks": [CHUNK, CONTEXT],
        }
