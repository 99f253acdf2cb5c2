"""Valid files changed at random, each by the rules of its own format, so that readers are entered deeply."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath
from random import Random

Mutation = Callable[[bytes, Random], bytes]

NUMBERS = (0, 1, -1, 127, 255, 65_535, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**64 - 1)
WORDS = (
    b"nan", b"inf", b"-inf", b"-1", b"0", b"1e308", b"-1e308", b"1e999", b"1e-320", b"9" * 400, b"", b"0x10",
    b"1_0", b"1,5", b"\xff\xfe", b"\x00", b"\x1b[2J", b'"', b"\r", b"\n", b";", b",", b"\t", b"|", b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80", b"1/0", b"1e999999999", b"../../etc/passwd", b"\\\\host\\share\\a", b"/dev/zero",
)  # fmt: skip
VALUES = (
    None, True, False, 0, -1, 1e308, -1e308, 5e-324, float("nan"), float("inf"), 10**400, 2**63, "", "a\x00b",
    "\ud800", "\x1b]0;x\x07", "x" * 5000, [], {}, [[]], {"a": {}}, "1e999999999", "nan", [1, 0], "../../x", "//h/s",
)  # fmt: skip
OPERATORS = (
    "Loop", "If", "Scan", "Expand", "ConstantOfShape", "Tile", "Range", "NonZero", "MatMul", "Conv", "Einsum",
    "Resize", "SequenceMap", "Reshape", "Gather", "Slice", "Split", "Concat", "Cast", "ScatterND", "Pad",
)  # fmt: skip
MOST_BYTES = 1 << 20


def bytes_changed(data: bytes, random: Random) -> bytes:
    """Bits flipped, numbers set to extremes, pieces cut out, doubled or put in, the end cut off."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        at = random.randrange(len(changed) + 1)
        kind = random.randrange(7)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            size = random.choice((1, 2, 4, 8))
            number = random.choice(NUMBERS) % 2 ** (8 * size)
            changed[at : at + size] = number.to_bytes(size, random.choice(("little", "big")))
        elif kind == 2:
            del changed[at : at + random.choice((1, 4, 64, 4096))]
        elif kind == 3:
            changed[at:at] = changed[at : at + random.choice((1, 16, 256))]
        elif kind == 4:
            changed[at:at] = random.choice(WORDS)
        elif kind == 5:
            del changed[at:]
        else:
            changed[at:at] = random.randbytes(random.choice((1, 3, 32)))
    return bytes(changed[:MOST_BYTES])


def text_changed(data: bytes, random: Random) -> bytes:
    """Cells, words and line ends replaced; sometimes another encoding, or many times the same line."""
    for _ in range(random.choice((1, 1, 2, 5))):
        kind = random.randrange(6)
        if kind == 5:
            return bytes_changed(data, random)
        separator = random.choice((b",", b"\n", b" ", b":", b'"'))
        parts = data.split(separator)
        at = random.randrange(len(parts))
        if kind in (0, 1):
            parts[at] = random.choice(WORDS)
        elif kind == 2:
            most = MOST_BYTES // (len(parts[at]) + 1)
            parts[at:at] = [parts[at]] * min(random.choice((1, 3, 200)), most)
        elif kind == 3:
            del parts[at]
        else:
            text = data.decode("utf8", "replace")
            return text.encode(
                random.choice(("utf-16", "utf-8-sig", "latin1", "utf-32")), "replace"
            )
        data = separator.join(parts)
    return data[:MOST_BYTES]


def json_changed(data: bytes, random: Random) -> bytes:
    """Values somewhere in the tree replaced, removed, doubled or wrapped."""
    # What is doubled many times over would take the memory that is watched.
    if random.random() < 0.2 or len(data) > 50_000:
        return text_changed(data, random)
    try:
        document = json.loads(data)
    except ValueError:
        return text_changed(data, random)
    for _ in range(random.choice((1, 1, 2, 4))):
        document = _tree_changed(document, random, 0)
    text = json.dumps(document)
    if random.random() < 0.05:
        depth = random.choice((50, 5000, 100_000))
        text = text.replace("null", "[" * depth + "]" * depth)
    return text.encode("utf8", "surrogatepass")[:MOST_BYTES]


