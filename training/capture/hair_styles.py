"""Haircuts: what each style is made of, and which one a person wears."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from .hair_scalp import BALD_LOSS, Hairline
from .identity import Identity


@dataclass(frozen=True)
class Haircut:
    """One haircut; lengths in metres on the mean head."""

    name: str
    # "whorl" from the crown outwards, "part" to both sides of a parting, "back" away from the face,
    # "tie" to one point, "free" straight out of the scalp.
    comb: Literal["whorl", "part", "back", "tie", "free"]
    strands: int = 9000
    points: int = 20
    root_radius_m: float = 0.00019
    # Lengths on top and on sides and back; hanging hair ends at a height above the eyes instead.
    top_m: float = 0.05
    side_m: float = 0.03
    ends_y_m: float | None = None
    uneven: float = 0.15
    # The fringe: the share of the front that is combed into the face, and where it ends.
    fringe: float = 0.0
    fringe_y_m: float = 0.024
    part_x_m: float = 0.02
    volume_m: float = 0.010
    stand: float = 0.6  # how steeply hair leaves the scalp
    stiffness: float = 0.6  # how slowly it turns
    gravity: float = 0.3
    hold: float = 0.5  # how closely it stays on the head
    clumps: int = 480
    clump_pull: float = 0.55
    wave_m: float = 0.0
    wave_length_m: float = 0.06
    curl_m: float = 0.0
    curl_length_m: float = 0.03
    frizz_m: float = 0.0008
    flyaways: float = 0.02
    tie: tuple[float, float, float] = (0.0, 0.05, -0.155)
    tail_m: float = 0.0  # 0 winds the tied hair into a bun
    hairline: Hairline = field(default_factory=Hairline)


STYLES = {
    "buzz": Haircut(
        "buzz", "whorl", points=5, top_m=0.009, side_m=0.006, root_radius_m=0.00015, volume_m=0.002,
        stand=1.3, stiffness=0.9, gravity=0.0, hold=0.0, clump_pull=0.0, frizz_m=0.0008, flyaways=0,
    ),
    "crop": Haircut(
        "crop", "whorl", points=10, top_m=0.036, side_m=0.012, volume_m=0.012, stand=1.0,
        stiffness=0.8, gravity=0.06, hold=0.12, clumps=800, clump_pull=0.55, frizz_m=0.0018,
    ),
    "side_part": Haircut(
        "side_part", "part", points=14, top_m=0.085, side_m=0.016, part_x_m=0.034, volume_m=0.022,
        stand=0.9, stiffness=0.7, gravity=0.10, hold=0.30, clumps=420, clump_pull=0.5,
    ),
    "swept_back": Haircut(
        "swept_back", "back", points=16, top_m=0.105, side_m=0.028, volume_m=0.024, stand=1.1,
        stiffness=0.74, gravity=0.08, hold=0.32, clumps=420, clump_pull=0.55,
    ),
    "pixie": Haircut(
        "pixie", "whorl", points=14, top_m=0.080, side_m=0.045, volume_m=0.018, stand=0.7,
        stiffness=0.7, gravity=0.22, hold=0.35, clumps=420, clump_pull=0.5, fringe=1.0,
    ),
    "bob": Haircut(
        "bob", "part", points=22, ends_y_m=-0.105, volume_m=0.021, stand=0.4, gravity=0.35,
        hold=0.45, wave_m=0.005, clump_pull=0.6,
    ),
    "long": Haircut(
        "long", "part", strands=7500, points=26, ends_y_m=-0.24, volume_m=0.020, stand=0.4,
        gravity=0.35, hold=0.4, wave_m=0.007, wave_length_m=0.085, clumps=380, clump_pull=0.6,
    ),
    "curls": Haircut(
        "curls", "part", strands=6000, points=44, ends_y_m=-0.13, volume_m=0.028, stand=0.9,
        gravity=0.22, hold=0.2, curl_m=0.0075, curl_length_m=0.030, clumps=620, clump_pull=0.72,
        frizz_m=0.003, flyaways=0.05,
    ),
    "afro": Haircut(
        "afro", "free", strands=7000, points=30, top_m=0.055, side_m=0.20, root_radius_m=0.00017,
        stand=2.0, stiffness=0.97, gravity=0.0, hold=0.0, clumps=1500, clump_pull=0.45,
        curl_m=0.0042, curl_length_m=0.016, frizz_m=0.004, uneven=0.05, flyaways=0.03,
    ),
    "coils": Haircut(
        "coils", "free", points=14, top_m=0.022, side_m=0.014, root_radius_m=0.00017, stand=2.0,
        stiffness=0.95, gravity=0.0, hold=0.0, clumps=1300, clump_pull=0.6, curl_m=0.0028,
        curl_length_m=0.013, frizz_m=0.002, uneven=0.2,
    ),
    "ponytail": Haircut(
        "ponytail", "tie", strands=6500, points=30, volume_m=0.008, stand=0.3, stiffness=0.5,
        gravity=0.0, hold=0.85, clumps=420, clump_pull=0.35, tail_m=0.20, flyaways=0.015,
        wave_m=0.0015,
    ),
    "bun": Haircut(
        "bun", "tie", strands=6500, points=40, volume_m=0.007, stand=0.3, stiffness=0.5,
        gravity=0.0, hold=0.85, clumps=420, clump_pull=0.3, flyaways=0.02,
    ),
}  # fmt: skip
BALD = Haircut("bald", "whorl", strands=0)

FEMALE = {"buzz": 0.02, "crop": 0.05, "side_part": 0.02, "swept_back": 0.03, "pixie": 0.13,
          "bob": 0.22, "long": 0.30, "ponytail": 0.12, "bun": 0.11}  # fmt: skip
MALE = {"buzz": 0.20, "crop": 0.27, "side_part": 0.20, "swept_back": 0.15, "pixie": 0.06,
        "bob": 0.03, "long": 0.05, "ponytail": 0.02, "bun": 0.02}  # fmt: skip
# Tight curls make other haircuts of the same choice.
COILY = {"buzz": "buzz", "crop": "coils", "side_part": "coils", "swept_back": "afro",
         "pixie": "coils", "bob": "afro", "long": "afro", "ponytail": "bun", "bun": "bun"}  # fmt: skip
CURLY = {"bob": "curls", "long": "curls", "pixie": "curls"}
SHORT_WHEN_THIN = ("buzz", "crop", "side_part", "swept_back")
WAVES_M = {"straight": 0.3, "wavy": 1.0, "curly": 1.5, "coily": 1.0}


def haircut_of(identity: Identity) -> Haircut:
    """What this person wears: drawn once from the person's hair seed, sex, age and texture."""
    rng = np.random.default_rng([identity.hair_seed, 83])
    if identity.hair_loss >= BALD_LOSS:
        return replace(BALD, hairline=Hairline(loss=1.0))
    name = identity.hair_style or choose_style(identity, rng)
    if name == "bald":
        return BALD
    cut = vary(STYLES[name], identity, rng)
    return replace(cut, hairline=draw_hairline(identity, rng))


