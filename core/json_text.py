"""JSON that strangers wrote: as many values as memory is meant for, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable

# A list or table takes 60 to 230 bytes in memory, a number or text 30 to 60: some 2 GiB together.
MAX_TABLES = 4_000_000
MAX_VALUES = 32_000_000


def parse_json(text: str, **hooks: Callable) -> object:
    """The document in `text`, with hooks as `json.loads` takes them; raises `ValueError` with the reason."""
    if text.count("[") + text.count("{") > MAX_TABLES or text.count(",") > MAX_VALUES:
        raise ValueError("it holds more values than any recording")
    try:
        return json.loads(text, **hooks)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
