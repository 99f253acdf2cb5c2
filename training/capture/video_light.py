"""The filmed person in the studio: scan and strands, and the light of key expressions baked by Cycles.

A path-traced picture takes too long for a film. Light changes little with a face: it is baked for expressions that
change it most, and `training/light_mix.py` mixes them for every frame.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import numpy as np

from ...core.files import replace_on_success
from ...core.spaces import ARKIT_BLENDSHAPES, arkit_vector
from ..dataset.layout import write_png
from ..strands import save_strands
from . import ict
from .bake import LightBaker
from .eyes import turned_eyes
from .grooming import groom, light_strands
from .identity import person as choose_person
from .lighting import DOME_RIG
from .material_maps import Surfaces
from .mesh import HeadMesh, build_mesh, save_mesh
from .people_person import as_bytes, reduced
from .scene import Studio
from .sources import Sources
from .surfaces import build_surfaces
from .texels import Texels, build_texels
from .video_states import NEUTRAL, STATES

LOG = logging.getLogger(__name__)
# Sides (px) of the neutral's texture, of the light's changes, and of what Cycles bakes; samples of a texel.
NEUTRAL_PX, CHANGE_PX, LIGHT_PX = 1024, 512, 256
NEUTRAL_SAMPLES, STATE_SAMPLES = 16, 8
SCAN_FILES = ("head.npz", "strands.npz", "texture.png")


def scan_and_light(
    seed: int, sources: Sources, folder: Path, *, states: int, threads: int = 0
) -> None:
    """Write what `folder` lacks of the scan of person `seed` and of the light of the first `states`."""
    wanted = list(STATES)[: max(states, 1)]
    missing = [name for name in wanted if not (folder / f"light/{name}.npy").is_file()]
    if not missing and all((folder / name).is_file() for name in SCAN_FILES):
        return
    model, identity = ict.load_model(sources), choose_person(seed)
    mesh = build_mesh(model, identity)
    groups = groom(mesh, model, identity)
    save_mesh(folder / "head.npz", mesh)
    save_strands(folder / "strands.npz", light_strands(groups, mesh, DOME_RIG))
    texels = build_texels(mesh, NEUTRAL_PX)
    surfaces = build_surfaces(mesh, texels, identity, sources, DOME_RIG)
    studio = Studio(mesh, groups, surfaces, DOME_RIG)
    studio.use_threads(threads)
    baker = StateBaker(mesh, surfaces, LightBaker(studio, build_texels(mesh, LIGHT_PX)), folder)
    if not all((folder / name).is_file() for name in SCAN_FILES):
        baker.write_neutral(texels)
    for number, name in enumerate(missing, 1):
        started = time.monotonic()
        baker.write_state(name)
        took_sec = time.monotonic() - started
        LOG.info("light of %s (%d of %d) in %.1f s", name, number, len(missing), took_sec)


class StateBaker:
    """Bakes expressions of one head into the folder."""

    def __init__(self, mesh: HeadMesh, surfaces: Surfaces, baker: LightBaker, folder: Path) -> None:
        self.mesh, self.baker, self.folder, self.surfaces = mesh, baker, folder, surfaces
        self.coarse = build_texels(mesh, CHANGE_PX)
        share = NEUTRAL_PX // CHANGE_PX
        self.coarse_surfaces = Surfaces(
            **{name: reduced(values, share) for name, values in vars(surfaces).items()}
        )

    def write_neutral(self, fine: Texels) -> None:
        """The neutral's texture as the person's scan has it: sRGB bytes, alpha where the atlas is covered."""
        vertices = self.mesh.vertices
        self.baker.studio.show(vertices)
        light = self.baker.bake(NEUTRAL_SAMPLES)
        radiance = self.baker.radiance(light, vertices, fine, self.surfaces)
        covered = np.uint8(255) * fine.mask()
        write_png(self.folder / "texture.png", np.dstack([as_bytes(radiance), covered]))

    def write_state(self, name: str) -> None:
        """Linear radiance [R, R, 3] of one state, and its weights in states.json."""
        weights = STATES[name]
        vertices = self.mesh.posed(weights, ARKIT_BLENDSHAPES)
        # A ball that turns brings texels into the light that a lid keeps from it at rest.
        vertices = turned_eyes(self.mesh, arkit_vector(weights), vertices)
        self.baker.studio.show(vertices)
        samples = NEUTRAL_SAMPLES if name == NEUTRAL else STATE_SAMPLES
        light = self.baker.bake(samples)
        radiance = self.baker.radiance(light, vertices, self.coarse, self.coarse_surfaces)
        with replace_on_success(self.folder / f"light/{name}.npy") as temporary:
            np.save(temporary, radiance.astype(np.float16))
        index = self.folder / "light/states.json"
        states = json.loads(index.read_text("utf8")) if index.is_file() else {}
        states[name] = weights
        with replace_on_success(index) as temporary:
            temporary.write_text(json.dumps(states, indent=1), encoding="utf8")
