"""The person's colours in the atlas: seen in the best pictures, guessed where none shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree

from ...core.camera import Camera
from ...core.render.mesh import draw_mesh
from ..atlas_texels import texel_map
from ..dataset.layout import Topology
from ..head_light import sample_atlas
from ..head_rig import vertex_normals
from ..prior_anchors import head_mesh
from ..prior_identity import IdentityModel
from .hair_shell import within_hairline_m

TEXTURE_PX = 512
# What is read off pictures; the inside of the mouth comes from the model.
EYES = ("sclera_left", "sclera_right", "iris_left", "iris_right")
PICTURED = ("face", "back_head", "garment", *EYES)
SKIN = ("face", "back_head")
# A texel counts from this cosine to the viewer on, and fully above the second.
GRAZING, FACING = 0.25, 0.75
# Farther behind the surface than this (m), a texel is hidden.
HIDDEN_M, EYES_HIDDEN_M = 0.0025, 0.0006
# Colours go on beyond the borders of the atlas' islands, so that no seam shows.
PADDING_PX = 3
ERODED_PX = 2
# A colour this far (of 1) from the median of its texel is an outlier: a highlight, a strand, a wrong pose.
SPREAD = 0.06
ROUNDS = 3
# Weight that makes a texel count as seen.
SEEN_WEIGHT = 1.5
# Doubt of the model's colours, of single texels, of gains and of offsets, all of 1.
COLOR_NOISE, GAIN_DOUBT, OFFSET_DOUBT = 0.12, 0.5, 0.06
NEIGHBOURS, REACH_M = 24, 0.03
# Clothes that nobody saw go on as they were seen for so far (m). What is so near (of 1) to the skin's colour may be skin.
CLOTHES_M, LIKE_SKIN, LEAST_CLOTHES = 0.025, 0.25, 0.2
# So far within the hairline (m) skin is scalp for sure.
SCALP_M = 0.006
# What the inside of the mouth, which the pictured light hardly reaches, may be multiplied by.
INSIDE_GAINS = (0.6, 1.4)
BRIGHT = 0.25


@dataclass(frozen=True)
class PosedPicture:
    """A picture and the mesh as it stands in it."""

    rgba: np.ndarray  # [H, W, 4] uint8, straight alpha
    camera: Camera
    vertices: np.ndarray  # [V, 3] m, before that camera, in expression and head pose
    weight: float  # how much it counts: confidence, sharpness, how near to the neutral


@dataclass(frozen=True)
class GuessedTexture:
    """A whole texture and how well each of its texels was seen."""

    texture: np.ndarray  # [R, R, 3] sRGB in [0, 1]
    seen: np.ndarray  # [R, R] in [0, 1]
    color: np.ndarray  # [C] coefficients of the model's colour
    gain: np.ndarray  # [3] of the model's colours in this light
    offset: np.ndarray  # [3]


class TextureMaker:
    """Everything about the atlas that does not depend on the person."""

    def __init__(
        self, topology: Topology, identity: IdentityModel, side_px: int = TEXTURE_PX
    ) -> None:
        self.topology, self.identity, self.side_px = topology, identity, side_px
        self.triangle, self.barycentric = texel_map(topology.uvs, side_px)
        self.covered = self.triangle >= 0
        pictured = np.append(topology.faces_of(*PICTURED), False)
        rows, columns = np.nonzero(pictured[self.triangle] & self.covered)
        self.rows, self.columns = rows, columns
        self.corners = topology.triangles[self.triangle[rows, columns]]
        self.weights = self.barycentric[rows, columns].astype(np.float64)
        self.is_skin = topology.faces_of(*SKIN)[self.triangle[rows, columns]]
        is_eye = topology.faces_of(*EYES)[self.triangle[rows, columns]]
        # Lids lie closely on eyeballs.
        self.hidden_m = np.where(is_eye, EYES_HIDDEN_M, HIDDEN_M)
        self.padding = _padding(self.covered)
        vertices = identity.mean[: topology.num_vertices]
        self.points = self._at_texels(vertices)
        self.is_cloth = topology.faces_of("garment")[self.triangle[rows, columns]]
        self.is_scalp = self.is_skin & (within_hairline_m(self.points) > SCALP_M)
        self.mirrored = self._mirrored()

    def _at_texels(self, values: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nkc->nc", self.weights, values[self.corners])

    def _mirrored(self) -> np.ndarray:
        """The texel `[N]` that shows the same place on the other side of the face."""
        points = np.concatenate([self.points, 0.1 * self.is_skin[:, None]], axis=1)
        return cKDTree(points).query(points * (-1.0, 1.0, 1.0, 1.0))[1]

    def guess(self, pictures: Sequence[PosedPicture]) -> GuessedTexture:
        """The texture from pictures of the person near rest."""
        samples = [self._sampled(picture) for picture in pictures]
        colors, weights = robust_mean(
            np.stack([s[0] for s in samples]), np.stack([s[1] for s in samples])
        )
        share = np.clip(weights / SEEN_WEIGHT, 0.0, 1.0)
        color, gain, offset = self._model_colors(colors, share)
        model = np.clip(self._in_this_light(self._model_texture(color), gain, offset), 0.0, 1.0)
        guessed = self._completed(colors, share, model[self.rows, self.columns])
        texture, seen = model, np.zeros(model.shape[:2], np.float32)
        texture[self.rows, self.columns] = share[:, None] * colors + (1 - share)[:, None] * guessed
        seen[self.rows, self.columns] = share
        to, source = self.padding
        texture[to] = texture[source]
        return GuessedTexture(np.clip(texture, 0, 1).astype(np.float32), seen, color, gain, offset)

    def _sampled(self, picture: PosedPicture) -> tuple[np.ndarray, np.ndarray]:
        """Colours `[N, 3]` and weights `[N]` that one picture gives the texels."""
        camera = picture.camera
        points = self._at_texels(picture.vertices)
        mesh = head_mesh(self.topology, picture.vertices)
        normals = self._at_texels(vertex_normals(mesh))
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        at = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        depth = np.maximum(at[:, 2], 1e-3)
        pixel = at[:, :2] / depth[:, None] * np.diag(camera.K)[:2] + camera.K[:2, 2]
        eye = -camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3]
        towards = eye - points
        cosine = (normals * towards).sum(1) / np.linalg.norm(towards, axis=1)
        facing = np.clip((cosine - GRAZING) / (FACING - GRAZING), 0.0, 1.0)
        inside = ((pixel > 1) & (pixel < (camera.width - 1, camera.height - 1))).all(axis=1)
        weight = picture.weight * facing**2 * inside
        kept = np.flatnonzero(weight > 0)
        drawn = draw_mesh(
            picture.vertices[self.topology.triangles].astype(np.float32), camera, num_threads=1
        )
        column, row = (np.clip(pixel[kept].T, 0, None)).astype(int)
        hidden = at[kept, 2] > drawn.depths[row, column] + self.hidden_m[kept]
        matte = binary_erosion(picture.rgba[..., 3] > 230, iterations=ERODED_PX)
        weight[kept[hidden | ~matte[row, column]]] = 0.0
        colors = np.zeros((len(points), 3), np.float32)
        place = pixel[kept][:, ::-1].T - 0.5
        for k in range(3):
            channel = picture.rgba[..., k].astype(np.float32) / 255
            colors[kept, k] = map_coordinates(channel, place, order=1, mode="nearest")
        return colors, weight.astype(np.float32)

    def _model_colors(
        self, colors: np.ndarray, share: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coefficients of colour, and gain and offset of this light, from the skin that was seen."""
        rows = np.flatnonzero((share > 0.3) & self.is_skin)
        num_modes = len(self.identity.color_modes)
        if len(rows) < 500:
            return np.zeros(num_modes), np.ones(3), np.zeros(3)
        rows = rows[:: max(len(rows) // 6000, 1)]
        uv = self._uv(rows)
        mean = sample_atlas(self.identity.color_mean, uv)
        modes = np.stack([sample_atlas(mode, uv) for mode in self.identity.color_modes], axis=2)
        # Coefficients, gains less one, and offsets, by channel.
        system = np.zeros((len(rows), 3, num_modes + 6))
        system[..., :num_modes] = modes
        for k in range(3):
            system[:, k, num_modes + k], system[:, k, num_modes + 3 + k] = mean[:, k], 1.0
        wanted = colors[rows] - mean
        prior = np.concatenate(
            [np.ones(num_modes), np.full(3, GAIN_DOUBT**-2), np.full(3, OFFSET_DOUBT**-2)]
        )
        # Neighbouring texels are wrong together: a few hundred of them are independent.
        trust = np.full(wanted.shape, min(300 / len(rows), 1.0) / COLOR_NOISE**2)
        for _ in range(ROUNDS):
            flat = system.reshape(-1, system.shape[2])
            solution = np.linalg.solve(
                flat.T @ (trust.reshape(-1, 1) * flat) + np.diag(prior),
                flat.T @ (trust * wanted).ravel(),
            )
            left = np.abs(wanted - system @ solution)
            trust = min(300 / len(rows), 1.0) / COLOR_NOISE**2 / (1 + (left / COLOR_NOISE) ** 2)
        return solution[:num_modes], 1 + solution[num_modes : num_modes + 3], solution[-3:]

    def _in_this_light(
        self, texture: np.ndarray, gain: np.ndarray, offset: np.ndarray
    ) -> np.ndarray:
        """The model's texture under the picture's light; what is shut in is only brighter or darker."""
        outside = np.append(self.topology.faces_of(*PICTURED), False)[self.triangle] & self.covered
        inside = np.clip(gain.mean(), *INSIDE_GAINS) * texture
        # Black stays black in any light.
        lit = np.clip(texture.mean(axis=2, keepdims=True) / BRIGHT, 0.0, 1.0)
        return np.where(outside[..., None], gain * texture + lit * offset, inside)

    def _uv(self, rows: np.ndarray) -> np.ndarray:
        column, row = self.columns[rows], self.rows[rows]
        return np.stack([(column + 0.5), self.side_px - (row + 0.5)], axis=1) / self.side_px

    def _model_texture(self, color: np.ndarray) -> np.ndarray:
        """The model's own texture `[R, R, 3]` in the studio's light."""
        middle = (np.arange(self.side_px) + 0.5) / self.side_px
        uv = np.stack(np.meshgrid(middle, 1 - middle), axis=-1).reshape(-1, 2)
        small = np.tensordot(color, self.identity.color_modes, axes=1)
        texture = sample_atlas(self.identity.color_mean, uv) + sample_atlas(small, uv)
        return texture.reshape(self.side_px, self.side_px, 3)

    def _completed(self, colors: np.ndarray, share: np.ndarray, model: np.ndarray) -> np.ndarray:
        """Colours `[N, 3]` for texels that nobody saw: the model's, with what the mirrored side and the nearest
        seen places differ from it."""
        change = colors - model
        filled, known = change * share[:, None], share.copy()
        mirrored = self.mirrored
        lent = 0.6 * np.where(self.is_skin, share[mirrored], 0.0) * (1 - share)
        filled = filled + lent[:, None] * change[mirrored]
        known = known + lent
        result = model.copy()
        skin, cloth = self.is_skin & ~self.is_scalp, self.is_cloth
        groups = (self.is_scalp, skin, cloth, ~self.is_skin & ~cloth)
        for mask in groups:
            sources = np.flatnonzero(mask & (known > 0.25))
            targets = np.flatnonzero(mask & (share < 1.0))
            if len(sources) < NEIGHBOURS or not len(targets):
                continue
            sources = sources[:: max(len(sources) // 8000, 1)]
            # Few and far: what is copied is broad, so that no blemish is repeated.
            distance, near = cKDTree(self.points[sources]).query(self.points[targets], k=NEIGHBOURS)
            weight = known[sources][near] / (distance + 0.002) ** 2
            weight /= weight.sum(axis=1, keepdims=True)
            mean = np.einsum(
                "nk,nkc->nc", weight, (filled / np.maximum(known, 1e-6)[:, None])[sources][near]
            )
            # Skin far away differs less; hair goes on as it is.
            fade = np.exp(-distance[:, :1] / REACH_M) if mask is skin else 1.0
            if mask is cloth:
                here = np.exp(-distance[:, :1] / CLOTHES_M)
                mean = here * mean + (1 - here) * (self._cloth(colors, share) - model[targets])
            own = np.clip(known[targets], 0, 1)[:, None]
            direct = filled[targets] / np.maximum(known[targets], 1e-6)[:, None]
            result[targets] += own * direct + (1 - own) * (0.35 + 0.65 * fade) * mean
        return np.clip(result, 0.0, 1.0)

    def _cloth(self, colors: np.ndarray, share: np.ndarray) -> np.ndarray:
        """The colour `[3]` of most of the clothes that were seen; a bare throat and chest lie under them, too."""
        seen = colors[self.is_cloth & (share > 0.25)]
        skin = colors[self.is_skin & ~self.is_scalp & (share > 0.5)]
        if len(skin):
            unlike = np.linalg.norm(seen - np.median(skin, axis=0), axis=1) > LIKE_SKIN
            seen = seen[unlike] if unlike.mean() > LEAST_CLOTHES else seen
        return np.median(seen, axis=0)


def _padding(covered: np.ndarray) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Texels just outside of the atlas' islands, and the nearest inside for each."""
    distance, nearest = distance_transform_edt(~covered, return_indices=True)
    outside = np.nonzero((distance > 0) & (distance <= PADDING_PX))
    return outside, tuple(axis[outside] for axis in nearest)


def robust_mean(colors: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[N, 3]` of colours `[P, N, 3]` by weight `[P, N]` without outliers, and the weight that is left."""
    center = weighted_medians(colors, weights)
    for _ in range(ROUNDS):
        away = np.linalg.norm(colors - center, axis=2) / SPREAD
        trust = weights / (1 + away**2) ** 2
        total = np.maximum(trust.sum(axis=0), 1e-9)
        center = (trust[..., None] * colors).sum(axis=0) / total[:, None]
    return center, trust.sum(axis=0)


def weighted_medians(colors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Per texel and channel the median `[N, 3]` of colours `[P, N, 3]` by weight `[P, N]`."""
    result = np.zeros(colors.shape[1:], np.float32)
    for k in range(3):
        order = np.argsort(colors[..., k], axis=0)
        values = np.take_along_axis(colors[..., k], order, axis=0)
        total = np.cumsum(np.take_along_axis(weights, order, axis=0), axis=0)
        middle = (total < total[-1] / 2).sum(axis=0)
        result[:, k] = np.take_along_axis(
            values, np.minimum(middle, len(values) - 1)[None], axis=0
        )[0]
    return result
