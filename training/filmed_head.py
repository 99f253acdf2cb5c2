"""A filmed person as the studio left it in a folder, posed and drawn in any frame without Blender."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.camera import Camera
from ..core.spaces import arkit_vector
from .atlas_texels import texel_map
from .dataset.layout import Topology
from .dataset.stored import read_image
from .dataset.targets import draw_lit
from .head_eyes import SIDES, EyeSettings, eye_parts, make_eye_rig
from .head_folder import HeadFolder, HeadMesh, load_head
from .head_light import sample_atlas
from .light_mix import LightMix, doubled, light_reach
from .srgb import srgb_to_linear
from .strands import Strands

# Skin this much darker than a person's usual skin lies below a shirt, which no light reaches; where a triangle is
# looked at.
DARK_SHARE, SKIN_PARTS = 0.15, ("face", "back_head")
SPOTS = np.array([[1, 1, 1], [8, 1, 1], [1, 8, 1], [1, 1, 8]]) / np.array([[3], [10], [10], [10]])


@dataclass(frozen=True)
class FilmedHead:
    """Mesh, strands, neutral texture and mixed light of one person."""

    folder: HeadFolder
    texture: np.ndarray  # [R, R, 3] the neutral's, lit, sRGB in [0, 1]

    @classmethod
    def open(cls, path: Path) -> FilmedHead:
        """Read the folder that `video_light.scan_and_light` writes."""
        pixels = read_image(path / "texture.png")[..., :3]
        return cls(load_head(path), pixels / np.float32(255))

    @property
    def mesh(self) -> HeadMesh:
        """The neutral mesh with its controls."""
        return self.folder.mesh

    @property
    def strands(self) -> dict[str, Strands]:
        """Lit strands on the neutral mesh."""
        return self.folder.strands

    @cached_property
    def topology(self) -> Topology:
        """The mesh's topology as captures name it."""
        mesh = self.mesh
        return Topology(
            mesh.triangles, mesh.uvs, mesh.part, mesh.part_names, mesh.landmarks, mesh.neck_weights
        )

    @cached_property
    def drawn(self) -> Topology:
        """The topology without the skin below the shirt, which would come through where the neck turns."""
        mesh, radiance = self.mesh, srgb_to_linear(self.texture)
        uv = mesh.uvs[:, :, None] * SPOTS.T[None, :, :, None]
        spots = sample_atlas(radiance, uv.sum(1).reshape(-1, 2))
        shown = spots.reshape(len(mesh.triangles), -1, 3).mean(2)
        dark = DARK_SHARE * np.median(shown[mesh.part_mask("face")])
        is_dark = (shown < dark).any(axis=1)
        is_low = (mesh.vertices[mesh.triangles][..., 1] < mesh.neck_pivot[1]).all(axis=1)
        kept = ~(is_dark & is_low & mesh.part_mask(*SKIN_PARTS))
        whole = self.topology
        return replace(
            whole, triangles=mesh.triangles[kept], uvs=mesh.uvs[kept], part=mesh.part[kept]
        )

    @cached_property
    def light(self) -> LightMix:
        """The light of any expression."""
        side = self.folder.light[0].radiance.shape[0]
        triangle, barycentric = texel_map(self.mesh.uvs, side)
        corners = self.mesh.vertices[self.mesh.triangles[triangle]]
        positions = np.einsum("rck,rckx->rcx", barycentric, corners)
        near = []
        for state in self.folder.light[1:]:
            moved = self.vertices(arkit_vector(state.controls))
            reach = light_reach(self.mesh.vertices, moved)[self.mesh.triangles[triangle]]
            near.append(np.einsum("rck,rck->rc", barycentric, reach))
        return LightMix(self.folder.light, positions, near)

    @cached_property
    def _controls(self) -> np.ndarray:
        return self.mesh.controls.astype(np.float32).reshape(52, -1)

    @cached_property
    def _balls(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of each eye the vertices of its ball, its centre, and the turn of every control."""
        rig = make_eye_rig(self.mesh, EyeSettings())
        balls = [
            np.unique(self.mesh.triangles[self.mesh.part_mask(*eye_parts(side))]) for side in SIDES
        ]
        return list(zip(balls, rig.centers, rig.turn, strict=True))

    def vertices(self, controls: np.ndarray) -> np.ndarray:
        """Vertices [V, 3] (m) under ARKit weights [52], eyeballs turned, the head at rest."""
        moved = (np.asarray(controls, np.float32) @ self._controls).reshape(-1, 3)
        vertices = self.mesh.vertices + moved
        for ball, center, turn in self._balls:
            rotation = Rotation.from_rotvec(controls @ turn)
            vertices[ball] = rotation.apply(vertices[ball] - center) + center
        return vertices

    def posed(self, vertices: np.ndarray, head_pose: np.ndarray) -> np.ndarray:
        """Vertices [V, 3] with the head turned and moved about the neck pivot, the shoulders at rest.

        `head_pose` [6] is a rotation vector (rad) and a translation (m), as `core.avatar.pose` uses it.
        """
        weights = self.mesh.neck_weights[:, None]
        pivot = self.mesh.neck_pivot
        turned = Rotation.from_rotvec(weights * head_pose[:3]).apply(vertices - pivot)
        return turned + pivot + weights * head_pose[3:]

    def radiance(self, controls: np.ndarray) -> np.ndarray:
        """Lit atlas [R, R, 3] in linear light under ARKit weights [52]."""
        controls = np.asarray(controls, np.float64)
        return np.maximum(srgb_to_linear(self.texture) + doubled(self.light.change(controls)), 0.0)

    def strands_on(self, vertices: np.ndarray) -> dict[str, Strands]:
        """The strands carried by posed vertices [V, 3]."""
        triangles = self.mesh.triangles
        before, after = self.mesh.vertices[triangles], vertices[triangles]
        return {name: group.carried(before, after) for name, group in self.strands.items()}

    def draw(
        self, controls: np.ndarray, head_pose: np.ndarray, cameras: list[Camera]
    ) -> list[np.ndarray]:
        """RGBA pictures [H, W, 4] uint8 (straight alpha) of one frame, one for each camera."""
        vertices = self.posed(self.vertices(controls), np.asarray(head_pose, np.float64))
        radiance, strands = self.radiance(controls), self.strands_on(vertices)
        return [draw_lit(vertices, self.drawn, radiance, camera, strands) for camera in cameras]
