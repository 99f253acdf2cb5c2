"""Where the studio's source files lie: one folder, given by an option or GAUSSIAN_HEADS_DATA."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import GaussianHeadsError
from .. import DATA_VARIABLE


class StudioError(GaussianHeadsError):
    """A source file or a setting that the synthetic studio cannot work with."""


@dataclass(frozen=True)
class Sources:
    """Paths of the source files below one data folder."""

    root: Path

    @property
    def ict(self) -> Path:
        """ICT-FaceKit's light model as one npz."""
        return self.root / "head/ict_facekit/ict_facekit_light.npz"

    @property
    def scan(self) -> Path:
        """Folder of the Lee Perry-Smith scan."""
        return self.root / "head/lee_perry_smith"

    @property
    def shaders(self) -> Path:
        """Folder of the HumanShaders textures."""
        return self.root / "head/human_shaders"


def find_sources(data: str | Path | None = None) -> Sources:
    """The sources below `data`, else below the folder that GAUSSIAN_HEADS_DATA names."""
    root = data or os.environ.get(DATA_VARIABLE)
    if not root:
        raise StudioError(
            f"No data folder: give --data or set {DATA_VARIABLE} (docs/TRAINING.md says what it holds)."
        )
    sources = Sources(Path(root))
    if not sources.ict.is_file():
        raise StudioError(f"{sources.ict} is missing: fetch ICT-FaceKit as docs/TRAINING.md says.")
    return sources
