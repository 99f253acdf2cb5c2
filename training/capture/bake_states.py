"""The states of a head whose light is baked: the neutral face and the expressions that change it."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ...core.files import replace_on_success
from ...core.spaces import ARKIT_BLENDSHAPES
from .bake import LightBaker
from .scene import Studio
from .texels import Texels, build_texels

LOG = logging.getLogger(__name__)
NEUTRAL = "neutral"
# How far around what moves the light may change, and what counts as moving (metres).
REACH_M, MOVES_M = 0.014, 0.0004
# Light is smoother than colour: it is baked at this share of the atlas' resolution.
LIGHT_SHARE = 0.5


def both(name: str, weight: float = 1.0) -> dict[str, float]:
    """The left and right control of one name."""
    return {f"{name}Left": weight, f"{name}Right": weight}


# The states that are baked, the most visible first. Whoever uses them parts left from right.
STATES: dict[str, dict[str, float]] = {
    NEUTRAL: {},
    "jawOpen": {"jawOpen": 1.0},
    "eyeBlink": both("eyeBlink"),
    "mouthSmile": both("mouthSmile"),
    "mouthFunnel": {"mouthFunnel": 1.0},
    "mouthPucker": {"mouthPucker": 1.0},
    "mouthLowerDown": both("mouthLowerDown"),
    "mouthUpperUp": both("mouthUpperUp"),
    "mouthClose": {"jawOpen": 1.0, "mouthClose": 1.0},
    "browInnerUp": {"browInnerUp": 1.0},
    "browDown": both("browDown"),
    "mouthFrown": both("mouthFrown"),
    "mouthStretch": both("mouthStretch"),
    "noseSneer": both("noseSneer"),
    "eyeLookDown": both("eyeLookDown"),
    "eyeLookUp": both("eyeLookUp"),
    "tongueOut": {"tongueOut": 1.0},
    "cheekPuff": {"cheekPuff": 1.0},
    "eyeSquint": both("eyeSquint"),
    "eyeWide": both("eyeWide"),
    "browOuterUp": both("browOuterUp"),
    "cheekSquint": both("cheekSquint"),
    "mouthRollLower": {"mouthRollLower": 1.0},
    "mouthRollUpper": {"mouthRollUpper": 1.0},
    "mouthPress": both("mouthPress"),
    "mouthShrugLower": {"mouthShrugLower": 1.0},
    "mouthShrugUpper": {"mouthShrugUpper": 1.0},
    "mouthDimple": both("mouthDimple"),
    "mouthLeft": {"mouthLeft": 1.0},
    "mouthRight": {"mouthRight": 1.0},
    "jawForward": {"jawForward": 1.0},
    "eyeLookIn": both("eyeLookIn"),
    "eyeLookOut": both("eyeLookOut"),
}


class StateBaker:
    """Bakes the states of one studio into a folder, skipping those that are there."""

    def __init__(self, studio: Studio, texels: Texels, out: Path, samples: int) -> None:
        self.studio, self.texels, self.out, self.samples = studio, texels, out, samples
        coarse = build_texels(studio.mesh, int(texels.resolution * LIGHT_SHARE))
        self.baker = LightBaker(studio, coarse)

    def run(self) -> None:
        """Bake the light of every state that the folder lacks, then give it the head's colours."""
        for number, (name, weights) in enumerate(STATES.items(), 1):
            path = self.out / f"irradiance/{name}.npy"
            vertices = self.studio.mesh.posed(weights, ARKIT_BLENDSHAPES)
            if not path.is_file():
                started = time.monotonic()
                light = self.irradiance(name, weights, vertices)
                with replace_on_success(path) as temporary:
                    np.save(temporary, light.astype(np.float16))
                took = time.monotonic() - started
                LOG.info("baked %s (%d of %d) in %.0f s", name, number, len(STATES), took)
            light = np.load(path).astype(np.float32)
            radiance = self.baker.radiance(light, vertices, self.texels, self.studio.surfaces)
            self.save(name, weights, radiance)

    def irradiance(self, name: str, weights: dict[str, float], vertices: np.ndarray) -> np.ndarray:
        """Diffuse light [r, r, 3] of a state; what the expression leaves alone is the neutral's."""
        self.studio.pose(weights)
        affected = affected_triangles(self.studio, weights, vertices)
        light = self.baker.bake(self.samples, affected)
        if name == NEUTRAL:
            return light
        neutral = np.load(self.out / f"irradiance/{NEUTRAL}.npy").astype(np.float32)
        coarse = self.baker.texels
        fresh = coarse.image(affected[coarse.triangle][:, None])
        return np.where(fresh, light, neutral)

    def save(self, name: str, weights: dict[str, float], radiance: np.ndarray) -> None:
        """Write light/<name>.npy and enter it into light/states.json."""
        with replace_on_success(self.out / f"light/{name}.npy") as temporary:
            np.save(temporary, radiance.astype(np.float16))
        index = self.out / "light/states.json"
        states = json.loads(index.read_text("utf8")) if index.is_file() else {}
        states[name] = weights
        with replace_on_success(index) as temporary:
            temporary.write_text(json.dumps(states, indent=1), encoding="utf8")


def affected_triangles(studio: Studio, weights: dict[str, float], posed: np.ndarray) -> np.ndarray:
    """Mask [F] of the triangles near anything that the expression moves."""
    mesh = studio.mesh
    if not weights:
        return np.ones(len(mesh.triangles), bool)
    moving = np.linalg.norm(posed - mesh.vertices, axis=1) > MOVES_M
    if not moving.any():
        return np.zeros(len(mesh.triangles), bool)
    distance, _ = cKDTree(posed[moving]).query(posed, distance_upper_bound=REACH_M)
    near = moving | np.isfinite(distance)
    return near[mesh.triangles].any(1)
