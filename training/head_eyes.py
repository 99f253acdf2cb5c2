"""Eyeballs that turn and lids that slide over them, from a mesh whose controls move the lids only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..core.spaces import ARKIT_BLENDSHAPES
from .head_folder import HeadMesh
from .networks.mesh_head_parts import EyeRig, LidRig

SIDES = ("left", "right")
SKIN_PARTS = ("face", "back_head", "eye_socket")


@dataclass(frozen=True)
class EyeSettings:
    """How far a full eyeLook turns the eye (degrees), and how lids clear it."""

    up_deg: float = 24.0
    down_deg: float = 30.0
    in_deg: float = 34.0
    out_deg: float = 34.0
    # Lids whose vertices come nearer than this to an eyeball are kept off it.
    reach_m: float = 9e-3
    clearance_m: float = 0.25e-3


def eye_parts(side: str) -> tuple[str, str]:
    """Names of the parts of one eyeball."""
    return f"sclera_{side}", f"iris_{side}"


def make_eye_rig(mesh: HeadMesh, settings: EyeSettings) -> EyeRig:
    """Rotation vectors per control; yaw is about +Y, pitch about +X (positive looks down)."""
    turn = np.zeros((2, len(ARKIT_BLENDSHAPES), 3))
    for eye, side in enumerate(("Left", "Right")):
        outwards = 1.0 if side == "Left" else -1.0
        angles = {
            "Up": (-settings.up_deg, 0.0),
            "Down": (settings.down_deg, 0.0),
            "Out": (0.0, outwards * settings.out_deg),
            "In": (0.0, -outwards * settings.in_deg),
        }
        for direction, (pitch_deg, yaw_deg) in angles.items():
            channel = ARKIT_BLENDSHAPES.index(f"eyeLook{direction}{side}")
            turn[eye, channel] = np.radians([pitch_deg, yaw_deg, 0.0])
    return EyeRig(mesh.eye_centers, turn)


def make_lid_rig(mesh: HeadMesh, lid_vertices: list[np.ndarray], settings: EyeSettings) -> LidRig:
    """Collision of the lids with the eyeball's profile: a sphere with a bulge around the gaze."""
    centers = mesh.eye_centers
    radius, bulge, cosine = _ball_profile(mesh, centers)
    radius += settings.clearance_m
    eye = np.concatenate([np.full(len(ids), i) for i, ids in enumerate(lid_vertices)])
    points = mesh.vertices[np.concatenate(lid_vertices)] - centers[eye]
    distance = np.linalg.norm(points, axis=1)
    inside = np.clip((points[:, 2] / distance - cosine) / (1 - cosine), 0, None)
    floor = radius + bulge * inside * (2 - inside)
    return LidRig(eye, np.minimum(distance - floor, 0.0), radius, bulge, cosine)


def find_lid_vertices(mesh: HeadMesh, settings: EyeSettings) -> list[np.ndarray]:
    """Vertices of the skin that a blink or a look moves near each eyeball, left then right."""
    centers = mesh.eye_centers
    moved_by = [i for i, name in enumerate(ARKIT_BLENDSHAPES) if name.startswith("eye")]
    travel = np.abs(mesh.controls[moved_by]).max(axis=(0, 2))
    skin = np.unique(mesh.triangles[mesh.part_mask(*SKIN_PARTS)])
    found = []
    for eye, side in enumerate(SIDES):
        ball = np.unique(mesh.triangles[mesh.part_mask(*eye_parts(side))])
        distance = cKDTree(mesh.vertices[ball]).query(mesh.vertices[skin])[0]
        front = mesh.vertices[skin, 2] > centers[eye, 2]
        found.append(skin[(distance < settings.reach_m) & (travel[skin] > 3e-4) & front])
    return found


def _ball_profile(mesh: HeadMesh, centers: np.ndarray) -> tuple[float, float, float]:
    """Radius of the white, height of the bulge at the pole (m), and the cosine where it begins."""
    white, bulge, cosine = [], [], []
    for eye, side in enumerate(SIDES):
        sclera, iris = (
            mesh.vertices[np.unique(mesh.triangles[mesh.part_mask(name)])] - centers[eye]
            for name in eye_parts(side)
        )
        radii = np.linalg.norm(sclera, axis=1)
        sides = np.abs(sclera[:, 2]) < 0.6 * radii.max()
        white.append(float(np.median(radii[sides])))
        bulge.append(float(radii.max()) - white[-1])
        edge = np.linalg.norm(iris, axis=1).max()
        cosine.append(float(np.sqrt(1 - min(1.0, (1.6 * 6e-3 / edge)) ** 2)))
    return float(np.mean(white)), float(np.mean(bulge)), float(np.mean(cosine))
