"""What the enabled add-on costs at Blender's start: python bench/startup.py [--blender PATH] [--runs N].

Prints JSON: the processor time of importing and registering the add-on with its bytecode cached, as an installed one
has it; how many modules that loads; the look for a graphics driver, which Linux without a window needs before an engine
may ask for one; and for comparison numpy's import on the same computer in the same run (medians, ms).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = "GAUSSIAN_HEADS_STARTUP"
PROBE = f"""
import json, sys, time
sys.path.insert(0, sys.argv[-1])
import bpy
def spent(work):
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3
def register():
    import gaussian_heads
    gaussian_heads.register()
def look():
    from gaussian_heads.blender.graphics import has_graphics
    has_graphics()
figures = {{"graphics_probe_ms": spent(look)}}
before = set(sys.modules)
figures["register_ms"] = spent(register)
figures["num_modules"] = len(set(sys.modules) - before)
figures["loads_numpy"] = "numpy" in set(sys.modules) - before
if "numpy" not in sys.modules:
    figures["numpy_import_ms"] = spent(lambda: __import__("numpy"))
print("{MARK}" + json.dumps(figures))
"""


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blender", help="a Blender to measure in; the bpy wheel by default")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        site.mkdir()
        (site / "gaussian_heads").symlink_to(ROOT, target_is_directory=True)
        probe = Path(folder) / "probe.py"
        probe.write_text(PROBE, "utf8")
        command = [sys.executable, probe, site]
        if options.blender:
            command = [options.blender, "-b", "--factory-startup", "--python", probe, "--", site]
        settings = os.environ | {"PYTHONPYCACHEPREFIX": str(Path(folder) / "bytecode")}
        settings.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = [measured(command, settings) for _ in range(options.runs + 1)][1:]
    names = {name for run in runs for name in run}
    medians = {name: statistics.median(run[name] for run in runs) for name in sorted(names)}
    sys.stdout.write(json.dumps({name: round(value, 1) for name, value in medians.items()}) + "\n")
    return 0


def measured(command: list[object], settings: dict[str, str]) -> dict[str, float]:
    """The figures of one start."""
    done = subprocess.run(command, capture_output=True, text=True, env=settings, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith(MARK))
    return json.loads(line.removeprefix(MARK))


if __name__ == "__main__":
    raise SystemExit(main())
