"""Everything that shapes the Universal Head Avatar Prior and its training, read from one JSON file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..core.errors import GaussianHeadsError
from .head_regions import Spacing
from .head_strands import StrandSettings

T = TypeVar("T")


class TrainingError(GaussianHeadsError):
    """Settings or data that a prior cannot be trained with."""


@dataclass(frozen=True)
class NetworkSettings:
    """Sizes of the network."""

    code_dim: int = 64
    identity_dim: int = 64
    # Basis of the moving vertices, and columns of colour change.
    geometry_rank: int = 64
    color_rank: int = 32
    # Side of the identity encoder's input, and of the maps it makes (half of that).
    image_px: int = 256
    # Channels of the identity encoder at half the input's side, a quarter, and so on.
    widths: tuple[int, ...] = (16, 24, 32, 48, 64, 64)
    # Side of the expression encoder's picture of what the texture changed, and its channels.
    change_px: int = 128
    change_widths: tuple[int, ...] = (12, 24, 32, 48, 48)
    hidden: int = 128
    strand_hidden: int = 32


@dataclass(frozen=True)
class GaussianSettings:
    """Where Gaussians stand and how they start."""

    spacing: Spacing = field(
        default_factory=lambda: Spacing(
            lips=0.84, eyelids=0.75, brows=1.2, nose=1.2, nostrils=0.74, face=1.87, ears=1.8,
            head=5.2, shoulders=3.6, teeth=1.0, mouth=1.6, eyes=1.35, irises=0.57,
            garment=6.3, collar=2.4,
        )
    )  # fmt: skip
    # Sigma of a disc in units of the distance to its neighbours, and across the surface.
    tangent_sigma: float = 0.62
    normal_sigma: float = 0.12
    opacity: float = 0.95
    # Depth of the skin's anchors below the surface in units of their spacing.
    inset: float = 0.2
    sharpening_rounds: int = 4
    # Pieces of strands that a person may have, per group; a name that is not here is bound like a beard.
    strand_budget: dict[str, int] = field(
        default_factory=lambda: {"hair": 32_000, "brows": 2_600, "lashes": 1_900, "beard": 4_500}
    )
    strands: dict[str, StrandSettings] = field(
        default_factory=lambda: {
            "hair": StrandSettings(19.0, 0.13, 0.8, 9000, 0.38, 0.3, 1.0, 12, True),
            "brows": StrandSettings(3.5, 0.06, 0.6, picture_blur_mm=0.6),
            "lashes": StrandSettings(2.0, 0.06, 0.8, overlap=0.34, picture_blur_mm=0.4),
            "beard": StrandSettings(4.0, 0.1, 0.8, picture_blur_mm=0.4, curl_share=1.0),
        }
    )
    other_strands: StrandSettings = StrandSettings(5.0, 0.2, 0.8)
    # Pieces become as short as this where all strands fit into the budget.
    shortest_piece_mm: dict[str, float] = field(default_factory=lambda: {"hair": 9.0})


@dataclass(frozen=True)
class LossSettings:
    """Weights of the parts of the loss."""

    picture: float = 1.0
    ssim_share: float = 0.3
    alpha: float = 0.3
    # How much more a pixel of mouth or eyes counts.
    region: float = 5.0
    texture: float = 1.0
    # Of distances in millimetres.
    vertices: float = 0.3
    lips_and_lids: float = 4.0
    kl: float = 1e-3
    # Mean squares that keep still what pictures show little of.
    scale: float = 1e-2
    offset: float = 1e-2
    opacity: float = 2e-3
    sh: float = 0.05
    correction: float = 0.05
    # Between neighbouring anchors, of the columns of light: few persons must not leave their noise there.
    roughness: float = 0.01


@dataclass(frozen=True)
class RateSettings:
    """Adam's learning rates: of networks, and of what every anchor learns for itself."""

    networks: float = 1.5e-3
    anchors: float = 2.5e-3


@dataclass(frozen=True)
class PriorSettings:
    """One training run."""

    seed: int = 7
    # A run ends at this number of steps or, where minutes are given, when its time has passed.
    steps: int = 3000
    minutes: float | int | None = None
    network: NetworkSettings = field(default_factory=NetworkSettings)
    gaussians: GaussianSettings = field(default_factory=GaussianSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    rates: RateSettings = field(default_factory=RateSettings)
    # Frames of one step: tracked meshes, and how many of those that have textures or pictures.
    meshes: int = 8
    textures: int = 3
    pictures: int = 1
    # Pictures are drawn in every n-th step only.
    picture_every: int = 1
    # Chance that a frame is encoded without its texture, or without its mesh.
    drop_texture: float = 0.5
    drop_mesh: float = 0.1
    # Learning rates rise over the first steps and fall to this share along a cosine.
    rising_steps: int = 40
    last_rate: float = 0.03
    clip: float = 1.0
    checkpoint_steps: int = 100
    report_steps: int = 25
    image_steps: int = 250
    # The ablations: no scan texture at the anchors, and colours that ignore the code.
    neutral_supervision: bool = True
    color_follows_code: bool = True


def read_settings(path: Path | None, **changes: Any) -> PriorSettings:
    """Settings from a JSON file of the dataclass' own names (none: as they are), with `changes` on top."""
    if path is None:
        return dataclasses.replace(PriorSettings(), **changes)
    try:
        record = json.loads(path.read_text("utf8"))
    except FileNotFoundError as error:
        raise TrainingError(f"There is no '{path}': give a configuration file.") from error
    except ValueError as error:
        raise TrainingError(f"'{path}' is not JSON: {error}. Mend it.") from error
    return dataclasses.replace(from_record(PriorSettings(), record, path.name), **changes)


def from_record(start: T, record: dict[str, Any], where: str) -> T:
    """`start` with what `record` changes; unknown names are refused."""
    if not isinstance(record, dict):
        raise TrainingError(f"'{where}' must be a JSON object with names and values.")
    known = {entry.name for entry in dataclasses.fields(start)}
    for name in record:
        if name not in known:
            raise TrainingError(
                f"'{where}' has no setting '{name}': choose from {', '.join(sorted(known))}."
            )
    return dataclasses.replace(
        start, **{k: _value(getattr(start, k), v, f"{where}.{k}") for k, v in record.items()}
    )


def _value(old: Any, new: Any, where: str) -> Any:
    if dataclasses.is_dataclass(old):
        return from_record(old, new, where)
    if isinstance(old, tuple):
        return tuple(new)
    if isinstance(old, dict):
        if old and dataclasses.is_dataclass(next(iter(old.values()))):
            default = StrandSettings(5.0, 0.2, 0.8)
            return old | {
                k: from_record(old.get(k, default), v, f"{where}.{k}") for k, v in new.items()
            }
        return old | new
    return new
