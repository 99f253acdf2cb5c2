"""Light baked by Cycles into the atlas, and the radiance that it gives the head's surfaces."""

from __future__ import annotations

import bpy
import numpy as np

from .image import extend
from .material_maps import Surfaces
from .scene import BAKE_NODE, BAKED, SKIPPED, Studio
from .sheen import gloss
from .texels import Texels
from .texture_light import scatter, scatter_in_teeth, to_resolution


class LightBaker:
    """Bakes the light of a studio's poses at the texels of a coarse atlas.

    From here on the studio has plain materials and takes no more pictures.
    """

    def __init__(self, studio: Studio, texels: Texels) -> None:
        self.studio, self.texels, self.side = studio, texels, texels.resolution
        self.target = bpy.data.images.new(
            "light", self.side, self.side, float_buffer=True, is_data=True
        )
        studio.material.node_tree.nodes[BAKE_NODE].image = self.target
        studio.prepare_bake()

    def bake(self, samples: int, affected: np.ndarray | None = None) -> np.ndarray:
        """Diffuse light [r, r, 3] of the studio's pose, not yet times the colour.

        `affected` [F] masks the triangles that matter; all of them if it is left out.
        """
        studio = self.studio
        if affected is None:
            affected = np.ones(len(studio.mesh.triangles), bool)
        slots = np.where(affected, BAKED, SKIPPED).astype(np.int32)
        studio.head.data.polygons.foreach_set("material_index", slots)
        studio.head.data.update()
        bpy.ops.object.select_all(action="DESELECT")
        studio.head.select_set(True)
        bpy.context.view_layer.objects.active = studio.head
        studio.scene.cycles.samples = samples
        settings = studio.scene.render.bake
        settings.margin, settings.use_clear = 0, True
        settings.use_pass_color = False
        bpy.ops.object.bake(type="DIFFUSE")
        pixels = np.empty(self.side * self.side * 4, np.float32)
        self.target.pixels.foreach_get(pixels)
        return pixels.reshape(self.side, self.side, 4)[::-1, :, :3].copy()

    def radiance(
        self, light: np.ndarray, vertices: np.ndarray, fine: Texels, surfaces: Surfaces
    ) -> np.ndarray:
        """Linear radiance [R, R, 3] of the posed `vertices` under `light` [r, r, 3].

        `surfaces` have the resolution of `fine`.
        """
        light = scatter(light, self.texels, self.studio.rig)
        light = scatter_in_teeth(light, self.texels)
        light = to_resolution(light, self.texels, fine)
        rows, columns = fine.rows, fine.columns
        mirrored = gloss(fine, self.studio.mesh, vertices, surfaces, light, self.studio.rig)
        radiance = surfaces.colour[rows, columns] * light + mirrored + surfaces.glow[rows, columns]
        # Whoever interpolates at the border of an island must not meet black.
        return extend(fine.image(radiance.astype(np.float32)), fine.mask())
