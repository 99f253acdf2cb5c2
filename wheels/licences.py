"""The licence report of a release: every wheel with version, licence, home and licence texts, and the assets.

A wheel that states no licence, or one that may not be joined with GPL-3.0-or-later, stops the release.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from contents import ReleaseZip, read_metadata
from packaging.utils import canonicalize_name

# SPDX names of licences whose works may be part of one under GPL-3.0-or-later (the Free Software Foundation's list).
COMPATIBLE = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause CC0-1.0 CC-BY-4.0 GPL-2.0-or-later GPL-3.0-or-later ISC "
    "LGPL-2.1-or-later LGPL-3.0-or-later MIT MIT-0 MPL-2.0 PSF-2.0 Unlicense Zlib".split()
)
# How packages without a licence expression say it, in their `License` field or their classifiers.
_SPOKEN = (
    (r"apache", "Apache-2.0"),
    (r"(3.clause|new|modified).*bsd|bsd.*(3.clause|new|modified)|^bsd( license)?$", "BSD-3-Clause"),
    (r"^mit\b", "MIT"),
)
_TEXTS = re.compile(r"(^|/)(licen[cs]e|copying|notice|thirdpartynotices)[^/]*$", re.IGNORECASE)
_NO_TEXT = ("__init__.py", ".pyi", "_spdx.py")


class LicenceError(Exception):
    """A wheel that may not be brought; the message says which and why."""


@dataclass(frozen=True)
class WheelLicence:
    """What the report says of one package."""

    name: str
    version: str
    licence: str  # SPDX expression
    home: str
    texts: dict[str, str]  # by path in the wheel
    libraries: tuple[str, ...]  # shared libraries of others that the wheel carries
    wheels: frozenset[str]  # file names


def wheel_licence(file: str, data: bytes) -> WheelLicence:
    """Read it from the bytes of a wheel; raises `LicenceError` where it may not be brought."""
    metadata = read_metadata(data)
    name, version = canonicalize_name(metadata["Name"]), metadata["Version"]
    licence = stated_licence(metadata)
    if not licence:
        raise LicenceError(f"{file} states no licence: find out which, or leave the package out")
    if not is_compatible(licence):
        raise LicenceError(
            f"{file} is under '{licence}', which GPL-3.0-or-later does not allow: leave it out"
        )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        texts = {
            path: archive.read(path).decode("utf8", "replace")
            for path in names
            if _TEXTS.search(path) and not path.endswith(("/", *_NO_TEXT))
        }
    carried = {_plain_name(path) for path in names if ".libs/" in path or "/.dylibs/" in path}
    libraries = sorted(carried - {""})
    return WheelLicence(
        name, version, licence, home_of(metadata), texts, tuple(libraries), frozenset({file})
    )


def stated_licence(metadata: Message) -> str:
    """The licence of a wheel as an SPDX expression: its own, or what its words mean; empty where there is none."""
    if expression := metadata["License-Expression"]:
        return expression
    classifiers = [
        line.rpartition(" :: ")[2].removesuffix(" License").removesuffix(" Software")
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License :: ")
    ]
    words = [line.strip() for line in (metadata["License"] or "").splitlines() if line.strip()]
    for spoken in (*words[:1], *classifiers):
        for pattern, spdx in _SPOKEN:
            if re.search(pattern, spoken, re.IGNORECASE):
                return spdx
    return next(iter((*words[:1], *classifiers)), "")


def is_compatible(expression: str) -> bool:
    """Whether an SPDX expression leaves a choice under which the work may join one under GPL-3.0-or-later."""
    parts = re.split(r"\s+OR\s+", expression.replace("(", " ").replace(")", " ").strip())
    return any(
        all(name.strip() in COMPATIBLE for name in re.split(r"\s+AND\s+", part)) for part in parts
    )


def home_of(metadata: Message) -> str:
    """Where a package lives."""
    links = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL", []))
    named = {key.lower(): link for key, link in links.items()}
    for key in ("homepage", "home", "repository", "source", "source code"):
        if key in named:
            return named[key]
    return metadata["Home-page"] or ""


def read_licences(zips: Iterable[Path]) -> list[WheelLicence]:
    """Of every wheel of these zips, one entry for each version of a package, in order of names."""
    found: dict[tuple[str, str], WheelLicence] = {}
    for path in zips:
        for file, data in ReleaseZip(path).wheels.items():
            one = wheel_licence(file, data)
            known = found.get((one.name, one.version))
            if known is not None:
                libraries = tuple(sorted({*known.libraries, *one.libraries}))
                texts = {**known.texts, **one.texts}
                one = WheelLicence(
                    one.name, one.version, one.licence, one.home or known.home, texts, libraries,
                    known.wheels | one.wheels,
                )  # fmt: skip
            found[one.name, one.version] = one
    return [found[key] for key in sorted(found)]


def report(entries: list[WheelLicence], version: str, tree: Path) -> str:
    """The report as Markdown: a table, what the assets are made of, and the texts."""
    lines = [f"# Licences of Gaussian Heads {version}", ""]
    lines += [
        "The add-on is under GPL-3.0-or-later, what lies in its `assets/` under CC BY 4.0.",
        "",
    ]
    lines += ["| package | version | licence | home | wheels | libraries within |"]
    lines += ["|---|---|---|---|---|---|"]
    for entry in entries:
        cells = (entry.name, entry.version, entry.licence, entry.home, str(len(entry.wheels)))
        lines.append(f"| {' | '.join(cells)} | {' '.join(entry.libraries)} |")
    lines += ["", "## Assets and sources", "", _quoted((tree / "NOTICE").read_text("utf8"))]
    lines += [_quoted((tree / "assets" / "LICENSE").read_text("utf8")), "## Texts", ""]
    printed: set[str] = set()
    for entry in entries:
        for path, text in sorted(entry.texts.items()):
            if text not in printed:
                printed.add(text)
                lines += [f"### {entry.name} {entry.version}: {path}", "", _quoted(text)]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return f"~~~\n{text.strip()}\n~~~\n"


def _plain_name(path: str) -> str:
    """The name of a shared library without its version and the hash that tools add: `avcodec`."""
    file = path.rpartition("/")[2]
    return re.sub(r"^lib|(-[0-9a-f]{8,}|[.-][0-9.]*)?(\.so|\.dylib|\.dll|[.-]\d).*$", "", file)
