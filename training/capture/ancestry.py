"""How shape, skin, hair and eyes of people go together: tables that random persons draw from."""

from __future__ import annotations

from dataclasses import dataclass

# Shifts of ICT-FaceKit's first 16 identity modes: the least changes that move 21 distances between
# the landmarks by what anthropometry reports for the group, in standard deviations of the model.
Shift = tuple[float, ...]
MALE: Shift = (
    (-0.57, -0.40, 0.28, 0.40, 0.51, -0.47, -0.13, 0.38)
    + (0.43, 0.0, -0.26, 0.21, -0.04, -0.01, 0.19, 0.04)
)  # fmt: skip
OLD: Shift = (
    (-0.33, -0.25, 0.64, -0.06, 0.18, -0.34, -0.01, -0.18)
    + (0.02, 0.0, -0.68, 0.03, -0.08, -0.11, 0.25, -0.01)
)  # fmt: skip
HEAVY: Shift = (
    (-0.47, 0.34, 0.31, 0.18, 0.23, -0.06, -0.55, -0.42)
    + (0.21, 0.0, 0.09, 0.09, -0.05, 0.17, -0.03, -0.07)
)  # fmt: skip


@dataclass(frozen=True)
class Region:
    """What is usual among people whose forebears come from one part of the world."""

    shift: Shift
    # Mean and spread of epidermal melanin, 0 to 1.
    melanin: tuple[float, float]
    # Mean and spread of the natural logarithm of eumelanin, and the chance of red hair.
    hair_eumelanin: tuple[float, float]
    red_hair: float
    # Chances of straight, wavy, curly and coily hair.
    hair_texture: tuple[float, float, float, float]
    # Chances of the irises in IRISES, in their order.
    iris: tuple[float, ...]
    beard_growth: float


HAIR_TEXTURES = ("straight", "wavy", "curly", "coily")
# Linear colours of collarette, body and rim.
IRISES = {
    "dark brown": ((0.042, 0.020, 0.009), (0.026, 0.0125, 0.006), (0.008, 0.005, 0.004)),
    "brown": ((0.110, 0.052, 0.019), (0.062, 0.029, 0.012), (0.014, 0.009, 0.006)),
    "hazel": ((0.170, 0.098, 0.042), (0.098, 0.096, 0.066), (0.024, 0.027, 0.026)),
    "amber": ((0.210, 0.110, 0.035), (0.150, 0.080, 0.028), (0.030, 0.020, 0.012)),
    "green": ((0.150, 0.110, 0.045), (0.105, 0.125, 0.070), (0.026, 0.036, 0.030)),
    "blue": ((0.150, 0.150, 0.140), (0.105, 0.145, 0.190), (0.024, 0.036, 0.055)),
    "grey": ((0.170, 0.165, 0.150), (0.140, 0.155, 0.165), (0.034, 0.040, 0.046)),
}
REGIONS = {
    "northern europe": Region(
        (0.20, -0.39, 0.30, -0.04, 0.19, -0.13, 0.17, 0.02)
        + (0.05, 0.0, 0.14, -0.10, -0.21, -0.21, 0.07, -0.09),
        (0.10, 0.05), (0.15, 0.75), 0.09, (0.45, 0.42, 0.13, 0.0),
        (0.02, 0.14, 0.17, 0.03, 0.15, 0.37, 0.12), 1.0,
    ),
    "mediterranean": Region(
        (-0.33, -0.36, 0.29, 0.10, 0.13, 0.06, 0.08, 0.17)
        + (-0.04, 0.0, 0.10, -0.13, -0.13, -0.21, 0.14, -0.12),
        (0.27, 0.08), (1.10, 0.45), 0.01, (0.30, 0.48, 0.22, 0.0),
        (0.20, 0.46, 0.17, 0.06, 0.06, 0.04, 0.01), 1.15,
    ),
    "west africa": Region(
        (-0.56, 0.62, -0.72, 0.43, -0.74, 0.08, -0.17, 0.21)
        + (-0.06, 0.0, -0.10, 0.11, 0.27, 0.26, -0.08, 0.04),
        (0.80, 0.11), (1.95, 0.20), 0.0, (0.02, 0.03, 0.15, 0.80),
        (0.72, 0.27, 0.01, 0.0, 0.0, 0.0, 0.0), 0.8,
    ),
    "east africa": Region(
        (-0.23, 0.02, -0.40, 0.30, -0.31, 0.13, 0.19, 0.32)
        + (-0.07, 0.0, 0.09, -0.13, 0.10, -0.05, 0.02, -0.15),
        (0.70, 0.13), (1.95, 0.20), 0.0, (0.02, 0.10, 0.38, 0.50),
        (0.66, 0.33, 0.01, 0.0, 0.0, 0.0, 0.0), 0.8,
    ),
    "south asia": Region(
        (-0.36, -0.01, -0.07, 0.15, -0.05, 0.31, 0.01, 0.17)
        + (-0.11, 0.0, 0.13, -0.04, 0.09, -0.05, 0.06, -0.01),
        (0.48, 0.14), (1.85, 0.22), 0.0, (0.48, 0.42, 0.10, 0.0),
        (0.56, 0.39, 0.03, 0.01, 0.01, 0.0, 0.0), 1.1,
    ),
    "east asia": Region(
        (-0.14, 0.63, -0.23, -0.58, -0.44, -0.08, -0.41, -0.79)
        + (0.11, 0.0, -0.40, 0.39, 0.14, 0.20, -0.07, 0.21),
        (0.20, 0.07), (1.90, 0.20), 0.0, (0.86, 0.13, 0.01, 0.0),
        (0.66, 0.34, 0.0, 0.0, 0.0, 0.0, 0.0), 0.45,
    ),
    "americas": Region(
        (-0.62, 0.11, 0.14, -0.16, -0.22, -0.04, -0.31, -0.24)
        + (0.07, 0.0, -0.24, 0.15, -0.13, -0.06, 0.18, 0.11),
        (0.42, 0.11), (1.80, 0.25), 0.0, (0.76, 0.21, 0.03, 0.0),
        (0.58, 0.39, 0.02, 0.01, 0.0, 0.0, 0.0), 0.45,
    ),
}  # fmt: skip
