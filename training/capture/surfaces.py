"""The atlas images of the head's material: colour, roughness, fine relief, flesh, eye light."""

from __future__ import annotations

import numpy as np

from .eyes import catch_light, eye_frame, paint_eyes, smooth_step
from .hair import above_hairline
from .identity import Identity
from .image import extend, read_data, sample
from .lighting import ADA_RIG, CatchLight, Rig
from .material_maps import Surfaces
from .mesh import PART, HeadMesh
from .mouth import lip_mask, paint_mouth
from .noise import solid_noise
from .painting import Painting
from .person_atlas import person_atlas
from .person_skin import paint_person
from .skin import Complexion, carry_colour, near, paint_skin, skin_mask
from .skin_marks import draw_marks
from .sources import Sources
from .texels import Texels

SCALP_COLOUR = np.array([0.085, 0.055, 0.040])
ROUGHNESS = {"teeth": 0.22, "gums": 0.28, "tongue": 0.36, "mouth_cavity": 0.34, "garment": 0.92}
FLESH = {"teeth": 0.25, "gums": 0.6, "tongue": 0.7, "mouth_cavity": 0.5, "garment": 0.0}
PORES_PER_METRE = 28.0  # repeats of the micro-normal tile
METRES_PER_ATLAS = 0.36  # about, on the face
PORE_HEIGHT_M = 0.00011
STRIPES = 18.0  # pairs of bands over the height of the atlas: about 2.5 cm each on the chest


def build_surfaces(
    mesh: HeadMesh,
    texels: Texels,
    identity: Identity,
    sources: Sources,
    rig: Rig = ADA_RIG,
) -> Surfaces:
    """Paint every image of the atlas."""
    lips, painting = lip_mask(mesh, texels), identity.painting or Painting()
    if identity.painting is None:
        colour = paint_skin(mesh, texels, carry_colour(mesh, texels, sources), Complexion(), lips)
        colour = shade_scalp(texels, colour)
        rough, height = roughness(mesh, texels, lips), relief(texels, lips, sources)
    else:
        # Painted on the mean head, where every person's brow, cheek or chin has the same place.
        atlas = person_atlas(texels, sources)
        marks = draw_marks(atlas, identity, painting)
        colour = paint_person(atlas, identity, painting, marks, lips)
        rough = roughness(atlas.mesh, atlas.texels, lips, painting)
        height = relief(atlas.texels, lips, sources, pores_by_atlas(texels))
        height[skin_mask(texels)] *= painting.pores
        height += marks.height_m
    colour = paint_mouth(texels, colour, painting)
    colour = paint_eyes(mesh, texels, colour, identity, sources)
    colour[texels.part == PART["garment"]] = shirt_colour(texels, painting)
    images = {
        "colour": colour,
        "roughness": rough[:, None],
        "height": height[:, None],
        "flesh": flesh(texels)[:, None],
        "glow": np.repeat(
            painting.wet * eye_light(mesh, texels, rig.catch_light)[:, None], 3, axis=1
        ),
    }
    channels = np.cumsum([values.shape[1] for values in images.values()])[:-1]
    stacked = texels.image(np.concatenate(list(images.values()), axis=1).astype(np.float32))
    planes = np.split(extend(stacked, texels.mask()), channels, axis=2)
    return Surfaces(
        **{name: np.ascontiguousarray(v) for name, v in zip(images, planes, strict=True)}
    )


def shade_scalp(texels: Texels, colour: np.ndarray) -> np.ndarray:
    """Darken the skin under the hair: roots too fine and dense to be drawn one by one."""
    skin = np.isin(texels.part, [PART["face"], PART["back_head"]])
    covered = np.zeros(len(texels.rows))
    height = above_hairline(texels.positions[skin].astype(np.float64), is_ragged=False)
    covered[skin] = smooth_step(-0.003, 0.020, height)
    covered = 0.80 * covered[:, None]
    return colour * (1.0 - covered) + SCALP_COLOUR * covered


def shirt_colour(texels: Texels, painting: Painting) -> np.ndarray:
    """A knit: fine vertical ribs or stripes and a little unevenness [N, 3]."""
    cloth = texels.part == PART["garment"]
    points = texels.positions[cloth].astype(np.float64)
    turn = np.arctan2(points[:, 0], points[:, 2] + 0.08)
    ribs = 0.5 + 0.5 * np.sin(turn * painting.ribs)
    deep = 0.14 if painting.knit == "rib" else 0.05
    tone = 1.06 - deep + deep * ribs + 0.07 * solid_noise(points, 0.004, 71, octaves=2)
    colour = np.asarray(painting.shirt) * tone[:, None]
    if painting.knit == "heather":
        colour = colour * (1.0 + 0.16 * solid_noise(points, 0.0011, 78))[:, None]
    if painting.knit == "stripes":
        band = smooth_step(
            0.3, 0.6, np.sin(texels.rows[cloth] * STRIPES * 2.0 * np.pi / texels.resolution)
        )
        band = band[:, None]
        colour += band * (np.asarray(painting.shirt_second) * tone[:, None] - colour)
    return np.clip(colour, 0.004, 0.8)


