"""Light baked by Cycles into the atlas: the neutral face and the expressions that change it."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from scipy.spatial import cKDTree

from ...core.files import replace_on_success
from ...core.spaces import ARKIT_BLENDSHAPES
from .image import extend
from .scene import BAKE_NODE, BAKED, SKIPPED, Studio
from .sheen import sheen
from .texels import Texels, build_texels
from .texture_light import scatter, scatter_in_teeth, to_resolution

LOG = logging.getLogger(__name__)
NEUTRAL = "neutral"
# How far around what moves the light may change, and what counts as moving (metres).
REACH_M, MOVES_M = 0.014, 0.0004


def both(name: str) -> dict[str, float]:
    """The left and right control of one name, fully on."""
    return {f"{name}Left": 1.0, f"{name}Right": 1.0}


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


@dataclass(frozen=True)
class BakeQuality:
    """How good the bakes are."""

    samples: int = 16
    # Light is smoother than colour: it is baked at this share of the atlas' resolution.
    light_share: float = 0.5


class LightBaker:
    """Bakes states of one studio into a folder, skipping those that are there."""

    def __init__(self, studio: Studio, texels: Texels, out: Path, quality: BakeQuality) -> None:
        self.studio, self.texels, self.out, self.quality = studio, texels, out, quality
        self.side = int(texels.resolution * quality.light_share)
        self.coarse = build_texels(studio.mesh, self.side)
        self.target = bpy.data.images.new(
            "light", self.side, self.side, float_buffer=True, is_data=True
        )
        studio.material.node_tree.nodes[BAKE_NODE].image = self.target
        studio.prepare_bake()

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
            self.save(name, weights, self.radiance(light, vertices))

    def irradiance(self, name: str, weights: dict[str, float], vertices: np.ndarray) -> np.ndarray:
        """Diffuse light [r, r, 3] of a state; what the expression leaves alone is the neutral's."""
        self.studio.pose(weights)
        affected = affected_triangles(self.studio, weights, vertices)
        light = self.bake_light(affected)
        if name == NEUTRAL:
            return light
        neutral = np.load(self.out / f"irradiance/{NEUTRAL}.npy").astype(np.float32)
        fresh = self.coarse.image(affected[self.coarse.triangle][:, None])
        return np.where(fresh, light, neutral)

    def radiance(self, light: np.ndarray, vertices: np.ndarray) -> np.ndarray:
        """Linear radiance [R, R, 3] of the atlas under `light` [r, r, 3]."""
        light = scatter_in_teeth(scatter(light, self.coarse), self.coarse)
        light = to_resolution(light, self.coarse, self.texels)
        surfaces = self.studio.surfaces
        rows, columns = self.texels.rows, self.texels.columns
        gloss = sheen(self.texels, self.studio.mesh, vertices, surfaces, light)
        radiance = surfaces.colour[rows, columns] * light + gloss + surfaces.glow[rows, columns]
        # Whoever interpolates at the border of an island must not meet black.
        return extend(self.texels.image(radiance.astype(np.float32)), self.texels.mask())

    def bake_light(self, affected: np.ndarray) -> np.ndarray:
        """Diffuse light [r, r, 3], not yet times the colour, on the `affected` triangles."""
        studio = self.studio
        slots = np.where(affected, BAKED, SKIPPED).astype(np.int32)
        studio.head.data.polygons.foreach_set("material_index", slots)
        studio.head.data.update()
        bpy.ops.object.select_all(action="DESELECT")
        studio.head.select_set(True)
        bpy.context.view_layer.objects.active = studio.head
        studio.scene.cycles.samples = self.quality.samples
        settings = studio.scene.render.bake
        settings.margin, settings.use_clear = 0, True
        settings.use_pass_color = False
        bpy.ops.object.bake(type="DIFFUSE")
        pixels = np.empty(self.side * self.side * 4, np.float32)
        self.target.pixels.foreach_get(pixels)
        return pixels.reshape(self.side, self.side, 4)[::-1, :, :3].copy()

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
