"""Who is photographed: identity coefficients and the choices that make one person."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .ancestry import REGIONS
from .choices import (
    EYES,
    FACE,
    HAIR,
    SHAPE,
    SKIN,
    STREAMS,
    face_modes,
    hair_choices,
    paint_choices,
    resting_face,
)
from .painting import Painting

ADA_MODES = (
    (1.2, 0.53, -0.2, -0.93, -0.62, 1.13, -0.58, -0.7, 0.34, -0.66)
    + (-0.18, 0.0, -0.24, -0.03, 0.74, -0.28, -0.69, -1.01, -0.11, -0.19)
    + (0.15, -0.26, -0.26, -0.4, -0.29, 0.09, -0.21, 0.06, 1.05, 0.26)
    + (-0.87, 0.95, 0.19, -0.52, 0.5, 0.01, -0.34, -0.35, -0.55, 0.03)
)


@dataclass(frozen=True)
class Identity:
    """One synthetic person."""

    name: str
    # Coefficients of ICT-FaceKit's first identity modes, N(0, 1).
    modes: tuple[float, ...]
    # ICT expressions left standing in the neutral face: nobody is symmetric or quite at rest.
    resting: dict[str, float] = field(default_factory=dict)
    # Visible radius of the iris, metres.
    iris_radius_m: float = 0.0063
    seed: int = 7
    sex: str = "female"  # "female" | "male"
    age_years: float = 32.0
    # Epidermal melanin, 0 (very fair) to 1 (very dark), and blood below it, 1 being usual.
    melanin: float = 0.2
    haemoglobin: float = 1.0
    # Concentrations of hair pigment as in d'Eon et al. 2011 (eumelanin: blond 0.3, brown 1.3,
    # black 8; pheomelanin: red hair above 1), and the share of hairs without pigment.
    hair_eumelanin: float = 1.3
    hair_pheomelanin: float = 0.2
    hair_grey: float = 0.0
    # Chosen by the grooming from `hair_seed`, sex, age and `hair_texture` where it is empty.
    hair_style: str = ""
    hair_seed: int = 7
    hair_texture: str = "wavy"  # "straight" | "wavy" | "curly" | "coily"
    hair_loss: float = 0.0  # 0 full, 1 bald
    has_beard: str = "none"  # "none" | "stubble" | "moustache" | "goatee" | "beard"
    # Pigment of brows and beard as shares of the hair's; beards are redder and grey earlier.
    brow_pigment: float = 1.4
    brow_density: float = 1.0
    beard_pigment: float = 1.0
    beard_grey: float = 0.0
    # None: the surfaces are painted from the scan's own colour, as Ada's are.
    painting: Painting | None = None


ADA = Identity(
    name="ada",
    modes=ADA_MODES,
    resting={
        "mouthSmile_L": 0.17,
        "mouthSmile_R": 0.13,
        "browOuterUp_L": 0.10,
        "browOuterUp_R": 0.16,
        "eyeSquint_L": 0.08,
        "eyeSquint_R": 0.03,
        "eyeBlink_L": 0.06,
        "eyeBlink_R": 0.05,
        "eyeLookIn_L": 0.10,
        "eyeLookIn_R": 0.10,
    },
)

IDENTITIES = {ADA.name: ADA}


YOUNGEST_YEARS, OLDEST_YEARS = 18.0, 80.0


def person(seed: int) -> Identity:
    """The random person that belongs to `seed` >= 0, always the same one."""
    chance = [np.random.default_rng([seed, stream]) for stream in STREAMS]
    shape = chance[SHAPE]
    sex = "male" if shape.random() < 0.5 else "female"
    age = float(shape.uniform(YOUNGEST_YEARS, OLDEST_YEARS))
    regions = shape.choice(list(REGIONS), 2)
    mix = float(np.clip(shape.normal(0.0, 0.22), 0.0, 0.5))
    first, second = (REGIONS[str(name)] for name in regions)
    melanin = first.melanin[0] * (1 - mix) + second.melanin[0] * mix
    melanin += shape.normal() * first.melanin[1]
    return Identity(
        name=f"s{seed:04d}",
        modes=face_modes(chance[FACE], (first, second, mix), sex, age),
        resting=resting_face(chance[FACE], age),
        iris_radius_m=float(chance[EYES].uniform(0.0058, 0.0065)),
        seed=seed,
        sex=sex,
        age_years=age,
        melanin=float(np.clip(melanin, 0.02, 1.0)),
        haemoglobin=float(np.clip(chance[SKIN].normal(1.0, 0.22), 0.55, 1.5)),
        painting=paint_choices(chance, first, sex, age),
        hair_seed=int(chance[HAIR].integers(2**31)),
        **hair_choices(chance[HAIR], (first, second, mix), sex, age),
    )
