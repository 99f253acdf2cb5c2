"""Personalization as a process of its own, started by the add-on in an environment with PyTorch.

Run as a script: python -I personalize_process.py [--native FOLDER] WORDS..., the words being those of
`training/personalize.py`. It stops cleanly when its standard input ends: on a cancel, and when Blender goes.
"""

from __future__ import annotations

import _thread
import importlib.util
import os
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, NATIVE_PACKAGE = "gaussian_heads", "gaussian_heads_native"
NATIVE_OPTION = "--native"
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Make the add-on importable and run the command; returns its exit code."""
    if arguments[:1] == [NATIVE_OPTION]:
        if importlib.util.find_spec(NATIVE_PACKAGE) is None:
            load_folder(NATIVE_PACKAGE, Path(arguments[1]))
        arguments = arguments[2:]
    if PACKAGE not in sys.modules:
        load_folder(PACKAGE, ROOT)
    threading.Thread(target=_stop_with_input, daemon=True).start()
    try:
        return importlib.import_module(f"{PACKAGE}.training.personalize").main(arguments)
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"The environment lacks '{error.name}': make it again with Create Accelerator, or install the "
            "'training' extra of gaussian-heads there.\n"
        )
        return 1


def load_folder(name: str, folder: Path) -> None:
    """Make a package importable under its name, whatever its folder is called."""
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


def _stop_with_input() -> None:
    # Not through `sys.stdin`: its lock would be held when the process wants to end.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    _thread.interrupt_main()


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
        if code == INTERRUPTED:
            # Threads of libraries that are at work may crash the end of a process.
            sys.stderr.flush()
            os._exit(code)
        raise SystemExit(code)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
