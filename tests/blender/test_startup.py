"""What the enabled add-on costs at Blender's start: little, because nothing heavy is loaded before it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys

# What a scene without a head must never load.
HEAVY = {
    "jaxtyping",
    "onnxruntime",
    "soundfile",
    "soxr",
    "av",
    "safetensors",
    "gaussian_heads_native",
    "fractions",
    "asyncio",
    "concurrent.futures",
    "gaussian_heads.core.gaussians",
    "gaussian_heads.core.avatar.avatar",
    "gaussian_heads.core.render.backends",
    "gaussian_heads.core.render.cuda",
    "gaussian_heads.core.speech.model",
    "gaussian_heads.blender.frame",
    "gaussian_heads.blender.gathering",
    "gaussian_heads.blender.jobs",
}

PROBE = """
import json, sys, time
import bpy
# The wheel of bpy brings numpy into the process, Blender itself does not.
brought = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "numpy"}
class NoNumpy:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "numpy":
            raise AssertionError("numpy is loaded at start-up")
sys.meta_path.insert(0, NoNumpy())
before = set(sys.modules)
import gaussian_heads
gaussian_heads.register()
bpy.ops.wm.read_homefile(use_factory_startup=True)
bpy.context.scene.frame_set(7)
bpy.context.view_layer.update()
bpy.ops.wm.save_as_mainfile(filepath=sys.pycache_prefix + "/saved.blend")
gaussian_heads.unregister()
print("LOADED" + json.dumps(sorted(set(sys.modules) - before)))
sys.meta_path.pop()
sys.modules.update(brought)
"""

TIMED = """
import time
import bpy
from gaussian_heads.blender.graphics import has_graphics
has_graphics()
import gaussian_heads
start = time.process_time()
gaussian_heads.register()
print("MS", (time.process_time() - start) * 1e3)
"""


def run(code: str, cache: str) -> str:
    settings = os.environ | {"PYTHONPYCACHEPREFIX": cache}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=settings
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_heavy_is_loaded_before_a_head_is_there(tmp_path):
    output = run(PROBE, str(tmp_path))
    line = next(line for line in output.splitlines() if line.startswith("LOADED"))
    loaded = set(json.loads(line.removeprefix("LOADED")))
    assert "gaussian_heads.blender.engine" in loaded, "the probe saw nothing"
    assert not loaded & HEAVY
    assert len(loaded) < 150


def test_registering_takes_a_moment(tmp_path):
    """bench/startup.py has the figure; here a bound that a busy computer keeps too."""
    times_ms = [float(run(TIMED, str(tmp_path)).split("MS")[1].split()[0]) for _ in range(4)]
    assert min(times_ms[1:]) < 120.0
