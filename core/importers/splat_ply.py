"""Standard 3D Gaussian Splatting `.ply` files (Kerbl et al. 2023) as Gaussians and as avatars that stand still.

Columns x y z, f_dc_0..2, f_rest_* (channel-major), opacity (logit), scale_0..2 (logarithm), rot_0..3
(wxyz). Lengths are taken as metres; which way is up is a matter of whoever wrote the file.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from ..avatar import Avatar, AvatarInfo, Controls, Manifest, Provenance, Rig
from ..avatar.members import CONTROL_NAMES
from ..avatar.static import DECODER, STATIC_SPACE, StaticGaussians
from ..avatar.tensors import MAX_NUMBER
from ..errors import AvatarError
from ..gaussians import Gaussians
from ..spaces import ARKIT_BLENDSHAPES
from ..spherical_harmonics import NUM_COEFFICIENTS, SH_C0
from .ply import read_ply_rows

logger = logging.getLogger(__name__)

SUFFIX = ".ply"
# Five million Gaussians with all their coefficients and normals in single precision.
MAX_FILE_BYTES = 2**31
MEANS, QUATS = ("x", "y", "z"), tuple(f"rot_{i}" for i in range(4))
SCALES, BASE = tuple(f"scale_{i}" for i in range(3)), tuple(f"f_dc_{i}" for i in range(3))
OPACITY, REST = "opacity", "f_rest_"
# Extents in which float32 squares and their inverses stay finite.
MIN_LOG_SCALE, MAX_LOG_SCALE = -18.0, 9.0
MAX_LOGIT = 30.0
MIN_QUAT_NORM = 1e-12
# Strays far outside would make the box of a scene useless.
BOUNDS_PERCENT = 1.0


def read_splats(path: Path | str) -> Gaussians:
    """Gaussians of the file in its own axes; rows with numbers that are not finite are left out."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise AvatarError(
                f"'{path}' is larger than {MAX_FILE_BYTES >> 30} GiB: export fewer Gaussians."
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise AvatarError(f"There is no file '{path}': check the path.") from None
    except OSError as error:
        raise AvatarError(f"'{path}' cannot be read ({error.strerror}): check the disk.") from None
    rows = read_ply_rows(data, path.name)
    for name in (*MEANS, *BASE, OPACITY, *SCALES, *QUATS):
        if name not in rows.dtype.names:
            raise AvatarError(
                f"'{path.name}' has no column '{name}': choose a .ply of 3D Gaussian Splatting, not "
                "one of a mesh or a point cloud."
            )
    return _gaussians(_finite_rows(rows, path.name), path.name)


def open_avatar(path: Path | str) -> Avatar:
    """An avatar package, or a splat file as an avatar that stands still; the name's ending decides."""
    is_splats = Path(path).suffix.lower() == SUFFIX
    return open_static_avatar(path) if is_splats else Avatar.open(path)


def open_static_avatar(path: Path | str) -> Avatar:
    """The file as an avatar without expressions, so that it is drawn wherever heads are."""
    gaussians = read_splats(path)
    low, high = np.percentile(gaussians.means, (BOUNDS_PERCENT, 100.0 - BOUNDS_PERCENT), axis=0)
    low, high = low.astype(np.float32), high.astype(np.float32)
    info = AvatarInfo(
        name=Path(path).stem,
        licence="unknown: ask whoever made this file",
        provenance=Provenance(False, "", "read from a 3D Gaussian Splatting .ply"),
        code_space=STATIC_SPACE,
        channel_names=(),
        neck_pivot=tuple(((low + high) / 2).tolist()),
        created_by="",
    )
    count = gaussians.num_gaussians
    manifest = Manifest(info, DECODER, count, (tuple(low.tolist()), tuple(high.tolist())))
    rig = Rig(np.ones(count, np.float32), *_box(low, high))
    return Avatar(manifest, StaticGaussians(gaussians), rig, _no_controls())


def _finite_rows(rows: np.ndarray, label: str) -> np.ndarray:
    finite = np.ones(len(rows), bool)
    for name in rows.dtype.names:
        finite &= np.abs(rows[name]) <= MAX_NUMBER
    if not finite.any():
        raise AvatarError(f"'{label}' holds no Gaussian that can be drawn: export it again.")
    if not finite.all():
        logger.warning("'%s': %d broken Gaussians left out.", label, int((~finite).sum()))
        return rows[finite]
    return rows


def _gaussians(rows: np.ndarray, label: str) -> Gaussians:
    quats = _columns(rows, QUATS)
    norms = np.linalg.norm(quats, axis=1, keepdims=True)
    turned = norms[:, 0] > MIN_QUAT_NORM
    quats = np.where(turned[:, None], quats / np.maximum(norms, MIN_QUAT_NORM), (1, 0, 0, 0))
    logits = np.clip(rows[OPACITY].astype(np.float64), -MAX_LOGIT, MAX_LOGIT)
    log_scales = np.clip(_columns(rows, SCALES), MIN_LOG_SCALE, MAX_LOG_SCALE)
    colors = _columns(rows, BASE) * SH_C0 + 0.5
    sh = _rest(rows, label)
    # With coefficients the sum is what must not be negative.
    colors = np.maximum(colors, 0.0) if sh is None else colors
    return Gaussians(
        means=_columns(rows, MEANS).astype(np.float32),
        quats=quats.astype(np.float32),
        scales=np.exp(log_scales).astype(np.float32),
        opacities=(1.0 / (1.0 + np.exp(-logits))).astype(np.float32),
        colors=colors.astype(np.float32),
        sh=sh,
    )


def _rest(rows: np.ndarray, label: str) -> Float32[np.ndarray, "N K 3"] | None:
    count = sum(name.startswith(REST) for name in rows.dtype.names)
    if count == 0:
        return None
    names = tuple(f"{REST}{i}" for i in range(count))
    is_complete = all(name in rows.dtype.names for name in names)
    if count not in [3 * k for k in NUM_COEFFICIENTS] or not is_complete:
        raise AvatarError(
            f"'{label}' has {count} columns {REST}*, expected {REST}0 and on, 9, 24 or 45 of them: "
            "export it again with spherical harmonics of degree 0 to 3."
        )
    # Most of a large file: never in double precision.
    channel_major = np.empty((len(rows), count), np.float32)
    for index, name in enumerate(names):
        channel_major[:, index] = rows[name]
    channel_major = channel_major.reshape(len(rows), 3, count // 3)
    sh = np.ascontiguousarray(channel_major.transpose(0, 2, 1))
    return sh if sh.any() else None


def _columns(rows: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.stack([rows[name] for name in names], axis=1).astype(np.float64)


def _box(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners `[8, 3]` and triangles `[12, 3]` of a box."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return low + corners * (high - low), np.array(triangles, np.int32)


def _no_controls() -> Controls:
    count = len(ARKIT_BLENDSHAPES)
    offsets = {kind: np.zeros((len(names), 0), np.float32) for kind, names in CONTROL_NAMES.items()}
    return Controls(
        **offsets,
        readout_weights=np.zeros((count, 0), np.float32),
        readout_bias=np.zeros(count, np.float32),
    )
