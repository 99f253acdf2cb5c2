"""Spellings of names: camelCase, PascalCase, snake_case, prefixes, and Left as _L, L_ or .L."""

from __future__ import annotations

import re

_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
# What stands before a name without changing its meaning: letters and digits of a set, a mesh or a tool.
_MEANING = re.compile(
    "eye|brow|jaw|mouth|cheek|nose|tongue|lip|lid|lash|teeth|chin|corr|fix|combo|inv|half|neg|viseme"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\x00-\x7f]+")


def name_tokens(name: str) -> tuple[str, ...]:
    """Lower-case words of `name` after its last dot or colon, a side spelled out and put last."""
    words = _words(name)
    if len(words) > 1 and words[0] in _SIDES:
        words = [*words[1:], words[0]]
    if len(words) > 1 and words[-1] in _SIDES:
        words[-1] = _SIDES[words[-1]]
    return tuple(words)


def joined(name: str) -> str:
    """`name_tokens` in one word, which spells a name the same wherever its words are parted."""
    return "".join(name_tokens(name))


def endings(name: str) -> tuple[str, ...]:
    """Spellings that `name` may stand for: all of it, then without prefixes that mean nothing."""
    tokens = name_tokens(name)
    found = ["".join(tokens)]
    for start in range(1, len(tokens)):
        if _MEANING.search("".join(tokens[:start])):
            break
        found.append("".join(tokens[start:]))
    return tuple(found)


def _words(name: str) -> list[str]:
    stem, _, last = name.replace(":", ".").rpartition(".")
    if stem and last.lower() in _SIDES:
        # Blender's own habit: "eyeBlink.L".
        last = f"{stem.rpartition('.')[2]}_{last}"
    return [word.lower() for word in _WORDS.findall(last)]
