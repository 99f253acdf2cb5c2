"""Gaussians as a standard 3D Gaussian Splatting `.ply` (Kerbl et al. 2023), which every viewer reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import AvatarError
from ..files import replace_on_success
from ..gaussians import Gaussians
from ..spherical_harmonics import SH_C0

# Stored as logarithm and logit: nothing may be 0, nor an opacity 1.
MIN_SCALE_M = 1e-8
MIN_OPACITY = 1e-7


def write_splats(path: Path | str, gaussians: Gaussians) -> None:
    """Write the set in its own axes, little-endian float32, replacing `path` only when complete."""
    names, table = _table(gaussians)
    if not np.isfinite(table).all():
        raise AvatarError(
            "The Gaussians hold numbers that are not finite: load the avatar again and export again."
        )
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {gaussians.num_gaussians}",
        *(f"property float {name}" for name in names),
        "end_header\n",
    ]
    with replace_on_success(Path(path)) as temporary, temporary.open("wb") as file:
        file.write("\n".join(header).encode("ascii"))
        file.write(table.tobytes())


def _table(gaussians: Gaussians) -> tuple[list[str], np.ndarray]:
    """Column names and `[N, C]` little-endian float32 in the order of the original's files."""
    count = gaussians.num_gaussians
    opacities = np.clip(gaussians.opacities.astype(np.float64), MIN_OPACITY, 1.0 - MIN_OPACITY)
    scales = np.maximum(gaussians.scales.astype(np.float64), MIN_SCALE_M)
    rest = np.zeros((count, 0)) if gaussians.sh is None else gaussians.sh.transpose(0, 2, 1)
    parts = {
        "xyz": gaussians.means,
        "n": np.zeros((count, 3)),
        "f_dc_": (gaussians.colors.astype(np.float64) - 0.5) / SH_C0,
        "f_rest_": rest.reshape(count, -1) if count else rest.reshape(0, 0),
        "opacity": np.log(opacities / (1.0 - opacities))[:, None],
        "scale_": np.log(scales),
        "rot_": gaussians.quats,
    }
    names = list("xyz") + ["nx", "ny", "nz"]
    for prefix in ("f_dc_", "f_rest_"):
        names += [f"{prefix}{i}" for i in range(parts[prefix].shape[1])]
    names += ["opacity", *(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]
    return names, np.concatenate(list(parts.values()), axis=1).astype("<f4")
