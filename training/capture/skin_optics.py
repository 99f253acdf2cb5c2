"""The colour of skin from how much melanin and blood it holds.

Two layers after S. L. Jacques, "Optical properties of biological tissues: a review" (Physics in
Medicine and Biology 58, 2013): an epidermis that melanin darkens lies on a dermis that scatters light
back, less of it where haemoglobin absorbs.
"""

from __future__ import annotations

import numpy as np

WAVELENGTHS_NM = np.arange(420.0, 701.0, 10.0)
# Molar extinction of oxygenated and of reduced haemoglobin (1/cm per mol/l), as compiled by S. Prahl.
OXY = np.array(
    [480360, 246072, 102580, 62816, 44480, 33209, 26629, 23684, 20932, 20035, 24202, 39956]
    + [53236, 43016, 32613, 44496, 50104, 14400, 3200, 1506, 942, 610, 442, 368]
    + [320, 294, 278, 276, 290]
)  # fmt: skip
REDUCED = np.array(
    [407560, 528600, 413280, 103292, 23388, 16156, 14550, 16684, 20862, 25773, 31589, 39036]
    + [46592, 53412, 53788, 45072, 37020, 28324, 14677, 9443, 6509, 5148, 4345, 3750]
    + [3226, 2795, 2407, 2051, 1794]
)  # fmt: skip
SATURATION = 0.75
# Whole blood: 150 g/l of haemoglobin at 64,500 g/mol, natural logarithm.
BLOOD_PER_CM = 2.303 * 150.0 / 64500.0 * (SATURATION * OXY + (1.0 - SATURATION) * REDUCED)
MELANIN_PER_CM = 6.6e11 * WAVELENGTHS_NM**-3.33
BLOODLESS_PER_CM = 3.0e8 * WAVELENGTHS_NM**-3.255
SCATTERING_PER_CM = 46.0 * (WAVELENGTHS_NM / 500.0) ** -1.421
EPIDERMIS_CM = 0.006
PATH = 2.7  # light crosses the epidermis twice, aslant
LEAST_MELANIN, MOST_MELANIN = 0.010, 0.45  # share of the epidermis' volume
USUAL_BLOOD = 0.0105  # share of the dermis' volume


def skin_albedo(melanin: float | np.ndarray, blood: float | np.ndarray) -> np.ndarray:
    """Linear RGB albedo [..., 3] for melanin from 0 to 1 and blood in multiples of the usual."""
    share = LEAST_MELANIN * (MOST_MELANIN / LEAST_MELANIN) ** np.asarray(melanin)[..., None]
    vessels = USUAL_BLOOD * np.asarray(blood)[..., None]
    epidermis = share * MELANIN_PER_CM + (1.0 - share) * BLOODLESS_PER_CM
    through = np.exp(-PATH * epidermis * EPIDERMIS_CM)
    dermis = vessels * BLOOD_PER_CM + (1.0 - vessels) * BLOODLESS_PER_CM
    below = np.exp(-6.6 / np.sqrt(3.0 * (1.0 + SCATTERING_PER_CM / dermis)))
    # What the epidermis itself sends back: all that is left of very dark skin's colour.
    own = 0.17 * SCATTERING_PER_CM / (SCATTERING_PER_CM + epidermis)
    return np.clip((through * below + (1.0 - through) * own) @ to_linear_rgb(), 0.0, 1.0)


def to_linear_rgb() -> np.ndarray:
    """Weights [W, 3] of a spectrum's linear sRGB, an even spectrum of 1 being white.

    Colour matching curves as in C. Wyman, P.-P. Sloan and P. Shirley, "Simple analytic approximations
    to the CIE XYZ color matching functions" (JCGT 2013).
    """

    def lobe(middle: float, left: float, right: float) -> np.ndarray:
        slope = np.where(WAVELENGTHS_NM < middle, left, right)
        return np.exp(-0.5 * ((WAVELENGTHS_NM - middle) * slope) ** 2)

    x = 0.362 * lobe(442.0, 0.0624, 0.0374) + 1.056 * lobe(599.8, 0.0264, 0.0323)
    x -= 0.065 * lobe(501.1, 0.0490, 0.0382)
    y = 0.821 * lobe(568.8, 0.0213, 0.0247) + 0.286 * lobe(530.9, 0.0613, 0.0322)
    z = 1.217 * lobe(437.0, 0.0845, 0.0278) + 0.681 * lobe(459.0, 0.0385, 0.0725)
    to_rgb = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )
    weights = np.stack([x, y, z], axis=1) @ to_rgb.T
    return weights / weights.sum(0)
