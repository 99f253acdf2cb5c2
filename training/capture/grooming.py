"""All strands of one person, and the light that they send to a viewer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..strands import Strands
from . import ict
from .beard import groom_beard
from .face_hair import brow_look, groom_brows, groom_lashes, lash_look
from .hair import Style, groom_hair, resample, skull_hull
from .hair_colour import hair_albedo
from .hair_dome_light import light_face_in_dome, light_in_dome
from .hair_field import HeadField, Warp, head_field, push_out, skin_cloud
from .hair_growth import grow, plan_growth
from .hair_light import light_face_hair, light_hair
from .hair_scalp import mean_head, sample_scalp, surface_points
from .hair_shape import gather, tie_up
from .hair_styles import haircut_of
from .identity import ADA, Identity
from .lighting import ADA_RIG, Rig
from .mesh import HeadMesh
from .strands import taper

TIE_HEIGHT_M = 0.008


def groom(mesh: HeadMesh, model: ict.IctModel, identity: Identity) -> dict[str, Strands]:
    """All strands of the head with their albedo; who is bald or beardless lacks that group."""
    shape = ict.shape_identity(model, identity)
    origin = ict.eye_centers(model, shape).mean(0)
    if identity.name == ADA.name:
        hair = {"hair": groom_hair(mesh, Style(), identity.seed)}
        brows = groom_brows(mesh, identity.seed + 1)
        lashes = groom_lashes(mesh, model, shape, origin, identity.seed + 2)
        return {**hair, "brows": brows, "lashes": lashes}
    mean = mean_head(model)
    seed = 16 * identity.hair_seed
    field = head_field(mean)
    groups = {"hair": scalp_hair(mesh, mean, field, identity)}
    groups["brows"] = groom_brows(mesh, seed + 1, brow_look(identity))
    groups["lashes"] = groom_lashes(mesh, model, shape, origin, seed + 2, lash_look(identity))
    groups["beard"] = groom_beard(mesh, mean, field, identity)
    return {name: group for name, group in groups.items() if group is not None}


def scalp_hair(
    mesh: HeadMesh, mean: HeadMesh, field: HeadField, identity: Identity
) -> Strands | None:
    """The hair of the head, grown on the mean head and carried to this one; None if bald."""
    cut = haircut_of(identity)
    rng = np.random.default_rng([identity.hair_seed, 97])
    triangle, weights = sample_scalp(mean, cut.hairline, cut.strands, rng)
    if len(triangle) < 50:
        return None
    roots = surface_points(mean.vertices, mean, triangle, weights)
    if cut.comb == "tie":
        cut = replace(cut, tie=above_scalp(np.asarray(cut.tie), field))
    growth = plan_growth(roots, field, cut, rng)
    paths = grow(growth, field, cut)
    if cut.comb == "tie":
        paths = tie_up(paths, cut, rng)
    points = gather(resample(paths, cut.points), cut, rng)
    points = fit_to(mesh, mean, points, surface_points(mesh.vertices, mesh, triangle, weights))
    return Strands(
        points=points,
        triangle=triangle,
        barycentric=weights.astype(np.float32),
        radius=taper(len(points), cut.points, cut.root_radius_m),
        color=hair_albedo(points, identity, rng),
    )


def above_scalp(place: np.ndarray, field: HeadField) -> tuple[float, float, float]:
    """The place [3] moved to where tied hair leaves the head."""
    for _ in range(3):
        distance, out = field(place[None])
        place = place + (TIE_HEIGHT_M - distance[0]) * out[0]
    return (0.0, float(place[1]), float(place[2]))


def fit_to(mesh: HeadMesh, mean: HeadMesh, points: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Strands [S, P, 3] of the mean head on `mesh`, rooted at `roots` [S, 3], none in the skin."""
    moved = Warp(mean, mesh)(points)
    along = np.linspace(0.0, 1.0, points.shape[1])[None, :, None]
    moved += (roots - moved[:, 0])[:, None] * (1.0 - along) ** 2
    from_root = np.linalg.norm(moved - roots[:, None], axis=2)
    return push_out(moved, skin_cloud(mesh), np.clip(0.25 * from_root, 0.0002, 0.0016))


def light_strands(
    groups: dict[str, Strands], mesh: HeadMesh, rig: Rig = ADA_RIG
) -> dict[str, Strands]:
    """The groups with lit linear colours in the place of their albedo."""
    if rig.lamps:
        hull = skull_hull(mesh)
        return {
            name: light_hair(group, hull, rig) if name == "hair" else light_face_hair(group)
            for name, group in groups.items()
        }
    return {
        name: light_in_dome(group, rig) if name == "hair" else light_face_in_dome(group, mesh, rig)
        for name, group in groups.items()
    }
