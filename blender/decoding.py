"""Each frame of an avatar is decoded once; render, viewport, overlay and native splats share the result."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

from ..core.errors import AvatarError

if TYPE_CHECKING:
    import bpy
    import numpy as np

    from ..core.gaussians import Gaussians
    from .avatars import LoadedAvatar

DEFAULT_BUDGET_MB = 512
_Key = tuple[str, bytes, bytes]


class DecodedFrames:
    """Decoded Gaussians by what they were decoded from; the longest unused go first when memory is short."""

    def __init__(self, budget_bytes: int) -> None:
        self._frames: OrderedDict[_Key, Gaussians] = OrderedDict()
        self._lock = threading.Lock()
        self._num_bytes = 0
        self._budget_bytes = budget_bytes

    @property
    def num_bytes(self) -> int:
        """Memory that the kept frames take."""
        return self._num_bytes

    def get(self, key: _Key, decode: Callable[[], Gaussians]) -> Gaussians:
        """The frame of `key`, decoded now if it is not kept."""
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        # Outside the lock: a render never waits for the frame that a viewport decodes.
        gaussians = _read_only(decode())
        with self._lock:
            if key not in self._frames:
                self._frames[key] = gaussians
                self._num_bytes += _size(gaussians)
                self._shrink()
        return gaussians

    def set_budget(self, budget_bytes: int) -> None:
        """Keep at most `budget_bytes` from now on; a single larger frame is not kept at all."""
        with self._lock:
            self._budget_bytes = budget_bytes
            self._shrink()

    def clear(self) -> None:
        """Drop every frame."""
        with self._lock:
            self._frames.clear()
            self._num_bytes = 0

    def _shrink(self) -> None:
        while self._num_bytes > self._budget_bytes:
            self._num_bytes -= _size(self._frames.popitem(last=False)[1])


_frames = DecodedFrames(DEFAULT_BUDGET_MB << 20)


def decoded(
    obj: bpy.types.Object, loaded: LoadedAvatar, code: np.ndarray, head_pose: np.ndarray | None
) -> Gaussians:
    """Gaussians of the avatar of `obj` in the avatar frame; the arrays are shared and read-only.

    `code` is what `codes.decoder_code` gives, `head_pose` the rotation vector (rad) and translation (m) `[6]`.
    """
    import numpy as np

    pose = b"" if head_pose is None else np.asarray(head_pose, np.float32).tobytes()
    key = (loaded.sha256, np.asarray(code, np.float32).tobytes(), pose)
    try:
        return _frames.get(key, lambda: loaded.avatar.decode(code, head_pose))
    except AvatarError as error:
        raise AvatarError(f"'{obj.name}': {error}") from None


def forget_decoded() -> None:
    """Drop every decoded frame."""
    _frames.clear()


def set_budget(megabytes: int) -> None:
    """Let decoded frames take at most `megabytes` (MiB) of memory."""
    _frames.set_budget(megabytes << 20)


def _arrays(gaussians: Gaussians) -> list[np.ndarray]:
    values = (getattr(gaussians, field.name) for field in fields(gaussians))
    return [value for value in values if value is not None]


def _read_only(gaussians: Gaussians) -> Gaussians:
    for array in _arrays(gaussians):
        array.flags.writeable = False
    return gaussians


def _size(gaussians: Gaussians) -> int:
    return sum(array.nbytes for array in _arrays(gaussians))
