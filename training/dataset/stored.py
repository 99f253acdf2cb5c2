"""The files of a capture, read with a sentence for the user where they are missing or broken."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .layout import CaptureError


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object."""
    with _explained(path):
        return json.loads(path.read_text("utf8"))


def read_array(path: Path) -> np.ndarray:
    """An array of an npy file."""
    with _explained(path):
        return np.load(path, allow_pickle=False)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz file by name."""
    with _explained(path), path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def read_image(path: Path) -> np.ndarray:
    """Pixels [H, W, C] of an image, uint8."""
    with _explained(path), Image.open(path) as image:
        return np.array(image)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what reading raises into a sentence that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise CaptureError(
            f"There is no '{path}': the capture is missing or not finished."
        ) from error
    except (OSError, ValueError, EOFError, SyntaxError, zipfile.BadZipFile) as error:
        raise CaptureError(f"'{path}' is broken ({error}): delete it and make it again.") from error
