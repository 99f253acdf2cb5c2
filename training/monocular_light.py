"""Another light, skin and hair for every picture that the monocular encoder learns from.

Heads come lit by the studio. Here each Gaussian's colour is taken as its albedo under an even light and lit
anew: two or three lamps with colours of their own, light from above and below, a sheen, and soft edges of
shadow across the face. None of it is physics; all of it happens to faces in videos.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Where strands are lit as if they were a ball around this point (m).
HAIR_CENTER_M = np.array([0.0, 0.0, -0.08], np.float32)
MAX_LAMPS = 3
SURFACE_GROUPS = ("skin", "lips", "irises", "garment")
UP = np.array([0.0, 1.0, 0.0], np.float32)


@dataclass(frozen=True)
class Groups:
    """Which Gaussians of a head are what, `[N]` each: masks over the surface's part."""

    skin: np.ndarray
    lips: np.ndarray
    irises: np.ndarray
    garment: np.ndarray

    @cached_property
    def number(self) -> np.ndarray:
        """Of each, 0 or one more than its place in `SURFACE_GROUPS`; later ones win."""
        number = np.zeros(len(self.skin), np.int64)
        for i, name in enumerate(SURFACE_GROUPS):
            number[getattr(self, name)] = i + 1
        return number


@dataclass(frozen=True)
class Lamp:
    """A light far away."""

    direction: np.ndarray  # [3] towards it
    color: np.ndarray  # [3] linear
    wrap: float  # 0 hard, 1 lights all but the back


@dataclass(frozen=True)
class Shade:
    """A soft edge of shadow: how dark, and where along a direction (m)."""

    direction: np.ndarray
    offset_m: float
    width_m: float
    depth: float


@dataclass(frozen=True)
class Look:
    """One draw of everything that changes colours; gains are linear, `[3]` each."""

    sky: np.ndarray
    ground: np.ndarray
    lamps: tuple[Lamp, ...]
    shades: tuple[Shade, ...]
    sheen: float
    sheen_power: float
    gains: dict[str, np.ndarray]
    exposure: float


def draw_look(rng: np.random.Generator) -> Look:
    """A random look; a third of them stays near the studio's."""
    strength = rng.uniform(0.0, 0.35) if rng.random() < 0.3 else rng.uniform(0.35, 1.0)
    lamps = tuple(
        Lamp(
            direction=_lamp_direction(rng),
            color=np.float32(strength * rng.uniform(0.2, 2.2)) * _tint(rng, 0.22),
            wrap=float(rng.uniform(0.0, 0.6)),
        )
        for _ in range(rng.integers(1, MAX_LAMPS + 1))
    )
    level = np.float32(1.0 - 0.75 * strength * rng.uniform(0.2, 1.0))
    return Look(
        sky=level * _tint(rng, 0.1 * strength),
        ground=level * np.float32(rng.uniform(1 - 0.7 * strength, 1.0)) * _tint(rng, 0.15),
        lamps=lamps,
        shades=tuple(_shade(rng) for _ in range(rng.choice([0, 0, 1, 2]))),
        sheen=float(rng.uniform(0.0, 0.5) ** 2 * strength),
        sheen_power=float(rng.uniform(6.0, 40.0)),
        gains={
            "skin": np.float32(np.exp(rng.normal(-0.05, 0.3))) * _tint(rng, 0.1),
            "lips": np.float32(np.exp(rng.normal(-0.1, 0.25)))
            * np.exp(rng.normal([0.12, -0.08, 0.0], 0.18)).astype(np.float32),
            "irises": np.float32(np.exp(rng.normal(0.0, 0.4))) * _tint(rng, 0.25),
            "garment": np.float32(np.exp(rng.normal(0.0, 0.9))) * _tint(rng, 0.6),
            "hair": np.float32(np.exp(rng.normal(-0.35, 0.65))) * _tint(rng, 0.15),
            "brows": np.float32(np.exp(rng.normal(0.0, 0.4))) * _tint(rng, 0.1),
        },
        exposure=float(np.exp(rng.normal(0.0, 0.22))),
    )


