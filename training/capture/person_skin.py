"""A random person's skin: melanin and blood spread over the face as they are in people."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from .beard import BeardLook, beard_density
from .eyes import smooth_step
from .hair_colour import flat_colour
from .hair_scalp import above_line
from .hair_styles import haircut_of
from .identity import Identity
from .noise import solid_noise
from .painting import Painting
from .person_atlas import PersonAtlas
from .skin import blush_map, lip_grain, near, shade_under_eyes, skin_mask
from .skin_marks import Marks
from .skin_optics import skin_albedo

# The table of skin colours: melanin from 0 to 1.15, blood from 0 to 6 times the usual.
TABLE_MELANIN, TABLE_BLOOD = 1.15, 6.0
TABLE_SHAPE = (116, 121)


def paint_person(
    atlas: PersonAtlas, identity: Identity, painting: Painting, marks: Marks, lips: np.ndarray
) -> np.ndarray:
    """Linear skin colour [N, 3] of all texels (those that are not skin get some of it too)."""
    skin = skin_mask(atlas.texels)
    points = atlas.texels.positions[skin].astype(np.float64)
    lip = lips[skin]
    blood = blood_map(atlas, points, identity, painting) + marks.blood[skin]
    melanin = melanin_map(atlas, points, identity, painting) + marks.melanin[skin]
    # Lips have little melanin, a thin covering and much blood below it.
    melanin -= lip * (0.05 + 0.05 * identity.melanin * painting.lip_blood)
    blood = blood * (1.0 - lip) + lip * (3.0 * painting.lip_blood)
    colour = look_up(np.clip(melanin, 0.0, TABLE_MELANIN), np.clip(blood, 0.15, TABLE_BLOOD))
    strength = 1.0 - 0.35 * identity.melanin
    colour *= atlas.tone[skin] ** (strength * (1.0 - lip))[:, None]
    colour *= 1.0 + (lip * (0.55 * lip_grain(points) - 0.59))[:, None]
    stick = (painting.lipstick_strength * smooth_step(0.25, 0.8, lip))[:, None]
    colour = colour * (1.0 - stick) + np.asarray(painting.lipstick) * stick
    colour *= np.exp(-marks.crease[skin, None] * np.array([0.75, 1.0, 1.1]))
    colour = shadow_of_stubble(atlas, colour, points, identity, painting)
    colour = shade_scalp(points, colour, identity)
    painted = np.zeros((len(skin), 3))
    painted[skin] = np.clip(colour, 0.006, 0.9)
    return painted


def look_up(melanin: np.ndarray, blood: np.ndarray) -> np.ndarray:
    """Skin albedo [N, 3] for melanin [N] and blood [N], from a table of the optics."""
    rows, columns = TABLE_SHAPE
    grid = np.meshgrid(
        np.linspace(0.0, TABLE_MELANIN, rows), np.linspace(0.0, TABLE_BLOOD, columns), indexing="ij"
    )
    table = skin_albedo(*grid)
    place = [melanin * (rows - 1) / TABLE_MELANIN, blood * (columns - 1) / TABLE_BLOOD]
    return np.stack(
        [map_coordinates(table[..., k], place, order=1, mode="nearest") for k in range(3)], axis=1
    )


def blood_map(
    atlas: PersonAtlas, points: np.ndarray, identity: Identity, painting: Painting
) -> np.ndarray:
    """Blood [N] in multiples of the usual: cheeks, nose and ears, in patches."""
    seed = 1000 + 31 * identity.seed
    flush = blush_map(points, atlas.landmarks)
    uneven = 0.05 * solid_noise(points, 0.0035, seed, octaves=2)
    uneven += 0.06 * solid_noise(points, 0.014, seed + 1)
    return identity.haemoglobin * (
        0.9 + 0.75 * painting.blush * flush + painting.mottling * uneven
    ) + 0.25 * painting.under_eye * shade_under_eyes(points, atlas.landmarks)


def melanin_map(
    atlas: PersonAtlas, points: np.ndarray, identity: Identity, painting: Painting
) -> np.ndarray:
    """Melanin [N], 0 to 1: the person's own, more where the sun and the years leave it."""
    seed = 2000 + 31 * identity.seed
    landmarks = atlas.landmarks
    values = np.full(len(points), identity.melanin)
    values += 0.012 * painting.mottling * solid_noise(points, 0.0022, seed, octaves=2)
    values += 0.016 * painting.mottling * solid_noise(points, 0.022, seed + 1)
    values += 0.045 * painting.under_eye * shade_under_eyes(points, landmarks)
    # Forehead and nose tan, what lies under the jaw does not.
    sun = smooth_step(0.0, 0.06, points[:, 1]) * (points[:, 2] > -0.04)
    values += 0.025 * sun - 0.03 * smooth_step(-0.085, -0.12, points[:, 1])
    # Around mouth and eyes darker skins are darker still.
    around = near(points, landmarks[48:60], 0.012) + 0.8 * near(points, landmarks[36:48], 0.008)
    return values + 0.055 * np.clip(identity.melanin - 0.25, 0.0, 0.6) * np.clip(around, 0.0, 1.0)


def shadow_of_stubble(
    atlas: PersonAtlas,
    colour: np.ndarray,
    points: np.ndarray,
    identity: Identity,
    painting: Painting,
) -> np.ndarray:
    """Colour [N, 3] with what is left of a man's shaven beard: roots seen through the skin."""
    if painting.stubble <= 0.0:
        return colour
    density = beard_density(atlas.mesh, BeardLook("beard", 0, 0.01), points)
    seed = 3000 + 31 * identity.seed
    specks = 0.75 + 0.35 * np.clip(solid_noise(points, 0.0007, seed), -1.5, 1.5)
    pigment = np.clip(identity.hair_eumelanin / 3.0, 0.15, 1.0) * (1.0 - 0.8 * identity.beard_grey)
    amount = 0.34 * painting.stubble * pigment * density * specks
    below = 0.35 * colour.mean(1, keepdims=True) * np.array([0.85, 0.98, 1.12])
    return colour * (1.0 - amount[:, None]) + below * amount[:, None]


def shade_scalp(points: np.ndarray, colour: np.ndarray, identity: Identity) -> np.ndarray:
    """Colour [N, 3] darkened under the hair by roots too fine and dense to be drawn one by one."""
    cut = haircut_of(identity)
    is_shaven = cut.strands == 0
    inside = above_line(points, cut.hairline, is_ragged=False)
    cover = smooth_step(-0.002, 0.016, inside) * (0.22 if is_shaven else 0.72)
    if is_shaven:
        specks = solid_noise(points, 0.0008, 4000 + 31 * identity.seed)
        cover = cover * (1.0 + 0.3 * np.clip(specks, -1.5, 1.5))
    root = 0.5 * flat_colour(identity) + 0.22 * colour.mean(0)
    return colour * (1.0 - cover[:, None]) + root * cover[:, None]
