"""The library is compiled for another processor and another system with nothing but zig."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"

# The first bytes of a library: file format and processor.
MAGIC = {
    "linux-x64": (b"\x7fELF", 18, b"\x3e\x00"),
    "linux-arm64": (b"\x7fELF", 18, b"\xb7\x00"),
    "macos-arm64": (b"\xcf\xfa\xed\xfe", 4, b"\x0c\x00\x00\x01"),
}


def load_targets():
    spec = importlib.util.spec_from_file_location("native_targets", NATIVE / "targets.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["native_targets"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", MAGIC)
def test_cross_compiles(name, tmp_path):
    pytest.importorskip("ziglang")
    targets = load_targets()
    target = targets.TARGETS[name]
    library = tmp_path / f"rasterizer_base{target.suffix}"
    least = {"base": target.processors["base"]}
    for command in targets.compile_commands(target, least, tmp_path):
        subprocess.run(command, check=True)
    content = library.read_bytes()
    start, offset, processor = MAGIC[name]
    assert content.startswith(start)
    assert content[offset : offset + len(processor)] == processor
    for function in (b"gh_begin", b"gh_begin_backward", b"gh_work", b"gh_draw_mesh", b"gh_create"):
        assert function in content
    # No path of the machine that compiled it.
    assert str(tmp_path).encode() not in content
    # Threads come from the caller.
    assert b"pthread" not in content


def test_an_unknown_platform_is_named(monkeypatch):
    targets = load_targets()
    monkeypatch.setattr(targets.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(targets.sys, "platform", "linux")
    with pytest.raises(KeyError, match="no build for linux-riscv64, only for linux-x64"):
        targets.this_platform()
