"""A tiny head of two balls and a patch of skin for the tests of the avatar maker."""

import numpy as np
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES
from gaussian_heads.training.head_folder import HeadFolder, HeadMesh, LightState
from gaussian_heads.training.strands import Strands

PARTS = ("face", "sclera_left", "iris_left", "sclera_right", "iris_right", "teeth", "garment")
EYES = np.array([[0.03, 0.0, 0.0], [-0.03, 0.0, 0.0]])
EYE_RADIUS_M = 0.012


def grid(width_m, height_m, steps, origin):
    """Vertices and triangles of a flat patch facing +Z."""
    x, y = np.meshgrid(
        np.linspace(-0.5, 0.5, steps) * width_m, np.linspace(-0.5, 0.5, steps) * height_m
    )
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1) + origin
    cell = np.arange(steps * steps).reshape(steps, steps)
    a, b, c, d = (
        cell[:-1, :-1].ravel(),
        cell[:-1, 1:].ravel(),
        cell[1:, 1:].ravel(),
        cell[1:, :-1].ravel(),
    )
    return points, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def cap(center, first_deg, last_deg):
    """Part of a ball about +Z between two polar angles."""
    polar = np.radians(np.linspace(first_deg, last_deg, 7))
    around = np.linspace(0, 2 * np.pi, 17)[:-1]
    p, a = np.meshgrid(polar, around, indexing="ij")
    points = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], axis=-1)
    cell = np.arange(p.size).reshape(p.shape)
    right = np.roll(cell, -1, axis=1)
    quads = [cell[:-1], cell[1:], right[1:], right[:-1]]
    a, b, c, d = (q.ravel() for q in quads)
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return points.reshape(-1, 3) * EYE_RADIUS_M + center, triangles


def small_mesh():
    """Skin wall 16 mm in front of the eye centres; a blink lowers it onto the balls."""
    pieces = [
        grid(0.14, 0.18, 25, (0.0, -0.01, 0.016)),
        cap(EYES[0], 25, 80), cap(EYES[0], 2, 25), cap(EYES[1], 25, 80), cap(EYES[1], 2, 25),
        grid(0.03, 0.008, 5, (0.0, -0.05, 0.006)),
        grid(0.3, 0.1, 9, (0.0, -0.16, 0.0)),
    ]  # fmt: skip
    starts = np.cumsum([0, *(len(points) for points, _ in pieces)])
    vertices = np.concatenate([points for points, _ in pieces])
    triangles = np.concatenate([faces + s for (_, faces), s in zip(pieces, starts, strict=False)])
    part = np.concatenate([np.full(len(faces), i) for i, (_, faces) in enumerate(pieces)])
    controls = np.zeros((52, len(vertices), 3))
    skin = slice(0, starts[1])
    controls[ARKIT_BLENDSHAPES.index("jawOpen"), skin, 1] = -0.02 * (vertices[skin, 1] < -0.03)
    for side in ("Left", "Right"):
        near = np.abs(vertices[skin, 0] - (0.03 if side == "Left" else -0.03)) < 0.02
        controls[ARKIT_BLENDSHAPES.index(f"eyeBlink{side}"), skin, 2] = -0.01 * near
    landmarks = np.linspace(0, starts[1] - 1, 68).astype(int)
    uvs = (vertices[triangles][..., :2] - [-0.2, -0.25]) / 0.4
    return HeadMesh(
        vertices, triangles, uvs, part, PARTS, controls, landmarks,
        (vertices[:, 1] > -0.1).astype(float), np.array([0.0, -0.1, -0.05]), EYES,
    )  # fmt: skip


def small_head():
    """The mesh with three light states and a few strands."""
    mesh = small_mesh()
    ramp = np.linspace(0.1, 0.6, 64)
    neutral = np.repeat(np.tile(ramp, (64, 1))[..., None], 3, axis=2)
    light = (
        LightState("neutral", {}, neutral),
        LightState("jaw_open", {"jawOpen": 1.0}, neutral * 0.5),
        LightState("blink", {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, neutral * 0.8),
    )
    strands = {
        "hair": small_strands(mesh, 12, np.array([0.0, 0.03, -0.01])),
        "brows": small_strands(mesh, 6, np.array([0.002, 0.004, 0.001])),
    }
    return HeadFolder(mesh, light, strands)


def small_strands(mesh, count, direction):
    """Straight strands that leave the skin's first triangles."""
    corners = mesh.vertices[mesh.triangles[np.linspace(0, 1000, count).astype(int)]]
    roots = corners.mean(axis=1)
    steps = np.linspace(0, 1, 5)[None, :, None]
    points = roots[:, None] + steps * direction
    return Strands(
        points,
        np.linspace(0, 1000, count).astype(int),
        np.full((count, 3), 1 / 3),
        np.full((count, 5), 1e-4),
        np.full((count, 5, 3), 0.2),
    )
