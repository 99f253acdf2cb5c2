"""The extension as users get it: built, validated and installed by Blender's own tool, then at work."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# Runs in a process of its own, which knows nothing of the editable install.
INSTALL_AND_ANIMATE = """
import json, sys
sys.path.insert(0, HERE)
from isolation import BROUGHT, forget_checkout

forget_checkout([*HIDDEN, HERE])
import bpy
bpy.ops.extensions.package_install_files(filepath=ZIP, repo="user_default", enable_on_install=True)
module = "bl_ext.user_default.gaussian_heads"
assert module in bpy.context.preferences.addons, "not enabled"
assert "gaussian_heads" not in sys.modules, "the editable install was used"
import importlib
cli = importlib.import_module(module + ".blender.cli")
out = sys.argv[-1]
audio = importlib.import_module(module + ".core.assets").SAMPLE_SENTENCE
code = cli.main(["animate", str(audio), "--out", out + "/frames", "--size", "64", "64", "--fps", "2",
                 "--save-blend", out + "/demo.blend"])
bpy.context.preferences.addons[module].preferences.accelerator_folder = out
cuda = importlib.import_module(module + ".core.render.cuda")
print("RESULT", json.dumps({
    "accelerator": cuda._chosen[0] if cuda.is_automatic() else "",
    "code": code,
    "engine": bpy.context.scene.render.engine,
    "brought": [importlib.import_module(name).__file__ for name in BROUGHT],
    "still_enabled": module in bpy.context.preferences.addons,
}))
import addon_utils
addon_utils.disable(module)
assert not hasattr(bpy.types.Object, "gaussian_head")
"""


def test_package_validates(linux_zip, run, extension_tool):
    assert "Success" in run(extension_tool, "validate", linux_zip)


def test_package_holds_what_runs_and_nothing_else(linux_zip):
    with zipfile.ZipFile(linux_zip) as archive:
        names = archive.namelist()
    folders = {name.split("/")[0] for name in names}
    wanted = {"assets", "blender", "core", "operators", "panels", "training", "wheels"}
    wanted |= {"__init__.py", "blender_manifest.toml", "LICENSE", "NOTICE"}
    assert wanted <= folders
    assert not folders & {
        "tests",
        "native",
        "bench",
        "docs",
        "build",
        "out",
        "dist",
        ".venv",
        ".git",
    }
    assert not [name for name in names if name.startswith("training/capture/")]
    worker = {"worker.py", "service.py", "gsplat.py", "decode.py"}
    assert {f"training/cuda_{name}" for name in worker} | {"training/accelerator.txt"} <= set(names)
    assert not [name for name in names if "win_amd64" in name or "macosx" in name]
    assert not [name for name in names if "numpy" in name or name.endswith(".pyc")]
    for python in ("cp311", "cp313"):
        assert any("onnxruntime" in name and python in name for name in names)
    assert linux_zip.stat().st_size < 200e6


def test_no_rule_of_a_release_is_broken(linux_zip):
    from contents import faults_of

    assert faults_of(linux_zip) == []


def test_the_cuda_worker_runs_from_the_package(linux_zip, tmp_path):
    with zipfile.ZipFile(linux_zip) as archive:
        archive.extractall(tmp_path / "another_name")
    worker = tmp_path / "another_name" / "training" / "cuda_worker.py"
    (tmp_path / "shared").mkdir()
    words = [sys.executable, "-I", worker, tmp_path / "shared", "--rasterizer", "native"]
    ping = b'{"operation":"ping","id":7}\n'
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.write(ping)
        process.stdin.flush()
        lines.append(json.loads(process.stdout.readline()))
        process.stdin.close()
        assert process.wait(30) == 0
    assert lines[0]["protocol"] == 1 and lines[1]["ready"]["rasterizer"] == "native"
    assert lines[2] == {"id": 7, "ok": True}
    assert not (tmp_path / "shared").exists()


def test_installed_extension_animates_the_sample(linux_zip, run, tmp_path):
    script = tmp_path / "install.py"
    settings = {"HIDDEN": [str(ROOT)], "HERE": str(HERE), "ZIP": str(linux_zip)}
    lines = [f"{name} = {value!r}\n" for name, value in settings.items()]
    script.write_text("".join(lines) + INSTALL_AND_ANIMATE)
    home = tmp_path / "home"
    home.mkdir()
    printed = run("-P", script, tmp_path, env={**os.environ, "BLENDER_USER_RESOURCES": str(home)})
    line = next(line for line in printed.splitlines() if line.startswith("RESULT "))
    result = json.loads(line.removeprefix("RESULT "))
    assert result["code"] == 0 and result["engine"] == "GAUSSIAN_HEADS" and result["still_enabled"]
    assert Path(result["accelerator"]) == tmp_path
    assert (tmp_path / "demo.blend").is_file()
    assert len(list((tmp_path / "frames").glob("*.png"))) == 15
    assert all(Path(file).is_relative_to(home) for file in result["brought"])
