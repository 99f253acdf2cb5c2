"""A Blender with a window on a virtual screen: found, given the add-on, driven, photographed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = (
    "assets",
    "blender",
    "core",
    "operators",
    "panels",
    "__init__.py",
    "blender_manifest.toml",
)
LIBRARIES = (
    "onnxruntime", "flatbuffers", "packaging", "protobuf", "safetensors", "jaxtyping",
    "wadler_lindig", "soundfile", "cffi", "pycparser", "soxr",
)  # fmt: skip
SIZE = (1280, 800)
TIMEOUT_SEC = 600


@dataclass(frozen=True)
class RealBlender:
    """`binary` inside the folder `root`, which is / for a Blender of this system."""

    binary: str
    root: Path

    def command(self, *words: str) -> list[str]:
        """How to run `words` where Blender runs."""
        return list(words) if self.root == Path("/") else ["chroot", str(self.root), *words]

    def inside(self, path: Path) -> str:
        """The name that Blender knows `path` by."""
        return "/" + str(path.relative_to(self.root))

    def python(self, expression: str) -> str:
        """What Blender's own Python prints for `expression`."""
        code = f"import sys; sys.stdout.write('<<' + str({expression}) + '>>')"
        run = subprocess.run(
            self.command(self.binary, "-b", "--factory-startup", "--python-expr", code),
            capture_output=True,
            text=True,
            timeout=120,
        )
        return run.stdout.partition("<<")[2].partition(">>")[0]


class NoBlender(Exception):
    """There is no Blender that works here, with a window or at all: nothing that the add-on could help."""


def real_blender() -> RealBlender:
    """The Blender that `BLENDER` and `BLENDER_ROOT` name; raises with the reason where it does not work."""
    binary, root = os.environ.get("BLENDER"), Path(os.environ.get("BLENDER_ROOT") or "/")
    if not binary:
        raise NoBlender("needs a real Blender with a window: make test-gui")
    blender = RealBlender(binary, root)
    question = "'EXTENSIONS_OT_package_install_files' in dir(__import__('bpy').types)"
    try:
        subprocess.run(blender.command("Xvfb", "-help"), capture_output=True, timeout=60)
        answer = blender.python(question)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoBlender(f"Blender or Xvfb does not start here: {error}") from error
    if answer != "True":
        raise NoBlender(
            f"{binary} does not start, or without its extension system: a Python package of the "
            f"system is missing or broken; see what `{' '.join(blender.command(binary))} -b` says"
        )
    return blender


def install(blender: RealBlender, folder: Path) -> None:
    """Put the add-on and the libraries that this Blender's Python lacks into `folder`."""
    package = folder / "site" / "gaussian_heads"
    package.mkdir(parents=True)
    for name in PACKAGE:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, package / name)
    import gaussian_heads_native

    native = Path(gaussian_heads_native.__file__).parent
    shutil.copytree(native, folder / "site" / "gaussian_heads_native")
    find = "[n for n in %r if __import__('importlib.util').util.find_spec(n) is None]"
    wanted = ("onnxruntime", "safetensors", "jaxtyping", "soundfile", "soxr")
    if blender.python(find % (wanted,)) != "[]":
        version = blender.python("'%d.%d' % sys.version_info[:2]")
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:"]
        place = ["--python-version", version, "--target", str(folder / "site")]
        subprocess.run([*pip, *place, *LIBRARIES], check=True)


def drive(blender: RealBlender, folder: Path, backend: str) -> dict[str, object]:
    """Run `drive.py` in a window on the GPU `backend`; its report. Pictures lie in `folder`."""
    shutil.copy(Path(__file__).with_name("drive.py"), folder)
    display = f":{90 + os.getpid() % 100}"
    screen = subprocess.Popen(
        blender.command(
            "Xvfb", display, "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "+extension", "GLX"
        ),
        stderr=subprocess.DEVNULL,
    )
    inside = blender.inside(folder)
    environment = {
        **os.environ,
        "DISPLAY": display,
        "HOME": inside,
        "BLENDER_USER_RESOURCES": f"{inside}/user",
        "GAUSSIAN_HEADS_GUI": inside,
    }
    window = ["--window-geometry", "0", "0", *(str(side) for side in SIZE)]
    words = [blender.binary, "--factory-startup", "--gpu-backend", backend, *window]
    try:
        time.sleep(2)
        with (folder / "blender.log").open("w") as log:
            subprocess.run(
                blender.command(*words, "--python", f"{inside}/drive.py"),
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_SEC,
            )
    finally:
        screen.terminate()
        screen.wait()
    return json.loads((folder / "report.json").read_text("utf8"))
