"""Symptoms are the program's own words: each sentence that the page quotes stands in the sources."""

import ast
import re

import pytest

from .blocks import ROOT

PAGES = ("docs/TROUBLESHOOTING.md", "README.md")
SOURCES = ("blender", "core", "operators", "panels", "training", ".ci")


def texts():
    """Every text of the sources; what is filled in at run time is `…`."""
    found = [(ROOT / "Makefile").read_text("utf8")]
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    parts = (p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
                    found.append("".join(parts))
    return found


def quotations():
    """The quoted sentences in the first cells of the pages' tables of symptoms."""
    found = []
    for page in PAGES:
        rows = re.findall(r"^\| (.*?) \|", (ROOT / page).read_text("utf8"), re.M)
        found += [
            (page, quoted)
            for row in rows
            for quoted in re.findall(r'(?<!=)"([^"]+)"', re.sub(r"<[^>]+>", "", row))
        ]
    return found


@pytest.fixture(scope="module")
def known():
    return texts()


def matches(quoted, text):
    """Whether the words stand in the text, `…` for anything that is filled in there."""
    pattern = r"['…\w]*?".join(re.escape(piece.strip()) for piece in quoted.split("…"))
    spaced = pattern.replace(r"['…\w]*?", r"\s*['…]*\s*")
    return re.search(spaced, text) is not None


@pytest.mark.parametrize(("page", "quoted"), quotations())
def test_a_quoted_sentence_stands_in_the_sources(known, page, quoted):
    assert any(matches(quoted, text) for text in known), quoted


def test_there_are_symptoms_of_every_kind():
    assert len(quotations()) >= 30


def test_gaps_stand_for_what_is_filled_in_alone():
    assert matches("has … cells for … columns", "Row …: it has … cells for … columns; put")
    assert matches("The disk of … has … GB", "The disk of '…' has … GB left")
    assert not matches("has … columns", "has … cells for … columns")
