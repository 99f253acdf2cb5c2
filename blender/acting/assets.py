"""Poses of the face as Actions that are assets: made, read, saved and gathered in a library.

Blender's own pose assets pose bones. Ours are Actions of objects that key our controls at one frame, so the
Asset Browser shows, sorts and stores them as it does all assets, and operators of ours apply them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ...core.errors import GaussianHeadsError
from ...core.files import replace_on_success
from ...core.spaces.expressions import EXPRESSION_GROUPS, EXPRESSIONS
from .pose import CHANNELS, Pose, channel_at

LIBRARY_NAME = "Gaussian Heads Expressions"
LIBRARY_FILE = "expressions.blend"
CATALOG_FILE = "blender_assets.cats.txt"
ASSET_TAG = "Gaussian Heads"
CATALOG_ROOT = "Expressions"
OWN_CATALOG = "Own"
SLOT_NAME = "Head"
# Catalogues keep their identities wherever and whenever the library is made.
_NAMESPACE = uuid.UUID("5b1d6f0a-9c2e-4c1b-8a57-6f2a3a0c9d11")
_HEADER = "# This is an Asset Catalog Definition file for Blender.\n\nVERSION 1\n\n"


@dataclass(frozen=True)
class PoseAsset:
    """A pose with what the Asset Browser shows of it; `preview` is RGBA [H, W, 4] in [0, 1], top row first."""

    name: str
    pose: Mapping[str, float]
    description: str = ""
    group: str = OWN_CATALOG
    preview: np.ndarray | None = None


def catalog_id(group: str) -> str:
    """Identity of the catalogue that a group of expressions lies in."""
    return str(uuid.uuid5(_NAMESPACE, group))


def make_pose_action(data: bpy.types.BlendData, asset: PoseAsset) -> bpy.types.Action:
    """A new Action of `data`, marked as an asset, that keys the pose at frame 1."""
    action = data.actions.new(asset.name)
    slot = action.slots.new(id_type="OBJECT", name=SLOT_NAME)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    bag = strip.channelbag(slot, ensure=True)
    for name, value in asset.pose.items():
        channel = CHANNELS[name]
        curve = bag.fcurves.new(channel.path, index=max(channel.index, 0))
        curve.group = bag.groups.get(channel.group) or bag.groups.new(channel.group)
        curve.keyframe_points.insert(1.0, value)
    action.use_fake_user = True
    action.asset_mark()
    action.asset_data.description = asset.description
    action.asset_data.tags.new(ASSET_TAG, skip_if_exists=True)
    action.asset_data.catalog_id = catalog_id(asset.group)
    if asset.preview is not None:
        preview = action.preview_ensure()
        height, width = asset.preview.shape[:2]
        preview.image_size = (width, height)
        pixels = np.ascontiguousarray(asset.preview[::-1], np.float32)
        preview.image_pixels_float.foreach_set(pixels.ravel())
    return action


def action_pose(action: bpy.types.Action, frame: float | None = None) -> Pose:
    """What an Action does to our controls at `frame`, or at its first one."""
    at = action.frame_range[0] if frame is None else frame
    pose: Pose = {}
    for bag in _object_channelbags(action):
        for curve in bag.fcurves:
            name = channel_at(curve.data_path, curve.array_index)
            if name is not None and name not in pose:
                pose[name] = curve.evaluate(at)
    if not pose:
        raise GaussianHeadsError(
            f"The Action '{action.name}' holds no pose of a Gaussian head: choose one that was made "
            "with Save Pose as Asset or Create Expression Library."
        )
    return pose


def is_pose_asset(asset: bpy.types.AssetRepresentation) -> bool:
    """Whether an asset of the browser is a pose of a head, by its kind and tag."""
    return asset.id_type == "ACTION" and ASSET_TAG in {tag.name for tag in asset.metadata.tags}


def asset_pose(asset: bpy.types.AssetRepresentation) -> Pose:
    """The pose of an asset of the browser, of this file or of a library."""
    if asset.local_id is not None:
        return action_pose(asset.local_id)
    return stored_pose(Path(asset.full_library_path), asset.name)


def stored_pose(path: Path, name: str) -> Pose:
    """The pose of the Action `name` in the .blend file at `path`."""
    if not path.is_file():
        raise GaussianHeadsError(
            f"The asset file '{path}' is missing: refresh the Asset Browser or make the library again."
        )
    with bpy.data.temp_data() as data:
        try:
            with data.libraries.load(str(path)) as (there, here):
                if name in there.actions:
                    here.actions = [name]
        except OSError as error:
            raise GaussianHeadsError(
                f"'{path.name}' cannot be read as a .blend file ({error}): make the library again."
            ) from None
        if not here.actions or here.actions[0] is None:
            raise GaussianHeadsError(
                f"'{path.name}' holds no Action '{name}': refresh the Asset Browser."
            )
        return action_pose(here.actions[0])


def write_assets(path: Path, assets: list[PoseAsset]) -> None:
    """Write a .blend file that holds `assets` and nothing else."""
    with bpy.data.temp_data() as data:
        actions = {make_pose_action(data, asset) for asset in assets}
        with replace_on_success(path) as temporary:
            data.libraries.write(str(temporary), actions, fake_user=True, compress=True)


def write_library(folder: Path, previews: Mapping[str, np.ndarray]) -> Path:
    """Write all expressions and their catalogues into `folder`; returns the .blend file."""
    assets = [
        PoseAsset(e.label, e.pose(), e.description, e.group, previews.get(name))
        for name, e in EXPRESSIONS.items()
    ]
    path = folder / LIBRARY_FILE
    write_assets(path, assets)
    write_catalogs(folder)
    return path


def write_catalogs(folder: Path) -> None:
    """Name our catalogues in the folder's catalogue file and leave all others that it names."""
    path = folder / CATALOG_FILE
    text = path.read_text("utf8") if path.is_file() else _HEADER
    paths = {CATALOG_ROOT: CATALOG_ROOT}
    paths |= {group: f"{CATALOG_ROOT}/{group}" for group in (*EXPRESSION_GROUPS, OWN_CATALOG)}
    lines = [
        f"{catalog_id(name)}:{path}:{path.replace('/', '-')}"
        for name, path in paths.items()
        if catalog_id(name) not in text
    ]
    if lines:
        if not text.endswith("\n"):
            text += "\n"
        with replace_on_success(path) as temporary:
            temporary.write_text(text + "\n".join(lines) + "\n", "utf8")


