"""The C rasteriser's structures, filled with the addresses of arrays that they keep alive."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from ..camera import Camera
from ..errors import RenderError
from ..gaussians import Gaussians
from .gradients import GaussianGradients, ImageGradients
from .output import RenderOutput


class NativeScene:
    """The library's description of the picture, and the arrays whose addresses it holds."""

    def __init__(
        self,
        gaussians: Gaussians,
        camera: Camera,
        background: np.ndarray | None,
        depth_limits: np.ndarray | None,
        output: RenderOutput,
    ) -> None:
        from gaussian_heads_native import Scene

        names = ("means", "quats", "scales", "opacities", "colors")
        self._inputs = [_as_floats(getattr(gaussians, name)) for name in names]
        size = (camera.height, camera.width)
        if depth_limits is not None:
            self._inputs.append(_as_floats(_checked(depth_limits, size)))
        shapes = {"colors": (*size, 3), "alphas": size, "depths": size}
        self._images = [
            _as_floats(_checked(getattr(output, name), shape)) for name, shape in shapes.items()
        ]
        color = (0.0, 0.0, 0.0) if background is None else [float(value) for value in background]
        viewmat = np.asarray(camera.viewmat, np.float64)[:3].ravel()
        self.structure = Scene(
            num_gaussians=gaussians.num_gaussians,
            viewmat=(ctypes.c_double * 12)(*viewmat),
            fx=camera.K[0, 0],
            fy=camera.K[1, 1],
            cx=camera.K[0, 2],
            cy=camera.K[1, 2],
            background=(ctypes.c_float * 3)(*color),
            width=camera.width,
            height=camera.height,
            is_orthographic=camera.is_orthographic,
        )
        fields = ("means", "quats", "scales", "opacities", "rgb", "depth_limits")
        _set_addresses(self.structure, fields, self._inputs)
        _set_addresses(self.structure, ("colors", "alphas", "depths"), self._images)


class NativeGradients:
    """The library's description of a backward pass, and the arrays whose addresses it holds."""

    def __init__(
        self, of_images: ImageGradients, gradients: GaussianGradients, camera: Camera
    ) -> None:
        from gaussian_heads_native import Gradients

        size = (camera.height, camera.width)
        shapes = {"colors": (*size, 3), "alphas": size, "depths": size}
        self._images = [
            None if image is None else _as_floats(_checked(image, shapes[name]))
            for name, image in vars(of_images).items()
        ]
        self._gradients = gradients
        self.structure = Gradients()
        _set_addresses(self.structure, ("of_colors", "of_alphas", "of_depths"), self._images)
        fields = ("means", "quats", "scales", "opacities", "rgb", "means2d", "num_pixels")
        _set_addresses(self.structure, fields, list(vars(gradients).values()))


def _set_addresses(
    structure: ctypes.Structure, fields: Sequence[str], arrays: Sequence[np.ndarray | None]
) -> None:
    for field, array in zip(fields, arrays, strict=False):
        if array is not None:
            setattr(structure, field, array.ctypes.data)


def _as_floats(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32)


def _checked(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if image.shape != shape:
        raise RenderError(
            f"An image has shape {image.shape}, expected {shape}: give one value for each pixel."
        )
    return image
