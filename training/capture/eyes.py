"""Eyeballs: iris and sclera painted around the axis of gaze, and the light in the eye."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..head_eyes import EyeSettings, make_eye_rig
from .identity import Identity
from .image import read_linear, sample
from .lighting import CatchLight
from .mesh import PART, HeadMesh
from .noise import solid_noise
from .painting import Painting
from .sources import Sources
from .texels import Texels

# Radii of pupil and outer edge on the iris photograph, as shares of its width.
IMAGE_PUPIL, IMAGE_EDGE = 0.170, 0.46
CORNEA_RADIUS_M = 0.0080


@dataclass(frozen=True)
class EyeFrame:
    """Polar coordinates about one eye's axis of gaze."""

    center: np.ndarray
    axis: np.ndarray

    def polar(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance from the axis (m) and angle about it (rad, 0 towards +x) of points [N, 3]."""
        right = np.cross([0.0, 1.0, 0.0], self.axis)
        right /= np.linalg.norm(right)
        up = np.cross(self.axis, right)
        x, y = (points - self.center) @ right, (points - self.center) @ up
        return np.hypot(x, y), np.arctan2(y, x)


def eye_frame(mesh: HeadMesh, side: str, vertices: np.ndarray | None = None) -> EyeFrame:
    """Frame of the `left` or `right` eye: from the eyeball's centre through the iris' middle."""
    vertices = mesh.vertices if vertices is None else vertices
    disc = np.unique(mesh.triangles[mesh.faces_of(f"iris_{side}")])
    center = mesh.eye_centers[0 if side == "left" else 1].astype(np.float64)
    axis = vertices[disc].mean(0) - center
    return EyeFrame(center, axis / np.linalg.norm(axis))


def paint_eyes(
    mesh: HeadMesh, texels: Texels, colour: np.ndarray, identity: Identity, sources: Sources
) -> np.ndarray:
    """Colours [N, 3] with irises, pupils, scleras and sockets painted in."""
    colour = colour.copy()
    photograph = read_linear(sources.shaders / "eye_iris_diff.png")
    painting = identity.painting or Painting()
    for side in ("left", "right"):
        names = (PART[f"sclera_{side}"], PART[f"iris_{side}"])
        chosen = np.isin(texels.part, names)
        points = texels.positions[chosen].astype(np.float64)
        radius, angle = eye_frame(mesh, side).polar(points)
        share = radius / identity.iris_radius_m
        iris = iris_colour(share, angle, photograph, painting)
        white = sclera_colour(points, share, angle, painting)
        # The limbus: cornea and sclera melt into each other over half a millimetre.
        blend = smooth_step(0.90, 1.08, share)[:, None]
        colour[chosen] = iris * (1.0 - blend) + white * blend
    colour[texels.part == PART["eye_socket"]] = (0.30, 0.09, 0.08)
    return colour


def turned_eyes(mesh: HeadMesh, code: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Posed vertices [V, 3] with both eyeballs turned as the decoder turns them under a code [52]."""
    rig = make_eye_rig(mesh, EyeSettings())
    vertices = vertices.copy()
    for eye, side in enumerate(("left", "right")):
        faces = mesh.faces_of(f"sclera_{side}") | mesh.faces_of(f"iris_{side}")
        ball = np.unique(mesh.triangles[faces])
        turn = Rotation.from_rotvec(code @ rig.turn[eye])
        vertices[ball] = turn.apply(vertices[ball] - rig.centers[eye]) + rig.centers[eye]
    return vertices


def smooth_step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """Cubic ramp from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def iris_colour(share, angle, photograph: np.ndarray, painting: Painting) -> np.ndarray:
    """Linear colour [N, 3] at `share` of the iris' radius: fibres of the photograph, own hues."""
    inner = painting.pupil_share
    collarette, body, rim = (np.asarray(colour) for colour in painting.iris)
    along = np.clip((share - inner) / (1.0 - inner), 0.0, 1.0)
    reach = IMAGE_PUPIL + along * (IMAGE_EDGE - IMAGE_PUPIL)
    uv = 0.5 + reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    fibres = sample(photograph, uv).mean(1)
    fibres = np.clip(fibres / np.median(fibres[along > 0.1]), 0.25, 2.4) ** 0.8
    ring = smooth_step(0.12, 0.48, along)[:, None]
    edge = smooth_step(0.72, 1.0, along)[:, None]
    hue = collarette * (1 - ring) + body * ring
    hue = hue * fibres[:, None]
    hue = hue * (1 - edge) + rim * edge
    pupil = smooth_step(inner - 0.05, inner + 0.04, share)[:, None]
    return hue * pupil + 0.004 * (1.0 - pupil)


def sclera_colour(points, share, angle, painting: Painting) -> np.ndarray:
    """Linear colour [N, 3] of the white: warmer and veined towards the corners."""
    sideways = np.abs(np.cos(angle))
    corner = smooth_step(1.15, 2.2, share) * (0.35 + 0.65 * sideways)
    turn = np.stack([np.cos(angle) * 3.0, np.sin(angle) * 3.0, share * 0.55], axis=1) * 0.001
    wander = turn + 0.00013 * solid_noise(points, 0.002, 51)[:, None]
    ridge = 1.0 - np.abs(solid_noise(wander, 0.00035, 52, octaves=2))
    veins = np.clip((ridge - 0.86) / 0.14, 0.0, 1.0) * smooth_step(1.2, 1.9, share)
    cloud = 1.0 + 0.03 * solid_noise(points, 0.002, 53)
    colour = np.asarray(painting.sclera) * cloud[:, None]
    colour = colour * (1.0 - corner[:, None] * np.array([0.06, 0.22, 0.24]))
    return colour * (1.0 - painting.veins * veins[:, None] * np.array([0.22, 0.62, 0.60]))


def catch_light(
    points: np.ndarray, frame: EyeFrame, light_from: np.ndarray, panel: CatchLight
) -> np.ndarray:
    """Mirror image [N], 0 to 1, of a soft square light in the cornea, seen from the front."""
    apex = frame.center + frame.axis * 0.0172
    middle = apex - frame.axis * CORNEA_RADIUS_M
    forward = np.array([0.0, 0.0, 1.0])
    # Points are lifted to the cornea along the line of sight.
    offset = (points - middle)[:, :2]
    inside = np.clip(CORNEA_RADIUS_M**2 - (offset**2).sum(1), 0.0, None)
    normal = np.c_[offset, np.sqrt(inside)] / CORNEA_RADIUS_M
    mirrored = 2.0 * normal[:, 2:] * normal - forward
    toward = light_from / np.linalg.norm(light_from)
    right = np.cross([0.0, 1.0, 0.0], toward)
    right /= np.linalg.norm(right)
    up = np.cross(toward, right)
    across, above = np.abs(mirrored @ right), np.abs(mirrored @ up)
    edge = np.maximum(across, above * 0.8)
    facing = mirrored @ toward > 0.0
    size = panel.half_width_rad
    fade = smooth_step(size * (1.0 - panel.softness), size, edge)
    return (1.0 - fade) * facing * (inside > 0)
