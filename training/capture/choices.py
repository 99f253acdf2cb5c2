"""How chance makes a person: shape, resting face, hair, colours and clothes."""

from __future__ import annotations

import numpy as np

from .ancestry import HAIR_TEXTURES, HEAVY, IRISES, MALE, OLD, Region
from .painting import KNITS, Painting, Rgb

MODES = 50
# Farther from the mean than this a face is a caricature, and lids and lips no longer fit.
SPREAD, FARTHEST = 0.85, 2.1
# Independent streams of chance, so that one more choice of a kind leaves the other kinds alone.
STREAMS = SHAPE, FACE, SKIN, HAIR, EYES, CLOTHES = range(6)


def face_modes(
    rng: np.random.Generator, origin: tuple[Region, Region, float], sex: str, age: float
) -> tuple[float, ...]:
    """Identity coefficients: chance around what sex, age, weight and origin make likely."""
    first, second, mix = origin
    free = SPREAD * rng.normal(size=MODES).clip(-FARTHEST, FARTHEST)
    manly = rng.normal(1.0, 0.3) * (1.0 if sex == "male" else -1.0)
    shift = manly * np.array(MALE) + rng.normal(0.0, 0.7) * np.array(HEAVY)
    shift += np.clip((age - 40.0) / 35.0, -0.4, 1.1) * np.array(OLD)
    shift += (1 - mix) * np.array(first.shift) + mix * np.array(second.shift)
    # What groups differ in is part of the model's spread already.
    free[: len(shift)] = 0.85 * free[: len(shift)] + shift
    return tuple(np.round(free.clip(-FARTHEST, FARTHEST), 3).tolist())


def resting_face(rng: np.random.Generator, age: float) -> dict[str, float]:
    """ICT expressions left standing: an asymmetric habit of smiling, frowning or squinting."""
    mood = rng.normal()
    pairs = {
        "mouthSmile": max(0.09 * mood + 0.05, 0.0),
        "mouthFrown": max(-0.07 * mood + 0.002 * (age - 40.0), 0.0),
        "browOuterUp": max(rng.normal(0.0, 0.12), 0.0),
        "browDown": max(rng.normal(0.0, 0.12), 0.0),
        "browInnerUp": max(rng.normal(0.0, 0.08), 0.0),
        "eyeSquint": max(rng.normal(0.07, 0.07), 0.0),
        "eyeBlink": float(np.clip(rng.normal(0.09 + 0.0016 * (age - 30.0), 0.035), 0.02, 0.24)),
        "cheekSquint": max(rng.normal(0.0, 0.05), 0.0),
        "noseSneer": max(rng.normal(0.0, 0.05), 0.0),
    }
    resting = {"eyeLookIn_L": 0.10, "eyeLookIn_R": 0.10}
    for name, weight in pairs.items():
        for side in "LR":
            resting[f"{name}_{side}"] = round(weight * rng.uniform(0.65, 1.35), 3)
    for name in ("jaw", "mouth"):
        side = "Left" if rng.random() < 0.5 else "Right"
        resting[name + side] = round(abs(rng.normal(0.0, 0.035)), 3)
    return {name: float(weight) for name, weight in resting.items() if weight > 0.004}


def hair_choices(
    rng: np.random.Generator, origin: tuple[Region, Region, float], sex: str, age: float
) -> dict[str, float | str]:
    """The fields of `Identity` that the grooming reads."""
    first, second, mix = origin
    other = mix > 0.3 and rng.random() < 0.5
    source = second if other else first
    grey = 1.0 / (1.0 + np.exp(-(age - rng.normal(55.0, 8.0)) / 5.5))
    grey = 0.0 if age < 30.0 else float(grey) * (1.0 if sex == "male" else 0.8)
    is_red = rng.random() < source.red_hair
    dark = float(np.exp(rng.normal(*source.hair_eumelanin)))
    man = sex == "male"
    kinds = ("none", "stubble", "moustache", "goatee", "beard")
    share = np.array([0.0, 0.26, 0.05, 0.08, 0.22]) * source.beard_growth
    share[0] = 1.0 - share.sum()
    wears = str(rng.choice(kinds, p=share))
    return {
        "hair_eumelanin": min(dark, 0.55) if is_red else float(np.clip(dark, 0.15, 8.0)),
        "hair_pheomelanin": float(rng.uniform(0.9, 1.8) if is_red else rng.uniform(0.05, 0.45)),
        "hair_grey": round(grey, 3),
        "hair_texture": str(rng.choice(HAIR_TEXTURES, p=source.hair_texture)),
        "hair_loss": balding(rng, age) if man else 0.0,
        "has_beard": wears if man else "none",
        "brow_pigment": float(rng.uniform(1.2, 2.0)),
        "brow_density": float(rng.uniform(0.65, 1.0) * (1.15 if man else 0.95)),
        "beard_pigment": float(rng.uniform(0.7, 1.1)),
        "beard_grey": round(min(1.25 * grey + 0.02 * (age > 35.0), 1.0), 3),
    }


