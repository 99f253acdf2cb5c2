"""Make the virtual environment that `make demo` and `make test` use; safe to run again.

Needs nothing but a Python: finds 3.11 or 3.13 (the two that Blender's `bpy` wheel is built for), creates
the environment, installs the packages, and names any system library that is missing, with the command
that installs it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BPY_OF_PYTHON = {"3.11": "5.0.1", "3.13": "5.2.3"}
EXIT_NO_PYTHON = 3

# Debian and Ubuntu packages of the libraries that bpy links to and its wheel does not bring.
PACKAGES = {
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
}


def main() -> int:
    """Set up; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="environment to make")
    parser.add_argument("--python", help="version of Python to use: 3.11 or 3.13")
    parser.add_argument("--bpy", help="version of the bpy wheel")
    parser.add_argument(
        "--extras", default="development", help="extras of pyproject.toml; '' for nothing but bpy"
    )
    options = parser.parse_args()
    try:
        set_up(options.venv, options.python, options.bpy, options.extras)
    except NoPythonError as error:
        sys.stderr.write(f"set-up: {error}\n")
        return EXIT_NO_PYTHON
    except (SetUpError, OSError) as error:
        sys.stderr.write(f"set-up: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"set-up: this step failed: {' '.join(map(str, error.cmd))}\n")
        return 1
    return 0


class SetUpError(Exception):
    """What is missing on this machine and how to get it."""


class NoPythonError(SetUpError):
    """No interpreter of a version that a bpy wheel exists for."""


def set_up(venv: Path, version: str | None, bpy: str | None, extras: str) -> None:
    """Create or refresh `venv`; does nothing when it already matches this checkout."""
    interpreter, version = find_python(version)
    bpy = bpy or BPY_OF_PYTHON[version]
    stamp, wanted = venv / "ready", fingerprint(version, bpy, extras)
    if stamp.is_file() and stamp.read_text("utf8") == wanted:
        return
    if not python_of(venv).is_file():
        say(f"creating {venv.name} with Python {version}")
        shutil.rmtree(venv, ignore_errors=True)
        create(venv, interpreter, version)
    say(f"installing bpy {bpy} and the packages (about 450 MB, once)")
    pip = [python_of(venv), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    ours = [ROOT / "native", "--editable", f"{ROOT}[{extras}]"] if extras else []
    # One call, so that the resolver keeps to the numpy that this bpy was built for.
    run([*pip, f"bpy=={bpy}", *ours])
    check_libraries(venv)
    stamp.write_text(wanted, "utf8")


def find_python(version: str | None) -> tuple[str, str]:
    """Path and version of the first Python that a bpy wheel exists for."""
    question = "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"
    for name in interpreters(version):
        found = subprocess.run([name, "-c", question], capture_output=True, text=True)
        path, _, has = found.stdout.strip().rpartition(" ")
        if found.returncode == 0 and has in BPY_OF_PYTHON and version in (None, has):
            return path, has
    wanted, package = version or "3.11 or 3.13", f"python{version or '3.11'}"
    raise NoPythonError(
        f"Python {wanted} is needed and was not found (bpy has no wheel for other versions); "
        f"on Debian or Ubuntu: sudo apt-get install -y {package} {package}-venv"
    )


def interpreters(version: str | None) -> list[str]:
    """Where a Python of `version` (or of any that will do) may be, most likely first."""
    versions = [version] if version else list(BPY_OF_PYTHON)
    names = [sys.executable, *(f"python{v}" for v in versions), "python3", "python"]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = [str(path) for v in versions for path in pyenv.glob(f"versions/{v}.*/bin/python3")]
    return [name for name in names if shutil.which(name)] + kept


def create(venv: Path, interpreter: str, version: str) -> None:
    """Make the environment, or say which package brings Python's own tool for it."""
    made = subprocess.run([interpreter, "-m", "venv", venv], capture_output=True, text=True)
    if made.returncode:
        raise SetUpError(
            f"Python {version} cannot create a virtual environment ({made.stderr.strip() or made.stdout.strip()}); "
            f"on Debian or Ubuntu: sudo apt-get install -y python{version}-venv"
        )


def fingerprint(version: str, bpy: str, extras: str) -> str:
    """Text that changes when the environment has to be made again."""
    digest = hashlib.sha256()
    sources = [ROOT / "pyproject.toml", *sorted((ROOT / "native").rglob("*"))]
    for path in sources:
        if (
            path.is_file()
            and path.suffix in {".toml", ".py", ".c", ".h"}
            and "build" not in path.parts
        ):
            digest.update(path.read_bytes())
    return f"python {version} bpy {bpy} extras {extras} sources {digest.hexdigest()}\n"


def check_libraries(venv: Path) -> None:
    """Refuse with the names of the system libraries that bpy needs and this machine lacks."""
    if not sys.platform.startswith("linux"):
        return
    where = "import importlib.util as u; print(u.find_spec('bpy').origin)"
    library = subprocess.run(
        [python_of(venv), "-c", where], capture_output=True, text=True, check=True
    ).stdout.strip()
    report = subprocess.run(["ldd", library], capture_output=True, text=True).stdout
    missing = sorted({line.split()[0] for line in report.splitlines() if "not found" in line})
    if missing:
        packages = " ".join(sorted({PACKAGES.get(name, name) for name in missing}))
        raise SetUpError(
            f"Blender's bpy needs system libraries that are not here: {', '.join(missing)}; "
            f"on Debian or Ubuntu: sudo apt-get install -y {packages}"
        )


def python_of(venv: Path) -> Path:
    """The environment's interpreter."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(command: list[str | Path]) -> None:
    """Run and fail loudly."""
    subprocess.run(command, check=True)


def say(text: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"set-up: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
