"""Cycles pictures of one of the studio's persons under any ARKit weights, in the capture's light."""

from __future__ import annotations

import numpy as np

from ...core.camera import Camera
from . import ict
from .eyes import turned_eyes
from .grooming import groom
from .identity import person
from .lighting import DOME_RIG
from .mesh import build_mesh
from .scene import Studio
from .sources import Sources
from .surfaces import build_surfaces
from .texels import build_texels


class ClipStudio:
    """The person of a seed in front of the camera."""

    def __init__(self, seed: int, sources: Sources, texture_px: int) -> None:
        identity, model = person(seed), ict.load_model(sources)
        self.mesh = build_mesh(model, identity)
        groups = groom(self.mesh, model, identity)
        texels = build_texels(self.mesh, texture_px)
        surfaces = build_surfaces(self.mesh, texels, identity, sources, DOME_RIG)
        self.studio = Studio(self.mesh, groups, surfaces, DOME_RIG)

    def photograph(self, arkit: np.ndarray, camera: Camera, path: str, samples: int) -> None:
        """Render ARKit weights [52] with a square camera to a PNG with alpha."""
        vertices = self.mesh.vertices + np.tensordot(arkit, self.mesh.controls, axes=1)
        self.studio.show(turned_eyes(self.mesh, arkit, vertices))
        self.studio.look_from(camera.viewmat, camera.K, camera.width)
        self.studio.photograph(path, samples)
