"""The tables of names in docs/INTERCHANGE.md are those of the code."""

from pathlib import Path

from gaussian_heads.core.spaces.shape_tables import (
    AUDIO2FACE_SHAPES,
    DIRECT_SETS,
    MICROSOFT_MIXTURES,
    VISEME_SPELLINGS,
)

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "INTERCHANGE.md"


def mixture(weights) -> str:
    terms = (f"`{n}`" if w == 1 else f"{w:g} `{n}`" for n, w in weights.items())
    return " + ".join(terms) or "at rest"


def direct_rows() -> list[str]:
    """Each known name with its meaning; mirror images are told by their left side."""
    rows = []
    for title, table in DIRECT_SETS.items():
        if title == "ARKit":
            continue
        for key, weights in table.items():
            left = table.get(f"{key.removesuffix('_R')}_L", {})
            mirrored = {name.replace("Left", "Right"): weight for name, weight in left.items()}
            if not (key.endswith("_R") and weights == mirrored):
                rows.append(f"| {title} | `{key}` | {mixture(weights)} |")
    return rows


def viseme_rows() -> list[str]:
    return [
        f"| {title} | {', '.join(f'`{spelling}`' for spelling in table)} |"
        for title, table in VISEME_SPELLINGS.items()
    ]


def microsoft_rows() -> list[str]:
    return [
        f"| `{name}` | `viseme_{number}` | {mixture(weights)} |"
        for number, (name, weights) in enumerate(MICROSOFT_MIXTURES.items())
    ]


def audio2face_rows() -> list[str]:
    return [f"| `{pose}` | {mixture(weights)} |" for pose, weights in AUDIO2FACE_SHAPES.items()]


TABLES = {
    "TABLE": direct_rows,
    "VISEMES": viseme_rows,
    "MICROSOFT": microsoft_rows,
    "AUDIO2FACE": audio2face_rows,
}


def test_the_document_says_what_the_tables_say():
    lines = DOCUMENT.read_text("utf8").splitlines()
    for rows in TABLES.values():
        expected = rows()
        start = lines.index(expected[0])
        assert lines[start : start + len(expected)] == expected
        after = lines[start + len(expected) :][:1]
        assert not after or not after[0].startswith("|"), "a row too many"
