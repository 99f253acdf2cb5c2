"""The manifest of an avatar package: who made it, what it holds, and the hash of every member."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import AvatarError
from ..json_text import parse_json
from ..spaces import ARKIT_BLENDSHAPES, ARKIT_SPACE

FORMAT = "uhap"
FORMAT_VERSION = 1
DECODER_MEMBERS = {"linear": "basis.safetensors", "onnx": "decoder.onnx"}
MAX_GAUSSIANS = 500_000
MAX_CODE_DIM = 256
MAX_MOTION_DIM = 64
MAX_TEXT = 4096
# Control characters, which terminals obey, and halves of letters, which no file can hold; tab and line end may be.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
MAX_CREDITS = 64
MAX_EXTENT_M = 100.0


@dataclass(frozen=True)
class Provenance:
    """Where the likeness comes from, so that pictures of it can say so."""

    is_synthetic: bool
    # Who agreed to what; empty where no real person is shown.
    consent: str = ""
    # What the avatar was made from, in words.
    source: str = ""


@dataclass(frozen=True)
class AvatarInfo:
    """What the maker of an avatar states about it; lengths in metres, avatar frame."""

    name: str
    licence: str
    provenance: Provenance
    code_space: str
    channel_names: tuple[str, ...]
    neck_pivot: tuple[float, float, float]
    author: str = ""
    credits: tuple[str, ...] = ()
    created_by: str = "gaussian-heads"
    # Gap between the inner lips when they touch at neutral, taken off every measured lip gap.
    lip_contact_offset_mm: float = 0.0
    # Numbers of the audio vector that the decoder takes after the code; 0 without personal motion.
    motion_dim: int = 0

    @property
    def code_dim(self) -> int:
        """Number of code channels D."""
        return len(self.channel_names)


@dataclass(frozen=True)
class Member:
    """Size and hash of one file of the package."""

    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Everything `manifest.json` says; `bounds` are the neutral's lowest and highest corner (m)."""

    info: AvatarInfo
    decoder: str
    num_gaussians: int
    bounds: tuple[tuple[float, ...], tuple[float, ...]]
    members: dict[str, Member] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The manifest as UTF-8 JSON."""
        info = dataclasses.asdict(self.info)
        document = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **{key: info[key] for key in ("name", "author", "licence", "credits", "created_by")},
            "provenance": info["provenance"],
            "decoder": self.decoder,
            "code_space": info["code_space"],
            "code_dim": self.info.code_dim,
            "channel_names": info["channel_names"],
            "num_gaussians": self.num_gaussians,
            "bounds": self.bounds,
            "neck_pivot": info["neck_pivot"],
            "lip_contact_offset_mm": info["lip_contact_offset_mm"],
            **({"motion_dim": info["motion_dim"]} if info["motion_dim"] else {}),
            "members": {
                name: {"bytes": member.num_bytes, "sha256": member.sha256}
                for name, member in sorted(self.members.items())
            },
        }
        return json.dumps(document, indent=2, ensure_ascii=False).encode("utf8")


def parse_manifest(data: bytes) -> Manifest:
    """Read and check `manifest.json`; raises `AvatarError` naming the field that is wrong."""
    try:
        document = parse_json(data.decode("utf8"))
    except ValueError as error:
        raise AvatarError(
            f"manifest.json is not JSON ({error}): get a fresh copy of the avatar."
        ) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise AvatarError("manifest.json does not describe an avatar (format is not 'uhap').")
    version = document.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise AvatarError(
            f"The avatar has format version {repr(version)[:20]}, this add-on reads version {FORMAT_VERSION}: "
            "update the add-on or export the avatar again."
        )
    reader = _Reader(document)
    decoder = reader.text("decoder")
    if decoder not in DECODER_MEMBERS:
        reader.fail("decoder", f"must be one of {', '.join(DECODER_MEMBERS)}")
    info = _parse_info(reader)
    if info.motion_dim and decoder != "onnx":
        reader.fail("motion_dim", "needs a decoder of kind 'onnx'")
    if reader.whole("code_dim", MAX_CODE_DIM) != info.code_dim:
        reader.fail("code_dim", f"must be the number of channel_names, {info.code_dim}")
    if info.code_space == ARKIT_SPACE and info.channel_names != ARKIT_BLENDSHAPES:
        reader.fail("channel_names", f"must be the 52 names of '{ARKIT_SPACE}' in Apple's order")
    low, high = reader.bounds("bounds")
    return Manifest(
        info, decoder, reader.whole("num_gaussians", MAX_GAUSSIANS), (low, high), reader.members()
    )


def check_info(info: AvatarInfo) -> None:
    """Refuse on writing what `parse_manifest` would refuse on reading."""
    try:
        document = Manifest(info, "onnx", 1, ((0.0,) * 3, (0.0,) * 3)).to_json()
    except UnicodeEncodeError:
        raise AvatarError(
            f"The avatar '{info.name}' has texts that no file can hold: write its name and credits again."
        ) from None
    parse_manifest(document)


def _parse_info(reader: _Reader) -> AvatarInfo:
    return AvatarInfo(
        name=reader.text("name", empty=False),
        author=reader.text("author"),
        licence=reader.text("licence", empty=False),
        credits=reader.texts("credits", MAX_CREDITS),
        created_by=reader.text("created_by"),
        provenance=reader.provenance("provenance"),
        code_space=reader.text("code_space", empty=False),
        channel_names=reader.texts("channel_names", MAX_CODE_DIM, unique=True),
        neck_pivot=reader.point("neck_pivot"),
        lip_contact_offset_mm=reader.number("lip_contact_offset_mm", 100.0),
        motion_dim=reader.whole("motion_dim", MAX_MOTION_DIM) if reader.has("motion_dim") else 0,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and not _NO_TEXT.search(value)


@dataclass(frozen=True)
class _Reader:
    """Typed, bounded access to the fields of a JSON object."""

    document: dict[str, Any]

    def fail(self, key: str, rule: str) -> None:
        raise AvatarError(
            f"manifest.json: '{key}' {rule}: get a fresh copy of the avatar or export it again."
        )

    def has(self, key: str) -> bool:
        return key in self.document

    def text(self, key: str, *, empty: bool = True) -> str:
        value = self.document.get(key)
        if not _is_text(value) or (not empty and not value.strip()):
            self.fail(
                key, f"must be text of at most {MAX_TEXT} characters, none of them for control"
            )
        return value

    def texts(self, key: str, limit: int, *, unique: bool = False) -> tuple[str, ...]:
        values = self.document.get(key)
        is_list = isinstance(values, list) and len(values) <= limit
        if not is_list or not all(_is_text(value) for value in values):
            self.fail(key, f"must be a list of at most {limit} texts without control characters")
        if unique and (not values or len(set(values)) != len(values)):
            self.fail(key, "must be a list of different names, not empty")
        return tuple(values)

    def whole(self, key: str, limit: int) -> int:
        value = self.document.get(key)
        if type(value) is not int or not 1 <= value <= limit:
            self.fail(key, f"must be a whole number from 1 to {limit}")
        return value

    def number(self, key: str, limit: float) -> float:
        return self._bounded(key, self.document.get(key), limit)

    def point(self, key: str) -> tuple[float, float, float]:
        return self._point(key, self.document.get(key))

    def bounds(self, key: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        value = self.document.get(key)
        if not isinstance(value, list) or len(value) != 2:
            self.fail(key, "must be two points")
        return self._point(key, value[0]), self._point(key, value[1])

    def provenance(self, key: str) -> Provenance:
        value = self.document.get(key)
        if not isinstance(value, dict) or not isinstance(value.get("is_synthetic"), bool):
            self.fail(key, "must say whether the person is synthetic ('is_synthetic')")
        inner = _Reader(value)
        return Provenance(value["is_synthetic"], inner.text("consent"), inner.text("source"))

    def members(self) -> dict[str, Member]:
        value = self.document.get("members")
        if not isinstance(value, dict) or len(value) > 16:
            self.fail("members", "must name the files of the package")
        members = {}
        for name, entry in value.items():
            if not isinstance(entry, dict):
                self.fail("members", f"must give bytes and sha256 of '{name[:80]}'")
            inner = _Reader(entry)
            members[name] = Member(inner.whole("bytes", 2**31), inner.text("sha256"))
        return members

    def _point(self, key: str, value: object) -> tuple[float, float, float]:
        if not isinstance(value, list) or len(value) != 3:
            self.fail(key, "must be three numbers in metres")
        x, y, z = (self._bounded(key, v, MAX_EXTENT_M) for v in value)
        return x, y, z

    def _bounded(self, key: str, value: object, limit: float) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= limit:
            self.fail(key, f"must be finite and within {limit:g}")
        return float(value)
