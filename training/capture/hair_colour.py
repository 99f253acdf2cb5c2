"""Colours of hair from its pigments: eumelanin, pheomelanin, grey, and now and then a dye."""

from __future__ import annotations

import numpy as np

from .identity import Identity
from .noise import solid_noise

# Absorption of the two melanins per unit of concentration, linear RGB (d'Eon et al., An
# Energy-Conserving Hair Reflectance Model, 2011; eumelanin less blue-hungry than there, or light
# that crosses many hairs of a brown head turns olive).
EUMELANIN = np.array([0.419, 0.63, 1.00])
PHEOMELANIN = np.array([0.187, 0.40, 1.05])
# Albedo of dense hair = exp(-k sqrt(absorption)) (the inverse of Chiang et al. 2016, whose k is
# 5.7 at our roughness; fitted by eye so that the usual concentrations make the usual colours).
DEPTH = 3.7
DARKEST = np.array([0.0075, 0.0068, 0.0065])
WHITE = np.array([0.60, 0.585, 0.555])
DYES = {
    "platinum": (0.62, 0.54, 0.42), "rose": (0.52, 0.16, 0.22), "blue": (0.03, 0.09, 0.27),
    "teal": (0.03, 0.20, 0.19), "violet": (0.14, 0.045, 0.24), "red": (0.34, 0.028, 0.025),
    "green": (0.07, 0.21, 0.06), "silver": (0.42, 0.43, 0.46), "copper": (0.36, 0.11, 0.03),
}  # fmt: skip
DYED_SHARE, DYED_UNTIL_YEARS = 0.09, 48.0


def melanin_albedo(eumelanin: float, pheomelanin: float) -> np.ndarray:
    """Linear RGB [3] of hair with these concentrations of pigment."""
    absorption = max(eumelanin, 0.0) * EUMELANIN + max(pheomelanin, 0.0) * PHEOMELANIN
    return np.minimum(DARKEST + np.exp(-DEPTH * np.sqrt(absorption)), WHITE)


def dye_of(identity: Identity) -> str:
    """Name of the dye in this person's hair, mostly none."""
    rng = np.random.default_rng([identity.hair_seed, 89])
    share = DYED_SHARE * (1.0 if identity.sex == "female" else 0.35)
    if identity.age_years > DYED_UNTIL_YEARS or rng.random() > share:
        return ""
    return str(rng.choice(list(DYES)))


def hair_albedo(points: np.ndarray, identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Albedo [S, P, 3] of strands: lighter tips, grey hairs among others, no two alike."""
    count, steps, _ = points.shape
    along = np.linspace(0.0, 1.0, steps)[None, :, None]
    own = melanin_albedo(identity.hair_eumelanin, identity.hair_pheomelanin)
    # Sun and wear bleach the lengths, more on long hair and hardly on the darkest.
    metres = np.linalg.norm(np.diff(points, axis=1), axis=2).sum(1)[:, None, None]
    bleached = melanin_albedo(0.62 * identity.hair_eumelanin, identity.hair_pheomelanin)
    colour = own + (bleached - own) * np.clip(metres * along / 0.30, 0.0, 1.0)
    dye = dye_of(identity)
    if dye:
        regrown = np.clip((metres * along - rng.uniform(0.0, 0.02)) / 0.02, 0.0, 1.0)
        colour = colour + (np.asarray(DYES[dye]) - colour) * (0.94 * regrown)
    spread = 0.20 * rng.normal(size=(count, 1, 1))
    lock = 0.20 * solid_noise(points[:, 0], 0.012, 63)[:, None, None]
    warm = 1.0 + 0.035 * rng.normal(size=(count, 1, 1)) * np.array([1.0, 0.0, -1.0])
    colour = colour * np.exp(spread + lock) * warm
    share = grey_shares(points[:, 0], 0.0 if dye else identity.hair_grey, rng)[:, None, None]
    grey = WHITE * np.exp(0.12 * rng.normal(size=(count, 1, 1)))
    return np.clip(colour + share * (grey - colour), 0.004, 0.9)


def grey_shares(roots: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """How grey every strand [S] is: it stands for some ten hairs; temples first, in streaks."""
    temples = np.clip((0.06 - roots[:, 1]) / 0.08, 0.0, 1.0) * np.clip(
        (roots[:, 2] + 0.14) / 0.08, 0.0, 1.0
    )
    mixed = 4.0 * share * (1.0 - share)
    streak = 0.12 * solid_noise(roots, 0.018, 64) + 0.16 * rng.normal(size=len(roots))
    return np.clip(share + mixed * (0.30 * temples - 0.10 + streak), 0.0, 1.0)


def flat_colour(identity: Identity) -> np.ndarray:
    """Mean albedo [3] of the hair near its roots, for the skin below it."""
    own = melanin_albedo(identity.hair_eumelanin, identity.hair_pheomelanin)
    return own + (WHITE - own) * identity.hair_grey
