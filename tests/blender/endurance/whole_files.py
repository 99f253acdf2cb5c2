"""What lies in a folder after a command was killed there: files that are cut short, and what was left unfinished."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import av
import bpy
import numpy as np
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import GaussianHeadsError
from gaussian_heads.core.importers.splat_ply import read_splats
from PIL import Image

# Blender's own, which it deletes when it ends and leaves when it is killed.
BLENDERS = "blender_"
UNREADABLE = (OSError, ValueError, RuntimeError, LookupError, AssertionError, SyntaxError, EOFError)


def faults(folder: Path) -> list[str]:
    """Every file under a final name that cannot be read to its end, with the reason."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not is_unfinished(path.relative_to(folder)):
            try:
                READERS.get(path.suffix, Path.read_bytes)(path)
            except (*UNREADABLE, GaussianHeadsError, av.FFmpegError) as error:
                found.append(f"{path.name}: {type(error).__name__} {error}")
    return found


def unfinished(folder: Path) -> list[str]:
    """Files and folders that are there for a while only."""
    paths = [path for path in sorted(folder.rglob("*")) if not _is_pythons(path)]
    names = [path.relative_to(folder) for path in paths]
    return [str(path) for path in names if is_unfinished(path)]


def _is_pythons(path: Path) -> bool:
    """Whether Python was trying for a moment if files can be written in the folder for temporary ones."""
    return path.is_file() and re.fullmatch("[a-z0-9_]{8}", path.name) and path.stat().st_size <= 4


def is_unfinished(path: Path) -> bool:
    """Whether the path, relative to the working folder, is hidden or temporary."""
    if any(part.startswith(BLENDERS) for part in path.parts):
        return False
    return (
        path.name.startswith(".")
        or path.suffix.endswith("@")
        or path.parts[0] == "tmp" != str(path)
    )


def read_video(path: Path) -> str:
    """Digest of all decoded pictures and sounds."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        count = 0
        for packet in container.demux():
            assert not packet.is_corrupt
            for frame in packet.decode():
                digest.update(frame.to_ndarray().tobytes())
                count += packet.stream.type == "video"
        assert count == container.streams.video[0].frames > 0
    return digest.hexdigest()


def read_blend(path: Path) -> str:
    """Digest of the key points of all actions in a scene file, and of the names of its objects."""
    with bpy.data.libraries.load(str(path), link=False) as (inside, wanted):
        wanted.actions = list(inside.actions)
        names = sorted(inside.objects)
    digest = hashlib.sha256(repr(names).encode())
    for action in wanted.actions:
        for curve in action.layers[0].strips[0].channelbags[0].fcurves if action.layers else ():
            points = np.zeros(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get("co", points)
            digest.update(f"{curve.data_path}{curve.array_index}".encode() + points.tobytes())
        bpy.data.actions.remove(action)
    return digest.hexdigest()


def read_image(path: Path) -> str:
    """Digest of the pixels."""
    if path.suffix == ".png":
        return hashlib.sha256(np.asarray(Image.open(path)).tobytes()).hexdigest()
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        pixels = np.zeros(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
        assert pixels.size
        return hashlib.sha256(pixels.tobytes()).hexdigest()
    finally:
        bpy.data.images.remove(image)


def read_avatar(path: Path) -> str:
    """Digest of the head at rest."""
    avatar = Avatar.open(path, threads=1)
    gaussians = avatar.decode(np.zeros(avatar.code_dim, np.float32))
    return hashlib.sha256(gaussians.means.tobytes() + gaussians.colors.tobytes()).hexdigest()


def read_checkpoint(path: Path) -> None:
    """Load what PyTorch saved."""
    import torch

    torch.load(path, weights_only=True)


READERS = {
    ".png": read_image,
    ".exr": read_image,
    ".mp4": read_video,
    ".blend": read_blend,
    ".uhap": read_avatar,
    ".ply": lambda path: hashlib.sha256(read_splats(path).means.tobytes()).hexdigest(),
    ".json": lambda path: json.loads(path.read_text("utf8")),
    ".npz": lambda path: {name: array.shape for name, array in np.load(path).items()},
    ".npy": np.load,
    ".csv": lambda path: path.read_text("utf8").index("\n"),
    ".html": lambda path: path.read_text("utf8").index("</html>"),
    ".pt": read_checkpoint,
}
