"""Sphinx's settings: the Markdown pages as they lie in the repository, and the reference from docstrings.

The source folder is the repository's root (`sphinx-build -c docs . build/docs`), so that one link between two pages
holds on GitHub, on disk and in the site. sphinx-autoapi reads the sources and imports nothing.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "blender", "training")
# sphinx-autoapi names modules after folders, and this repository's root is the package: a copy of the sources
# in a folder called `gaussian_heads` gives them the names that they are imported by.
SOURCES = ROOT / "build" / "reference" / "gaussian_heads"

project = "Gaussian Heads"
copyright = "Gaussian Heads contributors, CC BY 4.0"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["version"]

# Sphinx gives `tags`: `sphinx-build -t pages` leaves the reference out: seconds instead of minutes.
HAS_REFERENCE = not tags.has("pages")  # noqa: F821
extensions = ["myst_parser", *(["autoapi.extension"] if HAS_REFERENCE else [])]
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md"]
if HAS_REFERENCE:
    include_patterns.append("docs/reference/**")
html_theme = "furo"
html_title = f"Gaussian Heads {release}"
html_extra_path = ["site"]
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_copy_source = False

myst_enable_extensions = ["html_image"]
# Headings get the anchors that GitHub gives them.
myst_heading_anchors = 4
pygments_style, pygments_dark_style = "friendly", "monokai"
highlight_language = "text"

# The navigation names modules; every function in it would make it a megabyte on each of 400 pages.
toc_object_entries = False

autoapi_dirs = [str(SOURCES)]
autoapi_root = "docs/reference"
# The reference is reached from its own pages: in the navigation its 500 modules would stand on each page again.
autoapi_template_dir = "docs/templates"
autoapi_options = ["members", "show-module-summary"]
autoapi_member_order = "bysource"
autoapi_add_toctree_entry = False
autoapi_python_class_content = "class"
# Re-exports that only type checkers see are no dead links, nor are two types of one name in different modules.
suppress_warnings = ["autoapi.python_import_resolution", "ref.python"]

linkcheck_timeout = 20
linkcheck_retries = 2

CONTENTS = {
    "Start": ["/README", "WALKTHROUGH", "TROUBLESHOOTING", "RESPONSIBLE_USE", "/CHANGELOG"],
    "Animators": ["AVATARS", "SPEECH", "ACTING", "VIDEO", "RENDERING", "INTERCHANGE", "SPLATS"],
    "Technical directors": ["SCRIPTING", "FARMS", "CUDA"],
    "Researchers": ["TRAINING", "BENCHMARKS", "FORMAT"],
    "Developers": ["ARCHITECTURE", "CONVENTIONS", "/CONTRIBUTING", "COMMANDS", "WANTED"],
}


def contents() -> str:
    """The site's table of contents; pages that no group names stand under the developers'."""
    named = {page for pages in CONTENTS.values() for page in pages}
    others = sorted({path.stem for path in (ROOT / "docs").glob("*.md")} - named - {"index"})
    groups = {title: list(pages) for title, pages in CONTENTS.items()}
    groups["Developers"] += others
    if HAS_REFERENCE:
        groups["Reference"] = ["reference/gaussian_heads/index"]
    blocks = []
    for title, pages in groups.items():
        lines = "\n".join(pages)
        blocks.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{lines}\n```\n")
    return "\n" + "\n".join(blocks)


def add_contents(app, docname: str, source: list[str]) -> None:
    """The index is plain Markdown for GitHub; the site's contents are added as it is read."""
    if docname == root_doc:
        source[0] += contents()


def as_text(paragraph: str) -> str:
    """A paragraph of a docstring as reStructuredText: names in backticks as code, all else as it stands."""
    pieces = re.split(r"(`+[^`]+`+)", paragraph)
    plain = [re.sub(r"([\\*|_`])", r"\\\1", piece) for piece in pieces[::2]]
    code = [f"``{piece.strip('`')}``" for piece in pieces[1::2]] + [""]
    return "".join(
        text + (f"{name}\\ " if name else "") for text, name in zip(plain, code, strict=True)
    )


def plain_docstring(app, kind: str, name: str, obj, options, lines: list[str]) -> None:
    """Docstrings here are plain text: paragraphs, and indented blocks that are shown as they are."""
    blocks = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    shown = []
    for block in blocks:
        if block.startswith(" "):
            shown += ["::", "", *(f"   {line}" for line in block.splitlines()), ""]
        else:
            shown += [as_text(" ".join(line.strip() for line in block.splitlines())), ""]
    lines[:] = shown


def setup(app) -> None:
    """Copy the sources for the reference, and listen where pages and docstrings are read."""
    app.connect("source-read", add_contents)
    if not HAS_REFERENCE:
        return
    shutil.rmtree(SOURCES, ignore_errors=True)
    for package in PACKAGES:
        only_python = shutil.ignore_patterns("__pycache__", "*.json", "*.txt")
        shutil.copytree(ROOT / package, SOURCES / package, ignore=only_python)
    shutil.copy(ROOT / "__init__.py", SOURCES)
    app.connect("autodoc-process-docstring", plain_docstring)
