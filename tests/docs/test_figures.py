"""Figures stand in docs/BENCHMARKS.md with a command and a date, and README.md says no others."""

import re

import pytest

from .blocks import FENCE, ROOT

BENCHMARKS = (ROOT / "docs" / "BENCHMARKS.md").read_text("utf8")
README = (ROOT / "README.md").read_text("utf8")
# Percentages, times, rates, decibels, megabytes, and shares such as .86.
FIGURE = re.compile(
    r"(?<![\w.])(?:\d+(?:\.\d+)?(?= (?:dB|MB|ms|%|times|frames|minutes))|\d*\.\d+)(?![\w.]*\.\d)"
)


def sections():
    """Title and text of each section of the page, its subsections included."""
    pieces = re.split(r"^## ", FENCE.sub("", BENCHMARKS), flags=re.M)[1:]
    return [tuple(piece.split("\n", 1)) for piece in pieces]


@pytest.mark.parametrize(("title", "text"), sections())
def test_a_section_has_its_date_and_its_command(title, text):
    assert re.search(r"\b2026-\d\d-\d\d\b", text), "say when it was measured"
    page = BENCHMARKS[BENCHMARKS.index(f"## {title}") :]
    own = title + page[len(title) : page.find("\n## ", 5)]
    assert re.search(r"make \w|python |gaussian-heads |training\.\w|pytest", own), "say with what"


def rows(heading):
    """Our own cells of the table under a heading of the README."""
    text = README[README.index(f"\n## {heading}\n") :]
    lines = text[: text.index("\n## ", 5)].splitlines()
    return [line.split("|")[2] for line in lines if line.startswith("| ")][1:]


@pytest.mark.parametrize("cell", rows("How good is it") + rows("Beside the alternatives"))
def test_figures_of_the_readme_stand_in_the_benchmarks(cell):
    known = set(FIGURE.findall(BENCHMARKS))
    unknown = set(FIGURE.findall(re.sub(r"GPL-\S+|CC BY \S+", "", cell))) - known
    assert not unknown


def test_figures_are_found():
    said = FIGURE.findall("46 to 50 times, .86 (.75 to .96), 33.1 dB, 512², two cores, 810 MB")
    assert said == ["50", ".86", ".75", ".96", "33.1", "810"]
