"""Named arrays in and out of safetensors bytes, checked for type, shape and finiteness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..errors import AvatarError

# No length, weight or colour of a head comes near; sums and squares of it stay finite.
MAX_NUMBER = 1e6
# Forty arrays of the longest names need less.
MAX_HEADER_BYTES = 2**16


@dataclass(frozen=True)
class TensorSpec:
    """Expected dtype and shape of one array; -1 stands for any length."""

    dtype: type
    shape: tuple[int, ...]
    is_optional: bool = False


def load_tensors(
    data: bytes, member: str, specs: Mapping[str, TensorSpec]
) -> dict[str, np.ndarray]:
    """Arrays of a safetensors member; raises `AvatarError` naming the array that is wrong."""
    try:
        _require_short_header(data)
        tensors = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise AvatarError(
            f"Its member '{member}' is not a safetensors file ({error}): export the avatar again."
        ) from None
    for name in sorted(set(tensors) - set(specs)):
        _refuse(member, name, "does not belong into it")
    for name, spec in specs.items():
        if name in tensors:
            check_tensor(tensors[name], spec, member, name)
        elif not spec.is_optional:
            _refuse(member, name, "is missing")
    return tensors


def _require_short_header(data: bytes) -> None:
    """A header may name millions of arrays of no length, each of which takes time and memory."""
    if int.from_bytes(data[:8], "little") > MAX_HEADER_BYTES:
        raise ValueError(f"its header is longer than {MAX_HEADER_BYTES} bytes")


def check_tensor(array: np.ndarray, spec: TensorSpec, member: str, name: str) -> None:
    """Refuse an array of another dtype or shape than `spec`, or with numbers not finite or absurd."""
    if array.dtype != spec.dtype:
        _refuse(member, name, f"is {array.dtype}, not {np.dtype(spec.dtype)}")
    fits = array.ndim == len(spec.shape) and all(
        want in (-1, have) for want, have in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        want = tuple("any" if n < 0 else n for n in spec.shape)
        _refuse(member, name, f"has shape {array.shape}, not {want}")
    if array.dtype.kind == "f" and not float(np.abs(array).max(initial=0)) <= MAX_NUMBER:
        _refuse(member, name, f"holds numbers that are not finite or beyond {MAX_NUMBER:g}")


def save_tensors(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as safetensors bytes."""
    return save({name: np.ascontiguousarray(array) for name, array in tensors.items()})


def _refuse(member: str, name: str, fault: str) -> None:
    raise AvatarError(f"In '{member}' the array '{name}' {fault}: export the avatar again.")