def roughness(
    mesh: HeadMesh, texels: Texels, lips: np.ndarray, painting: Painting | None = None
) -> np.ndarray:
    """Roughness [N]: oily nose and forehead, moist lips, dry cheeks, wet eyes."""
    points = texels.positions.astype(np.float64)
    landmarks = mesh.vertices[mesh.landmarks68].astype(np.float64)
    values = 0.50 + 0.035 * solid_noise(points, 0.0025, 72, octaves=2)
    oily = near(points, landmarks[[27, 28, 29, 30]], 0.009)
    oily += 0.7 * near(points, landmarks[[21, 22]] + np.array([0, 0.022, 0]), 0.022)
    oil = 0.075 if painting is None else 0.03 + 0.11 * painting.oil
    values -= oil * np.clip(oily, 0, 1)
    if painting is not None:
        # Old skin is dry.
        values += 0.05 * (0.5 - painting.oil) + 0.04 * painting.wrinkles
    values -= 0.14 * lips
    values -= 0.10 * near(
        points, landmarks[[36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47]], 0.0016
    )
    for name, value in ROUGHNESS.items():
        values[texels.part == PART[name]] = value
    eyes = [PART[f"{part}_{side}"] for part in ("sclera", "iris") for side in ("left", "right")]
    values[np.isin(texels.part, eyes)] = 0.16
    return values


def pores_by_atlas(texels: Texels) -> np.ndarray:
    """Places [N, 2] in the tile of pores that do not stretch on the sides of the head."""
    places = np.stack([texels.columns, texels.resolution - texels.rows], axis=1)
    return places * (PORES_PER_METRE * 1.7 * METRES_PER_ATLAS / texels.resolution)


def relief(
    texels: Texels, lips: np.ndarray, sources: Sources, pores: np.ndarray | None = None
) -> np.ndarray:
    """Height [N] in metres: pores and creases of the skin, grain of lips, knit of the shirt."""
    points = texels.positions.astype(np.float64)
    tile = read_data(sources.shaders / "skin_micro_nrm_ao.png")
    # The tile's third channel darkens in the pores: it serves as their depth.
    pores = points[:, :2] * PORES_PER_METRE * 1.7 if pores is None else pores
    depth = sample(tile, pores, wrap=True)[:, -1] - tile[..., -1].mean()
    depth = depth / max(float(tile[..., -1].std()), 1e-6)
    skin = np.isin(texels.part, [PART["face"], PART["back_head"]])
    height = PORE_HEIGHT_M * (0.30 * depth + 0.55 * solid_noise(points, 0.0011, 73, octaves=2))
    height += 0.00005 * solid_noise(points, 0.0032, 74)
    squeezed = points * np.array([1.0, 0.14, 0.14])
    creases = 0.00012 * solid_noise(squeezed, 0.0008, 75, octaves=2)
    height = np.where(skin, height * (1 - lips) + creases * lips, 0.0)
    tongue = texels.part == PART["tongue"]
    height[tongue] = 0.00018 * solid_noise(points[tongue], 0.0009, 76)
    shirt = texels.part == PART["garment"]
    turn = np.arctan2(points[shirt, 0], points[shirt, 2] + 0.08)
    folds = 0.0012 * solid_noise(points[shirt] * np.array([1.0, 0.45, 1.0]), 0.045, 77)
    height[shirt] = 0.00007 * np.sin(turn * 330.0) + folds
    return height


def flesh(texels: Texels) -> np.ndarray:
    """Subsurface weight [N]."""
    values = np.full(len(texels.rows), 0.85)
    for name, value in FLESH.items():
        values[texels.part == PART[name]] = value
    eyes = [PART[f"{part}_{side}"] for part in ("sclera", "iris") for side in ("left", "right")]
    values[np.isin(texels.part, eyes)] = 0.0
    return values


def eye_light(mesh: HeadMesh, texels: Texels, panel: CatchLight) -> np.ndarray:
    """The panel's mirror image in both corneas [N], added as it is."""
    glow = np.zeros(len(texels.rows))
    for side in ("left", "right"):
        names = [PART[f"sclera_{side}"], PART[f"iris_{side}"]]
        chosen = np.isin(texels.part, names)
        points = texels.positions[chosen].astype(np.float64)
        toward = np.asarray(panel.place) - mesh.eye_centers[0 if side == "left" else 1]
        glow[chosen] = panel.strength * catch_light(points, eye_frame(mesh, side), toward, panel)
    return glow
