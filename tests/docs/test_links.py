"""Every link between pages leads somewhere, on GitHub and in the site; every page is reached."""

import re
from urllib.parse import unquote

import pytest

from .blocks import ROOT, anchors, links, name_of, pages


def internal(page):
    return [link for link in links(page) if not re.match(r"[a-z][a-z0-9+.-]*:", link)]


def target_of(page, link):
    """The file that a link names, and the anchor in it."""
    path, _, anchor = unquote(link).partition("#")
    return ((page.parent / path).resolve() if path else page), anchor


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_to_files_and_headings(page):
    broken = []
    for link in internal(page):
        target, anchor = target_of(page, link)
        is_there = target.is_relative_to(ROOT) and target.exists()
        if not is_there or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_is_reached_from_the_index():
    start = ROOT / "docs" / "index.md"
    reached, waiting = set(), [start]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [target_of(page, link)[0] for link in internal(page)]
    assert set(pages()) <= reached


def test_the_readme_leads_to_every_page():
    named = {target_of(ROOT / "README.md", link)[0] for link in internal(ROOT / "README.md")}
    assert set((ROOT / "docs").glob("*.md")) - named == set()


def test_every_picture_is_shown_somewhere():
    shown = {target_of(page, link)[0] for page in pages() for link in internal(page)}
    pictures = {path for path in (ROOT / "docs" / "images").rglob("*") if path.is_file()}
    assert pictures - shown == set()


def test_anchors_are_those_of_github(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `name`, and 2 (more)\n## Twice\n## Twice\n```\n# no heading\n```\n")
    assert anchors(page) == {"a-name-and-2-more", "twice", "twice-1"}


def test_links_in_code_are_no_links(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '[a](b.md "T") `[c](d.md)` ![e](f.png)\n```\n[g](h.md)\n```\n<img src="i.jpg">\n'
    )
    assert links(page) == ["b.md", "f.png", "i.jpg"]
