"""Builds the wheel: compiles the C sources with zig, and tags the wheel for any Python 3.

GAUSSIAN_HEADS_NATIVE_TARGET names another platform to build for (see targets.py).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent))

from targets import TARGETS, compile_commands, this_platform  # noqa: E402

TARGET = TARGETS[os.environ.get("GAUSSIAN_HEADS_NATIVE_TARGET") or this_platform()]


class BuildWithLibrary(build_py):
    """Adds the compiled library to the Python files."""

    def run(self) -> None:
        super().run()
        folder = Path(self.build_lib) / "gaussian_heads_native"
        for stale in folder.glob("rasterizer_*"):
            stale.unlink()
        with tempfile.TemporaryDirectory() as temporary:
            for command in compile_commands(TARGET, TARGET.processors, Path(temporary)):
                subprocess.run(command, check=True)
            for name in TARGET.processors:
                # The library alone: linkers leave other files beside it on some platforms.
                shutil.copy(Path(temporary) / f"rasterizer_{name}{TARGET.suffix}", folder)


class BinaryDistribution(Distribution):
    """Tells setuptools that the package belongs to a platform, although it has no extension modules."""

    def has_ext_modules(self) -> bool:
        return True


class PlatformWheel(bdist_wheel):
    """A wheel for one platform and every Python 3: the library is loaded with ctypes."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", TARGET.wheel_tag


setup(
    distclass=BinaryDistribution,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
)
