"""The platforms that the rasteriser is built for, and the compiler's command for each."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "src"

# No errno and no traps from the maths functions; products and sums may be fused. Nothing that changes
# what infinities and NaN mean: the code tests for them.
C_FLAGS = ["-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
C_FLAGS += ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"]


@dataclass(frozen=True)
class Target:
    """A platform: its name as zig and as Python's wheels say it, and the builds that it gets."""

    zig: str
    wheel_tag: str
    suffix: str
    processors: dict[str, str]  # name of the build -> zig's -mcpu


_X86 = {"base": "x86_64_v2", "v3": "x86_64_v3", "v4": "x86_64_v4"}
# Without it the compiler halves the registers of AVX-512.
_WIDE = ["-mprefer-vector-width=512"]

TARGETS = {
    "linux-x64": Target(
        "x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64.manylinux2014_x86_64", ".so", _X86
    ),
    "linux-arm64": Target(
        "aarch64-linux-gnu.2.17",
        "manylinux_2_17_aarch64.manylinux2014_aarch64",
        ".so",
        {"base": "generic"},
    ),
    "windows-x64": Target("x86_64-windows-gnu", "win_amd64", ".dll", _X86),
    "macos-arm64": Target(
        "aarch64-macos.11.0", "macosx_11_0_arm64", ".dylib", {"base": "apple_m1"}
    ),
    # macOS shows AVX-512 only to programs that have used it already: there is no way to ask.
    "macos-x64": Target(
        "x86_64-macos.11.0",
        "macosx_11_0_x86_64",
        ".dylib",
        {name: _X86[name] for name in ("base", "v3")},
    ),
}


def this_platform() -> str:
    """Key in TARGETS of the machine we run on; raises KeyError with its name when there is none."""
    system = {"linux": "linux", "win32": "windows", "darwin": "macos"}.get(
        sys.platform, sys.platform
    )
    machine = platform.machine().lower()
    name = (
        f"{system}-{ {'x86_64': 'x64', 'amd64': 'x64', 'aarch64': 'arm64'}.get(machine, machine) }"
    )
    if name not in TARGETS:
        raise KeyError(
            f"gaussian-heads-native has no build for {name}, only for {', '.join(TARGETS)}"
        )
    return name


def compile_commands(target: Target, processors: dict[str, str], folder: Path) -> list[list[str]]:
    """The commands that compile `rasterizer_<name>` for each processor into `folder`, in order.

    What a system's own libraries are made of is compiled once, for the least processor: on Windows that is a
    minute for each.
    """
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig]
    independent = [] if "windows" in target.zig else ["-fPIC"]
    maths = [] if "windows" in target.zig else ["-lm"]
    commands = []
    for name, processor in processors.items():
        wide = _WIDE if processor == _X86["v4"] else []
        objects = []
        for source in sorted(SOURCES.glob("*.c")):
            objects.append(str(folder / f"{name}_{source.stem}.o"))
            words = [*C_FLAGS, *wide, *independent, "-c", str(source), "-o", objects[-1]]
            commands.append([*zig, f"-mcpu={processor}", *words])
        library = f"rasterizer_{name}{target.suffix}"
        least = f"-mcpu={target.processors['base']}"
        # Else a library for macOS bears the path that it was built at.
        named = ["-install_name", f"@rpath/{library}"] if "macos" in target.zig else []
        words = ["-shared", "-s", *named, "-o", str(folder / library)]
        commands.append([*zig, least, *words, *objects, *maths])
    return commands
