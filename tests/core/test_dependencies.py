"""What the engine says of packages that are missing, of other versions, or there twice."""

import sys
import tomllib
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pytest
from gaussian_heads.core import dependencies
from gaussian_heads.core.dependencies import (
    DEPENDENCIES,
    Dependency,
    dependency_problems,
    explain_fault,
    new_problems,
)
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of packages that Python looks into first; the engine needs `splatlib` from 2.1 on, before 4."""
    wanted = Dependency("splatlib", "splat-lib", "counts splats", "2.1", "4")
    monkeypatch.setattr(dependencies, "DEPENDENCIES", (wanted,))
    monkeypatch.setattr(dependencies, "_told", set())
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def bring(folder, version, spelled="splat_lib"):
    (folder / "splatlib.py").write_text(f"__version__ = {version!r}\n", "utf8")
    info = folder / f"{spelled}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {spelled}\nVersion: {version}\n", "utf8")


def test_this_environment_has_what_the_engine_needs():
    assert dependency_problems() == ()


def test_bounds_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    wanted = {}
    for requirement in map(Requirement, project["dependencies"]):
        bounds = {each.operator: each.version for each in requirement.specifier}
        wanted[requirement.name] = (bounds.get(">=", "0.1"), bounds.get("<", ""))
    assert {each.distribution: (each.least, each.below) for each in DEPENDENCIES} == wanted


def test_a_missing_package_is_named_with_its_purpose(folder):
    (problem,) = dependency_problems()
    assert problem.startswith("The Python package 'splat-lib', which counts splats, is missing: ")


@pytest.mark.parametrize("version", ["2.1", "2.1.0", "2.10", "3.99.1rc1"])
def test_versions_within_the_bounds_are_fine(folder, version):
    bring(folder, version)
    assert dependency_problems() == ()


@pytest.mark.parametrize("version", ["2.0.9", "0.10.3.post1", "4", "4.0.0", "10"])
def test_versions_outside_the_bounds_are_told(folder, version):
    bring(folder, version)
    (problem,) = dependency_problems()
    assert f"'splat-lib' {version} is in use" in problem
    assert "needs 2.1 or later and before 4" in problem


def test_two_spellings_in_one_folder_are_told(folder):
    bring(folder, "2.5", "splat_lib")
    bring(folder, "2.2", "Splat.Lib")
    (problem,) = dependency_problems()
    assert "Two versions of 'splat-lib' lie over each other (2.2 and 2.5)" in problem


def test_a_package_behind_ours_on_the_path_does_not_matter(folder, tmp_path_factory, monkeypatch):
    bring(folder, "2.5")
    behind = tmp_path_factory.mktemp("behind")
    bring(behind, "1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(behind)])
    assert dependency_problems() == ()


def test_a_package_that_is_replaced_while_it_is_in_use_is_told(folder, monkeypatch):
    bring(folder, "2.5")
    module = module_from_spec(find_spec("splatlib"))
    module.__version__ = "2.4"
    monkeypatch.setitem(sys.modules, "splatlib", module)
    (problem,) = dependency_problems()
    assert problem == "'splat-lib' 2.4 was replaced by 2.5 while it was in use: restart Blender."


def test_a_package_that_comes_later_is_seen(folder, monkeypatch):
    assert dependency_problems()
    bring(folder, "2.5")
    assert dependency_problems() == ()


def test_a_problem_is_told_once(folder):
    assert len(new_problems()) == 1
    assert new_problems() == ()
    bring(folder, "1.0")
    assert "1.0" in new_problems()[0]


def test_a_fault_is_explained_by_the_package_that_may_be_its_reason(folder):
    error = ModuleNotFoundError("No module named 'splatlib'", name="splatlib")
    assert "'splat-lib', which counts splats" in explain_fault(error, "Baking failed")
    bring(folder, "2.5")
    assert explain_fault(error, "Baking failed").startswith(
        "The Python module 'splatlib' cannot be loaded (No module named 'splatlib'): "
    )
    assert (
        explain_fault(ValueError("x"), "Baking failed")
        == "Baking failed; the reason stands in the console."
    )