def _tree_changed(node: object, random: Random, depth: int) -> object:
    if not isinstance(node, dict | list) or not node or random.random() < 0.15 or depth > 8:
        return copy.deepcopy(random.choice(VALUES))
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    key, kind = random.choice(keys), random.randrange(8)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, list):
        node[key:key] = [copy.deepcopy(node[key]) for _ in range(random.choice((1, 5, 100)))]
    elif kind == 1:
        node[str(random.choice(VALUES))[:50]] = copy.deepcopy(node[key])
    else:
        node[key] = _tree_changed(node[key], random, depth + 1)
    return node


def safetensors_changed(data: bytes, random: Random) -> bytes:
    """The header as JSON, or the numbers behind it."""
    length = int.from_bytes(data[:8], "little")
    header, body = data[8 : 8 + length], data[8 + length :]
    if random.random() < 0.6:
        header = json_changed(header, random)
    else:
        body = bytes_changed(body, random) if body else b"\x00"
    size = len(header) if random.random() < 0.9 else random.choice(NUMBERS) % 2**64
    return size.to_bytes(8, "little") + header + body


def npy_changed(data: bytes, random: Random) -> bytes:
    """The header of an array, of the same length or not, or its numbers."""
    length = int.from_bytes(data[8:10], "little")
    header, body = data[10 : 10 + length], data[10 + length :]
    if random.random() < 0.5:
        return data[: 10 + length] + bytes_changed(body or b"\x00", random)
    pairs = ((b"<f4", b"|O"), (b"<f4", b"<f8"), (b"<f4", b"<c16"), (b"<f4", b"<U9999999"), (b"(", b"(99999999, "),
             (b"False", b"True"), (b"(", b"(-1, "), (b"(", b"(" * 300), (b"'", b'"'))  # fmt: skip
    old, new = random.choice(pairs)
    header = header.replace(old, new, 1) if random.random() < 0.8 else text_changed(header, random)
    return data[:8] + (len(header) % 65_536).to_bytes(2, "little") + header + body


def glb_changed(data: bytes, random: Random) -> bytes:
    """The JSON of a binary glTF, with lengths that fit, or its numbers."""
    length = int.from_bytes(data[12:16], "little")
    tree, rest = data[20 : 20 + length], data[20 + length :]
    if random.random() < 0.7:
        tree = json_changed(tree, random)
        tree += b" " * (-len(tree) % 4)
    else:
        rest = rest[:8] + bytes_changed(rest[8:] or b"\x00", random)
    whole = struct.pack("<I4s", len(tree), b"JSON") + tree + rest
    return b"glTF" + struct.pack("<II", 2, 12 + len(whole)) + whole


def ply_changed(data: bytes, random: Random) -> bytes:
    """The header of a PLY as text, or its numbers."""
    head, mark, body = data.partition(b"end_header\n")
    if random.random() < 0.5:
        return text_changed(head, random) + mark + body
    return head + mark + bytes_changed(body or b"\x00", random)


def onnx_changed(data: bytes, random: Random) -> bytes:
    """Operators, shapes, attributes and the graph's wiring; bytes where the package onnx is missing."""
    try:
        import onnx
    except ImportError:
        return bytes_changed(data, random)
    if random.random() < 0.2:
        return bytes_changed(data, random)
    model = onnx.ModelProto.FromString(data)
    graph = model.graph
    for _ in range(random.choice((1, 1, 2, 4))):
        node, tensor = random.choice(graph.node), random.choice(graph.initializer)
        kind = random.randrange(9)
        if kind == 0:
            node.op_type = random.choice((*OPERATORS, random.choice(graph.node).op_type))
        elif kind == 1 and node.input:
            node.input[random.randrange(len(node.input))] = random.choice(graph.node).output[0]
        elif kind == 2 and tensor.dims:
            tensor.dims[random.randrange(len(tensor.dims))] = random.choice(NUMBERS) % 2**63
        elif kind == 3:
            tensor.data_type = random.randrange(18)
        elif kind == 4:
            tensor.data_location = random.randrange(2)
            entry = tensor.external_data.add()
            entry.key, entry.value = (
                "location",
                random.choice(("/etc/passwd", "../a", "*/_ORT_MEM_ADDR_/*")),
            )
        elif kind == 5 and node.attribute:
            attribute = random.choice(node.attribute)
            attribute.i = random.choice(NUMBERS) % 2**63
            attribute.ints.append(random.choice(NUMBERS) % 2**63)
        elif kind == 6:
            node.domain = random.choice(("com.microsoft", "ai.onnx.ml", "x", ""))
        elif kind == 7:
            _bomb(onnx, graph, random)
        else:
            tensor.raw_data = bytes_changed(tensor.raw_data or b"\x00", random)
    return model.SerializeToString()