def choose_style(identity: Identity, rng: np.random.Generator) -> str:
    """A style's name, likelier the more usual it is for such a person."""
    odds = dict(FEMALE if identity.sex == "female" else MALE)
    if identity.hair_loss > 0.3:
        odds = {name: odds[name] for name in SHORT_WHEN_THIN}
    if identity.age_years > 55.0:
        odds |= {name: 0.25 * odds[name] for name in ("long", "ponytail") if name in odds}
    if identity.sex == "male" and identity.age_years < 40 and rng.random() < 0.06:
        return "bald"
    weights = np.array(list(odds.values()))
    name = str(rng.choice(list(odds), p=weights / weights.sum()))
    if identity.hair_texture == "coily":
        return COILY[name]
    return CURLY.get(name, name) if identity.hair_texture == "curly" else name


def draw_hairline(identity: Identity, rng: np.random.Generator) -> Hairline:
    """Low or high, straight or with corners, and thinned by the person's loss."""
    is_male = identity.sex == "male"
    return Hairline(
        lower_m=float(rng.normal(0.003, 0.0035)),
        temples_m=float(rng.uniform(0.0, 0.012 if is_male else 0.005)),
        peak_m=float(max(rng.normal(0.0, 0.004), 0.0)),
        loss=identity.hair_loss,
        seed=int(rng.integers(1, 100000)),
    )


def vary(cut: Haircut, identity: Identity, rng: np.random.Generator) -> Haircut:
    """One person's own version of a style."""
    size, side = rng.uniform(0.78, 1.28, 2)
    swing = WAVES_M[identity.hair_texture] * rng.uniform(0.6, 1.5)
    part = cut.part_x_m * rng.choice([-1.0, -1.0, 1.0, 0.12]) * rng.uniform(0.6, 1.3)
    changed = replace(
        cut,
        top_m=cut.top_m * size,
        side_m=cut.side_m * size * side,
        part_x_m=float(part),
        volume_m=cut.volume_m * rng.uniform(0.75, 1.35),
        stand=cut.stand * rng.uniform(0.8, 1.25),
        wave_m=cut.wave_m * swing,
        wave_length_m=cut.wave_length_m * rng.uniform(0.75, 1.3),
        curl_m=cut.curl_m * rng.uniform(0.75, 1.25),
        curl_length_m=cut.curl_length_m * rng.uniform(0.8, 1.3),
        clump_pull=cut.clump_pull * rng.uniform(0.75, 1.2),
        tail_m=cut.tail_m * rng.uniform(0.6, 1.4),
        flyaways=cut.flyaways * rng.uniform(0.4, 2.0),
    )
    return OWN_CHANGES.get(cut.name, lambda same, _: same)(changed, rng)


def vary_hanging(cut: Haircut, rng: np.random.Generator) -> Haircut:
    """Ends somewhere else, and at times a fringe."""
    ends = cut.ends_y_m + rng.uniform(-0.035, 0.035)
    fringe = float(rng.uniform(0.8, 1.0)) if rng.random() < 0.25 else 0.0
    return replace(cut, ends_y_m=float(ends), fringe=fringe, fringe_y_m=rng.uniform(0.022, 0.034))


def vary_tied(cut: Haircut, rng: np.random.Generator) -> Haircut:
    """Tied high, in the middle or low."""
    angle = np.radians(rng.uniform(-38.0, 48.0))
    height, back = 0.012 + 0.098 * np.sin(angle), -0.072 - 0.104 * np.cos(angle)
    return replace(cut, tie=(0.0, float(height), float(back)))


def vary_cropped(cut: Haircut, rng: np.random.Generator) -> Haircut:
    """Combed forwards into a short fringe or standing up."""
    return replace(cut, fringe=float(rng.random() < 0.5), gravity=cut.gravity * rng.uniform(0.5, 2))


OWN_CHANGES = {
    "bob": vary_hanging,
    "long": vary_hanging,
    "curls": vary_hanging,
    "ponytail": vary_tied,
    "bun": vary_tied,
    "crop": vary_cropped,
}
