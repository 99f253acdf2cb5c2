"""The Markdown pages: their blocks of commands and code, their links and headings."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELL, PYTHON = ("sh", "bash", "console"), ("python",)
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)\n(?P<text>.*?)^ *```", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block: its page (relative to the repository), its first line, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every Markdown page that people are sent to."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted((ROOT / "docs").glob("*.md"))]


def name_of(page: Path) -> str:
    """A page's path as it stands in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of one page, in order."""
    text = page.read_text("utf8")
    return [
        Block(
            name_of(page), text.count("\n", 0, found.start()) + 1, found["language"], found["text"]
        )
        for found in FENCE.finditer(text)
    ]


def blocks(*languages: str) -> list[Block]:
    """The blocks of all pages in the languages."""
    return [block for page in pages() for block in blocks_of(page) if block.language in languages]


def commands_of(block: Block) -> list[str]:
    """The command lines of a shell block: continued lines joined, comments and prompts left out."""
    text = re.sub(r"\s*\\\n\s*", " ", block.text)
    lines = [re.sub(r"^\$ ", "", line) for line in text.splitlines()]
    return [line.strip() for line in map(without_comment, lines) if line.strip()]


def without_comment(line: str) -> str:
    """A line of shell without what follows a `#` outside of quotes."""
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place]
    return line


def words_of(command: str, variables: dict[str, str]) -> list[str]:
    """The words of a command line, with the variables that are set put in."""

    def value(found: re.Match) -> str:
        return variables[found["name"]]

    return shlex.split(re.sub(r"\$\{?(?P<name>\w+)\}?", value, command))


def prose(page: Path) -> str:
    """A page's text without blocks and without names in backticks, each replaced by blanks."""

    def blank(found: re.Match) -> str:
        return re.sub(r"[^\n]", " ", found[0])

    text = FENCE.sub(blank, page.read_text("utf8"))
    return re.sub(r"`[^`\n]+`", blank, text)


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, as they are written."""
    text = prose(page)
    found = re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", text)
    return found + re.findall(r"""(?:src|href)=["']([^"']+)["']""", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings as GitHub and the site's generator make them."""
    known: dict[str, int] = {}
    for title in re.findall(r"^#{1,6} +(.+?)\s*$", FENCE.sub("", page.read_text("utf8")), re.M):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = known.get(slug, 0)
        known[slug] = number + 1
        if number:
            known[f"{slug}-{number}"] = 1
    return set(known)
