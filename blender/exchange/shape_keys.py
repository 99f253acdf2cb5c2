"""Shape keys of mesh characters that follow an avatar's performance: mapping, baked keys and live drivers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ...core.errors import GaussianHeadsError
from ...core.expression import ExpressionTrack
from ...core.progress import Progress
from ...core.spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE
from ...core.spaces.conversion import arkit_track
from ...core.spaces.face_parts import FACE_PARTS, part_indices
from ...core.spaces.shape_copy import shape_values
from ...core.spaces.shape_names import CONTROLS, ShapeMatch, ShapeRow, match_shapes
from ..animation import CurveAddress, ensure_channelbag, ensure_fcurve, replace_keys
from ..defaults import KEY_TOLERANCE
from ..sparse_keys import kept_keys
from .export import sample_performance

GROUP = "Speech"


@dataclass(frozen=True)
class ShapeBake:
    """What was keyed on shape keys."""

    action: str
    num_curves: int
    num_keys: int
    first_frame: int
    last_frame: int


def has_shape_keys(obj: bpy.types.Object | None) -> bool:
    """Whether `obj` is a mesh character: a mesh with shape keys beside the basis, and no Gaussian head."""
    return (
        obj is not None
        and obj.type == "MESH"
        and not obj.gaussian_head.avatar
        and obj.data.shape_keys is not None
        and len(obj.data.shape_keys.key_blocks) > 1
    )


def match_shape_keys(obj: bpy.types.Object) -> ShapeMatch:
    """Fill the mapping of `obj` with the shape keys that are recognised by name; what was there goes."""
    require_shape_keys(obj)
    blocks = obj.data.shape_keys.key_blocks
    names = [block.name for block in blocks if block != obj.data.shape_keys.reference_key]
    match = match_shapes(names)
    set_rows(obj, match.rows)
    obj.gaussian_head.shape_report = match.sentence()
    return match


def set_rows(obj: bpy.types.Object, rows: tuple[ShapeRow, ...]) -> None:
    """Make `rows` the whole mapping of `obj`."""
    settings = obj.gaussian_head
    settings.shape_rows.clear()
    for row in rows:
        if row.control not in CONTROLS:
            raise GaussianHeadsError(
                f"'{row.control}' is neither an ARKit control nor a viseme: choose one that is."
            )
        item = settings.shape_rows.add()
        item.name, item.control, item.factor = row.key, row.control, row.factor
    settings.shape_row_index = 0


def rows_of(obj: bpy.types.Object) -> tuple[ShapeRow, ...]:
    """The mapping of `obj`, without rows whose shape key is gone; recognised by name where it has none."""
    match_if_new(obj)
    blocks = obj.data.shape_keys.key_blocks
    rows = tuple(
        ShapeRow(row.control, row.name, row.factor)
        for row in obj.gaussian_head.shape_rows
        if row.name in blocks
    )
    if not rows:
        raise GaussianHeadsError(
            f"No shape key of '{obj.name}' has a name that is known: add rows to its mapping and "
            "choose keys by hand."
        )
    return rows


def copy_to_shape_keys(
    scene: bpy.types.Scene,
    source: bpy.types.Object,
    meshes: Sequence[bpy.types.Object],
    frames: range | None = None,
    *,
    tolerance: float = KEY_TOLERANCE,
    progress: Progress | None = None,
) -> ShapeBake:
    """Key on the shape keys of `meshes` what the avatar `source` does on `frames` of `scene`.

    Without `frames` those of the scene's range. A character's head, teeth and lashes may be meshes of their
    own; the first of them must have shape keys that are known.
    """
    for obj in meshes:
        require_shape_keys(obj)
    rows_of(meshes[0])
    frames = range(scene.frame_start, scene.frame_end + 1) if frames is None else frames
    track = sample_performance(scene, source, frames, progress)
    return track_to_shape_keys(meshes, track, frames.start, tolerance)


def track_to_shape_keys(
    meshes: Sequence[bpy.types.Object],
    track: ExpressionTrack,
    first_frame: int,
    tolerance: float = KEY_TOLERANCE,
    *,
    parts: Collection[str] = FACE_PARTS,
) -> ShapeBake:
    """Key a track, a frame of the scene each, on the shape keys of `meshes` without any avatar.

    Only shape keys of `parts` of the face get keys; visemes are of the mouth.
    """
    if track.code_space != ARKIT_SPACE:
        track = arkit_track(track)
    weights = np.clip(track.codes(), 0.0, 1.0)
    bakes = [
        bake_shapes(obj, shape_values(weights, chosen), first_frame, tolerance)
        for obj, rows in mapped_meshes(meshes)
        if (chosen := _of_parts(rows, parts))
    ]
    if not bakes:
        raise GaussianHeadsError(
            f"No shape key of '{meshes[0].name}' moves {', '.join(parts) or 'nothing'}: choose other parts."
        )
    return ShapeBake(
        bakes[0].action,
        sum(bake.num_curves for bake in bakes),
        sum(bake.num_keys for bake in bakes),
        first_frame,
        first_frame + track.num_frames - 1,
    )


def _of_parts(rows: Sequence[ShapeRow], parts: Collection[str]) -> list[ShapeRow]:
    chosen = {ARKIT_BLENDSHAPES[index] for index in part_indices(parts)}
    if "mouth" in parts:
        chosen |= set(CONTROLS) - set(ARKIT_BLENDSHAPES)
    return [row for row in rows if row.control in chosen]


def mapped_meshes(
    meshes: Sequence[bpy.types.Object],
) -> Iterator[tuple[bpy.types.Object, tuple[ShapeRow, ...]]]:
    """Meshes with their mappings: the first must have one, further ones that have none are left alone."""
    yield meshes[0], rows_of(meshes[0])
    done = {meshes[0].data.shape_keys}
    for obj in meshes[1:]:
        if obj.data.shape_keys in done or not match_if_new(obj):
            continue
        done.add(obj.data.shape_keys)
        yield obj, rows_of(obj)


def match_if_new(obj: bpy.types.Object) -> bool:
    """Whether the mesh `obj` has a mapping, by now recognised where there was none."""
    require_shape_keys(obj)
    return len(obj.gaussian_head.shape_rows) > 0 or bool(match_shape_keys(obj).rows)


def bake_shapes(
    obj: bpy.types.Object,
    values: Mapping[str, np.ndarray],
    first_frame: int,
    tolerance: float = KEY_TOLERANCE,
) -> ShapeBake:
    """Key shape keys by name with `values` [T], frame by frame; keys outside and of others stay.

    The keys go into the Action of the mesh's shape keys. Those that straight lines give back within
    `tolerance` are left out; 0 keeps them all.
    """
    require_shape_keys(obj)
    keys = obj.data.shape_keys
    animation = keys.animation_data or keys.animation_data_create()
    if animation.action is None:
        animation.action = bpy.data.actions.new(f"{obj.name} Shape Keys")
    bag = ensure_channelbag(keys)
    written = [
        (shape_address(name), name, series)
        for name, series in values.items()
        if series.any() or bag.fcurves.find(shape_address(name).data_path) is not None
    ]
    kept = kept_keys([series for *_, series in written], tolerance)
    for (address, name, series), indices in zip(written, kept, strict=True):
        block = keys.key_blocks[name]
        keys.driver_remove(address.data_path)
        # Blender holds a value within its slider's range.
        block.slider_max = max(block.slider_max, min(float(series.max()), 10.0))
        block.slider_min = min(block.slider_min, max(float(series.min()), -10.0))
        replace_keys(ensure_fcurve(bag, address), first_frame, series, indices)
    num_frames = len(next(iter(values.values())))
    num_keys = sum(num_frames if indices is None else len(indices) for indices in kept)
    action = keys.animation_data.action
    action.update_tag()
    keys.update_tag()
    return ShapeBake(action.name, len(written), num_keys, first_frame, first_frame + num_frames - 1)


def shape_address(name: str) -> CurveAddress:
    """Where the value of the shape key `name` is animated, on its mesh's shape keys."""
    return CurveAddress(f'key_blocks["{bpy.utils.escape_identifier(name)}"].value', 0, GROUP)


def require_shape_keys(obj: bpy.types.Object) -> None:
    """Raise unless `obj` is a mesh character whose shape keys may be animated."""
    if not has_shape_keys(obj):
        raise GaussianHeadsError(f"'{obj.name}' has no shape keys: choose a mesh that has some.")
    if not obj.data.shape_keys.is_editable:
        raise GaussianHeadsError(
            f"The shape keys of '{obj.name}' are linked from a library: make the mesh local, or "
            "override it, first."
        )
