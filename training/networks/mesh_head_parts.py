"""What a `MeshHead` is made of: plain arrays, metres and sRGB, made by `head_assembly`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MeshRig:
    """Blendshape mesh in metres; the first `num_lid_vertices` vertices are kept off the eyeballs."""

    neutral: np.ndarray  # [V, 3]
    basis: np.ndarray  # [D, V, 3]
    landmarks: np.ndarray  # [68]
    lids: LidRig
    eyes: EyeRig


@dataclass(frozen=True)
class EyeRig:
    """Two eyeballs that turn about their centres: rotation vector = code @ turn (rad)."""

    centers: np.ndarray  # [2, 3], left first
    turn: np.ndarray  # [2, D, 3]


@dataclass(frozen=True)
class LidRig:
    """Skin that must stay outside the eyeball: radius >= ball + cornea bulge about the gaze + slack."""

    eye: np.ndarray  # [L] 0 left, 1 right
    slack_m: np.ndarray  # [L] what a vertex may lie deeper, as it does at rest
    ball_radius_m: float
    bulge_m: float
    bulge_cosine: float


@dataclass(frozen=True)
class SplatLook:
    """What does not depend on the code, except for the light that states blend in."""

    scales: np.ndarray  # [N, 3] metres at rest
    opacities: np.ndarray  # [N]
    colors: np.ndarray  # [N, 3] sRGB
    light: np.ndarray  # [K, N, 3] change of colour per light column; surface only


@dataclass(frozen=True)
class SurfaceSplats:
    """Discs in the tangent plane of mesh triangles."""

    triangles: np.ndarray  # [T, 3]
    owner: np.ndarray  # [N] triangle of each splat
    barycentric: np.ndarray  # [N, 3]
    # Blended light stays within what some baked state shows: two that open the mouth do not add up.
    color_range: np.ndarray  # [2, N, 3] sRGB, lowest and highest
    look: SplatLook


@dataclass(frozen=True)
class BoundSplats:
    """Pieces of strands that ride on a root point of the mesh (brows, lashes).

    They turn as the root does about a pivot: lashes with their lid over the eyeball, brows over the skull.
    """

    triangles: np.ndarray  # [R, 3]
    root_barycentric: np.ndarray  # [R, 3]
    pivot: np.ndarray  # [R, 3]
    owner: np.ndarray  # [N] root of each splat
    offset_m: np.ndarray  # [N, 3] from the root, at rest
    quats: np.ndarray  # [N, 4] at rest
    look: SplatLook


@dataclass(frozen=True)
class EyeSplats:
    """Splats of an eyeball; their colour is their own times a shade that belongs to the place in the head.

    The shade is a polynomial of the direction from the eye's centre, with the given powers of x and y.
    """

    means: np.ndarray  # [N, 3]
    quats: np.ndarray  # [N, 4]
    powers: tuple[tuple[int, int], ...]  # [M]
    shade: np.ndarray  # [M] at rest
    shade_change: np.ndarray  # [S, M] per light state
    # 1 for states that shut the lids: what a half-closed eye still shows is lit nearly as before.
    is_late: np.ndarray  # [S]
    look: SplatLook


@dataclass(frozen=True)
class RigidSplats:
    """Splats of the skull's hair, which never move."""

    means: np.ndarray  # [N, 3]
    quats: np.ndarray  # [N, 4]
    look: SplatLook


@dataclass(frozen=True)
class Aperture:
    """Share of the mouth's light from its open state: ((gap - rest) / full) ** exponent in [0, 1]."""

    upper: np.ndarray  # vertices of the upper inner lip
    lower: np.ndarray  # vertices of the lower inner lip
    rest_m: float
    full_m: float
    exponent: float


@dataclass(frozen=True)
class LightColumns:
    """Light states as functions of the code, mixed to columns.

    A state is on by min over c of clip(code_c / weight_sc, 0, 1), to the power of its exponent.
    """

    inverse_weight: np.ndarray  # [S, C] 1 / weight, 0 where the state does not use the control
    control: np.ndarray  # [S, C] code channel of each entry
    exponent: np.ndarray  # [S]
    mix: np.ndarray  # [S + 1, K], the last row for the mouth's aperture
    aperture: Aperture | None


@dataclass(frozen=True)
class MeshHeadParts:
    """All that a `MeshHead` is made of; splats leave it in the order surface, left, right, bound, still."""

    rig: MeshRig
    surface: SurfaceSplats
    eyes: tuple[EyeSplats, EyeSplats]
    bound: BoundSplats
    still: RigidSplats
    columns: LightColumns
    # Colour by the direction of view, in the order and with the signs of `Gaussians.sh`.
    sh: np.ndarray | None = None  # [N, K, 3]
