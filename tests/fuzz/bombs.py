"""The worst files that are known for each reader, read in processes of their own: time and memory against stated bounds.

`python -m tests.fuzz.bombs` prints a row for each; exit code 1 says that a bound was broken.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gaussian_heads.core.errors import GaussianHeadsError

from ..core.small_heads import small_linear_avatar, small_onnx_avatar
from .mutations import _seal
from .targets import BY_NAME

PIECE = bytes(1 << 20)


@dataclass(frozen=True)
class Bomb:
    """A file of `reader`, and the most megabytes that reading it may take, with Python and its libraries."""

    name: str
    reader: str
    make: Callable[[Path], None]
    most_mb: int


def _zeros(archive: zipfile.ZipFile, name: str, megabytes: int, head: bytes = b"") -> None:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info._compresslevel = 1
    with archive.open(info, "w", force_zip64=True) as stream:
        stream.write(head)
        for _ in range(megabytes):
            stream.write(PIECE)


def _package(path: Path, member: str, data: bytes, *, is_onnx: bool = False) -> None:
    """A good package with one member replaced, sealed with hashes that fit."""
    (small_onnx_avatar if is_onnx else small_linear_avatar)(path, 60)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = data
    _seal(members, _Never())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


class _Never:
    """Stands in for chance: nothing unlikely happens."""

    def random(self) -> float:
        return 1.0


def _large_basis(path: Path) -> None:
    """An array of zeros that is not one of a basis, so large as a member may be."""
    count = (2**29 - 1024) // 4
    header = json.dumps(
        {"means": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}
    ).encode()
    _package(path, "basis.safetensors", struct.pack("<Q", len(header)) + header + bytes(4 * count))


def _large_weights(path: Path) -> None:
    """A model of which all but a little is one array that nothing uses."""
    import onnx

    small_onnx_avatar(path, 60)
    with zipfile.ZipFile(path) as archive:
        model = onnx.ModelProto.FromString(archive.read("decoder.onnx"))
    count = 120_000_000
    tensor = model.graph.initializer.add()
    tensor.name, tensor.data_type, tensor.raw_data = "unused", 1, bytes(4 * count)
    tensor.dims.append(count)
    _package(path, "decoder.onnx", model.SerializeToString(), is_onnx=True)


def _large_lam(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("skin.glb", "offset.ply"):
            _zeros(archive, name, 256)


def _large_splats(path: Path) -> None:
    """Five million Gaussians with 45 coefficients, as a file with a hole."""
    names = [
        "x",
        "y",
        "z",
        "opacity",
        *(f"f_dc_{i}" for i in range(3)),
        *(f"scale_{i}" for i in range(3)),
    ]
    names += [*(f"rot_{i}" for i in range(4)), *(f"f_rest_{i}" for i in range(45))]
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 5000000\n"
    head += "".join(f"property float {name}\n" for name in names) + "end_header\n"
    with path.open("wb") as stream:
        stream.write(head.encode())
        stream.truncate(len(head) + 4 * len(names) * 5_000_000)


def _large_track(path: Path) -> None:
    rows = (2**30 - 4096) // (4 * 52) - 1000
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, 52), }}\n".encode()
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    left = rows * 52 * 4
    with zipfile.ZipFile(path, "w") as archive:
        header = {"format": "gaussian_heads.track", "version": 1, "code_space": "arkit52", "fps": [25, 1],
                  "start_sec": 0.0, "layers": ["speech"]}  # fmt: skip
        stored = np.array(json.dumps(header))
        with archive.open("header.npy", "w") as stream:
            np.lib.format.write_array(stream, stored)
        _zeros(archive, "layer_0.npy", left >> 20, head + bytes(left & (2**20 - 1)))
        with archive.open("head_pose.npy", "w") as stream:
            np.lib.format.write_array(stream, np.zeros((3, 6), np.float32))


def _large_table(path: Path) -> None:
    """The cells that take most memory a byte of text: of two letters."""
    line = b"1.,10," * 30 + b"1.\n"
    head = ",".join(
        ["Timecode", "JawOpen", "MouthClose", "EyeBlinkLeft", *(f"c{i}" for i in range(57))]
    )
    path.write_bytes(head.encode() + b"\n" + line * ((2**28 - 2000) // len(line)))


def _far_rows(path: Path) -> None:
    """Two rows, two million frames apart."""
    path.write_text(
        "time,JawOpen,MouthClose,EyeBlinkLeft\n0,0,0,0\n0.04,1,0,0\n0.08,0,0,0\n79990,1,1,1\n"
    )


def _large_json(path: Path) -> None:
    path.write_text('{"fps": 25, "names": ["jawOpen"], "frames": [' + "[]," * 3_900_000 + "[]]}")


def _wide_json(path: Path) -> None:
    path.write_text('{"fps": 25, "names": ["jawOpen"], "frames": [[' + "0.5," * 31_000_000 + "1]]}")


def _many_shots(path: Path) -> None:
    path.write_text("name,audio\n" + "a,b\n" * (2**24 // 4 - 10))


def _long_silence(path: Path) -> None:
    """Six hours of nothing in a few kilobytes."""
    import soundfile

    with soundfile.SoundFile(path.with_suffix(".flac"), "w", 16_000, 1) as sound:
        for _ in range(6 * 3600 // 60):
            sound.write(np.zeros(60 * 16_000, np.int16))
    path.with_suffix(".flac").rename(path)


def _large_picture(path: Path) -> None:
    from PIL import Image

    Image.new("L", (12_200, 12_200)).save(path)


BOMBS = (
    Bomb("a package whose basis is 512 MiB of zeros", "package", _large_basis, 2500),
    Bomb("a decoder with 480 MB of weights", "decoder", _large_weights, 3500),
    Bomb("a LAM head of two members of 256 MiB", "lam", _large_lam, 1500),
    Bomb("five million splats of degree 3", "ply", _large_splats, 5000),
    Bomb("a track of 1 GiB", "track", _large_track, 3500),
    Bomb("a table of 256 MiB of short cells", "livelink", _large_table, 3500),
    Bomb("a recording of four rows over two million frames", "livelink", _far_rows, 2500),
    Bomb("JSON of four million lists", "audio2face", _large_json, 2500),
    Bomb("JSON of 31 million numbers", "audio2face", _wide_json, 2500),
    Bomb("four million shots", "shots_csv", _many_shots, 1000),
    Bomb("six hours of silence", "sound", _long_silence, 3500),
    Bomb("a picture of 149 megapixels", "picture", _large_picture, 2500),
)


def main() -> int:
    """Read every bomb and print what it took."""
    is_broken = False
    sys.stdout.write(
        "| file | size | processor time | memory | bound | taken |\n|---|--:|--:|--:|--:|---|\n"
    )
    for bomb in BOMBS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"bomb{BY_NAME[bomb.reader].suffix}"
            _in_child(lambda bomb=bomb, path=path: bomb.make(path))
            size_mb = path.stat().st_size / 1e6
            code, seconds, peak_mb = _in_child(
                lambda bomb=bomb, path=path: BY_NAME[bomb.reader].read(path)
            )
        is_broken |= peak_mb > bomb.most_mb or code > 1
        said = {0: "yes", 1: "refused"}.get(code, "FAILED")
        row = f"| {bomb.name} | {size_mb:.1f} MB | {seconds:.1f} s | {peak_mb} MB | {bomb.most_mb} MB | {said} |\n"
        sys.stdout.write(row)
        sys.stdout.flush()
    return int(is_broken)


def _in_child(work: Callable[[], object]) -> tuple[int, float, int]:
    """Exit code (0, 1 for a refusal, 2 for another error), processor time (s) and peak memory (MB) of `work`."""
    child = os.fork()
    if not child:
        code = 0
        try:
            work()
        except GaussianHeadsError:
            code = 1
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            code = 2
        os._exit(code)
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
