"""Everything that shapes an avatar besides the head folder itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from .head_eyes import EyeSettings
from .head_regions import Spacing
from .head_strands import StrandSettings


@dataclass(frozen=True)
class HeadSettings:
    """Everything that shapes an avatar besides the head folder itself."""

    seed: int = 7
    spacing: Spacing = field(default_factory=Spacing)
    eyes: EyeSettings = field(default_factory=EyeSettings)
    # Sigma of a disc in units of the distance to its neighbours, and across the surface.
    tangent_sigma: float = 0.62
    normal_sigma: float = 0.12
    opacity: float = 0.95
    # Depth of the skin's anchors below the surface in units of their spacing.
    inset: float = 0.2
    sharpening_rounds: int = 4
    # Rank of the light's change over all baked states.
    light_columns: int = 32
    strands: dict[str, StrandSettings] = field(
        default_factory=lambda: {
            "hair": StrandSettings(
                19.0, 0.15, 0.8, max_strands=3300, overlap=0.38, picture_blur_mm=0.34
            ),
            "brows": StrandSettings(3.5, 0.06, 0.6, picture_blur_mm=0.6),
            "lashes": StrandSettings(2.0, 0.06, 0.8, overlap=0.34, picture_blur_mm=0.4),
        }
    )
    other_strands: StrandSettings = field(default_factory=lambda: StrandSettings(5.0, 0.2, 0.8))
