"""The Python packages that the engine needs: whether they are there, and of a version that it works with.

Extensions of Blender share one folder of packages. Of two that bring a package it keeps the newer, whoever needs it,
and a package under two spellings of its name lies there twice; so what the add-on came with is not always what it gets.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Dependency:
    """A package that the engine imports when it is first used."""

    module: str
    distribution: str
    purpose: str  # goes on after "which"
    least: str
    below: str = ""  # the first version that it does not work with, where one is known


# The same bounds as in pyproject.toml.
DEPENDENCIES = (
    Dependency("av", "av", "reads and writes videos", "18.1", "19"),
    Dependency("gaussian_heads_native", "gaussian-heads-native", "draws heads", "0.1"),
    Dependency("jaxtyping", "jaxtyping", "names the shapes of arrays", "0.3"),
    Dependency("numpy", "numpy", "computes", "1.26"),
    Dependency("onnxruntime", "onnxruntime", "runs the networks", "1.20"),
    Dependency("safetensors", "safetensors", "reads avatars", "0.5"),
    Dependency("soundfile", "soundfile", "reads sound", "0.12"),
    Dependency("soxr", "soxr", "changes the rate of sound", "0.5"),
)
_AGAIN = "disable and enable Gaussian Heads in the preferences, then restart Blender"
_told: set[str] = set()


def dependency_problems() -> tuple[str, ...]:
    """A sentence for each package that is missing or of a version that the engine does not work with.

    Imports nothing, takes some milliseconds, and looks again only when the folders of packages have changed.
    """
    return _problems(tuple((path, _changed_ns(path)) for path in sys.path))


def new_problems() -> tuple[str, ...]:
    """Those problems that were not told before in this process."""
    found = tuple(problem for problem in dependency_problems() if problem not in _told)
    _told.update(found)
    return found


def explain_fault(error: BaseException | None, what: str) -> str:
    """A sentence for a fault in the code: the package that may be the reason of it, or that `what` happened."""
    problems = dependency_problems()
    if problems:
        return problems[0]
    if isinstance(error, ImportError):
        return f"The Python module '{error.name}' cannot be loaded ({error}): {_AGAIN}."
    return f"{what}; the reason stands in the console."


@lru_cache(maxsize=1)
def _problems(folders: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    return tuple(filter(None, map(_problem, DEPENDENCIES)))


def _problem(dependency: Dependency) -> str:
    name = dependency.distribution
    folder = _folder_of(dependency.module)
    if folder is None:
        purpose = f"which {dependency.purpose}"
        return f"The Python package '{name}', {purpose}, is missing: {_AGAIN}."
    versions = _versions_in(folder, name)
    if len(versions) > 1:
        listed = " and ".join(versions)
        return f"Two versions of '{name}' lie over each other ({listed}): disable the other add-on, {_AGAIN}."
    version = versions[0] if versions else ""
    loaded = getattr(sys.modules.get(dependency.module), "__version__", "")
    if version and loaded and _numbers(loaded) != _numbers(version):
        return f"'{name}' {loaded} was replaced by {version} while it was in use: restart Blender."
    if version and not _is_within(version, dependency):
        wanted = f"{dependency.least} or later"
        wanted += f" and before {dependency.below}" if dependency.below else ""
        return (
            f"'{name}' {version} is in use, brought by another add-on, and Gaussian Heads needs {wanted}: "
            f"disable the other one, {_AGAIN}."
        )
    return ""


def _folder_of(module: str) -> str | None:
    """The folder on Python's path that a module is or would be loaded from; None where there is none."""
    loaded = sys.modules.get(module)
    try:
        spec = importlib.util.find_spec(module) if loaded is None else loaded.__spec__
    except ImportError:
        return None
    if spec is None or not spec.origin:
        return None if loaded is None else ""
    path = os.path.dirname(spec.origin)
    return os.path.dirname(path) if spec.submodule_search_locations else path


def _versions_in(folder: str, distribution: str) -> list[str]:
    """Versions of a distribution that lie in one folder, in order."""
    found = importlib.metadata.distributions(name=distribution, path=[folder])
    return sorted({each.version for each in found})


def _is_within(version: str, dependency: Dependency) -> bool:
    numbers = _numbers(version)
    if numbers < _numbers(dependency.least):
        return False
    return not dependency.below or numbers < _numbers(dependency.below)


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, without zeros at the end: "0.10.3.post1" is (0, 10, 3)."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(number) for number in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path or ".").st_mtime_ns
    except OSError:
        return 0
