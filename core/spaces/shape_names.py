"""Which shape keys of a character say what ours say, told by their names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .arkit import ARKIT_BLENDSHAPES
from .name_tokens import endings, joined
from .shape_tables import (
    AUDIO2FACE_SHAPES,
    DIRECT_SETS,
    MICROSOFT_MIXTURES,
    VISEME_POSES,
    VISEME_SPELLINGS,
    Weights,
)

# A character with this many of ARKit's shapes of the mouth needs no visemes.
ENOUGH_MOUTH = 6
# Fewer vowels than this in single letters are something else.
LEAST_VOWELS = 3
# What a mouth does beside speaking.
_MOODS = ("mouthSmile", "mouthFrown")
CONTROLS: tuple[str, ...] = (*ARKIT_BLENDSHAPES, *VISEME_POSES)


@dataclass(frozen=True)
class ShapeRow:
    """The shape key `key` gets `factor` times our `control`, an ARKit control or a viseme."""

    control: str
    key: str
    factor: float | int = 1.0


@dataclass(frozen=True)
class ShapeMatch:
    """What was recognised: rows of the mapping, names of the sets they come from, and the rest."""

    rows: tuple[ShapeRow, ...]
    sets: tuple[str, ...]
    unmatched: tuple[str, ...]

    @property
    def num_keys(self) -> int:
        """How many shape keys move."""
        return len({row.key for row in self.rows})

    def sentence(self) -> str:
        """What was recognised, in words for a person."""
        if not self.rows:
            return "No shape key has a name that is known; choose keys in the list by hand"
        rest = f"; {len(self.unmatched)} left alone" if self.unmatched else ""
        keys = "1 shape key" if self.num_keys == 1 else f"{self.num_keys} shape keys"
        return f"{keys} recognised ({' + '.join(self.sets)}){rest}"


def find_arkit(names: Collection[str]) -> dict[str, str]:
    """ARKit controls with the name among `names` that spells each, in the order of ARKit's list."""
    found = _spelled(names, DIRECT_SETS["ARKit"])
    by_control = {control: name for name, control in reversed(found.items())}
    return {control: by_control[control] for control in ARKIT_BLENDSHAPES if control in by_control}


def performance_weights(names: Sequence[str]) -> dict[str, Weights]:
    """What each of `names`, the poses of a recording, means in ARKit weights; unknown ones are left out."""
    found = {key: {control: 1.0} for control, key in find_arkit(names).items()}
    others = {
        name: AUDIO2FACE_SHAPES[spelled]
        for name, spelled in _spelled(names, AUDIO2FACE_SHAPES).items()
    }
    return {**others, **found}


def match_shapes(key_names: Sequence[str]) -> ShapeMatch:
    """Recognise the shape keys of a character by their names."""
    rows: list[ShapeRow] = []
    sets: list[str] = []
    said: set[str] = set()
    for title, table in DIRECT_SETS.items():
        free = [name for name in key_names if name not in {row.key for row in rows}]
        fresh = {key: table[name] for key, name in _spelled(free, table).items()}
        before = len(rows)
        for key, weights in _once(fresh, said):
            rows += [ShapeRow(control, key, factor) for control, factor in weights.items()]
        said |= {row.control for row in rows}
        sets += [title] * (len(rows) > before)
    num_mouth = sum(control.startswith(("mouth", "jaw")) for control in said)
    if num_mouth < ENOUGH_MOUTH:
        free = [name for name in key_names if name not in {row.key for row in rows}]
        title, visemes = _visemes(free)
        if visemes:
            sets.append(title)
            # Visemes open and shape the mouth as a whole; single shapes but moods would do so twice.
            rows = [row for row in rows if not _is_spoken(row.control)]
            rows += [ShapeRow(viseme, key) for key, viseme in visemes.items()]
    used = {row.key for row in rows}
    unmatched = tuple(name for name in key_names if name not in used)
    return ShapeMatch(tuple(rows), tuple(sets), unmatched)


def _is_spoken(control: str) -> bool:
    return control.startswith(("mouth", "jaw")) and not control.startswith(_MOODS)


def _once(shapes: Mapping[str, Weights], said: Collection[str]) -> Iterator[tuple[str, Weights]]:
    """Shapes of a set without those that say again what others said.

    One control may have several keys that each do a part of it; a key for both sides is left out where one
    of them has its own.
    """
    taken = set(said)
    for key, weights in sorted(shapes.items(), key=lambda item: len(item[1])):
        is_part = len(weights) == 1 and not taken & set(weights) & set(said)
        if is_part or not taken & set(weights):
            yield key, weights
            taken |= set(weights)


def _visemes(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The set of visemes that most of `names` are of, and the viseme of each such name."""
    candidates = {
        title: {name: table[spelled] for name, spelled in _spelled(names, table).items()}
        for title, table in VISEME_SPELLINGS.items()
    }
    microsoft = {name: name for name in MICROSOFT_MIXTURES}
    microsoft |= {f"viseme_{i}": name for i, name in enumerate(MICROSOFT_MIXTURES)}
    candidates["Microsoft"] = {
        name: microsoft[spelled] for name, spelled in _spelled(names, microsoft).items()
    }
    title = max(candidates, key=lambda name: len(set(candidates[name].values())))
    found: dict[str, str] = {}
    for name, viseme in candidates[title].items():
        # One key for each viseme, and none for silence, which is the face at rest.
        if VISEME_POSES[viseme] and viseme not in found.values():
            found[name] = viseme
    return (title, found) if len(found) >= LEAST_VOWELS else ("", {})


def _spelled(names: Collection[str], table: Mapping[str, object]) -> dict[str, str]:
    """The entry of `table` that each name spells; of several spellings of one entry the plainest."""
    entries = {joined(entry): entry for entry in table}
    found: dict[str, str] = {}
    taken: set[str] = set()
    ranked = sorted(_candidates(names, entries), key=lambda candidate: candidate[0])
    for _, name, entry in ranked:
        if name not in found and entry not in taken:
            found[name] = entry
            taken.add(entry)
    return {name: found[name] for name in names if name in found}


def _candidates(
    names: Collection[str], entries: Mapping[str, str]
) -> Iterator[tuple[int, str, str]]:
    for name in names:
        for rank, ending in enumerate(endings(name)):
            # A single letter is a vowel only where it is the whole name.
            if ending in entries and (rank == 0 or len(ending) > 2):
                yield rank, name, entries[ending]
                break