def relit(
    colors: np.ndarray,
    normals: np.ndarray,
    means: np.ndarray,
    eye: np.ndarray,
    *,
    look: Look,
    groups: Groups,
    num_bound: int,
) -> np.ndarray:
    """Display colours `[N, 3]` of a head under a look; `eye` is where the camera stands (m)."""
    count = len(groups.skin)
    linear = colors * colors
    gains = np.ones((len(SURFACE_GROUPS) + 1, 3), np.float32)
    for i, name in enumerate(SURFACE_GROUPS):
        gains[i + 1] = look.gains[name]
    linear[:count] *= gains[groups.number]
    linear[count : count + num_bound] *= look.gains["brows"]
    linear[count + num_bound :] *= look.gains["hair"]
    light = _light(normals, look)
    for shade in look.shades:
        across = (means @ shade.direction - np.float32(shade.offset_m)) / np.float32(shade.width_m)
        light *= (1 - shade.depth / (1 + np.exp(-np.clip(across, -20, 20))))[:, None]
    # Exposed for the face: a camera sees to that.
    front = light[:count:8][groups.skin[::8] & (normals[:count:8, 2] > 0.3)]
    level = float(front.mean()) if len(front) else 1.0
    linear *= light
    linear[:count] += _sheen(normals[:count], means[:count], eye, look, groups)
    linear *= np.float32(look.exposure / max(level, 0.05))
    return np.sqrt(np.clip(linear, 0.0, 1.5))


def normals_of(quats: np.ndarray, means: np.ndarray, num_surface: int) -> np.ndarray:
    """Directions `[N, 3]` that light counts from: discs' own, and outwards for strands."""
    w, x, y, z = quats[:num_surface].T
    squares = np.maximum(w * w + x * x + y * y + z * z, np.float32(1e-12))
    normals = np.empty_like(means)
    normals[:num_surface, 0] = 2 * (x * z + w * y) / squares
    normals[:num_surface, 1] = 2 * (y * z - w * x) / squares
    normals[:num_surface, 2] = 1 - 2 * (x * x + y * y) / squares
    outwards = means[num_surface:] - HAIR_CENTER_M
    lengths = np.sqrt(np.einsum("nc,nc->n", outwards, outwards))[:, None]
    normals[num_surface:] = outwards / np.maximum(lengths, 1e-6)
    return normals


def _light(normals: np.ndarray, look: Look) -> np.ndarray:
    """Linear light `[N, 3]`: one column for the sky, one for the ground and one for each lamp."""
    towards = [lamp.direction / (1 + lamp.wrap) for lamp in look.lamps]
    columns = normals @ np.stack([0.5 * UP, -0.5 * UP, *towards], axis=1).astype(np.float32)
    columns += np.array(
        [0.5, 0.5, *(lamp.wrap / (1 + lamp.wrap) for lamp in look.lamps)], np.float32
    )
    np.maximum(columns, 0.0, out=columns)
    return columns @ np.stack([look.sky, look.ground, *(lamp.color for lamp in look.lamps)])


def _sheen(
    normals: np.ndarray, means: np.ndarray, eye: np.ndarray, look: Look, groups: Groups
) -> np.ndarray:
    """What skin mirrors of the first lamp (Blinn 1977)."""
    result = np.zeros_like(means)
    if look.sheen < 0.01:
        return result
    shown = np.flatnonzero((groups.skin | groups.lips) & (normals @ look.lamps[0].direction > 0))
    towards = eye.astype(np.float32) - means[shown]
    half = towards / np.sqrt(np.einsum("nc,nc->n", towards, towards))[:, None]
    half += look.lamps[0].direction
    half /= np.sqrt(np.einsum("nc,nc->n", half, half))[:, None] + np.float32(1e-6)
    facing = np.clip(np.einsum("nc,nc->n", normals[shown], half), 0.0, 1.0)
    result[shown] = (look.sheen * facing**look.sheen_power)[:, None] * look.lamps[0].color
    return result


def _lamp_direction(rng: np.random.Generator) -> np.ndarray:
    """Mostly from the front's half of space, mostly from above."""
    yaw, rise = rng.normal(0.0, 1.1), rng.normal(0.35, 0.5)
    direction = np.array([np.sin(yaw) * np.cos(rise), np.sin(rise), np.cos(yaw) * np.cos(rise)])
    return direction.astype(np.float32)


def _shade(rng: np.random.Generator) -> Shade:
    direction = rng.normal(size=3) * (1.0, 0.8, 0.3)
    return Shade(
        direction=(direction / np.linalg.norm(direction)).astype(np.float32),
        offset_m=float(rng.normal(0.0, 0.05)),
        width_m=float(rng.uniform(0.002, 0.02)),
        depth=float(rng.uniform(0.1, 0.75)),
    )


def _tint(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Gains of red, green and blue about 1; warm and cold vary most."""
    warmth, green = rng.normal(0.0, spread), rng.normal(0.0, 0.4 * spread)
    return np.exp([warmth, green, -warmth]).astype(np.float32)