def balding(rng: np.random.Generator, age: float) -> float:
    """How far a man's hair has gone: many keep theirs, others lose it from 25 on."""
    tendency = rng.beta(0.8, 1.3)
    return round(float(np.clip(tendency * (age - 22.0) / 38.0, 0.0, 1.0)), 3)


def paint_choices(
    chance: list[np.random.Generator], region: Region, sex: str, age: float
) -> Painting:
    """Colours and marks of skin, eyes, mouth and shirt."""
    skin, eyes, clothes = chance[SKIN], chance[EYES], chance[CLOTHES]
    fair = region.melanin[0] < 0.15
    lived = float(np.clip((age - 24.0) / 52.0, 0.0, 1.0))
    made_up = sex == "female" and skin.random() < 0.35
    iris = IRISES[str(eyes.choice(list(IRISES), p=region.iris))]
    dull = eyes.uniform(0.93, 1.03) * (1.0 - 0.08 * lived)
    white = np.array([0.64, 0.585 - 0.02 * lived, 0.555 - 0.05 * lived]) * dull
    enamel = np.array([0.72, 0.665 - 0.05 * lived, 0.585 - 0.13 * lived])
    return Painting(
        lip_blood=float(skin.uniform(0.8, 1.3) - 0.25 * lived),
        lipstick=lipstick(skin),
        lipstick_strength=float(skin.uniform(0.35, 0.9)) if made_up else 0.0,
        blush=float(skin.uniform(0.3, 1.0)) + (0.25 if made_up else 0.0),
        freckles=float(skin.uniform(0.3, 1.0)) if fair and skin.random() < 0.3 else 0.0,
        moles=int(skin.poisson(5.0)),
        age_spots=float(np.clip((age - 48.0) / 30.0, 0.0, 1.0) * skin.uniform(0.3, 1.0)),
        under_eye=float(skin.uniform(0.3, 0.8) + 0.35 * lived),
        wrinkles=float(np.clip(lived * skin.uniform(0.8, 1.15), 0.0, 1.0)),
        pores=float(skin.uniform(0.75, 1.25) + 0.25 * lived + (0.15 if sex == "male" else 0.0)),
        oil=float(skin.uniform(0.2, 0.9)),
        mottling=float(skin.uniform(0.7, 1.3) + 0.5 * lived),
        stubble=float(skin.uniform(0.25, 0.75)) * region.beard_growth if sex == "male" else 0.0,
        iris=vary_iris(eyes, iris),
        pupil_share=float(eyes.uniform(0.30, 0.40) - 0.04 * lived),
        sclera=as_rgb(white),
        veins=float(eyes.uniform(0.25, 0.75) + 0.2 * lived),
        wet=float(eyes.uniform(0.25, 0.45)),
        teeth=as_rgb(enamel * skin.uniform(0.93, 1.05)),
        tongue=as_rgb(np.array([0.52, 0.205, 0.190]) * skin.uniform(0.88, 1.1, 3)),
        **shirt_choices(clothes),
    )


def as_rgb(values: np.ndarray) -> Rgb:
    """Three plain floats."""
    red, green, blue = np.round(values, 4).tolist()
    return red, green, blue


def lipstick(rng: np.random.Generator) -> Rgb:
    """A linear lipstick colour: nude, rose, red, berry or brick."""
    shades = np.array(
        [(0.40, 0.17, 0.13), (0.42, 0.10, 0.13), (0.36, 0.022, 0.03), (0.17, 0.018, 0.045)]
        + [(0.30, 0.06, 0.04)]
    )
    return as_rgb(shades[rng.integers(len(shades))] * rng.uniform(0.85, 1.15, 3))


def vary_iris(rng: np.random.Generator, iris: tuple[Rgb, Rgb, Rgb]) -> tuple[Rgb, Rgb, Rgb]:
    """No two irises of one name have one colour."""
    tone = np.exp(0.14 * rng.normal() + 0.07 * rng.normal(size=3))
    collarette, body, rim = (as_rgb(np.array(colour) * tone) for colour in iris)
    return collarette, body, rim


def shirt_choices(rng: np.random.Generator) -> dict[str, Rgb | str | float]:
    """Colour, second colour and knit of the shirt: muted as most clothes are."""
    shades = np.array(
        [(0.030, 0.037, 0.052), (0.012, 0.012, 0.013), (0.11, 0.115, 0.12), (0.46, 0.45, 0.43)]
        + [(0.018, 0.03, 0.075), (0.12, 0.018, 0.022), (0.03, 0.06, 0.04), (0.24, 0.17, 0.10)]
        + [(0.06, 0.12, 0.19), (0.20, 0.21, 0.14), (0.23, 0.10, 0.07), (0.09, 0.035, 0.075)]
    )
    first, second = rng.choice(len(shades), 2, replace=False)
    return {
        "shirt": as_rgb(shades[first] * rng.uniform(0.85, 1.15, 3)),
        "shirt_second": as_rgb(shades[second] * rng.uniform(0.85, 1.15, 3)),
        "knit": str(rng.choice(KNITS, p=(0.4, 0.35, 0.15, 0.1))),
        "ribs": float(rng.integers(200, 420)),
    }
