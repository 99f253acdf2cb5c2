"""Every rule of a release finds what it is there for, and finds nothing in one that is whole."""

import dataclasses

import contents
import pytest
from platforms import PLATFORMS

from .made_wheels import Release, wheel

NATIVE = "gaussian_heads_native-0.1.0-py3-none-manylinux_2_17_x86_64.whl"
BETA = "beta-2.5-cp311-cp311-manylinux_2_17_x86_64.whl"


@pytest.fixture
def release(tmp_path, monkeypatch):
    made = Release(tmp_path)
    linux = dataclasses.replace(PLATFORMS["linux-x64"], pythons=("3.11",), lock=made.lock)
    monkeypatch.setitem(PLATFORMS, "linux-x64", linux)
    return made


def faults(release):
    found = contents.faults_of(release.write(), release.assets)
    return [fault.removeprefix(f"{release.path.name}: ") for fault in found]


def test_a_whole_release_has_no_fault(release):
    assert faults(release) == []


def test_a_wheel_that_is_named_and_missing(release):
    del release.wheels[BETA]
    found = faults(release)
    assert f"{BETA} is named and not there" in found
    assert "0 wheels of beta for Python 3.11" in found
    assert (
        "alpha-1.2-py3-none-any.whl asks for 'beta>=2' on Python 3.11, which is not brought"
        in found
    )


def test_a_wheel_that_was_left_in_the_folder(release):
    release.named.remove(BETA)
    assert faults(release) == [f"{BETA} is there and not named: delete it from wheels/"]


def test_a_wheel_with_other_bytes(release):
    release.wheels[BETA] = wheel("beta", "2.5", "Summary: changed")
    assert faults(release) == [f"{BETA} has another hash than the lock file says"]


@pytest.mark.parametrize(
    "name",
    [
        "beta-2.5-cp311-cp311-win_amd64.whl",
        "beta-2.5-cp311-cp311-macosx_11_0_arm64.whl",
        "beta-2.5-cp313-cp313-manylinux_2_17_x86_64.whl",
        "beta-2.5-cp312-abi3-manylinux_2_17_x86_64.whl",
        "beta-2.5-cp311-cp311-manylinux_2_39_x86_64.whl",
    ],
)
def test_a_wheel_for_another_platform_or_python(release, name):
    release.wheels[name] = release.wheels.pop(BETA)
    release.named[1] = name
    assert f"{name} is for another platform or Python" in faults(release)


def test_a_wheel_of_the_stable_interface_serves_later_pythons(release):
    name = "beta-2.5-cp310-abi3-manylinux_2_17_x86_64.whl"
    release.wheels[name] = release.wheels.pop(BETA)
    release.named[1] = name
    assert faults(release) == []


@pytest.mark.parametrize("name", ["numpy", "typing_extensions", "certifi"])
def test_what_blender_brings(release, name):
    file = f"{name}-2.2.0-py3-none-any.whl"
    release.wheels[file] = wheel(name, "2.2.0")
    release.named.append(file)
    assert f"{file} is of a package that Blender brings" in faults(release)


def test_a_dependency_of_a_version_that_is_not_brought(release):
    release.wheels["alpha-1.2-py3-none-any.whl"] = wheel("alpha", "1.2", "Requires-Dist: beta>=3")
    assert any("asks for 'beta>=3' on Python 3.11" in fault for fault in faults(release))


def test_a_numpy_that_blender_does_not_have(release):
    data = wheel("alpha", "1.2", "Requires-Dist: numpy>=2")
    release.wheels["alpha-1.2-py3-none-any.whl"] = data
    assert any("asks for 'numpy>=2' on Python 3.11" in fault for fault in faults(release))


def test_dependencies_of_other_systems_and_extras_are_not_asked_for(release):
    lines = ['gamma; sys_platform == "win32"', 'delta; extra == "all"', 'tau; python_version<"3"']
    data = wheel("alpha", "1.2", *(f"Requires-Dist: {line}" for line in lines))
    release.wheels["alpha-1.2-py3-none-any.whl"] = data
    assert faults(release) == [
        "alpha-1.2-py3-none-any.whl has another hash than the lock file says"
    ]


def test_our_own_wheel_of_another_version(release):
    name = NATIVE.replace("0.1.0", "0.0.9")
    release.wheels[name] = release.wheels.pop(NATIVE)
    release.named[2] = name
    assert faults(release) == [f"{name} is not of version 0.1.0"]


@pytest.mark.parametrize(
    "name",
    [
        "tests/test_audio.py",
        "docs/SPEECH.md",
        "bench/render.py",
        "core/__pycache__/audio.cpython-311.pyc",
        "training/capture/head.py",
        "assets/avatars/.DS_Store",
        "Makefile",
        "farms/job.js",
        "wheels/fetch.py",
        "core/audio.py.orig",
    ],
)
def test_what_does_not_run_stays_out(release, name):
    release.members[name] = b""
    assert faults(release) == [f"'{name}' does not belong into a release"]


@pytest.mark.parametrize(
    "place", ["/home/mia/heads/", "/Users/mia/", "C:\\Users\\mia\\", "/root/x/", "/tmp/tmp1/"]
)
def test_a_path_of_a_machine(release, place):
    release.members["core/audio.py"] = f"# made in {place}core\n".encode()
    (fault,) = faults(release)
    assert fault.startswith("'core/audio.py' holds the path '") and fault.endswith("of a machine")


def test_a_path_of_a_machine_within_our_own_wheel(release):
    release.wheels[NATIVE] = wheel("gaussian-heads-native", "0.1.0", native="/home/mia/src/sort.c")
    assert any("native' holds the path '/home/mia/' of a machine" in x for x in faults(release))


def test_an_asset_that_is_missing_and_one_that_differs(release):
    (release.assets / "avatars" / "ada.uhap").write_bytes(b"head")
    (release.assets / "LICENSE").write_text("another", "utf8")
    assert faults(release) == [
        "'assets/LICENSE' differs from the tree's",
        "'assets/avatars/ada.uhap' is missing",
    ]


def test_a_zip_that_is_too_large(release, monkeypatch):
    monkeypatch.setattr(contents, "MAX_BYTES", 1000)
    (fault,) = faults(release)
    assert fault.startswith("has ") and "more than" in fault


def test_versions_of_blender(release):
    release.top.append('blender_version_max = "5.0.0"')
    assert faults(release) == ["its blender_version_max is not None"]