def register_library(folder: Path) -> bpy.types.UserAssetLibrary:
    """Have the preferences name `folder` as an asset library; one that is named already is kept."""
    libraries = bpy.context.preferences.filepaths.asset_libraries
    for library in libraries:
        if Path(bpy.path.abspath(library.path)).resolve() == folder.resolve():
            return library
    library = libraries.new(name=LIBRARY_NAME, directory=str(folder))
    bpy.context.preferences.is_dirty = True
    return library


def library_folder(root: Path) -> Path:
    """Where our asset library lies in the add-on's own folder."""
    return root / "expressions"


def own_asset_path(folder: Path, name: str) -> Path:
    """A new file for one saved pose, beside the shipped ones."""
    stem = "".join(c if c.isalnum() or c in " -_" else "_" for c in name).strip() or "Pose"
    path = folder / "Saved" / f"{stem}.asset.blend"
    count = 1
    while path.exists():
        count += 1
        path = folder / "Saved" / f"{stem} {count}.asset.blend"
    return path


def _object_channelbags(action: bpy.types.Action) -> list[bpy.types.ActionChannelbag]:
    """Channelbags of the slots that animate objects."""
    slots = {
        slot.handle for slot in action.slots if slot.target_id_type in {"OBJECT", "UNSPECIFIED"}
    }
    return [
        bag
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        if bag.slot_handle in slots
    ]