def _bomb(onnx: object, graph: object, random: Random) -> None:
    """A few bytes that make a large array of the input."""
    size = [random.choice((2, 1000, 100_000, 2**31, 2**40)), 52]
    graph.initializer.append(onnx.helper.make_tensor("bomb_size", 7, [2], size))
    kind = random.choice(("Expand", "Tile", "ConstantOfShape"))
    inputs = ["bomb_size"] if kind == "ConstantOfShape" else [graph.input[0].name, "bomb_size"]
    graph.node.insert(0, onnx.helper.make_node(kind, inputs, ["bomb"]))


MEMBERS: dict[str, Mutation] = {
    ".json": json_changed,
    ".safetensors": safetensors_changed,
    ".npy": npy_changed,
    ".glb": glb_changed,
    ".ply": ply_changed,
    ".onnx": onnx_changed,
}


def zip_changed(data: bytes, random: Random) -> bytes:
    """A member changed by its own rules and packed again with sizes and hashes that fit, or the zip itself broken."""
    if random.random() < 0.15:
        return bytes_changed(data, random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if random.random() < 0.8:
        name = random.choice(list(members))
        change = MEMBERS.get(PurePosixPath(name).suffix, bytes_changed)
        members[name] = change(members[name], random)
        _seal(members, random)
    packed = _packed(members, random)
    return _lying(packed, random) if random.random() < 0.2 else packed


def _seal(members: dict[str, bytes], random: Random) -> None:
    """Make the manifest of a package name its members as they are now."""
    if "manifest.json" not in members or random.random() < 0.1:
        return
    try:
        manifest = json.loads(members["manifest.json"])
        for name, member in members.items():
            if name in manifest["members"]:
                digest = hashlib.sha256(member).hexdigest()
                manifest["members"][name] = {"bytes": len(member), "sha256": digest}
        members["manifest.json"] = json.dumps(manifest).encode("utf8", "surrogatepass")
    except (ValueError, KeyError, TypeError):
        # The manifest itself was changed.
        return


def _packed(members: dict[str, bytes], random: Random) -> bytes:
    stream = io.BytesIO()
    odd = random.random() < 0.2
    methods = (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
        *((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA) if odd else ()),
    )
    with zipfile.ZipFile(stream, "w") as archive:
        for name, member in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = random.choice(methods)
            if odd and random.random() < 0.3:
                info.external_attr = 0o120777 << 16
            archive.writestr(info, member)
        if odd:
            name = random.choice(
                ("../escape.txt", "/tmp/escape", "C:\\x", "a" * 60_000, "manifest.json/", "\x1b[2J")
            )
            archive.writestr(name, bytes(random.choice((0, 10, 1 << 22))), zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _lying(data: bytes, random: Random) -> bytes:
    """One field of an entry in the directory, or of the end of the directory, set to another number."""
    changed = bytearray(data)
    mark, fields = random.choice(
        ((b"PK\x01\x02", (8, 10, 16, 20, 24, 28, 30, 42)), (b"PK\x05\x06", (8, 10, 12, 16)))
    )
    at = data.rfind(mark)
    place = at + random.choice(fields)
    changed[place : place + 2] = (random.choice(NUMBERS) % 65_536).to_bytes(2, "little")
    return bytes(changed)
