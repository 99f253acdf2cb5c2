"""Numbers that an object keeps under a name of ours, which anybody may have set to anything."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from ..core.errors import CodeSpaceError


def stored_numbers(obj: object, name: str, length: int, whose: str) -> Float64[np.ndarray, " N"]:
    """The `length` numbers in the ID property `name`, zeros where it is not there.

    `whose` says in the sentence of a `CodeSpaceError` what they are for, as "the avatar 'Maya'".
    """
    values = obj.get(name)
    if values is None:
        return np.zeros(length)
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError):
        numbers = np.zeros(())
    if numbers.shape != (length,):
        kept = f"{numbers.size} code channels" if numbers.ndim == 1 else "no list of numbers"
        raise CodeSpaceError(
            f"'{obj.name}' keeps {kept} as '{name}', {whose} has {length}: import the avatar again "
            "and bake the speech again."
        )
    return numbers
