"""For scripts within Blender: forget the checkout and its environment, so that only what was installed is found."""

import sys
from importlib.machinery import PathFinder

# Import names of the wheels that the add-on uses itself, directly or through another.
BROUGHT = (
    "av", "gaussian_heads_native", "jaxtyping", "onnxruntime", "safetensors", "soundfile", "soxr",
    "_cffi_backend", "_soundfile", "_soundfile_data", "cffi", "wadler_lindig",
)  # fmt: skip


class OnlyBrought:
    """Finds the packages of the extension's wheels in Blender's extensions folder and nowhere else."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """A spec from the extensions folder; refuses what is not there, and leaves other names alone."""
        if path is not None or name not in BROUGHT:
            return None
        spec = PathFinder.find_spec(name, [entry for entry in sys.path if "extensions" in entry])
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


def forget_checkout(hidden):
    """Take folders off the path, and the editable install with them."""
    sys.path[:] = [path for path in sys.path if path not in hidden]
    sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in repr(f).lower()]
    sys.meta_path.insert(0, OnlyBrought)
