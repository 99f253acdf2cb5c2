"""What the skin shows of the hair that grows from it: roots too fine and dense to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .beard import beard_density, beard_look
from .hair_colour import flat_colour, melanin_albedo
from .hair_scalp import above_line, mean_head, places_on_mean
from .hair_styles import haircut_of
from .ict import IctModel
from .identity import Identity
from .mesh import HeadMesh

# Shaven scalps show their stubble too.
SHAVEN = 0.35


@dataclass(frozen=True)
class HairOnSkin:
    """Shares [N] of the skin that roots cover, 0 to 1, and the roots' linear colours [3]."""

    scalp: np.ndarray
    beard: np.ndarray
    scalp_colour: np.ndarray
    beard_colour: np.ndarray


def hair_on_skin(
    mesh: HeadMesh, model: IctModel, identity: Identity, points: np.ndarray
) -> HairOnSkin:
    """How hair and beard darken the skin of `mesh` at points [N, 3] on it."""
    mean = mean_head(model)
    return hair_on_mean(identity, mean, places_on_mean(mesh, mean, points.astype(np.float64)))


def hair_on_mean(identity: Identity, mean: HeadMesh, places: np.ndarray) -> HairOnSkin:
    """How hair and beard darken the skin at places [N, 3] on the mean head."""
    cut = haircut_of(identity)
    inside = above_line(places, cut.hairline, is_ragged=False)
    share = np.clip((inside + 0.004) / 0.024, 0.0, 1.0)
    scalp = 0.85 * share * share * (3.0 - 2.0 * share)
    if cut.strands == 0:
        scalp = scalp * SHAVEN * (identity.hair_loss < 0.9)
    look = beard_look(identity)
    beard = np.zeros(len(places))
    if look is not None:
        beard = (0.35 if look.kind == "stubble" else 0.55) * beard_density(mean, look, places)
    red = 0.12 * identity.hair_eumelanin + identity.hair_pheomelanin
    grown = melanin_albedo(identity.beard_pigment * identity.hair_eumelanin, red)
    return HairOnSkin(scalp, beard, 0.75 * flat_colour(identity), 0.75 * grown)
